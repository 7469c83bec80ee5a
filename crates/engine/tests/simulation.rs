//! A task, its log of writes and its checkpoints under random faults, all of it from a seed: clients whose writes cross
//! each other, a disk that is cut off in the middle of a record, kills at any moment, a clock that jumps.
//!
//! What must hold: no write that was acknowledged is lost, the outcome is that of a run without faults, the events of an
//! id come in order, and no group feels another. `SIMULATION_SEEDS=5000` plays so many seeds instead of a hundred,
//! `SIMULATION_SEED=17` that one.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use alert::{Event, Handler, Kind, Kinds, testing::Collector};
use engine::{
    Extent, SavedTask,
    define::Surface,
    testing::{Bench, TestHost},
};
use journal::Journal;
use model::Precision;

const SECOND: i64 = 1_000_000_000;
const SEGMENT: u64 = 8 << 10;

const SCRIPTS: &[&str] = &[
    "stream |from().measurement('m').groupBy('host') |window().period(7s).every(3s) |sum('v').as('v')
     |alert().id('{{ .Group }}').crit(lambda: \"v\" > 60).stateChangesOnly().catch()",
    "stream |from().measurement('m').groupBy('host') |stateDuration(lambda: \"v\" > 10).unit(1s) |derivative('v').as('d')
     |alert().id('{{ .Group }}').warn(lambda: \"state_duration\" > 3).crit(lambda: \"d\" > 9.0).catch()",
    "stream |from().measurement('m').groupBy('host') |eval(lambda: count(), lambda: \"v\").as('n', 'v')
     |alert().id('{{ .Group }}').message('{{ index .Fields \"n\" }}').crit(lambda: \"v\" > 15).catch()",
    "var a = stream |from().measurement('m').groupBy('host')
     var b = stream |from().measurement('n').groupBy('host')
     a |join(b).as('a', 'b').tolerance(2s) |eval(lambda: \"a.v\" + \"b.v\").as('v')
     |alert().id('{{ .Group }}').crit(lambda: \"v\" > 20).stateChangesOnly().catch()",
];

/// Random numbers that are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Whether something happens that happens once in `n` times.
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Default)]
struct NoOptions;

/// Where tasks are made, with the kind `catch`, whose handlers keep what they get.
struct Stage {
    surface: Surface,
    collector: Collector,
}

impl Stage {
    fn new() -> Stage {
        let collector = Collector::default();
        let kept = collector.clone();
        let kind = Kind::of(
            "catch",
            |it: declare::Declaration<NoOptions>| it,
            move |_, _| Ok(Box::new(kept.clone()) as Box<dyn Handler>),
        );
        Stage { surface: Surface::new(Kinds::new(vec![kind.method("catch").build()])), collector }
    }

    /// One life of the daemon.
    fn begin(&self, script: &str, saved: &SavedTask) -> Bench {
        let (bench, anew) =
            Bench::in_world(TestHost::with_memory(), &self.surface, script, saved).expect("the script is right");
        assert!(anew.is_empty(), "a node begins anew: {anew:?}");
        bench
    }

    /// What was told since so many events.
    fn told(&self, from: usize) -> Vec<Seen> {
        self.collector.events()[from..].iter().map(seen).collect()
    }

    /// What comes of these writes without a fault, of all groups or of one.
    fn undisturbed(&self, script: &str, writes: &[String], host: Option<&str>) -> Vec<Seen> {
        let from = self.collector.events().len();
        let mut bench = self.begin(script, &SavedTask::default());
        for write in writes {
            let wanted = write.lines().filter(|line| host.is_none_or(|host| line.contains(host)));
            let lines: String = wanted.map(|line| format!("{line}\n")).collect();
            bench.write(&lines, Precision::Seconds);
        }
        self.told(from)
    }
}

/// An event as its receivers see it.
type Seen = (String, i64, String, String);

fn seen(event: &Event) -> Seen {
    let state = &event.state;
    (state.id.to_string(), state.time, state.level.to_string(), state.message.to_string())
}

/// The world around the daemon: its disk, its clients and what came out.
struct World {
    dice: Dice,
    script: &'static str,
    folder: PathBuf,
    /// None while nobody runs.
    log: Option<Journal>,
    /// Writes as they stand in the log.
    logged: Vec<String>,
    acknowledged: Vec<String>,
    /// The state on disk, and how many writes it knows.
    checkpoint: (SavedTask, usize),
    stage: Stage,
    bench: Bench,
    clock: i64,
}

/// Open the log; the writes in it.
fn open(folder: &Path) -> (Journal, Vec<String>) {
    let mut writes = Vec::new();
    let (log, _) = Journal::open(folder, SEGMENT, |_, record| {
        writes.push(String::from_utf8(record.to_vec()).expect("what was written"));
    })
    .expect("the log opens whatever a kill has left of it");
    (log, writes)
}

impl World {
    fn new(seed: u64, folder: &Path) -> World {
        let mut dice = Dice(seed);
        let script = SCRIPTS[dice.below(SCRIPTS.len() as u64) as usize];
        let (log, logged) = open(folder);
        let stage = Stage::new();
        let bench = stage.begin(script, &SavedTask::default());
        World {
            dice,
            script,
            folder: folder.to_path_buf(),
            log: Some(log),
            logged,
            acknowledged: Vec::new(),
            checkpoint: (SavedTask::default(), 0),
            stage,
            bench,
            clock: 0,
        }
    }

    /// A write of a client: a few points of its hosts, whose times go forward.
    fn lines(&mut self, second: i64) -> String {
        let mut lines = String::new();
        for _ in 0..=self.dice.below(3) {
            let host = self.dice.below(5);
            let name = if self.dice.one_in(3) { "n" } else { "m" };
            let value = self.dice.below(25);
            lines.push_str(&format!("{name},host=h{host} v={value} {second}\n"));
        }
        lines
    }

    /// Log it, acknowledge it, and hand it to the task.
    fn write(&mut self, lines: String) {
        let log = self.log.as_mut().expect("the daemon runs");
        log.append(lines.as_bytes()).expect("room on the disk");
        log.commit().expect("room on the disk");
        self.logged.push(lines.clone());
        if self.dice.one_in(20) {
            // The connection breaks before the answer: the write counts all the same, as it is in the log.
            return self.crash();
        }
        self.acknowledged.push(lines.clone());
        self.bench.write(&lines, Precision::Seconds);
    }

    /// A write of which the disk has got but a part when the kill comes; nobody was told that it was taken.
    fn torn_write(&mut self, lines: &str) {
        let newest = std::fs::read_dir(&self.folder).expect("the log's folder").filter_map(|entry| {
            let path = entry.expect("an entry").path();
            path.extension().is_some().then_some(path)
        });
        let newest = newest.max().expect("a segment");
        // The frame of a record says how long it is; what follows is too short for that.
        let mut bytes = (lines.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&lines.as_bytes()[..self.dice.below(lines.len() as u64) as usize]);
        let mut file = OpenOptions::new().append(true).open(newest).expect("a segment");
        file.write_all(&bytes).expect("room on the disk");
        self.crash();
    }

    /// What the task remembers goes to the disk, with how far in the log that is.
    fn save(&mut self) {
        // The log has what came after it, so it may be taken at its word: nobody else need be asked for levels.
        let extent = if self.checkpoint.0.is_empty() { Extent::LastWhole } else { Extent::LastChanges };
        if let Some(snapshot) = self.bench.task.snapshot(extent) {
            self.checkpoint.0.apply(&snapshot);
        }
        self.checkpoint.1 = self.logged.len();
    }

    /// SIGKILL, and the start after it: the checkpoint, then the tail of the log.
    fn crash(&mut self) {
        let folder = self.folder.clone();
        // Nothing of what it holds is written at its end.
        self.log = None;
        let (log, logged) = open(&folder);
        assert_eq!(logged, self.logged, "the log holds what was committed, and nothing else");
        self.log = Some(log);
        self.bench = self.stage.begin(self.script, &self.checkpoint.0);
        self.jump();
        for lines in &logged[self.checkpoint.1..] {
            self.bench.write(lines, Precision::Seconds);
        }
    }

    /// The clock goes on, or jumps back or far ahead: what points cause hangs on their own times.
    fn jump(&mut self) {
        self.clock = match self.dice.below(10) {
            0 => self.clock - SECOND * self.dice.below(3600) as i64,
            1 => self.clock + SECOND * self.dice.below(86_400) as i64,
            _ => self.clock + SECOND,
        }
        .max(0);
        self.bench.advance_to(self.clock);
    }

    fn play(&mut self) {
        // Each client has its own delay, so their writes cross each other on the way.
        let delays: Vec<u64> = (0..3).map(|_| self.dice.below(3)).collect();
        let mut under_way: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for second in 0..40 {
            for delay in &delays {
                let lines = self.lines(second as i64);
                under_way.entry(second + delay).or_default().push(lines);
            }
            for lines in under_way.remove(&second).unwrap_or_default() {
                match self.dice.below(40) {
                    0 => self.torn_write(&lines),
                    1 => self.crash(),
                    2..6 => self.save(),
                    _ => {}
                }
                self.write(lines);
            }
            self.jump();
        }
        self.crash();
    }
}

/// Events by id, without those that came again after a kill.
fn by_id(told: &[Seen]) -> BTreeMap<&str, Vec<&Seen>> {
    let mut all: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for event in told {
        let known = all.entry(&event.0).or_default();
        if !known.contains(&event) {
            known.push(event);
        }
    }
    all
}

fn check(seed: u64) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut world = World::new(seed, folder.path());
    world.play();
    let World { stage, script, logged, acknowledged, .. } = &world;
    let mut left = logged.iter();
    assert!(acknowledged.iter().all(|write| left.any(|logged| logged == write)), "an acknowledged write is lost");
    // What comes again after a kill stands in it again.
    let told = stage.told(0);
    let wanted = stage.undisturbed(script, logged, None);
    let (told, wanted) = (by_id(&told), by_id(&wanted));
    assert_eq!(told, wanted, "what was told is not what an undisturbed run tells, in its order");
    for (id, events) in &told {
        let alone = stage.undisturbed(script, logged, Some(id));
        assert_eq!(by_id(&alone).get(id), Some(events), "{id} felt another group");
    }
}

#[test]
fn nothing_acknowledged_is_lost_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(100),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| check(seed));
        assert!(outcome.is_ok(), "play it again: SIMULATION_SEED={seed} cargo test -p engine --test simulation");
    }
}
