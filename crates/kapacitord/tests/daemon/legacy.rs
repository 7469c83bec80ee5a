//! `/api/v1` of v0.2 and the plain `/write` and `/ping`, with scripts of that time.

use serde_json::{Value, json};
use testkit::{daemon::Daemon, http::Reply};

use super::{daemon, parsed, wait_quietly};

const DBRPS: &str = "%5B%7B%22db%22%3A%22telegraf%22%2C%22rp%22%3A%22autogen%22%7D%5D";

fn done(reply: &Reply) {
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
}

fn refused(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status, status, "{}", reply.body);
    let body = parsed(reply);
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    body["Error"].as_str().unwrap_or_else(|| panic!("{body}")).to_string()
}

fn define(daemon: &Daemon, name: &str, kind: &str, script: &str) {
    let target = format!("/api/v1/task?name={name}&type={kind}&dbrps={DBRPS}");
    done(&daemon.request("POST", &target, script));
}

fn shows(daemon: &Daemon, endpoint: &str, wanted: &Value) {
    let mut last = String::new();
    let shown = wait_quietly(|| {
        last = daemon.get(&format!("/api/v1/{endpoint}")).body;
        serde_json::from_str::<Value>(&last).is_ok_and(|value| value == *wanted)
    });
    assert!(shown, "{endpoint} does not come to show {wanted}, but {last}");
}

#[test]
fn a_client_of_v0_2_runs_its_task() {
    let daemon = daemon();
    let script = "stream.from().measurement('cpu').where(lambda: \"host\" == 'a').window().period(10s).every(10s)\
                  .mapReduce(influxql.count('value')).httpOut(\"counts\");\n";
    define(&daemon, "counts", "stream", script);
    let shown = parsed(&daemon.get("/api/v1/task?name=counts"));
    let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["Name", "Type", "DBRPs", "TICKscript", "Dot", "Enabled", "Executing", "Error"]);
    assert_eq!(shown["DBRPs"], json!([{ "db": "telegraf", "rp": "autogen" }]));
    assert_eq!((&shown["Enabled"], &shown["Executing"]), (&json!(false), &json!(false)));
    assert!(shown["TICKscript"].as_str().unwrap().contains("mapReduce"), "{shown}");

    done(&daemon.request("POST", "/api/v1/enable?name=counts", ""));
    shows(&daemon, "counts/counts", &json!({ "Series": null, "Err": null }));
    let listed = parsed(&daemon.get("/api/v1/tasks?tasks=counts,other"));
    let dbrps = &shown["DBRPs"];
    let task = json!({ "Name": "counts", "Type": "stream", "DBRPs": dbrps, "Enabled": true, "Executing": true });
    assert_eq!(listed, json!({ "Tasks": [task] }));

    for (target, second) in [("/write", 1), ("/api/v1/write", 2), ("/write", 3), ("/write", 11), ("/write", 21)] {
        let target = format!("{target}?db=telegraf&rp=autogen&precision=s");
        done(&daemon.request("POST", &target, format!("cpu,host=a value=1 {second}\ncpu,host=b value=1 {second}\n")));
    }
    let values = json!([["1970-01-01T00:00:21Z", 1]]);
    let series = json!([{ "name": "cpu", "columns": ["time", "count"], "values": values }]);
    shows(&daemon, "counts/counts", &json!({ "Series": series, "Err": null }));

    done(&daemon.request("POST", "/api/v1/disable?name=counts", ""));
    assert_eq!(parsed(&daemon.get("/api/v1/task?name=counts"))["Executing"], false);
    done(&daemon.request("DELETE", "/api/v1/task?name=counts", ""));
    refused(&daemon.get("/api/v1/task?name=counts"), 404);
    assert_eq!(parsed(&daemon.get("/api/v1/tasks")), json!({ "Tasks": [] }));
}

#[test]
fn a_missing_part_of_a_task_is_left_as_it_is() {
    let daemon = daemon();
    define(&daemon, "t", "stream", "stream.from().measurement('a')");
    done(&daemon.request("POST", "/api/v1/task?name=t", "stream.from().measurement('b')"));
    let task = parsed(&daemon.get("/api/v1/task?name=t"));
    assert!(task["TICKscript"].as_str().unwrap().contains("'b'"), "{task}");
    assert_eq!(task["DBRPs"], json!([{ "db": "telegraf", "rp": "autogen" }]));
    let dbrps = DBRPS.replace("telegraf", "other");
    done(&daemon.request("POST", &format!("/api/v1/task?name=t&dbrps={dbrps}"), ""));
    let task = parsed(&daemon.get("/api/v1/task?name=t"));
    assert!(task["TICKscript"].as_str().unwrap().contains("'b'"), "{task}");
    assert_eq!(task["DBRPs"], json!([{ "db": "other", "rp": "autogen" }]));
}

#[test]
fn errors_have_the_shape_of_v0_2() {
    let daemon = daemon();
    refused(&daemon.get("/api/v1/task?name=none"), 404);
    refused(&daemon.get("/api/v1/task"), 400);
    refused(&daemon.request("POST", "/api/v1/enable?name=none", ""), 404);
    refused(&daemon.get("/api/v1/none/endpoint"), 404);
    refused(&daemon.get("/api/v1/nothing"), 404);
    refused(&daemon.request("PUT", "/api/v1/task?name=t", ""), 404);
    let target = format!("/api/v1/task?name=bad&type=stream&dbrps={DBRPS}");
    let error = refused(&daemon.request("POST", &target, "stream.from().wrong('x')"), 400);
    assert!(error.contains("line 1 char 15") && error.contains("wrong"), "{error}");
    refused(&daemon.request("POST", "/api/v1/task?name=bad&dbrps=x", "stream.from()"), 400);
    refused(&daemon.get("/api/v1/task?name=bad"), 404);
    refused(&daemon.request("POST", "/api/v1/loglevel?level=LOUD", ""), 400);
    done(&daemon.request("POST", "/api/v1/loglevel?level=DEBUG", ""));
}

#[test]
fn the_plain_paths_are_those_of_influxdb() {
    let daemon = daemon();
    for path in ["/ping", "/api/v1/ping", "/kapacitor/v1/ping"] {
        for method in ["GET", "HEAD"] {
            let reply = daemon.request(method, path, "");
            done(&reply);
            assert!(reply.header("x-kapacitor-version").is_some(), "{path}");
        }
    }
    let reply = daemon.request("POST", "/write?db=telegraf", "m v=\n");
    assert_eq!(reply.status, 400, "{}", reply.body);
    let reply = daemon.request("POST", "/write", "m v=1\n");
    assert_eq!((reply.status, reply.body.trim()), (400, "database is required"));
}

#[test]
fn scripts_of_the_old_dialect_warn_where_it_is_seen() {
    let daemon = daemon();
    define(
        &daemon,
        "old",
        "stream",
        "stream.from('cpu').mapReduce(influxql.mean('v')).alert().crit(lambda: \"mean\" > 1)",
    );
    let line = daemon.logged("lvl=warn");
    assert!(line.contains("task=old"), "{line}");
    assert_eq!(daemon.log().lines().filter(|line| line.contains("lvl=warn")).count(), 1);
}

#[test]
fn recordings_that_are_not_there_are_refused() {
    let daemon = daemon();
    assert_eq!(parsed(&daemon.get("/api/v1/recordings")), json!({ "Recordings": [] }));
    for (method, path, status) in [
        ("POST", "record?type=stream&name=t&duration=1s", 404),
        ("POST", "record?type=stream&name=t&duration=x", 400),
        ("POST", "record?type=batch&name=t", 400),
        ("POST", "record?type=film", 400),
        ("GET", "record?id=x", 404),
        ("POST", "replay?name=t&id=x", 404),
    ] {
        refused(&daemon.request(method, &format!("/api/v1/{path}"), ""), status);
    }
}
