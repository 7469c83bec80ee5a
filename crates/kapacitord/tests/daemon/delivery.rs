//! Events on their way to handlers: kills, other sides that fail, dead letters.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::daemon::Daemon;
use testkit::http::{Answer, Server};
use testkit::wait;

use super::{TASKS, parsed, run_task, setup};

const DELIVERIES: &str = "/kapacitor/v1/alerts/deliveries";
const DEAD_LETTERS: &str = "/kapacitor/v1/alerts/dead-letters";
/// Retries that a test can wait for.
const QUICK: &str = "[alert]\nretry-first = \"10ms\"\nretry-longest = \"100ms\"\n";

/// What a sink got: the id of the alert, the number in its message, and the name of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrival {
    alert: String,
    number: usize,
    uid: String,
}

#[derive(Default)]
struct Arrivals {
    all: Mutex<Vec<Arrival>>,
    more: Condvar,
}

impl Arrivals {
    /// Waits until this many different events came; all arrivals then.
    fn wait_for(&self, count: usize, patience: Duration) -> Vec<Arrival> {
        let deadline = Instant::now() + patience;
        let mut all = self.all.lock().unwrap();
        let (mut seen, mut looked_at) = (std::collections::HashSet::new(), 0);
        loop {
            seen.extend(all[looked_at..].iter().map(|arrival| arrival.number));
            looked_at = all.len();
            if seen.len() >= count {
                return all.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} events came", seen.len());
            all = self.more.wait_timeout(all, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A server that takes most events, and answers some with 500 or 429, hangs, or closes the connection, with or without
/// having taken the event.
fn unreliable() -> (SocketAddr, Arc<Arrivals>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let arrivals = Arc::new(Arrivals::default());
    let (taking, chance) = (Arc::clone(&arrivals), Arc::new(Mutex::new(7_u64)));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (taking, chance) = (Arc::clone(&taking), Arc::clone(&chance));
            std::thread::spawn(move || serve(&stream.unwrap(), &taking, &chance));
        }
    });
    (address, arrivals)
}

/// From 0 to 99.
fn dice(chance: &Mutex<u64>) -> u64 {
    let mut state = chance.lock().unwrap();
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % 100
}

fn serve(mut stream: &TcpStream, arrivals: &Arrivals, chance: &Mutex<u64>) {
    let mut reader = BufReader::new(stream);
    while let Some((uid, body)) = read_post(&mut reader) {
        let event: Value = serde_json::from_slice(&body).unwrap();
        let text = |key: &str| event[key].as_str().unwrap().to_string();
        let arrival = Arrival { alert: text("id"), number: text("message").parse().unwrap(), uid };
        let take = || {
            arrivals.all.lock().unwrap().push(arrival.clone());
            arrivals.more.notify_all();
        };
        let answer: &[u8] = match dice(chance) {
            0..4 => b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            4..6 => b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
            // Taken, but nobody is told.
            6..8 => return take(),
            8..10 => return,
            // Nothing comes until the other side gives up.
            10 => {
                take();
                let _ = reader.read(&mut [0]);
                return;
            }
            _ => {
                take();
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            }
        };
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// The name of the event and the body of a request; `None` at the end of the connection.
fn read_post(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let (mut length, mut uid) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("kapacitor-event-id", value)) => uid = value.to_string(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((uid, body))
}

/// Figures of the outbox.
fn outbox(daemon: &Daemon, figure: &str) -> usize {
    let found = parsed(&daemon.get(DELIVERIES));
    usize::try_from(found["outbox"][figure].as_u64().unwrap()).unwrap()
}

fn is_sent(daemon: &Daemon) {
    wait::until("an empty outbox", || (outbox(daemon, "events") == 0).then_some(()));
}

const ALERTS: usize = 100;
const EVENTS: usize = 10_000;
const KILLS: usize = 20;

/// Each point raises an event, in the order of the points.
fn points(numbers: std::ops::Range<usize>) -> String {
    let line = |number: usize| format!("m,h=a{} n={number}i {}\n", number % ALERTS, 1_000_000_000 + number);
    numbers.map(line).collect()
}

/// Every event is there with one name, and each alert's came in order the first time they came.
fn check(all: &[Arrival]) {
    let (mut last, mut names): (HashMap<&str, usize>, HashMap<usize, &str>) = Default::default();
    for arrival in all {
        assert_eq!(arrival.uid.len(), 32, "{arrival:?}");
        if let Some(before) = names.insert(arrival.number, &arrival.uid) {
            assert_eq!(before, arrival.uid, "an event came with two names: {arrival:?}");
            continue;
        }
        let before = last.insert(&arrival.alert, arrival.number);
        let next = before.map_or(arrival.number % ALERTS, |before| before + ALERTS);
        assert_eq!(arrival.number, next, "{arrival:?} is out of order");
    }
    let mut different: Vec<&str> = names.into_values().collect();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), EVENTS);
}

#[test]
fn every_event_arrives_in_order_whatever_fails() {
    let (address, arrivals) = unreliable();
    let mut daemon = setup().config(QUICK).start();
    let script = format!(
        "stream|from().measurement('m').groupBy('h')|alert().id('{{{{ index .Tags \"h\" }}}}')\
         .message('{{{{ index .Fields \"n\" }}}}').crit(lambda: TRUE).post('http://{address}/').timeout(300ms)"
    );
    run_task(&daemon, "chaos", &script);
    let (chunk, mut sent) = (EVENTS / KILLS, 0);
    for kill in 0..KILLS {
        let goal = (kill + 1) * chunk;
        daemon.write(&points(sent..goal));
        let while_they_are_raised = kill % 2 == 1;
        if !while_they_are_raised {
            wait::until("the events on disk", || (outbox(&daemon, "written") == goal).then_some(()));
            // Killed while they are sent.
            arrivals.wait_for(kill * chunk / 2, wait::PATIENCE);
        }
        daemon.kill();
        daemon.start();
        // What was killed on its way through the task was no event yet: it is written again.
        sent = outbox(&daemon, "written");
        assert!(sent == goal || while_they_are_raised && sent < goal, "{sent} of {goal} events are known");
    }
    daemon.write(&points(sent..EVENTS));
    check(&arrivals.wait_for(EVENTS, Duration::from_secs(180)));
    is_sent(&daemon);
    assert_eq!(parsed(&daemon.get(DEAD_LETTERS))["total"], 0);
}

/// A task whose one event goes to a server; its dead letter then.
fn refused(daemon: &Daemon, server: &Server, id: &str) -> Value {
    let script = format!("stream|from().measurement('{id}')|alert().crit(lambda: TRUE).post('{}/{id}')", server.url());
    run_task(daemon, id, &script);
    daemon.write(&format!("{id} v=1 1000000000\n"));
    wait::until("a dead letter", || {
        let found = parsed(&daemon.get(&format!("{DEAD_LETTERS}?topic=main:{id}:alert2")));
        found["dead-letters"].as_array().and_then(|letters| letters.first().cloned())
    })
}

fn post(daemon: &Daemon, target: &str, body: &Value) -> Value {
    let reply = daemon.request("POST", target, body.to_string());
    assert_eq!(reply.status, 200, "{reply:?}");
    parsed(&reply)
}

#[test]
fn what_is_refused_is_a_dead_letter_that_can_be_sent_once_more() {
    let fine = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&fine);
    let server = Server::start(move |_| Answer::new(if answers.load(Ordering::SeqCst) { 200 } else { 404 }, ""));
    let mut daemon = setup().config(QUICK).start();
    let letter = refused(&daemon, &server, "a");
    assert_eq!((&letter["handler"], &letter["event"]), (&json!("a:alert2:post"), &json!("a:nil")), "{letter}");
    assert!(letter["why"].as_str().unwrap().contains("404"), "{letter}");
    let uid = letter["event-id"].as_str().unwrap().to_string();
    assert_eq!(server.wait_for(1)[0].header("kapacitor-event-id"), Some(uid.as_str()));
    daemon.kill();
    daemon.start();
    assert_eq!(parsed(&daemon.get(DEAD_LETTERS))["dead-letters"][0], letter);
    assert_eq!(daemon.request("POST", &format!("{DEAD_LETTERS}/retry"), "{}").status, 400);
    fine.store(true, Ordering::SeqCst);
    let outcome = post(&daemon, &format!("{DEAD_LETTERS}/retry"), &json!({ "ids": [letter["id"]] }));
    assert_eq!(outcome, json!({ "count": 1, "left": [] }));
    assert_eq!(server.wait_for(1)[0].header("kapacitor-event-id"), Some(uid.as_str()));
    is_sent(&daemon);
    let delivery = &parsed(&daemon.get(DELIVERIES))["deliveries"][0];
    assert_eq!((&delivery["sent"], &delivery["kept"]), (&json!(1), &json!(true)), "{delivery}");
    let vars = daemon.get("/kapacitor/v1/debug/vars").body;
    assert!(vars.contains("\"alert_handlers\""), "{vars}");
}

#[test]
fn nothing_is_sent_into_networks_that_are_forbidden() {
    let server = Server::start(|_| Answer::new(200, ""));
    let daemon = setup().config(QUICK).flag("-blacklist-cidrs", "10.0.0.0/8,127.0.0.0/8").start();
    let letter = refused(&daemon, &server, "a");
    let why = letter["why"].as_str().unwrap_or_default();
    assert_eq!(why, "127.0.0.1 is in 127.0.0.0/8, which -blacklist-cidrs forbids", "{letter}");
    let script = format!("stream|from().measurement('b')|httpPost('{}/b')", server.url());
    run_task(&daemon, "b", &script);
    daemon.write("b v=1 1000000000\n");
    wait::until("an error of the node", || {
        let errors = &super::task(&daemon, "b")["stats"]["node-stats"]["http_post2"]["errors"];
        (*errors == 1).then_some(())
    });
    assert!(daemon.log().contains("which -blacklist-cidrs forbids"), "{}", daemon.log());
    assert!(server.take().is_empty());
}

#[test]
fn dead_letters_of_a_deleted_task_can_only_be_dropped() {
    let server = Server::start(|_| Answer::new(404, ""));
    let daemon = setup().config(QUICK).start();
    let letter = refused(&daemon, &server, "a");
    assert_eq!(daemon.request("DELETE", &format!("{TASKS}/a"), "").status, 204);
    let outcome = post(&daemon, &format!("{DEAD_LETTERS}/retry"), &json!({ "all": true }));
    assert_eq!((&outcome["count"], &outcome["left"][0]["id"]), (&json!(0), &letter["id"]), "{outcome}");
    assert_eq!(post(&daemon, &format!("{DEAD_LETTERS}/drop"), &json!({ "topic": "main:a:alert2" }))["count"], 1);
    assert_eq!(parsed(&daemon.get(DEAD_LETTERS))["total"], 0);
}

#[test]
fn a_changed_task_goes_on_with_what_waits() {
    let (away, there) = (Server::start(|_| Answer::new(503, "")), Server::start(|_| Answer::new(200, "")));
    let daemon = setup().config(QUICK).start();
    let script =
        |server: &Server| format!("stream|from().measurement('a')|alert().crit(lambda: TRUE).post('{}')", server.url());
    run_task(&daemon, "a", &script(&away));
    daemon.write("a v=1 1000000000\n");
    away.wait_for(2);
    // Until it is switched off and on again, the task runs as it was.
    for change in [json!({ "script": script(&there) }), json!({ "status": "disabled" }), json!({ "status": "enabled" })]
    {
        assert_eq!(daemon.request("PATCH", &format!("{TASKS}/a"), change.to_string()).status, 200);
    }
    there.wait_for(1);
    is_sent(&daemon);
}
