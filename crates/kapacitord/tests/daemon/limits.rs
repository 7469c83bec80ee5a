//! Clients that want too much, and tasks that hold too much: refused or cut short in bounded time, counted, and nobody
//! else is hurt.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use testkit::{
    daemon::{Daemon, Setup},
    wait,
};

use super::{daemon, error_of, parsed, run_task, setup, shows, task};

const WRITE: &str = "/kapacitor/v1/write?db=telegraf&rp=autogen";
const COUNT: &str = "stream |from().measurement('m').groupBy('host') |stateCount(lambda: TRUE) |httpOut('x')";

/// A daemon with more keys in `[http]`.
fn with_http(keys: &str) -> Daemon {
    with_http_of(setup(), keys)
}

fn with_http_of(setup: Setup, keys: &str) -> Daemon {
    let bind = "bind-address = \"127.0.0.1:0\"\n";
    setup.replace(bind, &format!("{bind}{keys}\n")).start()
}

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// All that comes until the other side closes.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn memory(daemon: &Daemon) -> Value {
    parsed(&daemon.get("/kapacitor/v1/memory"))
}

fn hosts(from: usize, to: usize) -> String {
    (from..to).map(|host| format!("m,host=h{host} v=1 1\n")).collect()
}

#[test]
fn who_is_slow_with_the_head_of_a_request_is_cut_off() {
    let daemon = with_http("header-timeout = \"200ms\"");
    let mut half = connect(&daemon);
    half.write_all(b"GET /kapacitor/v1/ping HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let silent = connect(&daemon);
    for stream in [half, silent] {
        let answer = rest(stream);
        assert!(!answer.contains("HTTP/1.1 2"), "{answer}");
    }
    assert_eq!(daemon.get("/kapacitor/v1/ping").status, 204);
}

#[test]
fn who_is_slow_with_a_body_is_told_so() {
    let daemon = with_http("body-timeout = \"200ms\"");
    let mut slow = connect(&daemon);
    slow.write_all(format!("POST {WRITE} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nm v=1").as_bytes()).unwrap();
    let mut answer = [0; 512];
    let read = slow.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    daemon.write("m v=1 1");
}

#[test]
fn there_are_only_so_many_connections() {
    let daemon = with_http("max-connections = 3");
    let mut idle: Vec<TcpStream> = (0..3).map(|_| connect(&daemon)).collect();
    let turned_away = || {
        let mut stream = connect(&daemon);
        let _ = stream.write_all(b"GET /kapacitor/v1/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        rest(stream)
    };
    let answer = wait::until("a client that is turned away", || {
        let answer = turned_away();
        // A request of before may still have held a place that one of the idle clients was to have.
        idle.push(connect(&daemon));
        Some(answer).filter(|answer| answer.starts_with("HTTP/1.1 503"))
    });
    assert!(answer.contains("Retry-After: ") && answer.contains("too many connections"), "{answer}");
    drop(idle);
    wait::until("a free place", || turned_away().starts_with("HTTP/1.1 204").then_some(()));
    assert!(memory(&daemon)["connections"]["refused"].as_u64().unwrap() >= 1);
}

#[test]
fn bodies_have_a_size_as_they_come_and_unpacked() {
    let daemon = with_http("max-body-size = 100000");
    // Refused before any of it has come.
    let mut large = connect(&daemon);
    large
        .write_all(format!("POST {WRITE} HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = [0; 512];
    let read = large.read(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 413"));
    // In pieces of which nobody says how many there are.
    let mut pieces = connect(&daemon);
    pieces
        .write_all(format!("POST {WRITE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes())
        .unwrap();
    for _ in 0..11 {
        let _ = pieces.write_all(format!("2710\r\n{}\r\n", "#".repeat(10_000)).as_bytes());
    }
    let mut answer = [0; 512];
    let read = pieces.read(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 413"));
    // Small when packed.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b'#'; 1 << 20];
    for _ in 0..60 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let reply = daemon.request_with("POST", WRITE, &[("Content-Encoding", "gzip")], bomb);
    assert_eq!(reply.status, 413, "{}", reply.body);
    daemon.write("m v=1 1");
    assert_eq!(memory(&daemon)["writes"]["bytes"], 0, "room is given back");
}

#[test]
fn the_tables_of_series_have_a_limit() {
    let daemon = setup().config("[memory]\nseries-limit = 60000\n").start();
    run_task(&daemon, "t", COUNT);
    daemon.write(&hosts(0, 10));
    let mut refused = None;
    for round in 1..100 {
        let reply = daemon.request("POST", WRITE, hosts(round * 10, round * 10 + 10));
        if reply.status == 503 {
            refused = Some(reply);
            break;
        }
        assert_eq!(reply.status, 204, "{}", reply.body);
    }
    let refused = refused.expect("the tables are full some time");
    assert!(
        refused.body.contains("no room for another series") && refused.body.contains("series-limit"),
        "{refused:?}"
    );
    assert_eq!(refused.header("retry-after"), Some("5"));
    // What is known is taken as ever.
    daemon.write(&hosts(0, 10));
    let tables = &memory(&daemon)["tables"];
    assert!(tables["bytes"].as_u64() >= tables["limit"].as_u64(), "{tables}");
}

#[test]
fn names_of_fields_that_are_made_up_do_not_grow_the_tables_beyond_their_limit() {
    let daemon = setup().config("[memory]\nseries-limit = 100000\n").start();
    // A task that adds no fields of its own: those are not refused.
    run_task(&daemon, "t", "stream |from().measurement('m').groupBy('host') |httpOut('x')");
    daemon.write(&hosts(0, 10));
    let (mut taken, mut refused) = (0, 0);
    for line in 0..5000 {
        match daemon.request("POST", WRITE, format!("m f{line}=1,g{line}=\"x\" 1")).status {
            204 => taken += 1,
            503 => refused += 1,
            other => panic!("{other}"),
        }
        if refused == 100 {
            break;
        }
    }
    assert!(taken > 100 && refused == 100, "{taken} taken, {refused} refused");
    let found = wait::until("a problem that is told", || {
        Some(memory(&daemon)).filter(|found| !found["problems"].as_array().unwrap().is_empty())
    });
    assert!(found["problems"][0].as_str().unwrap().contains("series-limit in [memory]"), "{found}");
    let (bytes, limit) = (found["tables"]["bytes"].as_u64().unwrap(), found["tables"]["limit"].as_u64().unwrap());
    assert!(bytes < limit + 1000, "{found}");
    assert_eq!(found["writes"]["refused"], 100, "{found}");
    daemon.logged("series-limit in [memory]");
    // What is known is taken as ever.
    daemon.write(&hosts(0, 10));
    daemon.write("m f0=1,g0=\"y\" 2");
}

#[test]
fn writes_are_pushed_back_at_the_daemons_limit() {
    let daemon = setup().config("[memory]\nlimit = 1\nseries-limit = -1\n").start();
    let refused = wait::until("a write that is pushed back", || {
        Some(daemon.request("POST", WRITE, "m v=1 1")).filter(|reply| reply.status == 503)
    });
    assert!(refused.body.contains("limit in [memory]"), "{}", refused.body);
    assert_eq!(refused.header("retry-after"), Some("5"));
    let memory = memory(&daemon);
    assert!(memory["writes"]["refused"].as_u64() >= Some(1), "{memory}");
    assert!(memory["problems"][0].as_str().unwrap().contains("more than its limit"), "{memory}");
    daemon.logged("more than its limit");
}

#[test]
fn a_task_at_its_limit_lets_go_of_its_oldest_groups() {
    let config = "[[task-limit]]\ntask = \"few_*\"\ngroups = 10\nat-limit = \"drop-oldest\"\n";
    let daemon = setup().config(config).start();
    run_task(&daemon, "few_t", COUNT);
    run_task(&daemon, "many", COUNT);
    daemon.write(&hosts(0, 50));
    let held = wait::until("groups that are let go", || {
        let memory = parsed(&daemon.get("/kapacitor/v1/memory?task=few_t"));
        Some(memory["tasks"][0].clone()).filter(|task| task["groups-dropped"] == 40)
    });
    assert_eq!((&held["groups"], &held["group-limit"]), (&Value::from(10), &Value::from(10)), "{held}");
    assert_eq!(memory(&daemon)["tasks"][1]["groups"], 50);
}

#[test]
fn a_task_at_its_limit_stops_if_it_is_to() {
    let daemon = setup().config("[[task-limit]]\ntask = \"t\"\ngroups = 10\nat-limit = \"stop\"\n").start();
    run_task(&daemon, "t", COUNT);
    run_task(&daemon, "u", COUNT);
    daemon.write(&hosts(0, 11));
    let stopped = wait::until("the task's end", || Some(task(&daemon, "t")).filter(|task| task["executing"] == false));
    let error = stopped["error"].as_str().unwrap();
    assert_eq!(error, "task t holds 11 groups, more than its limit of 10 (groups in [[task-limit]])");
    assert_eq!((&stopped["status"], &task(&daemon, "u")["executing"]), (&Value::from("enabled"), &Value::from(true)));
}

#[test]
fn ten_thousand_groups_may_come_at_once() {
    let daemon = daemon();
    run_task(
        &daemon,
        "t",
        "stream |from().measurement('m').groupBy('host') |stateCount(lambda: TRUE) |where(lambda: \"host\" == 'h9999') |httpOut('x')",
    );
    daemon.write(&hosts(0, 10_000));
    let row = serde_json::json!({ "series": [{ "name": "m", "tags": { "host": "h9999" }, "columns": ["time", "state_count", "v"],
        "values": [["1970-01-01T00:00:00.000000001Z", 1, 1]] }] });
    shows(&daemon, "t/x", &row);
    let nodes = memory(&daemon)["tasks"][0]["nodes"].clone();
    assert!(nodes.as_array().unwrap().iter().any(|node| node["groups"] == 10_000), "{nodes}");
    let unknown = daemon.get("/kapacitor/v1/memory?task=nobody");
    assert_eq!((unknown.status, error_of(&unknown).as_str()), (404, "no task nobody runs"));
}
