//! The built command line against a stub of the daemon: output as recorded from Kapacitor, requests, exit codes.
#![allow(clippy::unwrap_used)]

mod stub;

use serde_json::{Value, json};
use stub::{Stub, run};

/// The script in the recorded outputs.
const SCRIPT: &str = "// The measurement to read\nvar measurement string\n\n// Levels of\n// the alert\nvar crit lambda\n\n\
    var where_filter = lambda: TRUE\n\nvar groups = [*]\n\nvar period = 10s\n\nvar limit = 5\n\nvar ratio = 0.25\n\n\
    var on = FALSE\n\nvar re = /^a/\n\nvar hosts = ['x', 'y']\n\nstream\n    |from()\n        \
    .measurement(measurement)\n        .where(where_filter)\n        .groupBy(groups)\n    |eval(lambda: \"v\" * limit)\n        \
    .as('x')\n    |httpOut('o')\n";

fn recorded(name: &str) -> Vec<String> {
    let all: Value = serde_json::from_str(include_str!("data/recorded.json")).unwrap();
    let lines = all[name].as_array().unwrap_or_else(|| panic!("{name} is not recorded")).iter();
    lines.map(|line| line.as_str().unwrap().to_string()).collect()
}

/// Lines with times, sizes and graphs blanked as in the recording.
fn blanked(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.replace("01 Jan 21 12:00 UTC", "<time>").replace("109 B     ", "<size> ")).collect()
}

fn var(kind: &str, value: Value, description: &str) -> Value {
    json!({ "type": kind, "value": value, "description": description })
}

fn link(href: &str) -> Value {
    json!({ "rel": "self", "href": href })
}

const TIME: &str = "2021-01-01T12:00:00.5Z";

fn template() -> Value {
    let list = |values: &[&str]| -> Value {
        values.iter().map(|value| json!({ "type": "string", "value": value })).collect::<Vec<_>>().into()
    };
    json!({
        "link": link("/kapacitor/v1/templates/tpl"), "id": "tpl", "type": "stream", "error": "", "created": TIME,
        "modified": TIME, "script": SCRIPT, "dot": "<dot>", "vars": {
            "where_filter": var("lambda", json!("TRUE"), ""),
            "crit": var("lambda", Value::Null, "Levels of\nthe alert"),
            "groups": var("list", json!([{ "type": "star", "value": "" }]), ""),
            "hosts": var("list", list(&["x", "y"]), ""),
            "limit": var("int", json!(5), ""),
            "measurement": var("string", Value::Null, "The measurement to read"),
            "on": var("bool", json!(false), ""),
            "period": var("duration", json!(10_000_000_000i64), ""),
            "ratio": var("float", json!(0.25), ""),
            "re": var("regex", json!("^a"), ""),
        }
    })
}

fn task() -> Value {
    let groups = json!([{ "type": "string", "value": "host" }, { "type": "string", "value": "dc" }]);
    json!({
        "link": link("/kapacitor/v1/tasks/one"), "id": "one", "template-id": "tpl", "type": "stream",
        "status": "disabled", "executing": false, "error": "", "created": TIME, "modified": TIME, "last-enabled": TIME,
        "dbrps": [{ "db": "telegraf", "rp": "autogen" }], "script": SCRIPT, "dot": "<dot>", "stats": {}, "vars": {
            "crit": var("lambda", json!("\"x\" > 5"), ""),
            "groups": var("list", groups, ""),
            "limit": var("int", json!(7), ""),
            "measurement": var("string", json!("cpu"), "what"),
            "on": var("bool", json!(true), ""),
            "period": var("duration", json!(60_000_000_000i64), ""),
            "ratio": var("float", json!(1), ""),
            "re": var("regex", json!("b+"), ""),
        }
    })
}

/// A daemon that knows one thing of each kind.
fn one_of_each() -> Stub {
    let topic = json!({
        "link": link("/kapacitor/v1/alerts/topics/gates"), "id": "gates", "level": "CRITICAL", "collected": 4,
        "events-link": { "rel": "events", "href": "/kapacitor/v1/alerts/topics/gates/events" },
        "handlers-link": { "rel": "handlers", "href": "/kapacitor/v1/alerts/topics/gates/handlers" },
    });
    let event = |id: &str, level: &str, nanos: u64| {
        json!({ "id": id, "state": {
            "message": format!("{id} is {level}"), "level": level, "time": format!("2021-01-01T12:00:00.{nanos}Z")
        } })
    };
    let handler = json!({
        "id": "yamly", "kind": "log", "match": "level() >= WARNING", "options": { "path": "/dev/null", "mode": 384 }
    });
    let ingress = |master: &str, db: &str, rp: &str, name: &str, points: f64| {
        let tags = json!({ "task_master": master, "database": db, "retention_policy": rp, "measurement": name });
        json!({ "name": "ingress", "tags": tags, "values": { "points_received": points } })
    };
    let recording =
        |id: &str, kind: &str| json!({ "id": id, "type": kind, "status": "finished", "size": 109, "date": TIME });
    let service = |name: &str| json!({ "name": name, "link": link(&format!("/kapacitor/v1/service-tests/{name}")), "options": {} });
    Stub::with(vec![
        ("GET /kapacitor/v1/templates/tpl?script-format=formatted", template()),
        ("GET /kapacitor/v1/templates?", json!({ "templates": [template()] })),
        ("GET /kapacitor/v1/tasks/one?dot-view=attributes&replay-id=&script-format=formatted", task()),
        (
            "GET /kapacitor/v1/tasks?pattern=t1&offset=0&limit=100&fields=type&fields=status&fields=executing&fields=dbrps",
            json!({ "tasks": [{ "id": "t1", "type": "stream", "status": "enabled", "executing": true, "dbrps": [
                { "db": "tele graf", "rp": "auto.gen" }, { "db": "other", "rp": "week" }, { "db": "q\"uote", "rp": "x" }
            ] }] }),
        ),
        (
            "GET /kapacitor/v1/alerts/topics/gates/events",
            json!({ "events": [
                event("south", "OK", 3), event("north", "WARNING", 1), event("a longer gate name", "CRITICAL", 2)
            ] }),
        ),
        ("GET /kapacitor/v1/alerts/topics/gates/handlers/yamly", handler.clone()),
        (
            "GET /kapacitor/v1/alerts/topics/gates/handlers",
            json!({ "handlers": [{ "id": "json-1", "kind": "post" }, handler] }),
        ),
        ("GET /kapacitor/v1/alerts/topics/gates", topic.clone()),
        ("GET /kapacitor/v1/alerts/topics?", json!({ "topics": [topic] })),
        (
            "GET /kapacitor/v1/debug/vars",
            json!({ "kapacitor": {
                "a": ingress("main", "telegraf", "autogen", "cpu", 7.0),
                "b": ingress("main", "telegraf", "autogen", "a longer measurement", 1.0),
                "c": ingress("other", "telegraf", "autogen", "cpu", 7.0),
                "d": ingress("main", "telegraf", "", "x", 1.0),
                "e": ingress("main", "a_database", "some_policy", "y", 1.0),
                "f": ingress("main", "a_database", "some_policy", "x", 1.0),
                "g": { "name": "nodes", "tags": {}, "values": { "avg_exec_time_ns": "1µs" } },
            } }),
        ),
        (
            "GET /kapacitor/v1/recordings?",
            json!({ "recordings": [recording("bb", "batch"), recording("qs", "stream")] }),
        ),
        (
            "GET /kapacitor/v1/replays?",
            json!({ "replays": [
                { "id": "l-q", "task": "st", "recording": "", "status": "finished", "clock": "fast", "date": TIME }
            ] }),
        ),
        ("GET /kapacitor/v1/service-tests?", json!({ "services": [service("slack"), service("teams")] })),
        ("POST /kapacitor/v1/service-tests/", json!({ "success": false, "message": "service is not enabled" })),
    ])
}

#[test]
fn prints_what_kapacitor_prints() {
    let daemon = one_of_each();
    for (name, args) in [
        ("show_template", &["show-template", "tpl"][..]),
        ("list_templates", &["list", "templates"]),
        ("show_task", &["show", "one"]),
        ("list_tasks", &["list", "tasks", "t1"]),
        ("show_topic", &["show-topic", "gates"]),
        ("list_topics", &["list", "topics"]),
        ("list_handlers", &["list", "topic-handlers"]),
        ("show_handler", &["show-topic-handler", "gates", "yamly"]),
        ("ingress", &["stats", "ingress"]),
        ("recordings", &["list", "recordings"]),
        ("replays", &["list", "replays"]),
        ("service_tests", &["service-tests", "*"]),
    ] {
        let ran = daemon.run(args);
        assert_eq!(blanked(&ran.stdout), recorded(name), "{args:?}: {}", ran.stderr);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn columns_keep_their_width() {
    let daemon = Stub::with(vec![("GET /kapacitor/v1/recordings?", json!({ "recordings": [] }))]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kapacitor"))
        .args(["-url", &format!("http://{}", daemon.address()), "list", "recordings"])
        .output()
        .unwrap();
    let expected = "ID Type    Status    Size      Date                   \n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

/// A daemon that holds one task of that status, or none.
fn with_task(status: Option<&'static str>) -> Stub {
    Stub::new(move |request, body| match (request.split(' ').next().unwrap(), status) {
        ("GET", None) => (404, json!({ "error": "no task exists" })),
        ("GET", Some(status)) => (200, json!({ "id": "cpu", "status": status })),
        _ if body["script"].as_str().is_some_and(|script| script.contains("nope")) => {
            let text =
                "invalid TICKscript: line 3 char 10: no method or property \"nope\" on from\n    .nope('x')\n     ^";
            (400, json!({ "error": text, "message": text }))
        }
        _ if body["script"].as_str().is_some_and(|script| script.contains("old")) => {
            (200, json!({ "id": "cpu", "warnings": ["line 1: use |"] }))
        }
        _ => (200, json!({ "id": "cpu" })),
    })
}

fn write(folder: &tempfile::TempDir, name: &str, contents: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, contents).unwrap();
    path.to_string_lossy().into_owned()
}

const GET: &str = "GET /kapacitor/v1/tasks/cpu?dot-view=attributes&replay-id=&script-format=formatted";

#[test]
fn define_makes_a_new_task() {
    let folder = tempfile::tempdir().unwrap();
    let tick = write(&folder, "a.tick", "stream|from()");
    let daemon = with_task(None);
    let expected = json!({
        "id": "cpu", "type": "stream", "dbrps": [{ "db": "telegraf", "rp": "autogen" }, { "db": "my db", "rp": "a.b" }],
        "script": "stream|from()", "status": "disabled",
    });
    for args in [
        &["define", "cpu", "-type", "stream", "-tick", &tick, "-dbrp", "telegraf.autogen", "--dbrp=\"my db\".\"a.b\""]
            [..],
        &["define", "-name", "cpu", "-type=stream", "-tick", &tick, "-dbrp", "telegraf.autogen", "-dbrp", "my db.a.b"],
    ] {
        let ran = daemon.run(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
        assert!(ran.stdout.is_empty());
        let asked = daemon.asked();
        assert_eq!(asked[0].0, GET);
        assert_eq!(asked[1..], [("POST /kapacitor/v1/tasks".to_string(), expected.clone())]);
    }
}

#[test]
fn define_reloads_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let tick = write(&folder, "a.tick", "old");
    let patch = |body: Value| ("PATCH /kapacitor/v1/tasks/cpu".to_string(), body);
    let script = patch(json!({ "script": "old" }));
    let daemon = with_task(Some("enabled"));
    let ran = daemon.run(&["define", "cpu", "-tick", &tick]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "Warning: line 1: use |\n"));
    let reload = ["disabled", "enabled"].map(|status| patch(json!({ "status": status, "keep-state": true })));
    assert_eq!(daemon.asked()[1..], [&[script.clone()][..], &reload].concat());
    assert_eq!(daemon.run(&["define", "cpu", "-tick", &tick, "-no-reload"]).code, 0);
    assert_eq!(daemon.asked()[1], script);
    let daemon = with_task(Some("disabled"));
    assert_eq!(daemon.run(&["define", "cpu", "-tick", &tick]).code, 0);
    assert_eq!(daemon.asked()[1..], [script]);
}

#[test]
fn define_takes_files_of_variables_and_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = with_task(None);
    let yaml = "template-id: tpl\ndbrps:\n  - { db: b, rp: r }\nvars:\n  period: { type: duration, value: 5m }\n  \
                groups:\n    type: list\n    value:\n      - type: star\n        value: '*'\n";
    let yaml = write(&folder, "task.yaml", yaml);
    let vars = r#"{"limit": {"type": "int", "value": 7, "description": "what"}}"#;
    let vars_file = write(&folder, "vars.json", vars);
    let json_file = write(&folder, "task.json", &format!(r#"{{"id": "cpu", "template-id": "tpl", "vars": {vars}}}"#));
    let limit = json!({ "limit": var("int", json!(7), "what") });
    for (args, expected) in [
        (
            &["-file", &yaml][..],
            json!({
                "id": "cpu", "template-id": "tpl", "status": "disabled", "dbrps": [{ "db": "b", "rp": "r" }], "vars": {
                    "groups": var("list", json!([var("star", json!(null), "")]), ""),
                    "period": var("duration", json!(300_000_000_000i64), ""),
                }
            }),
        ),
        (&["-file", &json_file], json!({ "id": "cpu", "template-id": "tpl", "status": "disabled", "vars": limit })),
        (
            &["-template", "tpl", "-vars", &vars_file],
            json!({ "id": "cpu", "template-id": "tpl", "status": "disabled", "vars": limit }),
        ),
        (&["-vars", &json_file], json!({ "id": "cpu", "status": "disabled", "vars": limit })),
    ] {
        let ran = daemon.run(&[&["define", "cpu"], args].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
        assert_eq!(daemon.asked()[1].1, expected, "{args:?}");
    }
    let ran = daemon.run(&["define", "other", "-file", &json_file]);
    assert_eq!(ran.code, 3);
    let told = format!("Error: Task id given on command line does not match id in {json_file}\n");
    assert_eq!(ran.stderr, told);
    assert!(daemon.asked().is_empty());
    for (name, contents, told) in [
        ("bad.json", "{ \"x\": ", "failed to unmarshal json task vars file"),
        ("bad.yaml", "vars: [\n", "failed to unmarshal yaml task vars file"),
        ("var.yaml", "vars: { x: { type: int, value: a } }", "invalid var \"x\": expected a whole number, got \"a\""),
        ("task.txt", "id: x", "Error: bad file extension. Must be YAML or JSON\n"),
    ] {
        let ran = daemon.run(&["define", "cpu", "-file", &write(&folder, name, contents)]);
        assert_eq!(ran.code, 3, "{name}");
        assert!(ran.stderr.starts_with("Error: ") && ran.stderr.contains(told), "{name}: {}", ran.stderr);
    }
}

#[test]
fn a_broken_script_is_shown_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let tick = write(&folder, "bad.tick", "stream\n    |from()\n        .nope('x')\n");
    let ran = with_task(None).run(&["define", "cpu", "-tick", &tick, "-dbrp", "a.b"]);
    assert_eq!(ran.code, 3);
    assert_eq!(
        ran.stderr,
        "Error: invalid TICKscript: line 3 char 10: no method or property \"nope\" on from\n    .nope('x')\n     ^\n"
    );
}

#[test]
fn patterns_switch_and_delete_all_that_match() {
    let daemon = Stub::new(|request, _| match request.split(' ').next().unwrap() {
        "GET" => {
            let offset: usize = request.split("offset=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
            let ids = (offset..150).take(100).map(|n| format!("cpu {n}"));
            let tasks: Vec<Value> =
                ids.map(|id| json!({ "id": id, "link": link(&format!("/kapacitor/v1/tasks/{id}")) })).collect();
            (200, json!({ "tasks": tasks }))
        }
        "DELETE" => (204, Value::Null),
        _ => (200, json!({})),
    });
    let asked_of = |args: &[&str], method: &str| -> Vec<stub::Asked> {
        let ran = daemon.run(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
        daemon.asked().into_iter().filter(|(request, _)| request.starts_with(method)).collect()
    };
    let enabled = asked_of(&["enable", "cpu*"], "PATCH");
    assert_eq!(enabled.len(), 150);
    assert_eq!(enabled[149], ("PATCH /kapacitor/v1/tasks/cpu%20149".to_string(), json!({ "status": "enabled" })));
    let disabled = asked_of(&["disable", "cpu*"], "PATCH");
    assert!(disabled.len() == 150 && disabled.iter().all(|(_, body)| *body == json!({ "status": "disabled" })));
    assert_eq!(asked_of(&["reload", "cpu*"], "PATCH").len(), 300);
    assert_eq!(asked_of(&["delete", "tasks", "cpu*"], "DELETE").len(), 150);
    let lists = asked_of(&["enable", "cpu*"], "GET");
    assert_eq!(lists[1].0, "GET /kapacitor/v1/tasks?pattern=cpu*&offset=100&limit=100&fields=link");
}

#[test]
fn recordings_are_waited_for() {
    let times = std::sync::atomic::AtomicUsize::new(0);
    let daemon = Stub::new(move |request, _| {
        let ended = request.starts_with("GET") && times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
        let (status, error) = if ended { ("failed", "disk full") } else { ("running", "") };
        let body = json!({ "id": "r1", "link": link("/kapacitor/v1/recordings/r1"), "status": status, "error": error });
        (if ended { 200 } else { 202 }, body)
    });
    let ran = daemon.run(&["record", "stream", "-name", "cpu", "-duration", "1m", "-recording-id", "r1"]);
    assert_eq!((ran.code, ran.stdout), (3, vec!["r1".to_string()]));
    assert_eq!(ran.stderr, "Error: disk full\n");
    let asked = daemon.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!((asked[0].1["id"].as_str(), asked[0].1["task"].as_str()), (Some("r1"), Some("cpu")));
    let ran =
        daemon.run(&["record", "batch", "-task", "cpu", "-start", "2015-09-01T00:00:00Z", "-stop", TIME, "-no-wait"]);
    assert_eq!((ran.code, ran.stdout), (0, vec![]));
    let expected = json!({ "task": "cpu", "start": "2015-09-01T00:00:00Z", "stop": TIME });
    assert_eq!(daemon.asked(), [("POST /kapacitor/v1/recordings/batch".to_string(), expected)]);
}

#[test]
fn handlers_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "h.yaml", "topic: gates\nid: yamly\nkind: log\noptions:\n  path: /x\n  mode: 0600\n");
    let file = json!({
        "topic": "gates", "id": "yamly", "kind": "log", "match": "", "options": { "path": "/x", "mode": 384 }
    });
    for (known, request) in [
        (false, "POST /kapacitor/v1/alerts/topics/gates/handlers"),
        (true, "PUT /kapacitor/v1/alerts/topics/gates/handlers/yamly"),
    ] {
        let daemon = Stub::new(move |request, body| match request.starts_with("GET") && !known {
            true => (404, json!({ "error": "unknown handler: \"yamly\"" })),
            false => (200, if known { json!({ "id": "yamly" }) } else { body.clone() }),
        });
        assert_eq!(daemon.run(&["define-topic-handler", &path]).code, 0);
        assert_eq!(daemon.asked()[1], (request.to_string(), file.clone()));
    }
}

#[test]
fn a_backup_is_the_daemons_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "copy.db", "an older backup");
    let refused = Stub::new(|_, _| (500, json!({ "error": "no" })));
    let ran = refused.run(&["backup", &path]);
    assert_eq!((ran.code, ran.stderr.as_str()), (3, "Error: failed to perform backup: no\n"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "an older backup");
    let daemon = Stub::with(vec![("GET /kapacitor/v1/storage/backup", json!("bytes"))]);
    assert_eq!(daemon.run(&["backup", &path]).code, 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "\"bytes\"");
    let ran = daemon.run(&["backup", "/nonexistent/dir/file"]);
    assert_eq!(
        ran.stderr,
        "Error: failed to create backup file: open /nonexistent/dir/file: no such file or directory\n"
    );
}

#[test]
fn failures_have_their_exit_codes_and_first_lines() {
    let daemon = Stub::new(|_, _| (404, json!({ "error": "no task exists" })));
    for (args, code, line) in [
        (&[][..], 1, "Error: Must pass a command."),
        (&["bogus"], 1, "Unknown command bogus"),
        (&["push", "x"], 1, "Unknown command push"),
        (&["help", "bogus"], 1, "Unknown command bogus"),
        (&["help"], 1, "Usage: kapacitor help [command]"),
        (&["-bogus", "list"], 2, "flag provided but not defined: -bogus"),
        (&["show"], 2, "Must specify one task ID"),
        (&["show", "a", "b"], 2, "Must specify one task ID"),
        (&["show", "none"], 3, "Error: no task exists"),
        (&["show", "-bogus"], 2, "flag provided but not defined: -bogus"),
        (&["level"], 2, "Must pass a log level"),
        (&["enable"], 2, "Must pass at least one task ID"),
        (&["enable", "x"], 3, "Error: listing tasks: no task exists"),
        (&["delete"], 2, "Must pass at least one ID"),
        (&["delete", "tasks"], 2, "Must pass at least one ID"),
        (&["list"], 2, "Must specify 'tasks', 'recordings', 'replays', 'topics', or 'topic-handlers'"),
        (&["backup"], 3, "Error: must provide file path for backup."),
        (&["watch"], 3, "Error: must provide task ID."),
        (&["watch", "a", "b"], 3, "Error: bad keyvalue pair: 'b'"),
        (&["logs", "x"], 3, "Error: bad keyvalue pair: 'x'"),
        (&["service-tests"], 3, "Error: must provide at least one service name or pattern."),
        (&["stats"], 3, "Usage: kapacitor stats <general|ingress|handlers|memory>"),
        (&["record"], 2, "Usage: kapacitor record [stream|batch|query] [options]"),
        (&["record", "film"], 3, "Error: Unknown record type \"film\", expected 'stream', 'batch' or 'query'"),
        (&["record", "stream", "-task", "a", "-duration", "x"], 3, "Error: invalid duration"),
        (&["record", "batch", "-task", "a"], 3, "Usage: kapacitor record batch [options]"),
        (&["replay", "-bogus"], 2, "flag provided but not defined: -bogus"),
        (&["replay-live", "x"], 3, "Error: Unknown replay-live type \"x\", expected 'batch' or 'query'"),
        (&["define"], 2, "Must provide a task ID."),
        (&["define", "x", "-tick", "nope.tick"], 3, "Error: open nope.tick: no such file or directory"),
        (
            &["define", "x", "-vars", "nope.json"],
            3,
            "Error: failed to open file nope.json: open nope.json: no such file or directory",
        ),
        (
            &["-url", "ftp://127.0.0.1", "list", "tasks"],
            4,
            "Unsupported protocol scheme: ftp, your address must start with http:// or https://",
        ),
    ] {
        let ran = daemon.run(args);
        assert_eq!((ran.code, ran.stderr.lines().next()), (code, Some(line)), "{args:?}");
        assert!(ran.stdout.is_empty(), "{args:?}");
    }
    let ran = daemon.run(&["record", "batch", "-task", "a", "-past", "1m", "-start", TIME]);
    assert!(ran.stderr.ends_with("\nError: cannot set both start and past flags.\n"), "{}", ran.stderr);
}

#[test]
fn the_environment_is_minded() {
    let ran = run(&["list", "tasks"], &[("KAPACITOR_UNSAFE_SSL", "maybe")]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("KAPACITOR_UNSAFE_SSL"), "{}", ran.stderr);
    let daemon = Stub::with(vec![("GET /kapacitor/v1/tasks?", json!({ "tasks": null }))]);
    let url = format!("http://{}", daemon.address());
    let ran = run(&["-skipVerify", "-url", &url, "list", "tasks"], &[("KAPACITOR_URL", "http://127.0.0.1:1")]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout, ["ID Type      Status    Executing Databases and Retention Policies"]);
}

#[test]
fn no_daemon_is_told_in_one_line() {
    for args in [&["list", "tasks"][..], &["show", "x"], &["define", "x"], &["vars"], &["logs"], &["level", "info"]] {
        let ran = run(args, &[("KAPACITOR_URL", "http://127.0.0.1:1")]);
        assert_eq!((ran.code, ran.stderr.lines().count()), (3, 1), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("can't reach kapacitord there: connection refused"), "{}", ran.stderr);
        assert!(ran.stdout.is_empty());
    }
}

#[test]
fn help_tells_of_all_verbs_and_flags() {
    let ran = run(&["help", "define"], &[]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.starts_with("Usage: kapacitor define <task ID> [options]\n\n\tMake a task"), "{}", ran.stderr);
    for flag in
        ["-dbrp \"DB\".\"RP\"", "-file FILE", "-name ID", "-no-reload", "-template ID", "-tick FILE", "-vars FILE"]
    {
        assert!(ran.stderr.contains(&format!("\n  {flag}\n")), "{flag}: {}", ran.stderr);
    }
    assert_eq!(run(&["define", "x", "-h"], &[]).stderr, ran.stderr);
    assert_eq!(run(&["list", "--help"], &[]).code, 0);
    let all = run(&["-h"], &[]);
    assert_eq!(all.code, 0);
    for verb in ["define-topic-handler", "service-tests", "help", "-skipVerify"] {
        assert!(all.stderr.contains(verb), "{verb}: {}", all.stderr);
    }
    let version = run(&["version"], &[]);
    assert_eq!(version.code, 0);
    assert!(version.stdout[0].starts_with("Kapacitor OSS ") && version.stdout[0].contains(" (git: "));
}
