//! What survives a daemon's end, orderly or not.

use super::{TASKS, daemon, definition, run_task, shows, sink, task};
use serde_json::{Value, json};
use testkit::{http::Request, wait};

#[test]
fn tasks_survive_and_enabled_ones_run_again() {
    let mut daemon = daemon();
    let script = "stream|from().measurement('m')|httpOut('last')";
    run_task(&daemon, "on", script);
    assert_eq!(daemon.request("POST", TASKS, definition("off", script, "disabled")).status, 200);
    let (on, off) = (task(&daemon, "on"), task(&daemon, "off"));
    for (round, orderly) in [true, false, true].into_iter().enumerate() {
        if orderly {
            assert_eq!(daemon.stop().code(), Some(0));
        } else {
            daemon.kill();
        }
        daemon.start();
        assert_eq!(task(&daemon, "on")["executing"], true);
        assert_eq!(task(&daemon, "off")["executing"], false);
        for (before, after) in [(&on, task(&daemon, "on")), (&off, task(&daemon, "off"))] {
            for key in ["id", "type", "dbrps", "script", "status", "created", "modified", "last-enabled"] {
                assert_eq!(before[key], after[key], "{key}");
            }
        }
        let second = i64::try_from(round).unwrap() + 1;
        daemon.write(&format!("m v={second} {}\n", second * 1_000_000_000));
        let values = json!([[format!("1970-01-01T00:00:0{second}Z"), second]]);
        shows(&daemon, "on/last", &json!({ "series": [{ "name": "m", "columns": ["time", "v"], "values": values }] }));
    }
}

#[test]
fn what_was_answered_survives_a_kill() {
    let mut daemon = daemon();
    for number in 0..20 {
        let script = format!("stream|from().measurement('m{number}')");
        assert_eq!(daemon.request("POST", TASKS, definition(&format!("t{number}"), &script, "disabled")).status, 200);
    }
    assert_eq!(daemon.request("DELETE", &format!("{TASKS}/t7"), "").status, 204);
    assert_eq!(daemon.request("PATCH", &format!("{TASKS}/t8"), r#"{"status":"enabled"}"#).status, 200);
    daemon.kill();
    daemon.start();
    for number in 0..20 {
        let reply = daemon.get(&format!("{TASKS}/t{number}"));
        assert_eq!(reply.status, if number == 7 { 404 } else { 200 }, "t{number}: {}", reply.body);
    }
    assert_eq!(task(&daemon, "t8")["executing"], true);
}

#[test]
fn a_level_survives_a_kill() {
    let (mut daemon, sink) = (daemon(), sink());
    let script = format!(
        "stream|from().measurement('cpu').groupBy('host')|alert().id('{{{{ index .Tags \"host\" }}}}')\
         .crit(lambda: \"idle\" < 10).stateChangesOnly().post('{}/')",
        sink.url()
    );
    run_task(&daemon, "t", &script);
    daemon.write("cpu,host=a-host-of-its-own idle=5i 1000000000\n");
    let uid = |request: &Request| request.header("kapacitor-event-id").unwrap().to_string();
    let first = uid(&sink.wait_for(1)[0]);
    // Who was told of a level can rely on it that it is remembered.
    daemon.kill();
    daemon.start();
    // Still critical: nothing new. Then it recovers.
    daemon.write("cpu,host=a-host-of-its-own idle=4i 2000000000\n");
    daemon.write("cpu,host=a-host-of-its-own idle=80i 3000000000\n");
    // The first event may come once more, under its old name, if the kill was before its end was noted.
    let recovery = wait::until("the recovery", || sink.take().into_iter().find(|post| uid(post) != first));
    let event: Value = serde_json::from_slice(&recovery.body).unwrap();
    assert_eq!((&event["level"], &event["previousLevel"]), (&json!("OK"), &json!("CRITICAL")), "{event}");
    assert!(sink.take().is_empty());
}

#[test]
fn a_signal_ends_it_while_tasks_work() {
    let mut daemon = daemon();
    run_task(&daemon, "t", "stream|from().measurement('m')|window().period(1h).every(1m)|mean('v')|httpOut('mean')");
    for second in 0..50 {
        daemon.write(&format!("m v=1 {}\n", second * 60_000_000_000_i64));
    }
    assert_eq!(daemon.stop().code(), Some(0));
    let log = daemon.log();
    assert!(log.contains("msg=stopped"), "{log}");
}
