//! Config files: what is read, warned of and refused.

use std::time::Duration;

use super::*;
use crate::{Declaration, Section, Shape, apply_environment, write_sample};

#[derive(Debug, Clone, PartialEq, Default)]
struct Top {
    hostname: String,
}

impl Section for Top {
    const NAME: &'static str = "";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("All.").property("hostname", "The name of this host.", |d| &mut d.hostname)
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Influx {
    name: String,
    urls: Vec<String>,
    timeout: Duration,
    buffer: i64,
    threshold: f64,
    to: Option<Vec<String>>,
    user: String,
}

impl Default for Influx {
    fn default() -> Self {
        Influx {
            name: "default".into(),
            urls: vec!["http://localhost:8086".into()],
            timeout: Duration::from_secs(60),
            buffer: 1000,
            threshold: 0.5,
            to: None,
            user: String::new(),
        }
    }
}

impl Section for Influx {
    const NAME: &'static str = "influxdb";
    const SHAPE: Shape = Shape::Array { default_elements: 1 };

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Databases.")
            .property("name", "Its name.", |d| &mut d.name)
            .property("urls", "Where it listens.", |d| &mut d.urls)
            .property("timeout", "How long to wait.", |d| &mut d.timeout)
            .property("udp-buffer", "Packets to hold.", |d| &mut d.buffer)
            .change_last(|item| item.refilled = true)
            .property("threshold", "A float.", |d| &mut d.threshold)
            .property("to", "Whom to tell.", |d| &mut d.to)
            .property("basic-auth.username", "Who asks.", |d| &mut d.user)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Config {
    top: Top,
    influxdb: Vec<Influx>,
}

impl Config {
    fn new() -> Self {
        Config { top: Top::default(), influxdb: vec![Influx::default()] }
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        vec![Slot::one(&mut self.top), Slot::array(&mut self.influxdb)]
    }
}

fn load(text: &str) -> Result<(Config, Vec<String>), String> {
    let mut config = Config::new();
    let warnings = load_toml(text, &mut config.slots(), &["old", "influxdb.old"]).map_err(|error| error.to_string())?;
    Ok((config, warnings.iter().map(ToString::to_string).collect()))
}

#[test]
fn one_element_keeps_defaults_and_several_lose_them() {
    let (config, _) = load("[[influxdb]]\nname = 'a'\n").unwrap();
    assert_eq!((config.influxdb[0].name.as_str(), config.influxdb[0].urls.len()), ("a", 1));
    let (config, _) = load("[[influxdb]]\nname = 'a'\n[[influxdb]]\nthreshold = 1\n").unwrap();
    assert_eq!(config.influxdb.len(), 2);
    assert_eq!(load("[[influxdb]]\ntimeout = 0\n").unwrap().0.influxdb[0].timeout, Duration::ZERO);
    assert_eq!((config.influxdb[0].timeout, config.influxdb[0].buffer), (Duration::ZERO, 1000));
    assert_eq!((config.influxdb[1].name.as_str(), config.influxdb[1].threshold), ("", 1.0));
}

#[test]
fn unknown_names_are_warnings_with_their_line() {
    let (_, warnings) =
        load("hostnam = 'x'\n[[influxdb]]\nurl = 'x'\n[influxdb.basic-auth]\nuser = 1\n[nosuch]\na = 1\n").unwrap();
    assert_eq!(
        warnings,
        [
            "line 1: there is no key \"hostnam\" before the first section, did you mean \"hostname\"?",
            "line 3: section [influxdb] has no key \"url\", did you mean \"urls\"?",
            "line 5: section [influxdb] has no key \"basic-auth.user\", did you mean \"basic-auth.username\"?",
            "line 6: there is no section [nosuch]",
        ]
    );
}

#[test]
fn obsolete_names_are_warnings_only_if_they_are_meant() {
    let (_, warnings) = load("[influxdb]\nold = 1\n[[old]]\nenabled = false\n").unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let (_, warnings) = load("[[old]]\nenabled = true\n").unwrap();
    assert_eq!(warnings, ["line 1: there is no section [old]"]);
}

#[test]
fn wrong_types_are_errors_with_their_line() {
    for (text, error) in [
        ("hostname = 5", "toml: line 1: hostname: expected a string, got the integer 5"),
        (
            "[[influxdb]]\n\ntimeout = 10",
            "toml: line 3: influxdb.timeout: expected a duration such as 10s, got the integer 10; write a unit (ns, us, \
             ms, s, m, h) and quotes: \"10s\"",
        ),
        (
            "[[influxdb]]\nurls = 'x'",
            "toml: line 2: influxdb.urls: expected a list of strings, got the string \"x\"; write it in square brackets",
        ),
        ("influxdb = 1", "toml: line 1: influxdb: expected a section [[influxdb]], got the integer 1"),
        ("[[influxdb]]\nbasic-auth = 1", "toml: line 2: influxdb.basic-auth: expected a table, got the integer 1"),
    ] {
        assert_eq!(load(text).unwrap_err(), error);
    }
    assert!(load("a = \n").unwrap_err().starts_with("toml: line 1 column 5: "), "{:?}", load("a = \n"));
}

#[test]
fn the_environment_sets_what_is_there() {
    let mut config = Config::new();
    let variables = [
        ("KAPACITOR_HOSTNAME", "h"),
        ("KAPACITOR_INFLUXDB_0_URLS_0", "http://a"),
        ("KAPACITOR_INFLUXDB_0_TIMEOUT", "1500ms"),
        ("KAPACITOR_INFLUXDB_0_UDP_BUFFER", "0x10"),
        ("KAPACITOR_INFLUXDB_0_BASIC_AUTH_USERNAME", "u"),
        ("KAPACITOR_INFLUXDB_0_TO_0", "nowhere"),
        ("KAPACITOR_INFLUXDB_1_NAME", "b"),
        ("KAPACITOR_INFLUXDB_NAME", "b"),
        ("KAPACITOR_INFLUXDB_0_NAMES", "b"),
        ("KAPACITOR_URL", "elsewhere"),
        ("KAPACITOR_HOSTNAM", "x"),
        ("OTHER", "x"),
    ];
    let variables = variables.map(|(name, value)| (name.to_string(), value.to_string()));
    let warnings = apply_environment("KAPACITOR", variables, |name| name == "URL", &mut config.slots()).unwrap();
    let influx = &config.influxdb[0];
    assert_eq!((config.top.hostname.as_str(), influx.urls[0].as_str(), influx.buffer), ("h", "http://a", 16));
    assert_eq!((influx.timeout, influx.user.as_str()), (Duration::from_millis(1500), "u"));
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "the environment variable KAPACITOR_HOSTNAM names no key, did you mean \"KAPACITOR_HOSTNAME\"?",
            "the environment variable KAPACITOR_INFLUXDB_0_NAMES names no key, did you mean \
             \"KAPACITOR_INFLUXDB_0_NAME\"?",
            "the environment variable KAPACITOR_INFLUXDB_0_TO_0 sets nothing: expected the index of one of the 0 places \
             that exist, got 0; the environment cannot add to a list: list it in the config file first",
            "the environment variable KAPACITOR_INFLUXDB_1_NAME sets nothing: there are 1 sections [[influxdb]]; the \
             environment cannot add one",
            "the environment variable KAPACITOR_INFLUXDB_NAME sets nothing: [[influxdb]] is an array: write its index \
             first, INFLUXDB_0_NAME",
        ]
    );
    let wrong = [("KAPACITOR_INFLUXDB_0_UDP_BUFFER".to_string(), "many".to_string())];
    let error = apply_environment("KAPACITOR", wrong, |_| false, &mut config.slots()).unwrap_err();
    assert_eq!(error.to_string(), "KAPACITOR_INFLUXDB_0_UDP_BUFFER: expected an integer, got \"many\"");
}

#[test]
fn a_sample_loads_to_the_same_config() {
    let mut config = Config::new();
    config.influxdb.push(Influx { user: "a\"b".into(), to: Some(vec!["x".into()]), ..Influx::default() });
    let text = write_sample(&mut config.slots());
    let (loaded, warnings) = load(&text).unwrap();
    assert_eq!((loaded, warnings), (config, Vec::new()), "{text}");
}
