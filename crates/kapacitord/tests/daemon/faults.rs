//! The world goes wrong around the daemon: a disk that is full, a handler that hangs. It says so, and goes on with what it
//! can do.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};
use testkit::{
    daemon::{Daemon, Setup},
    http::{Answer, Server},
    wait,
};

use super::{TASKS, daemon, definition, error_of, parsed, run_task, setup, shows};

/// A daemon that gets an error from a write beyond the limit of its files, as from a disk that is full, where others
/// would be ended.
fn for_a_small_disk(folder: &Path) -> Setup {
    let program = folder.join("kapacitord");
    let real = env!("CARGO_BIN_EXE_kapacitord");
    fs::write(&program, format!("#!/bin/sh\ntrap '' XFSZ\nexec {real} \"$@\"\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Setup::new(program)
}

/// What the outbox says of itself.
fn outbox(daemon: &Daemon) -> Value {
    parsed(&daemon.get("/kapacitor/v1/alerts/deliveries"))["outbox"].clone()
}

/// A server that answers 503 until it is told that it is there.
fn away() -> (Server, Arc<AtomicBool>) {
    let is_there = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&is_there);
    (Server::start(move |_| Answer::new(if answers.load(Ordering::SeqCst) { 200 } else { 503 }, "")), is_there)
}

/// A task that raises an event for each point, with the point's number as its id.
fn run_alerts(daemon: &Daemon, sink: &Server) {
    let id = "{{ index .Tags \"n\" }}";
    let script = format!(
        "stream|from().measurement('m').groupBy('n')|alert().id('{id}').crit(lambda: TRUE).post('{}')",
        sink.url()
    );
    run_task(daemon, "alerts", &script);
}

/// Waits until all events up to a number came, in whichever order and however often.
fn wait_for_events(sink: &Server, count: usize) {
    let mut came = std::collections::BTreeSet::new();
    wait::until("all events", || {
        let requests = sink.take();
        came.extend(requests.iter().map(|request| {
            let event: Value = serde_json::from_slice(&request.body).unwrap();
            event["id"].as_str().unwrap().parse::<usize>().unwrap()
        }));
        (came.len() == count).then_some(())
    });
    assert!(came.into_iter().eq(0..count));
}

#[test]
fn a_full_disk_refuses_changes_and_nothing_else_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = for_a_small_disk(folder.path()).start();
    daemon.limit_files(Some(700 << 10));
    run_task(&daemon, "t", "stream |from().measurement('m') |httpOut('last')");
    // Texts that cannot be packed well.
    let text = |seed: u64| -> String {
        (0..4000).map(|i: u64| format!("{:x}", i.wrapping_mul(seed * 2_654_435_761))).collect()
    };
    let (mut taken, mut refused) = (Vec::new(), None);
    for number in 1..400 {
        let id = format!("t{number}");
        let script = format!("// {}\nstream|from()", text(number));
        let reply = daemon.request("POST", TASKS, definition(&id, &script, "disabled"));
        match reply.status {
            200 => taken.push(id),
            _ => {
                refused = Some(reply);
                break;
            }
        }
    }
    let refused = refused.expect("the disk is full some time");
    assert_eq!(refused.status, 500, "{}", refused.body);
    assert!(error_of(&refused).contains("takes no changes: its disk is full"), "{}", refused.body);
    // What runs runs on, and what is there is shown.
    daemon.write("m v=7 1");
    shows(
        &daemon,
        "t/last",
        &json!({ "series": [{ "name": "m", "columns": ["time", "v"], "values": [["1970-01-01T00:00:00.000000001Z", 7]] }] }),
    );
    assert_eq!(daemon.get(&format!("{TASKS}/{}", taken[0])).status, 200);
    assert!(daemon.lives());

    daemon.limit_files(None);
    wait::until("a change that is taken", || {
        let reply = daemon.request("POST", TASKS, definition("after", "stream|from()", "disabled"));
        (reply.status == 200).then_some(())
    });
    daemon.kill();
    daemon.start();
    for id in taken.iter().map(String::as_str).chain(["t", "after"]) {
        assert_eq!(daemon.get(&format!("{TASKS}/{id}")).status, 200, "{id}");
    }
}

#[test]
fn events_that_a_full_disk_does_not_take_are_kept_as_soon_as_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, is_there) = away();
    let config = "[alert]\nretry-first = \"10ms\"\nretry-longest = \"100ms\"\n";
    let mut daemon = for_a_small_disk(folder.path()).config(config).start();
    run_alerts(&daemon, &sink);
    daemon.limit_files(Some(100 << 10));
    // Each is about a kilobyte, so that not all have room.
    let lines: Vec<String> = (0..300).map(|number| format!("m,n={number} s=\"{}\" 1\n", "x".repeat(1000))).collect();
    lines.chunks(20).for_each(|lines| daemon.write(&lines.concat()));
    daemon.logged("the outbox cannot be written: until it can, events are sent, but not kept over a restart");
    sink.wait_for(1);
    daemon.limit_files(None);
    wait::until("all events on disk", || (outbox(&daemon)["written"] == lines.len()).then_some(()));
    daemon.kill();
    is_there.store(true, Ordering::SeqCst);
    daemon.start();
    wait_for_events(&sink, lines.len());
}

#[test]
fn events_that_a_full_outbox_has_no_room_for_are_sent_and_counted() {
    let (sink, is_there) = away();
    let config = "[alert]\noutbox-limit = 65536\nretry-first = \"10ms\"\nretry-longest = \"100ms\"\n";
    let daemon = setup().config(config).start();
    run_alerts(&daemon, &sink);
    let count = 1000;
    let lines: Vec<String> = (0..count).map(|number| format!("m,n={number} v=1 1\n")).collect();
    lines.chunks(100).for_each(|lines| daemon.write(&lines.concat()));
    daemon.logged("the outbox is full: events are sent, but not kept over a restart");
    let figures = wait::until("all events", || {
        let figures = outbox(&daemon);
        let figure = |name: &str| figures[name].as_u64().unwrap();
        (figure("written") + figure("not-kept") == count as u64).then(|| figures.clone())
    });
    assert!(figures["bytes"].as_u64().unwrap() <= 65536 && figures["not-kept"] != 0, "{figures}");
    is_there.store(true, Ordering::SeqCst);
    wait_for_events(&sink, count);
    // With room again, events are kept again.
    wait::until("an empty outbox", || (outbox(&daemon)["events"] == 0).then_some(()));
    daemon.write(&format!("m,n={count} v=1 1\n"));
    sink.wait_for(1);
    let after = outbox(&daemon);
    assert_eq!(after["not-kept"], figures["not-kept"]);
    assert_eq!(after["written"].as_u64(), figures["written"].as_u64().map(|written| written + 1));
}

#[test]
fn a_handler_that_hangs_holds_up_nobody() {
    let daemon = setup().config("[alert]\nretry-limit = \"1s\"\n").start();
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let well = Server::start(|_| Answer::new(200, ""));
    // Nobody ever answers there: connections stay in the queue of the system.
    let bad = format!("http://{}", hangs.local_addr().unwrap());
    let alert = |to: &str| format!("stream |from().measurement('m') |alert().crit(lambda: TRUE).post('{to}')");
    run_task(&daemon, "bad", &alert(&bad));
    run_task(&daemon, "well", &alert(&well.url()));
    for value in 0..50 {
        daemon.write(&format!("m v={value} {value}"));
    }
    assert_eq!(well.wait_for(50).len(), 50);
    assert_eq!(daemon.get("/kapacitor/v1/ping").status, 204);
}

#[test]
fn what_is_no_utf_8_or_nested_too_deep_is_refused() {
    let daemon = daemon();
    let reply = daemon.request("POST", "/kapacitor/v1/write?db=telegraf&rp=autogen", b"m v=1 1\nm,h=\xff v=1 1\n");
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.body.contains("line 2") && reply.body.contains("UTF-8"), "{}", reply.body);
    let deep = format!("stream|from().where(lambda: {}TRUE{})", "(".repeat(20_000), ")".repeat(20_000));
    let reply = daemon.request("POST", TASKS, definition("t", &deep, "enabled"));
    assert_eq!(reply.status, 400, "{}", reply.body);
    let json = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(daemon.request("POST", TASKS, json).status, 400);
    assert_eq!(daemon.request("POST", TASKS, b"{\"id\": \"\xff\"}").status, 400);
    assert_eq!(daemon.get("/kapacitor/v1/ping").status, 204);
}
