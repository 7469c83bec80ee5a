//! The world goes wrong around the daemon: a disk that is full, a handler that hangs. It says so, and goes on with what it
//! can do.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;
use testkit::{
    daemon::Setup,
    http::{Answer, Server},
};

use super::{TASKS, daemon, definition, error_of, run_task, setup, shows};

/// Files of this daemon grow to so many blocks of 512 bytes: for it the disk is full then.
fn on_a_small_disk(folder: &std::path::Path, blocks: u32) -> Setup {
    let program = folder.join("kapacitord");
    // Who ignores the signal gets an error from the write instead, as from a disk that is full.
    let real = env!("CARGO_BIN_EXE_kapacitord");
    fs::write(&program, format!("#!/bin/sh\ntrap '' XFSZ\nulimit -f {blocks}\nexec {real} \"$@\"\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Setup::new(program)
}

#[test]
fn a_full_disk_refuses_changes_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = on_a_small_disk(folder.path(), 1500).start();
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
