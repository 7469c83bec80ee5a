//! Plays templates whose output was recorded from Go's own packages.
#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gotemplate::{Template, Value};
use serde_json::Value as Json;

/// One recorded template: its output, or how Go refused it.
struct Case {
    kind: String,
    data: String,
    template: String,
    out: Option<String>,
    parse_error: Option<String>,
    error: Option<String>,
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key).and_then(Json::as_str).map(str::to_owned)
}

fn read(path: &Path) -> Json {
    let source = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&source).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases(path: &Path) -> Vec<Case> {
    let case = |json: &Json| Case {
        kind: text(json, "kind").unwrap(),
        data: text(json, "data").unwrap(),
        template: text(json, "template").unwrap(),
        out: text(json, "out"),
        parse_error: text(json, "parse_error"),
        error: text(json, "error"),
    };
    read(path).as_array().unwrap().iter().map(case).collect()
}

fn strings(json: &Json) -> Value {
    let pairs = json.as_object().unwrap().iter();
    Value::string_map(pairs.map(|(key, value)| (key.as_str(), value.as_str().unwrap())))
}

/// The data that the recording program builds from the same description.
fn build(json: &Json) -> Value {
    let string = |key: &str| Value::from(text(json, key).unwrap_or_default());
    let nanoseconds = |key: &str| json.get(key).and_then(Json::as_i64).unwrap_or(0);
    let tags = || strings(&json["Tags"]);
    let (time, duration) = (Value::Time(nanoseconds("Time")), Value::Duration(nanoseconds("Duration")));
    let message_info = || {
        let server = vec![("Hostname", "host1".into()), ("ClusterID", "c-1".into()), ("ServerID", "s-1".into())];
        let id_info = vec![
            ("Name", string("Name")),
            ("TaskName", string("TaskName")),
            ("Group", string("Group")),
            ("Tags", tags()),
            ("ServerInfo", Value::structure("kapacitor.serverInfo", server)),
        ];
        let fields = vec![
            ("idInfo", Value::structure("kapacitor.idInfo", id_info)),
            ("ID", string("ID")),
            ("Fields", Value::from(json["Fields"].clone())),
            ("Level", string("Level")),
            ("Time", time.clone()),
            ("Duration", duration.clone()),
        ];
        Value::structure("kapacitor.messageInfo", fields)
    };
    match json["Type"].as_str().unwrap() {
        "message" => message_info(),
        "details" => Value::structure(
            "kapacitor.detailsInfo",
            vec![("messageInfo", message_info()), ("Message", string("Message"))],
        ),
        "alert" => alert(json, time.clone(), duration.clone(), tags()),
        _ => Value::from(json["Value"].clone()),
    }
}

fn alert(json: &Json, time: Value, duration: Value, tags: Value) -> Value {
    let string = |key: &str| Value::from(text(json, key).unwrap_or_default());
    let names = ["OK", "INFO", "WARNING", "CRITICAL"];
    let level = names.iter().position(|name| json["Level"] == *name).unwrap();
    let row = vec![
        ("Name:name,omitempty", string("Name")),
        ("Tags:tags,omitempty", tags),
        ("Columns:columns,omitempty", Value::list(["time", "v"])),
        (
            "Values:values,omitempty",
            Value::list([Value::list([time.clone(), Value::Float(1.5)]), Value::list([time.clone(), Value::Nil])]),
        ),
    ];
    let series = Value::list([Value::structure("alert.Row", row)]);
    Value::structure(
        "alert.Data",
        vec![
            ("ID:id", string("ID")),
            ("Message:message", string("Message")),
            ("Details:details", "det".into()),
            ("Time:time", time),
            ("Duration:duration", duration),
            ("Level:level", Value::Level(level as u8)),
            ("Data:data", Value::structure("alert.Result", vec![("Series:series,omitempty", series)])),
            ("PreviousLevel:previousLevel", Value::Level(0)),
            ("Recoverable:recoverable", Value::Bool(true)),
        ],
    )
}

/// What is wrong with our answer, if anything.
fn check(case: &Case, data: &Value) -> Result<(), String> {
    let template = match case.kind.as_str() {
        "html" => Template::html("details", &case.template),
        "json" => Template::text_with_json("message", &case.template),
        _ => Template::text("message", &case.template),
    };
    let template = match (template, &case.parse_error) {
        (Ok(template), None) => template,
        (Err(error), Some(expected)) if error.to_string() == *expected => return Ok(()),
        (Err(error), expected) => return Err(format!("refused: {error}\n  wanted: {expected:?}")),
        (Ok(_), Some(expected)) => return Err(format!("accepted\n  wanted: {expected}")),
    };
    match (template.execute(data), &case.out, &case.error) {
        (Ok(out), Some(expected), _) if out == *expected => Ok(()),
        (Ok(out), expected, error) => Err(format!("gave {out:?}\n  wanted: {expected:?} {error:?}")),
        // The places of data in a page are described in words of our own.
        (Err(_), _, Some(expected)) if expected.starts_with("html/template") => Ok(()),
        (Err(error), _, Some(expected)) if same_error(&error.to_string(), expected) => Ok(()),
        (Err(error), expected, failure) => {
            Err(format!("failed: {error}\n  wanted: {}", failure.as_ref().or(expected.as_ref()).unwrap()))
        }
    }
}

/// The same words; only values that cannot be compared are shown by Go in a way that is no help.
fn same_error(ours: &str, expected: &str) -> bool {
    match expected.split_once("non-comparable") {
        Some((place, _)) => ours.starts_with(place) && ours[place.len()..].starts_with("non-comparable"),
        None => ours == expected,
    }
}

#[test]
fn recorded_templates_give_what_go_gave() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let described = read(&folder.join("data.json"));
    let data: BTreeMap<&String, Value> =
        described.as_object().unwrap().iter().map(|(name, json)| (name, build(json))).collect();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.join("recorded")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut played, mut wrong) = (0, Vec::new());
    for file in files {
        for case in cases(&file) {
            played += 1;
            if let Err(difference) = check(&case, &data[&case.data]) {
                let file = file.file_name().unwrap().to_string_lossy();
                wrong.push(format!("{file} {} {}: {}\n  {difference}", case.kind, case.data, case.template));
            }
        }
    }
    assert!(played > 0, "no recorded templates");
    assert!(wrong.is_empty(), "{} of {played} differ:\n{}", wrong.len(), wrong.join("\n"));
}
