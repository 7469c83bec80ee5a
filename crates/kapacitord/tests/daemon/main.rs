//! The built daemon from outside, as its users meet it: over HTTP, with its config, its store, and a real InfluxDB.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod bad_start;
mod checkpoints;
mod commands;
mod delivery;
mod faults;
mod incidents;
mod influx;
mod influx_faults;
mod influx_live;
mod inputs;
mod kills;
mod legacy;
mod limits;
mod load;
mod replays;
mod restart;
mod secrets;
mod security;
mod silences;
mod stream;
mod topics;
mod udf;

use serde_json::{Value, json};
use testkit::{
    daemon::{Daemon, Setup},
    http::{Answer, Reply, Server},
    wait,
};

const TASKS: &str = "/kapacitor/v1/tasks";

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_kapacitord"))
}

fn daemon() -> Daemon {
    setup().start()
}

/// A server that takes alerts.
fn sink() -> Server {
    Server::start(|_| Answer::new(200, ""))
}

fn parsed(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"))
}

/// The text of an error in the API's shape.
fn error_of(reply: &Reply) -> String {
    let body = parsed(reply);
    assert_eq!(body["error"], body["message"], "{body}");
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    body["error"].as_str().unwrap_or_else(|| panic!("no text in {body}")).to_string()
}

/// What it takes to create a task that reads or queries `telegraf.autogen`.
fn definition(id: &str, script: &str, status: &str) -> String {
    let dbrps = json!([{ "db": "telegraf", "rp": "autogen" }]);
    json!({ "id": id, "type": "stream", "dbrps": dbrps, "script": script, "status": status }).to_string()
}

/// Creates a task and has it run.
fn run_task(daemon: &Daemon, id: &str, script: &str) -> Value {
    let reply = daemon.request("POST", TASKS, definition(id, script, "enabled"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let task = parsed(&reply);
    assert_eq!((&task["executing"], &task["error"]), (&json!(true), &json!("")), "{task}");
    task
}

fn task(daemon: &Daemon, id: &str) -> Value {
    let reply = daemon.get(&format!("{TASKS}/{id}"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    parsed(&reply)
}

/// Waits until an httpOut endpoint shows what is wanted: points go through a task in the background.
fn shows(daemon: &Daemon, endpoint: &str, wanted: &Value) {
    let mut last = String::new();
    let shown = wait_quietly(|| {
        last = daemon.get(&format!("{TASKS}/{endpoint}")).body;
        serde_json::from_str::<Value>(&last).is_ok_and(|value| value == *wanted)
    });
    assert!(shown, "{endpoint} does not come to show {wanted}, but {last}");
}

fn wait_quietly(mut ask: impl FnMut() -> bool) -> bool {
    let deadline = std::time::Instant::now() + wait::PATIENCE;
    while std::time::Instant::now() < deadline {
        if ask() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}
