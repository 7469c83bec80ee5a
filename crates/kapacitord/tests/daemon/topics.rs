//! Topics of alerts and the handlers that users attach to them.

use serde_json::{Value, json};
use testkit::daemon::Daemon;

use super::{TASKS, daemon, error_of, parsed, run_task, sink};

const TOPICS: &str = "/kapacitor/v1/alerts/topics";

fn alert(daemon: &Daemon) {
    let script = "stream|from().measurement('m').groupBy('h')|alert().id('{{ index .Tags \"h\" }}').crit(lambda: \"v\" > 1)\
                  .topic('t')";
    run_task(daemon, "a", script);
}

fn attach(daemon: &Daemon, handler: &Value) {
    let reply = daemon.request("POST", &format!("{TOPICS}/t/handlers"), handler.to_string());
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// What the list shows of each topic.
fn topics(daemon: &Daemon) -> Vec<(String, String)> {
    let list = parsed(&daemon.get(TOPICS));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    list["topics"].as_array().unwrap().iter().map(|topic| (text(&topic["id"]), text(&topic["level"]))).collect()
}

#[test]
fn handlers_outlive_a_kill_and_the_deletion_of_their_topic() {
    let (mut daemon, sink) = (daemon(), sink());
    alert(&daemon);
    attach(
        &daemon,
        &json!({ "id": "h", "kind": "post", "options": { "url": sink.url() }, "match": "level() == CRITICAL" }),
    );
    attach(&daemon, &json!({ "id": "gone", "kind": "post", "options": { "url": sink.url() } }));
    assert_eq!(daemon.request("DELETE", &format!("{TOPICS}/t/handlers/gone"), "").status, 204);
    daemon.write("m,h=x v=5 1000000000\n");
    assert_eq!(sink.wait_for(1).len(), 1);
    // Else it may come once more after the kill.
    testkit::wait::until("the event as sent", || {
        (parsed(&daemon.get("/kapacitor/v1/alerts/deliveries"))["outbox"]["events"] == 0).then_some(())
    });
    daemon.kill();
    daemon.start();
    daemon.write("m,h=y v=5 2000000000\n");
    assert_eq!(sink.wait_for(1).len(), 1);
    assert_eq!(topics(&daemon), [("t".to_string(), "CRITICAL".to_string())]);

    assert_eq!(daemon.request("DELETE", &format!("{TOPICS}/t"), "").status, 204);
    assert_eq!(daemon.get(&format!("{TOPICS}/t")).status, 404);
    assert!(topics(&daemon).is_empty());
    daemon.write("m,h=z v=5 3000000000\n");
    let requests = sink.wait_for(1);
    assert!(String::from_utf8_lossy(&requests[0].body).contains("\"previousLevel\":\"OK\""));
    let events = parsed(&daemon.get(&format!("{TOPICS}/t/events")));
    assert_eq!(events["events"].as_array().map(Vec::len), Some(1), "{events}");
}

#[test]
fn states_go_with_their_task() {
    let mut daemon = daemon();
    run_task(&daemon, "a", "stream|from().measurement('m')|alert().crit(lambda: TRUE).log('/dev/null')");
    daemon.write("m v=5 1000000000\n");
    testkit::wait::until("an event", || {
        (daemon.get(&format!("{TOPICS}/main:a:alert2/events/m:nil")).status == 200).then_some(())
    });
    assert_eq!(daemon.request("PATCH", &format!("{TASKS}/a"), r#"{"status": "disabled"}"#).status, 200);
    assert!(topics(&daemon).is_empty());
    assert_eq!(daemon.request("DELETE", &format!("{TASKS}/a"), "").status, 204);
    daemon.stop();
    daemon.start();
    assert!(topics(&daemon).is_empty());
}

#[test]
fn a_refused_change_leaves_the_handler_as_it_was() {
    let (daemon, sink) = (daemon(), sink());
    alert(&daemon);
    attach(&daemon, &json!({ "id": "h", "kind": "post", "options": { "url": sink.url() } }));
    let path = format!("{TOPICS}/t/handlers/h");
    let before = daemon.get(&path).body;
    for (method, body, status) in [
        ("PUT", "{", 400),
        ("PUT", r#"{"id": "a b", "kind": "post"}"#, 400),
        ("PUT", r#"{"id": "h", "kind": "pigeon"}"#, 500),
        ("PUT", r#"{"id": "h", "kind": "post", "options": {"ulr": "x"}}"#, 500),
        ("PATCH", "nope", 400),
        ("PATCH", r#"[{"op": "remove", "path": "/none"}]"#, 400),
        ("PATCH", r#"[{"op": "replace", "path": "/match", "value": "level() >"}]"#, 500),
        ("PATCH", r#"[{"op": "replace", "path": "/topic", "value": "other"}]"#, 500),
    ] {
        let reply = daemon.request(method, &path, body);
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        assert!(!error_of(&reply).is_empty());
        assert_eq!(daemon.get(&path).body, before, "{body}");
    }
    daemon.write("m,h=x v=5 1000000000\n");
    assert_eq!(sink.wait_for(1).len(), 1);
    let reply = daemon.request("PATCH", &path, r#"{"match": "level() == OK", "id": "renamed"}"#);
    assert_eq!(parsed(&reply)["match"], "level() == OK", "{}", reply.body);
    assert_eq!(daemon.get(&path).status, 404);
    daemon.write("m,h=x v=5 2000000000\nm,h=x v=0 3000000000\n");
    let requests = sink.wait_for(1);
    assert!(String::from_utf8_lossy(&requests[0].body).contains("\"level\":\"OK\""));
}
