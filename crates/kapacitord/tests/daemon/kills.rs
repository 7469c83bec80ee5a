//! SIGKILL at random moments under load: with a log of writes the alerts are those of a run that nobody disturbed; without
//! one no definition and no level is lost, and no more than what came after the last checkpoint.
//!
//! `KILL_ROUNDS=100` kills so many times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::daemon::Daemon;
use testkit::http::{Request, Server, send_with};
use testkit::wait;

use super::{TASKS, definition, parsed, run_task, setup, sink};

/// Without the variable.
const ROUNDS: usize = 8;
/// Writes a round.
const WRITES: usize = 40;
const HOSTS: usize = 5;
const CHECKPOINTS: &str = "[checkpoint]\ninterval = \"100ms\"\n";
const DURABLE: &str = "[ingest]\ndurable = true\n";

fn rounds() -> usize {
    std::env::var("KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

struct Dice(u64);

impl Dice {
    /// From 0 to one less than `sides`.
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Tasks that remember much, in which one point more or less changes all that follows.
fn tasks(sink: &Server) -> Vec<(&'static str, String)> {
    let alert = |name: &str, level: &str| {
        format!(
            "|alert().id('{name} {{{{ index .Tags \"h\" }}}}').details('')\
             .message('{{{{ .ID }}}} {{{{ .Level }}}} {{{{ .Time }}}} {{{{ .Duration }}}} {{{{ .Fields }}}}')\
             .crit(lambda: {level}).post('{}/{name}')",
            sink.url()
        )
    };
    let from = |name: &str| format!("stream|from().measurement('{name}').groupBy('h')");
    vec![
        ("levels", format!("{}{}.stateChangesOnly()", from("m"), alert("levels", "\"v\" > 85"))),
        (
            "windows",
            format!(
                "{}|window().periodCount(7).everyCount(5)|sum('v').as('v'){}",
                from("m"),
                alert("windows", "\"v\" > 420")
            ),
        ),
        (
            "sums",
            format!(
                "{}|cumulativeSum('v').as('s')|stateCount(lambda: \"s\" % 2 == 0).as('n'){}",
                from("m"),
                alert("sums", "\"n\" > 3")
            ),
        ),
        (
            "joined",
            format!(
                "var a = {}\nvar b = {}\na|join(b).as('a', 'b')|difference('a.v').as('d'){}",
                from("m"),
                from("o"),
                alert("joined", "\"d\" > 60")
            ),
        ),
    ]
}

/// The lines of one write: always the same.
fn lines(number: usize) -> String {
    let mut dice = Dice(number as u64 * 7919 + 1);
    let mut lines = String::new();
    for host in 0..HOSTS {
        let time = 1_000_000_000 * (number as u64 + 1);
        lines.push_str(&format!("m,h=a{host} v={}i {time}\n", dice.throw(100)));
        if dice.throw(3) > 0 {
            lines.push_str(&format!("o,h=a{host} v={}i {time}\n", dice.throw(100)));
        }
    }
    lines
}

fn write(address: &str, number: usize) -> bool {
    let answer =
        send_with(address, "POST", "/kapacitor/v1/write?db=telegraf&rp=autogen", &[], lines(number).as_bytes());
    answer.is_ok_and(|reply| reply.status == 204)
}

/// Names of events, by alert, in the order in which they came the first time.
#[derive(Default, PartialEq, Debug)]
struct Told(BTreeMap<String, Vec<(String, String)>>, BTreeSet<String>);

impl Told {
    fn take(&mut self, posts: Vec<Request>) {
        for post in posts {
            let event: Value = serde_json::from_slice(&post.body).unwrap();
            let uid = post.header("kapacitor-event-id").unwrap().to_string();
            if self.1.insert(uid.clone()) {
                let message = event["message"].as_str().unwrap().to_string();
                self.0.entry(event["id"].as_str().unwrap().to_string()).or_default().push((uid, message));
            }
        }
    }

    /// Waits until more came, or it is at rest, and all that came is taken.
    fn is_at_rest(&mut self, sink: &Server, is_idle: impl Fn() -> bool) -> bool {
        let before = self.count();
        wait::until("more events, or the end", || {
            let is_idle = is_idle();
            self.take(sink.take());
            (is_idle || self.count() > before).then_some(is_idle && self.count() == before)
        })
    }

    fn count(&self) -> usize {
        self.1.len()
    }
}

/// What is told if nobody disturbs it.
fn undisturbed(sink: &Server, writes: usize) -> Told {
    let daemon = setup().start();
    tasks(sink).iter().for_each(|(id, script)| drop(run_task(&daemon, id, script)));
    (0..writes).for_each(|number| assert!(write(daemon.address(), number)));
    let mut told = Told::default();
    while !told.is_at_rest(sink, || is_idle(&daemon, writes)) {}
    told
}

/// All points are through all tasks, and all events are sent.
fn is_idle(daemon: &Daemon, writes: usize) -> bool {
    let all: u64 = (0..writes).map(|number| lines(number).matches("m,").count() as u64).sum();
    let is_through = |task: &str| {
        let shown = parsed(&daemon.get(&format!("{TASKS}/{task}")));
        shown["stats"]["node-stats"]["from1"]["emitted"] == all
    };
    let tasks = ["levels", "windows", "sums", "joined"];
    tasks.into_iter().all(is_through) && parsed(&daemon.get("/kapacitor/v1/alerts/deliveries"))["outbox"]["events"] == 0
}

/// A number that the daemon counts.
fn counted(daemon: &Daemon, name: &str, figure: &str) -> u64 {
    let vars = parsed(&daemon.get("/kapacitor/v1/debug/vars"));
    let stats = vars["kapacitor"].as_object().unwrap();
    let found = stats.values().find(|stat| stat["name"] == name).unwrap_or_else(|| panic!("no {name} in {vars}"));
    found["values"][figure].as_u64().unwrap()
}

/// Writes from one number on, and is killed when about so many were answered. How many were answered.
fn write_until_killed(daemon: &mut Daemon, from: usize, until: usize, dice: &mut Dice) -> usize {
    let answered = AtomicUsize::new(0);
    let (address, goal) = (daemon.address().to_string(), dice.throw(WRITES));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in from..until {
                if !write(&address, number) {
                    return;
                }
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
        wait::until("some writes", || (answered.load(Ordering::SeqCst) >= goal.min(until - from)).then_some(()));
        (0..dice.throw(20_000)).for_each(|_| std::hint::spin_loop());
        daemon.kill();
    });
    answered.load(Ordering::SeqCst)
}

#[test]
fn with_a_log_of_writes_a_kill_changes_nothing() {
    let (rounds, sink) = (rounds(), sink());
    let all = rounds * WRITES;
    let expected = undisturbed(&sink, all);
    let mut daemon = setup().config(&format!("{CHECKPOINTS}{DURABLE}")).start();
    tasks(&sink).iter().for_each(|(id, script)| drop(run_task(&daemon, id, script)));
    let (mut told, mut dice, mut done) = (Told::default(), Dice(42), 0);
    for _ in 0..rounds {
        let until = (done + WRITES).min(all);
        let answered = write_until_killed(&mut daemon, done, until, &mut dice);
        daemon.start();
        told.take(sink.take());
        // One may have got into the log without its answer.
        let logged = usize::try_from(counted(&daemon, "ingest_log", "last")).unwrap();
        assert!((done + answered..=done + answered + 1).contains(&logged), "{logged}: {done} and {answered}");
        done = logged;
    }
    (done..all).for_each(|number| assert!(write(daemon.address(), number)));
    let is_sent = || parsed(&daemon.get("/kapacitor/v1/alerts/deliveries"))["outbox"]["events"] == 0;
    while expected.1.difference(&told.1).count() > 0 {
        let before = told.count();
        wait::until("what is missing", || {
            told.take(sink.take());
            (told.count() > before).then_some(())
        });
    }
    while !told.is_at_rest(&sink, is_sent) {}
    for (id, events) in &expected.0 {
        assert_eq!(told.0.get(id), Some(events), "{id}");
    }
    assert_eq!(told, expected);
    assert!(told.count() > rounds, "{} events", told.count());
}

#[test]
fn without_one_no_definition_no_level_and_little_else_is_lost() {
    let sink = sink();
    let mut daemon = setup().config(CHECKPOINTS).start();
    let script = format!(
        "stream|from().measurement('m').groupBy('h')|alert().id('{{{{ index .Tags \"h\" }}}}').crit(lambda: \"v\" > 1)\
         .stateChangesOnly().post('{}/')",
        sink.url()
    );
    run_task(&daemon, "levels", &script);
    let count = "stream|from().measurement('n')|cumulativeSum('v').as('v')|httpOut('sum')";
    run_task(&daemon, "sums", count);
    let (mut critical, mut dice, mut least, mut most) = (BTreeSet::new(), Dice(7), 0, 0);
    let mut summands = Summands::default();
    for round in 0..rounds() {
        let text = definition(&format!("defined{round}"), "stream|from().measurement('x')", "disabled");
        assert_eq!(daemon.request("POST", TASKS, text).status, 200);
        // What is in a checkpoint stays.
        (0..3).for_each(|_| daemon.write(&summands.next(1)));
        (least, most) = (least + 3, most + 3);
        wait::until("the sum", || (sum(&daemon) == Some(most)).then_some(()));
        wait_for_checkpoint(&daemon, &mut summands);
        // What came after it may be lost.
        daemon.write(&format!("{}m,h=a{round} v=5 {}\n", summands.next(1), round + 1));
        most += 1;
        critical.insert(format!("a{round}"));
        let id = json!(format!("a{round}"));
        // An older one may come once more.
        let is_new = |post: &Request| serde_json::from_slice::<Value>(&post.body).unwrap()["id"] == id;
        wait::until("the event", || sink.take().iter().any(is_new).then_some(()));
        (0..dice.throw(20_000)).for_each(|_| std::hint::spin_loop());
        daemon.kill();
        daemon.start();
        assert_eq!(daemon.get(&format!("{TASKS}/defined{round}")).status, 200);
        let events = parsed(&daemon.get("/kapacitor/v1/alerts/topics/main:levels:alert2/events?min-level=CRITICAL"));
        let known = events["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_string());
        assert_eq!(known.collect::<BTreeSet<_>>(), critical);
        daemon.write(&summands.next(0));
        let sum = wait::until("the sum", || sum(&daemon));
        assert!((least..=most).contains(&sum), "{sum} is not from {least} to {most}");
        (least, most) = (sum, sum);
    }
}

/// Lines of the task `sums`, each later than those before.
#[derive(Default)]
struct Summands(u64);

impl Summands {
    fn next(&mut self, value: u64) -> String {
        self.0 += 1_000_000_000;
        format!("n v={value} {}\n", self.0)
    }
}

fn sum(daemon: &Daemon) -> Option<u64> {
    let shown: Value = parsed(&daemon.get(&format!("{TASKS}/sums/sum")));
    shown["series"][0]["values"][0][1].as_u64()
}

/// Waits until what the task has now is on disk.
fn wait_for_checkpoint(daemon: &Daemon, summands: &mut Summands) {
    let path = daemon.folder().join("store.checkpoints/sums.state");
    let size = || std::fs::metadata(&path).ok().map(|file| file.len());
    // One that is under way now need not have all; the next has.
    for _ in 0..2 {
        let before = size();
        daemon.write(&summands.next(0));
        wait::until("a checkpoint", || (size() != before).then_some(()));
    }
}
