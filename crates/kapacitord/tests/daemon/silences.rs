//! What users hold back: silences and acknowledgements.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{daemon::Daemon, http::Server, wait};

use super::{daemon, parsed, run_task, sink};

const ALERTS: &str = "/kapacitor/v1/alerts";
const TOPIC: &str = "/kapacitor/v1/alerts/topics/main:a:alert2";

/// A task whose alerts, an id for each host, go to a server.
fn alert(daemon: &Daemon, server: &Server) {
    let script = format!(
        "stream|from().measurement('m').groupBy('h')|alert().id('{{{{ index .Tags \"h\" }}}}').crit(lambda: \"v\" > 1)\
         .post('{}')",
        server.url()
    );
    run_task(daemon, "a", &script);
}

fn write(daemon: &Daemon, host: &str, value: i64, second: i64) {
    daemon.write(&format!("m,h={host} v={value} {second}000000000\n"));
}

/// Id, level and previous level of the next event that a server gets.
fn next(server: &Server) -> (String, String, String) {
    let requests = server.wait_for(1);
    assert_eq!(requests.len(), 1, "{requests:?}");
    let event: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let text = |key: &str| event[key].as_str().unwrap().to_string();
    (text("id"), text("level"), text("previousLevel"))
}

fn told(id: &str, level: &str, previous: &str) -> (String, String, String) {
    (id.to_string(), level.to_string(), previous.to_string())
}

fn post(daemon: &Daemon, target: &str, body: &Value) -> Value {
    let reply = daemon.request("POST", &format!("{ALERTS}/{target}"), body.to_string());
    assert_eq!(reply.status, 200, "{reply:?}");
    parsed(&reply)
}

/// The state of an event in its topic, once it has this level.
fn state(daemon: &Daemon, event: &str, level: &str) -> Value {
    wait::until("the level", || {
        let reply = daemon.get(&format!("{TOPIC}/events/{event}"));
        (reply.status == 200).then(|| parsed(&reply)).filter(|found| found["state"]["level"] == level)
    })
}

fn is(id: &str, level: &str) -> (String, String) {
    (id.to_string(), level.to_string())
}

#[test]
fn what_a_silence_held_back_is_told_when_it_ends() {
    let (mut daemon, server) = (daemon(), sink());
    alert(&daemon, &server);
    write(&daemon, "was-bad", 5, 1);
    assert_eq!(next(&server), told("was-bad", "CRITICAL", "OK"));
    let silence = json!({ "id": "s", "matchers": ["task=a", "tag.h!=other"], "author": "me", "comment": "disks" });
    let made = post(&daemon, "silences", &silence);
    assert_eq!((&made["state"], &made["matchers"]), (&json!("active"), &silence["matchers"]));
    // One recovers, one gets bad, one does both; another is not meant.
    for (host, value, second) in [("was-bad", 0, 2), ("bad", 5, 2), ("for-a-while", 5, 2), ("for-a-while", 0, 3)] {
        write(&daemon, host, value, second);
    }
    write(&daemon, "other", 5, 4);
    assert_eq!(next(&server), told("other", "CRITICAL", "OK"));
    let held = state(&daemon, "bad", "CRITICAL")["held-back"].clone();
    let why = json!({ "by": "silence", "id": "s", "author": "me", "comment": "disks", "told-level": "OK" });
    assert_eq!(held, why);
    assert_eq!(state(&daemon, "was-bad", "OK")["held-back"]["told-level"], "CRITICAL");
    assert!(state(&daemon, "other", "CRITICAL").get("held-back").is_none());
    assert_eq!(parsed(&daemon.get(&format!("{ALERTS}/silences/s")))["held-back"], 4);

    // It holds over a restart, and ends when it is told to.
    wait::until("what is held back on disk", || {
        (parsed(&daemon.get(&format!("{ALERTS}/deliveries")))["outbox"]["written"].as_u64() >= Some(6)).then_some(())
    });
    daemon.kill();
    daemon.start();
    assert_eq!(state(&daemon, "bad", "CRITICAL")["held-back"]["by"], "silence");
    server.take();
    assert_eq!(post(&daemon, "silences/s/expire", &json!({}))["state"], "expired");
    // What was sent just before the kill may come again.
    let mut got = BTreeSet::from([is("other", "CRITICAL")]);
    wait::until("both alerts", || {
        for request in server.take() {
            let event: Value = serde_json::from_slice(&request.body).unwrap();
            got.insert(is(event["id"].as_str().unwrap(), event["level"].as_str().unwrap()));
        }
        (got.len() >= 3).then_some(())
    });
    assert_eq!(got, [is("bad", "CRITICAL"), is("other", "CRITICAL"), is("was-bad", "OK")].into());
    assert!(state(&daemon, "bad", "CRITICAL").get("held-back").is_none());
    assert_eq!(daemon.request("DELETE", &format!("{ALERTS}/silences/s"), "").status, 204);
    assert_eq!(parsed(&daemon.get(&format!("{ALERTS}/silences")))["silences"], json!([]));
}

#[test]
fn an_acknowledged_alert_is_told_again_when_it_has_recovered() {
    let (mut daemon, server) = (daemon(), sink());
    alert(&daemon, &server);
    write(&daemon, "x", 5, 1);
    assert_eq!(next(&server), told("x", "CRITICAL", "OK"));
    let made = post(&daemon, "acknowledgements", &json!({ "event": "x", "author": "me" }));
    assert_eq!(made["acknowledgements"][0]["topic"], "main:a:alert2");
    wait::until("the event as sent", || {
        (parsed(&daemon.get(&format!("{ALERTS}/deliveries")))["outbox"]["events"] == 0).then_some(())
    });
    daemon.kill();
    daemon.start();
    write(&daemon, "x", 6, 2);
    wait::until("the event held back", || {
        (state(&daemon, "x", "CRITICAL")["held-back"]["by"] == "acknowledgement").then_some(())
    });
    write(&daemon, "x", 0, 3);
    assert_eq!(next(&server), told("x", "OK", "CRITICAL"));
    write(&daemon, "x", 7, 4);
    assert_eq!(next(&server), told("x", "CRITICAL", "OK"));
    assert_eq!(parsed(&daemon.get(&format!("{ALERTS}/acknowledgements")))["acknowledgements"], json!([]));
}

#[test]
fn what_cannot_be_held_back_is_refused() {
    let daemon = daemon();
    for (target, body, status) in [
        ("silences", json!({ "matchers": [] }), 400),
        ("silences", json!({ "matchers": ["host=a"] }), 400),
        ("silences", json!({ "matchers": ["id=a"], "duration": "1h", "cron": "never" }), 400),
        ("silences", json!({ "matchers": ["id=a"], "mathcers": [] }), 400),
        ("silences", json!({ "matchers": ["id=a"], "time-zone": "Europe/Berlin" }), 400),
        ("silences/nope/expire", json!({}), 404),
        ("acknowledgements", json!({ "event": "nope" }), 404),
        ("acknowledgements", json!({}), 400),
    ] {
        let reply = daemon.request("POST", &format!("{ALERTS}/{target}"), body.to_string());
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
    }
    assert_eq!(daemon.get(&format!("{ALERTS}/silences/nope")).status, 404);
    assert_eq!(daemon.request("DELETE", &format!("{ALERTS}/acknowledgements?event=nope"), "").status, 404);
}
