//! The config against the facts of `tests/data/config.json`: keys, defaults, environment, errors.

use std::collections::BTreeMap;
use std::path::Path;

use declare::{Kind, LoadError, check_table, redact};
use serde_json::Value as Json;

use super::*;

const FACTS: &str = include_str!("../../tests/data/config.json");

/// A key of the reference, with the section it is in.
struct Fact {
    section: String,
    array: bool,
    key: Json,
}

impl Fact {
    fn name(&self) -> &str {
        self.key["key"].as_str().unwrap()
    }

    fn kind(&self) -> &str {
        self.key["type"].as_str().unwrap()
    }

    /// A key inside a table that users name, such as `functions.<name>.prog`.
    fn is_nested(&self) -> bool {
        self.name().contains('<')
    }
}

fn facts() -> Vec<Fact> {
    let facts: Json = serde_json::from_str(FACTS).unwrap();
    let mut all: Vec<Fact> = Vec::new();
    for key in facts["top_level"].as_array().unwrap() {
        all.push(Fact { section: String::new(), array: false, key: key.clone() });
    }
    for section in facts["sections"].as_array().unwrap() {
        for key in section["keys"].as_array().unwrap() {
            let array = section["array"].as_bool().unwrap();
            all.push(Fact { section: section["section"].as_str().unwrap().to_string(), array, key: key.clone() });
        }
    }
    all
}

fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<(Config, Vec<String>), ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let (config, warnings) = Config::load(Some(file.path()), environment)?;
    Ok((config, warnings.iter().map(ToString::to_string).collect()))
}

/// The values of the first element of a section, by key.
fn values(config: &mut Config, section: &str) -> BTreeMap<String, Json> {
    let mut slots = config.slots();
    let slot = slots.iter_mut().find(|slot| slot.name == section).expect("a known section");
    let table = slot.table.clone();
    let element = slot.element(0).expect("an element");
    table.values(element).into_iter().map(|shown| (shown.name, shown.json)).collect()
}

/// A TOML value of a type of the reference that is not the default.
fn example(kind: &str) -> &'static str {
    match kind {
        "string" => "\"x\"",
        "bool" => "true",
        "int" => "7",
        "float" => "2.5",
        "duration" => "\"1h30m0s\"",
        "list<string>" => "[\"x\", \"y\"]",
        "map<string,string>" => "{ a = \"x\" }",
        "map<string,list<string>>" => "{ a = [\"x\"] }",
        "any" | "table" => "{ f = { prog = \"x\" } }",
        "url (table form of a parsed URL)" => "{ Scheme = \"http\" }",
        other => panic!("an unknown type {other}"),
    }
}

#[test]
fn every_table_is_documented() {
    let mut config = Config::default();
    let problems: Vec<String> = config
        .slots()
        .iter()
        .flat_map(|slot| check_table(&slot.table).into_iter().map(|problem| format!("{}: {problem}", slot.heading())))
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}

/// Sections that Kapacitor does not have: one of ours, and those that may stand as often as wanted.
const OWN: [&str; 5] = ["checkpoint", "memory", "task-limit", "task-shards", "ingest"];
const BEYOND: [&str; 3] = ["alertmanager", "ntfy", "webhook"];

#[test]
fn every_key_is_known_and_no_other() {
    let mut config = Config::default();
    let mut ours: Vec<String> = Vec::new();
    for slot in config.slots() {
        assert!(ORDER.contains(&slot.name), "{} has no place in the sample", slot.name);
        if OWN.contains(&slot.name) || BEYOND.contains(&slot.name) {
            continue;
        }
        let known = slot.table.items().iter().filter(|item| !item.ours);
        ours.extend(known.map(|item| format!("{}.{}", slot.name, item.name)));
    }
    let mut theirs: Vec<String> = facts()
        .iter()
        .filter(|fact| !fact.is_nested())
        .map(|fact| format!("{}.{}", fact.section, fact.name()))
        .collect();
    // The reference lists what is in this table, but not the table.
    theirs.push("udf.functions".to_string());
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

#[test]
fn defaults_are_the_same() {
    let mut config = Config::default();
    let slots = config.slots();
    for fact in facts().iter().filter(|fact| !fact.is_nested()) {
        let slot = slots.iter().find(|slot| slot.name == fact.section).expect("a known section");
        let table = slot.table.clone();
        let mut element = table.fresh();
        if slot.shape.default_elements() == 0 {
            table.zero(&mut *element);
        }
        let shown = table.values(&*element).into_iter().find(|shown| shown.name == fact.name()).unwrap();
        let expected = &fact.key["default"];
        let is_same = match (expected, &shown.json) {
            (Json::Null, ours) => is_empty(ours),
            (Json::Array(items), Json::Null) => items.is_empty(),
            (Json::Object(items), Json::Null) => items.is_empty(),
            (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
            (expected, ours) => expected == ours,
        };
        assert!(is_same, "{}.{}: {} is not {expected}", fact.section, fact.name(), shown.json);
    }
}

fn is_empty(json: &Json) -> bool {
    json.is_null() || json == ""
}

#[test]
fn sections_stand_as_often_as_in_kapacitor() {
    let facts: Json = serde_json::from_str(FACTS).unwrap();
    let mut config = Config::default();
    for slot in config.slots().iter().filter(|slot| !slot.name.is_empty() && !OWN.contains(&slot.name)) {
        if BEYOND.contains(&slot.name) {
            // They are not listed over HTTP before somebody has one.
            assert_eq!(slot.len(), 0, "{}", slot.name);
            continue;
        }
        let sections = facts["sections"].as_array().unwrap();
        let fact = sections.iter().find(|fact| fact["section"] == slot.name).expect("a known section");
        assert_eq!(fact["array"], slot.shape.is_array(), "{}", slot.name);
        assert_eq!(fact["default_elements"], slot.len(), "{}", slot.name);
    }
}

#[test]
fn changes_at_run_time_and_secrets_are_the_same() {
    let mut config = Config::default();
    let slots = config.slots();
    for fact in facts().iter().filter(|fact| !fact.is_nested()) {
        let slot = slots.iter().find(|slot| slot.name == fact.section).unwrap();
        let item = slot.table.find_name(fact.name()).unwrap();
        let place = format!("{}.{}", fact.section, fact.name());
        assert_eq!(fact.key["http_override"].as_bool().unwrap_or_default(), item.at_run_time, "{place}");
        if item.at_run_time {
            assert_eq!(fact.key["redacted"].as_bool().unwrap_or_default(), item.secret, "{place}");
        }
        assert_eq!(fact.key["http_override_name"].as_str().unwrap_or(fact.name()), item.key, "{place}");
        let created = fact.key.get("default_when_created_by_http");
        assert_eq!(created, item.when_created.as_ref(), "{place}");
        if let Some(choices) = fact.key["values"].as_array().filter(|_| fact.name() != "file") {
            let choices: Vec<&str> = choices.iter().filter_map(Json::as_str).collect();
            assert_eq!(choices, item.choices.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), "{place}");
        }
    }
}

/// The facts of each section, without those of tables that users name.
fn by_section() -> Vec<(String, Vec<Fact>)> {
    let mut sections: Vec<(String, Vec<Fact>)> = Vec::new();
    for fact in facts().into_iter().filter(|fact| !fact.is_nested()) {
        match sections.last_mut() {
            Some((name, facts)) if *name == fact.section => facts.push(fact),
            _ => sections.push((fact.section.clone(), vec![fact])),
        }
    }
    sections
}

/// `[name]`, `[[name]]`, or nothing for the keys before the first section.
fn heading(fact: &Fact) -> String {
    match (fact.section.as_str(), fact.array) {
        ("", _) => String::new(),
        (name, true) => format!("[[{name}]]\n"),
        (name, false) => format!("[{name}]\n"),
    }
}

/// Warnings but for the level that does not exist, and for sections that do nothing.
fn of_interest(warnings: Vec<String>) -> Vec<String> {
    let is_known = |text: &String| text.starts_with("logging.level") || text.contains(".enabled has no effect: ");
    warnings.into_iter().filter(|text| !is_known(text)).collect()
}

#[test]
fn every_key_is_read_from_a_file() {
    for (section, facts) in by_section() {
        let keys: Vec<String> =
            facts.iter().map(|fact| format!("{} = {}\n", fact.name(), example(fact.kind()))).collect();
        let (mut config, warnings) = load_text(&format!("{}{}", heading(&facts[0]), keys.concat()), &[]).unwrap();
        assert_eq!(of_interest(warnings), Vec::<String>::new());
        let read = values(&mut config, &section);
        for fact in &facts {
            let expected: toml::Table = toml::from_str(&format!("x = {}", example(fact.kind()))).unwrap();
            let expected = serde_json::to_string(&expected["x"]).unwrap();
            assert_eq!(serde_json::to_string(&read[fact.name()]).unwrap(), expected, "{section}.{}", fact.name());
        }
    }
}

/// For a type of the reference: what stands in the file, a variable's text, and what comes of both.
fn environment_example(kind: &str) -> Option<(Option<&'static str>, &'static str, Json)> {
    Some(match kind {
        "string" => (None, "x", Json::from("x")),
        "bool" => (None, "t", Json::from(true)),
        "int" => (None, "0x7", Json::from(7)),
        "float" => (None, "2.5", Json::from(2.5)),
        "duration" => (None, "90m", Json::from("1h30m0s")),
        "list<string>" => (Some("[\"x\", \"y\"]"), "z", serde_json::json!(["z", "y"])),
        "map<string,string>" => (Some("{ a = \"x\" }"), "z", serde_json::json!({"a": "z"})),
        "map<string,list<string>>" => (Some("{ a = [\"x\"] }"), "z", serde_json::json!({"a": ["z"]})),
        _ => return None,
    })
}

#[test]
fn every_variable_of_the_environment_works() {
    let mut tried = 0;
    for (section, facts) in by_section() {
        let mut file = heading(&facts[0]);
        let mut variables = Vec::new();
        let mut expected = Vec::new();
        for fact in &facts {
            let Some((in_file, text, result)) = environment_example(fact.kind()) else { continue };
            let Some(variable) = fact.key["env"].as_str().and_then(|env| env.split_whitespace().next()) else {
                continue;
            };
            // A list in a table has an index of its own, which the reference does not name.
            let index = if fact.kind() == "map<string,list<string>>" { "_0" } else { "" };
            let variable = variable.replace("<N>", "0").replace("<I>", "0").replace("<MAPKEY>", "a");
            variables.push((format!("{variable}{index}"), text));
            file.extend(in_file.map(|value| format!("{} = {value}\n", fact.name())));
            expected.push((fact.name(), result));
        }
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let (mut config, warnings) = load_text(&file, &variables).unwrap();
        assert_eq!(of_interest(warnings), Vec::<String>::new(), "{section}");
        let read = values(&mut config, &section);
        for (key, result) in expected {
            assert_eq!(read[key], result, "{section}.{key}");
            tried += 1;
        }
    }
    assert!(tried > 400, "only {tried} variables tried");
}

#[test]
fn who_enables_what_does_nothing_is_told_so() {
    let (_, warnings) = load_text("[opentsdb]\nenabled = true\n[[graphite]]\nenabled = false\n", &[]).unwrap();
    let told = "opentsdb.enabled has no effect: points in OpenTSDB's formats are not taken; send line protocol to /write \
                or [[udp]] instead";
    assert_eq!(warnings, [told]);
}

#[test]
fn functions_of_users_are_read_and_checked() {
    let text = "[udf.functions.f]\nprog = 'p'\nargs = ['-u', 'x']\ntimeout = '90s'\n[udf.functions.f.env]\nA = 'b'\n";
    let (config, warnings) = load_text(text, &[]).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let functions = config.udf.functions.unwrap();
    assert_eq!(functions["f"].args.as_deref(), Some(["-u".to_string(), "x".to_string()].as_slice()));
    assert_eq!(functions["f"].env, Some(BTreeMap::from([("A".to_string(), "b".to_string())])));
    let (_, warnings) = load_text("[udf.functions.f]\nprogram = 'p'\n", &[]).unwrap();
    assert_eq!(warnings, ["line 2: section [udf.functions.f] has no key \"program\", did you mean \"prog\"?"]);
    let error = load_text("[udf.functions.f]\n\ntimeout = 9\n", &[]).unwrap_err();
    assert!(matches!(error, ConfigError::Load { source: LoadError::Value { line: 3, .. }, .. }), "{error}");
}

/// A config that can be checked, with more text.
fn checked(text: &str) -> Result<(), String> {
    let (config, _) = load_text(&format!("data_dir = '/d'\n{text}"), &[]).map_err(|error| error.to_string())?;
    config.check().map_err(|error| match error {
        ConfigError::Invalid { section, why } => format!("{section}: {why}"),
        other => other.to_string(),
    })
}

#[test]
fn what_cannot_work_is_refused() {
    for (text, why) in [
        ("", ""),
        ("hostname = ''", ": must configure a hostname"),
        ("[http]\nbind-address = ':70000'", "http: bind-address \":70000\" has no port from 0 to 65535"),
        ("[http]\nbind-address = 'host'", "http: bind-address \"host\" has no port"),
        ("[replay]\ndir = ''", "replay: must specify dir"),
        ("[storage]\nboltdb = ''", "storage: must specify the path of the store"),
        ("[load]\nenabled = true\ndir = 'x'", "load: dir \"x\" must be an absolute path"),
        ("[auth]\nenabled = true\nbcrypt-cost = 3", "auth: bcrypt-cost must be 4 or more"),
        ("[[udp]]\nenabled = true\ndatabase = 'd'", "udp: must specify bind-address"),
        ("[[udp]]\nenabled = true\nbind-address = ':9100'", "udp: must specify database"),
        ("[[udp]]\nenabled = true\ndatabase = 'd'\nbind-address = 'x'", "udp: bind-address \"x\" has no port"),
        ("[[udp]]\nbind-address = 'x'", ""),
        ("[[influxdb]]\nname = ''", "influxdb: must specify a name"),
        ("[[influxdb]]\nname = 'a b'", "influxdb: name \"a b\" may hold only"),
        ("[[influxdb]]\nurls = []", "influxdb: cluster \"default\" must have at least one of urls"),
        ("[[influxdb]]\nurls = ['nonsense://a']", "influxdb: urls \"nonsense://a\" must start with http"),
        ("[[influxdb]]\nsubscription-protocol = 'tcp'", "influxdb: subscription-protocol \"tcp\" must be one of"),
        ("[[influxdb]]\nsubscription-mode = 'x'", "influxdb: subscription-mode \"x\" must be one of"),
        ("[[influxdb]]\ncompression = 'x'", "influxdb: compression \"x\" must be one of"),
        (TWO_DEFAULTS, "influxdb: only one cluster may be the default, not a and b"),
        ("[tls]\nmin-version = 'tls9'", "tls: unknown min-version \"tls9\""),
        ("[tls]\nciphers = ['TLS_AES_128_GCM_SHA']", "tls: unknown cipher \"TLS_AES_128_GCM_SHA\", did you mean"),
        ("[smtp]\nenabled = true", "smtp: must specify from"),
        ("[smtp]\nport = 0", "smtp: port 0 must be"),
        ("[smtp]\nto = ['x']", "smtp: to \"x\" is no email address"),
        ("[slack]\nenabled = true", "slack: must specify url"),
        ("[[slack]]\nworkspace = 'a'\n[[slack]]\nworkspace = 'b'", "slack: must mark one workspace"),
        ("[[slack]]\nglobal = true", "slack: workspace \"\" is global, but only the default one may be"),
        ("[[httppost]]\nendpoint = ''", "httppost: must specify endpoint"),
        ("[[httppost]]\nrow-template-file = 'x'", "httppost: endpoint \"example\": row-template-file \"x\" must be"),
        (
            "[[httppost]]\nrow-template = '{{ .x'",
            "httppost: endpoint \"example\": template: row-template:1: unclosed action",
        ),
        ("[opsgenie]\nurl = ''", "opsgenie: must specify url"),
        ("[zenoss]\nurl = ''", "zenoss: must specify url"),
        ("[[kafka]]\nenabled = true", "kafka: id \"default\" must have at least one of brokers"),
        ("[[mqtt]]\nname = ''", "mqtt: must specify name"),
        ("[[scraper]]\nname = 'a'\ndb = 'b'\nrp = 'c'", "scraper: scraper \"a\": type must be"),
        ("[[dns]]\nid = 'a'\ntype = 'A'", "dns: must specify port with type A"),
        ("[[file-discovery]]\nid = 'a'\nfiles = ['x.txt']", "file-discovery: \"x.txt\" must end in"),
        ("[[nerve]]\nid = 'a'\npaths = ['x']", "nerve: \"x\" of paths must start with /"),
        ("[[kubernetes]]\nenabled = true", "kubernetes: must have at least one of api-servers"),
        ("[udf.functions.f]\nprog = 'p'", "udf: UDF f: timeout is too small"),
        ("[udf.functions.f]\nprog = 'p'\nsocket = 's'\ntimeout = '1s'", "udf: UDF f: has both socket and prog"),
    ] {
        let result = checked(text);
        let got = result.as_ref().err().map_or("", String::as_str);
        assert!(got.starts_with(why) && got.is_empty() == why.is_empty(), "{text}: {got}");
    }
}

const TWO_DEFAULTS: &str = "[[influxdb]]\nname = 'a'\nenabled = true\ndefault = true\nurls = ['http://a']\n\
                            [[influxdb]]\nname = 'b'\nenabled = true\ndefault = true\nurls = ['http://a']\n";

#[test]
fn without_data_dir_a_file_is_refused_and_no_file_is_not() {
    let (config, _) = load_text("", &[]).unwrap();
    assert!(
        config.check().unwrap_err().to_string().starts_with("invalid configuration: must configure a data_dir. To")
    );
    let home = [("HOME".to_string(), "/h".to_string())];
    let (config, _) = Config::load(None, home.into_iter()).unwrap();
    let folder = &config.top.data_dir;
    assert!(folder.ends_with("/.kapacitor"), "{folder}");
    assert_eq!(config.storage.boltdb, format!("{folder}/kapacitor.db"));
    config.check().unwrap();
}

#[test]
fn an_absent_file_is_named() {
    let error = Config::load(Some(Path::new("/nowhere/k.conf")), std::iter::empty()).unwrap_err();
    assert!(error.to_string().starts_with("parse config: open /nowhere/k.conf: "), "{error}");
}

#[test]
fn the_file_is_found_in_order() {
    let environment = |name: &str| (name == "KAPACITOR_CONFIG_PATH").then(|| "/e.conf".to_string());
    assert_eq!(Config::find(Some(Path::new("/g.conf")), environment), Some("/g.conf".into()));
    assert_eq!(Config::find(Some(Path::new("/dev/null")), environment), None);
    assert_eq!(Config::find(None, environment), Some("/e.conf".into()));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".kapacitor/kapacitor.conf");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "hostname = 'h'").unwrap();
    let environment = |name: &str| (name == "HOME").then(|| home.path().to_string_lossy().into_owned());
    assert_eq!(Config::find(None, environment), Some(path));
}

#[test]
fn secrets_are_hidden_from_the_api() {
    let (mut config, _) = load_text("[[influxdb]]\npassword = 'p'\n", &[]).unwrap();
    let mut slots = config.slots();
    let slot = slots.iter_mut().find(|slot| slot.name == "influxdb").unwrap();
    let table = slot.table.clone();
    let shown = redact(&table, slot.element(0).unwrap());
    assert_eq!(shown.redacted, ["password", "token"]);
    assert_eq!((&shown.options["password"], &shown.options["token"]), (&Json::from(true), &Json::from(false)));
    assert_eq!(shown.options["subscriptions"], Json::Null);
}

#[test]
fn environment_of_others_is_not_ours() {
    let variables = [
        ("KAPACITOR_CONFIG_PATH", "x"),
        ("KAPACITOR_URL", "x"),
        ("KAPACITOR_SERVICE_HOST", "x"),
        ("KAPACITOR_PORT_9092_TCP", "x"),
        ("KAPACITOR_HTTP_LOG_ENABLED", ""),
    ];
    assert_eq!(load_text("", &variables).unwrap().1, Vec::<String>::new());
    let error = load_text("", &[("KAPACITOR_SMTP_PORT", "twenty")]).unwrap_err().to_string();
    assert_eq!(error, "apply env config: KAPACITOR_SMTP_PORT: expected an integer, got \"twenty\"");
}

#[test]
fn every_key_has_a_kind_that_messages_can_name() {
    for slot in Config::default().slots() {
        for item in slot.table.items() {
            assert!(!matches!(item.kind, Kind::Lambda | Kind::Node | Kind::Star), "{}.{}", slot.name, item.name);
        }
    }
}

/// `UPDATE=1` writes the sample anew.
#[test]
fn the_sample_is_fresh_and_the_daemon_accepts_it() {
    let sample = Config::sample();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/kapacitor/kapacitor.conf");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &sample).unwrap();
    }
    let (config, warnings) = load_text(&sample, &[]).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    config.check().unwrap();
    assert_eq!(config, Config::below(Path::new("/var/lib/kapacitor")));
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == sample, "{} is stale: run the test with UPDATE=1", path.display());
}
