//! A daemon under random faults, all of it from a seed: clients whose writes cross each other, a network between handlers
//! and services that refuses, delays, loses answers and parts, a disk that is full, fails, tears and forgets, clocks that
//! jump, kills and power cuts at any moment.
//!
//! What must hold: no write that was acknowledged is lost; each event that an undisturbed run raises comes to each of its
//! handlers, under the same name and no other; the events of an id come first in their order; no group feels another;
//! queues keep their bounds. `SEEDS=5000` plays so many seeds instead of fifty, with `FIRST=2000` from that one on,
//! `SEED=17` that one.
#![allow(clippy::unwrap_used)]

mod daemon;
mod network;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use alert::{Delivery, Letters, MemoryStore, Topics};
use disk::testing::{Dice, SimDisk, Weather};
use engine::define::Surface;
use engine::testing::{Bench, TestHost};
use handlers::{AlertHost, Configs};
use model::Precision;

use daemon::{Daemon, Found, Setup};
use network::{Arrival, Network};
use states::Stored;

const SECOND: i64 = 1_000_000_000;
const ONE: &str = "http://one/";
const TWO: &str = "http://two/";

const SCRIPTS: &[&str] = &[
    "stream |from().measurement('m').groupBy('host') |window().period(7s).every(3s) |sum('v').as('v')
     |alert().id('{{ .Group }}').crit(lambda: \"v\" > 60).stateChangesOnly().details('').post('http://one/').post('http://two/')",
    "stream |from().measurement('m').groupBy('host') |stateDuration(lambda: \"v\" > 10).unit(1s) |derivative('v').as('d')
     |alert().id('{{ .Group }}').warn(lambda: \"state_duration\" > 3).crit(lambda: \"d\" > 9.0)
       .details('').post('http://one/').post('http://two/')",
    "stream |from().measurement('m').groupBy('host') |eval(lambda: count(), lambda: \"v\").as('n', 'v')
     |alert().id('{{ .Group }}').message('{{ index .Fields \"n\" }}').crit(lambda: \"v\" > 15)
       .details('').post('http://one/').post('http://two/')",
    "var a = stream |from().measurement('m').groupBy('host')
     var b = stream |from().measurement('n').groupBy('host')
     a |join(b).as('a', 'b').tolerance(2s) |eval(lambda: \"a.v\" + \"b.v\").as('v')
     |alert().id('{{ .Group }}').crit(lambda: \"v\" > 20).stateChangesOnly().details('').post('http://one/').post('http://two/')",
];

/// The world around the daemon, and what it was told.
struct World {
    dice: Dice,
    setup: Setup,
    disk: SimDisk,
    stored: Stored,
    /// None while nobody runs.
    daemon: Option<Daemon>,
    clock: Arc<AtomicI64>,
    /// Writes that are done, by their numbers.
    done: BTreeMap<u64, String>,
    /// Numbers of writes that clients were told are done, and of those that they were told are not.
    acknowledged: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    /// What clients still want to write, by the second.
    to_come: BTreeMap<u64, Vec<String>>,
    /// Tells what happens, for who looks for a fault.
    is_told: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice::new(seed);
        let clock = Arc::new(AtomicI64::new(SECOND));
        let now = Arc::clone(&clock);
        let setup = Setup {
            script: SCRIPTS[dice.below(SCRIPTS.len() as u64) as usize],
            network: Network::new(seed),
            clock: Arc::new(move || now.load(Ordering::Relaxed)),
            // Only what is forced to the disk survives a power cut.
            forced: dice.one_in(2),
            capacity: if dice.one_in(4) { 3 } else { 10_000 },
            piece: if seed.is_multiple_of(2) { 100 } else { 64 << 10 },
        };
        World {
            disk: SimDisk::new(dice.any()),
            dice,
            setup,
            stored: Stored::default(),
            daemon: None,
            clock,
            done: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            to_come: BTreeMap::new(),
            is_told: std::env::var_os("SEED").is_some(),
        }
    }

    fn tell(&self, what: impl std::fmt::Display) {
        if self.is_told {
            eprintln!("{what}");
        }
    }

    /// A write of a client: a few points of its hosts, whose times go forward.
    fn lines(&mut self, second: u64) -> String {
        let mut lines = String::new();
        for _ in 0..=self.dice.below(3) {
            let host = self.dice.below(5);
            let name = if self.dice.one_in(3) { "n" } else { "m" };
            let value = self.dice.below(25);
            lines.push_str(&format!("{name},host=h{host} v={value} {second}\n"));
        }
        lines
    }

    /// The daemon, which is started until it starts.
    fn start(&mut self) {
        while self.daemon.is_none() {
            if self.dice.one_in(8) {
                // It is killed before it is there.
                self.disk.kill_after(self.dice.below(12));
            }
            match Daemon::start(&self.setup, &self.disk, self.stored.clone()) {
                Ok((daemon, found)) => {
                    self.tell(format_args!("begins, writes {:?}..{:?}", found.first(), found.last()));
                    self.found(&found, daemon.covered().0);
                    self.daemon = Some(daemon);
                    self.set_time();
                }
                Err(why) => assert!(self.disk.is_dead(), "the daemon does not start: {why}"),
            }
            self.after_death();
        }
    }

    /// What a new life has found in the log.
    fn found(&mut self, found: &Found, covered: u64) {
        let there: BTreeSet<u64> = found.iter().map(|(number, _)| *number).collect();
        for number in self.done.range(covered + 1..).map(|(number, _)| number) {
            assert!(there.contains(number), "write {number} is lost");
        }
        for (number, lines) in found {
            let number = *number;
            // What could not be taken back from a failing disk before the end is there, but nothing came after it.
            let is_back = self.refused.remove(&number);
            assert!(
                !is_back || self.done.range(number..).next().is_none(),
                "write {number} was refused, and is there all the same"
            );
            // Who was not answered does not know whether it is there.
            let known = self.done.entry(number).or_insert_with(|| lines.clone());
            assert_eq!(known, lines, "write {number} is another one");
        }
    }

    fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().unwrap()
    }

    /// If a write of the disk has killed the daemon, that is made true.
    fn after_death(&mut self) -> bool {
        let is_dead = self.disk.is_dead();
        if is_dead {
            self.die(false);
        }
        is_dead
    }

    /// SIGKILL or a power cut; nobody runs after that.
    fn die(&mut self, power: bool) {
        self.tell(if power { "the power goes" } else { "the daemon is killed" });
        self.disk = if power { self.disk.power_cut() } else { self.disk.restart() };
        self.disk.set_weather(Weather::Fine);
        self.setup.network.sender_dies();
        if let Some(daemon) = self.daemon.take() {
            self.stored = daemon.die();
        }
    }

    fn crash(&mut self) {
        let power = self.setup.forced && self.dice.one_in(2);
        self.die(power);
        self.start();
    }

    fn write(&mut self, lines: String, second: u64) {
        let outcome = self.daemon().write(&lines);
        self.tell(format_args!("write {outcome:?}: {}", lines.trim().replace('\n', "; ")));
        match outcome {
            Ok(number) => {
                self.done.insert(number, lines);
                self.acknowledged.insert(number);
                // Another life may give the number of a write that was refused once more.
                self.refused.remove(&number);
            }
            Err(number) => {
                if self.after_death() {
                    self.start();
                } else {
                    self.refused.insert(number);
                }
                // The client tries it again, whatever became of it.
                self.to_come.entry(second + 1).or_default().push(lines);
            }
        }
    }

    /// What goes wrong, or is due, before the next write.
    fn happen(&mut self) {
        let what = self.dice.below(60);
        self.tell(format_args!("happens: {what}"));
        match what {
            0 => self.crash(),
            1 => {
                let writes = self.dice.below(30);
                self.disk.kill_after(writes);
            }
            2 => self.disk.set_weather(Weather::Full),
            3 => self.disk.set_weather(Weather::Failing(3)),
            4 => self.disk.set_weather(Weather::ReadOnly),
            5..10 => self.disk.set_weather(Weather::Fine),
            10 => self.setup.network.part(vec![ONE.to_string()]),
            11 => self.setup.network.part(vec![ONE.to_string(), TWO.to_string()]),
            12..14 => self.setup.network.part(Vec::new()),
            14..20 => self.daemon().checkpoint(),
            20..24 => drop(self.daemon().write_states()),
            24 => self.daemon().reload(),
            25 => self.stop(),
            26..50 => drop(self.daemon().write_outbox()),
            _ => {}
        }
        if self.after_death() {
            self.start();
        }
        let time = Duration::from_millis(self.dice.below(900));
        self.daemon().run(time);
        self.daemon().check_bounds();
    }

    /// SIGTERM and a start.
    fn stop(&mut self) {
        let daemon = self.daemon.take().unwrap();
        self.stored = daemon.stop();
        self.die(false);
        self.start();
    }

    /// The clock goes on, or jumps back or far ahead: what points cause hangs on their own times.
    fn jump(&mut self) {
        let now = self.clock.load(Ordering::Relaxed);
        let then = match self.dice.below(10) {
            0 => now - SECOND * self.dice.below(3600) as i64,
            1 => now + SECOND * self.dice.below(86_400) as i64,
            _ => now + SECOND,
        };
        self.clock.store(then.max(0), Ordering::Relaxed);
        self.set_time();
    }

    fn set_time(&mut self) {
        let now = self.clock.load(Ordering::Relaxed);
        self.daemon().set_time(now);
    }

    fn play(&mut self) {
        self.start();
        // Each client has its own delay, so their writes cross each other on the way.
        let delays: Vec<u64> = (0..3).map(|_| self.dice.below(3)).collect();
        let mut second = 0;
        while second < 30 || !self.to_come.is_empty() {
            if second < 30 {
                for delay in &delays {
                    let lines = self.lines(second);
                    self.to_come.entry(second + delay).or_default().push(lines);
                }
            } else {
                self.disk.set_weather(Weather::Fine);
            }
            for lines in self.to_come.remove(&second).unwrap_or_default() {
                self.happen();
                self.write(lines, second);
            }
            self.jump();
            second += 1;
        }
    }

    /// All is well again, for as long as anything waits; the dead letters.
    fn settle(&mut self) {
        self.disk.set_weather(Weather::Fine);
        self.setup.network.calm();
        self.crash();
        for round in 0.. {
            self.daemon().write_outbox();
            // What is dead sends nothing.
            if self.after_death() {
                self.start();
            }
            self.daemon().run(Duration::from_secs(150));
            let dead = self.daemon().outbox.dead_letters(&Letters::default(), 0, 0).1 as u64;
            if self.daemon().outbox.counts().events == 0 {
                break;
            }
            self.daemon().topics.retry_dead_letters(&Letters::default());
            assert!(round < 300, "events wait for ever, {dead} of them as dead letters");
        }
    }
}

/// What comes of these writes without a fault, of all groups or of one.
fn undisturbed(script: &str, writes: &BTreeMap<u64, String>, host: Option<&str>) -> Vec<Arrival> {
    let network = Network::new(0);
    let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(MemoryStore::default())));
    let to = network.clone();
    let alerts = AlertHost::on_network(Configs::default(), &topics, "http://self", move |posted| to.take(&posted));
    let surface = Surface::new(handlers::kinds(&alerts));
    let (mut bench, _) = Bench::in_world(TestHost::with_topics(topics), &surface, script, &Default::default()).unwrap();
    for write in writes.values() {
        let wanted = write.lines().filter(|line| host.is_none_or(|host| line.contains(host)));
        let lines: String = wanted.map(|line| format!("{line}\n")).collect();
        bench.write(&lines, Precision::Seconds);
    }
    network.arrived()
}

/// The names of events by service and id, with what they say, in the order in which they came first.
fn by_id(arrived: &[Arrival]) -> BTreeMap<(&str, &str), Vec<(&str, &str)>> {
    let mut all: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
    for Arrival { url, id, uid, what } in arrived {
        let known = all.entry((url, id)).or_default();
        if !known.contains(&(uid, what)) {
            known.push((uid, what));
        }
    }
    all
}

fn check(seed: u64) {
    let mut world = World::new(seed);
    world.play();
    world.settle();
    let World { setup, done, acknowledged, .. } = &world;
    assert!(acknowledged.iter().all(|number| done.contains_key(number)), "an acknowledged write is lost");
    let (arrived, wanted) = (setup.network.arrived(), undisturbed(setup.script, done, None));
    let (mut told, mut wanted) = (by_id(&arrived), by_id(&wanted));
    if setup.network.refused() > 0 || setup.capacity < 100 {
        // Dead letters come last.
        told.values_mut().chain(wanted.values_mut()).for_each(|uids| uids.sort_unstable());
    }
    assert_eq!(told.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "not the same ids were told");
    for (key, uids) in &told {
        assert_eq!(uids, &wanted[key], "{key:?}: told is not what an undisturbed run tells, in its order");
    }
    let hosts: BTreeSet<&str> = told.keys().map(|(_, id)| *id).collect();
    for host in hosts {
        let alone = undisturbed(setup.script, done, Some(host));
        for (key, mut uids) in by_id(&alone).into_iter().filter(|((_, id), _)| *id == host) {
            uids.sort_unstable();
            let mut all = told.get(&key).cloned().unwrap_or_default();
            all.sort_unstable();
            assert_eq!(uids, all, "{key:?} felt another group");
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let first = number("FIRST").unwrap_or(0);
            first..first + number("SEEDS").unwrap_or(50)
        }
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| check(seed));
        assert!(outcome.is_ok(), "play it again: SEED={seed} cargo test -p engine --test simulation");
    }
}
