//! The log of writes, with tasks that nobody defined: a tap shows what is handed to them.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use engine::{Host, Origin, Tasks, Write, testing::TestHost};
use model::{Precision, Schema, Words, parse_lines};

use super::{Entry, Found, IngestLog, LogOptions, NotLogged, Tail};

struct World {
    log: IngestLog,
    tail: Tail,
    tasks: Arc<Tasks>,
    schema: Arc<Schema>,
    /// Numbers of the writes that tasks got, and how many rows each had.
    got: Arc<Mutex<Vec<(u64, usize)>>>,
}

fn options(folder: &Path) -> LogOptions {
    LogOptions {
        folder: folder.join("log"),
        fsync_interval: Duration::from_secs(3600),
        limit: 64 << 20,
        longest_age: Duration::ZERO,
    }
}

fn open(options: LogOptions) -> World {
    let schema = Schema::new();
    let host: Arc<dyn Host> = Arc::new(TestHost::default());
    let tasks = Arc::new(Tasks::new(Arc::clone(&schema), &host, 1).unwrap());
    let got: Arc<Mutex<Vec<(u64, usize)>>> = Arc::default();
    let seen = Arc::clone(&got);
    tasks.tap(Box::new(move |write| seen.lock().unwrap().push((write.number, write.rows.len()))));
    let (log, tail) = Found::open(options).unwrap().start(Arc::clone(&tasks)).unwrap();
    World { log, tail, tasks, schema, got }
}

impl World {
    fn write(&self, lines: &str) -> Result<(), NotLogged> {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema, lines.as_bytes(), Precision::Seconds, 7, &mut rows, &mut words).unwrap();
        let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
        let write = Write { origin, rows, words: Arc::new(words), number: 0 };
        let lines = lines.to_string().into();
        let entry = Entry { lines, precision: Precision::Seconds, now: 7, write, share: None };
        self.log.submit(entry).blocking_recv().unwrap()
    }

    fn got(&self) -> Vec<(u64, usize)> {
        self.got.lock().unwrap().clone()
    }

    fn replay(self, from: u64) -> Vec<(u64, usize)> {
        let World { log, tail, tasks, schema, got } = self;
        let count = tail.replay(from, &log, &schema, &tasks);
        let got = got.lock().unwrap().clone();
        assert_eq!((count, log.counts().replayed), (got.len() as u64, got.len() as u64));
        got
    }
}

#[test]
fn what_was_acknowledged_comes_again_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(options(folder.path()));
    let id = world.log.id();
    for lines in ["m v=1 1", "m v=2 2\nm v=3", "m v=4 4"] {
        world.write(lines).unwrap();
    }
    assert_eq!(world.got(), [(1, 1), (2, 2), (3, 1)]);
    // Nothing is written at the end that is not there already.
    let copy = folder.path().join("copy");
    fs::create_dir_all(&copy).unwrap();
    for file in fs::read_dir(folder.path().join("log")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let killed = open(LogOptions { folder: copy, ..options(folder.path()) });
    assert_eq!((killed.log.id(), killed.log.last()), (id, 3));
    assert_eq!(killed.replay(1), [(2, 2), (3, 1)]);
    world.log.close();
    assert_eq!(world.write("m v=5 5"), Err(NotLogged::Stopping));
    drop(world);
    let again = open(options(folder.path()));
    again.write("m v=5 5").unwrap();
    assert_eq!(again.got(), [(4, 1)]);
}

#[test]
fn a_full_log_takes_writes_again_once_it_is_covered() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(LogOptions { limit: 4 << 20, ..options(folder.path()) });
    // What cannot be compressed.
    let mut chance = 7_u64;
    let mut lines = || -> String {
        let line = |_| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("m v={chance}u 1\n").replace('u', "")
        };
        (0..8000).map(line).collect()
    };
    let mut taken = 0;
    let refused = loop {
        match world.write(&lines()) {
            Ok(()) => taken += 1,
            Err(why) => break why,
        }
        assert!(taken < 1000, "the log has no bound");
    };
    assert_eq!((refused, world.got().len()), (NotLogged::Full, taken));
    assert_eq!(world.log.counts().refused, 1);
    world.log.covered(world.log.last());
    testkit::wait::until("room in the log", || world.write("m v=1 1").is_ok().then_some(()));
    assert!(world.log.counts().bytes < 4 << 20);
}

#[test]
fn what_is_damaged_is_passed_over_and_the_rest_comes() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(options(folder.path()));
    for second in 1..=3 {
        world.write(&format!("m v=1 {second}")).unwrap();
    }
    drop(world);
    let path = folder.path().join("log/000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let world = open(options(folder.path()));
    assert_eq!(world.log.last(), 2);
    // A checkpoint knows that there were more: their numbers are not given again.
    world.log.seen(3);
    world.write("m v=1 9").unwrap();
    assert_eq!(world.got(), [(4, 1)]);
    drop(world);
    let world = open(options(folder.path()));
    assert_eq!(world.replay(0), [(1, 1), (2, 1), (4, 1)]);
}

#[test]
fn what_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(options(folder.path()));
    let origin = Arc::new(Origin::default());
    let write = Write { origin, ..Write::default() };
    let lines = vec![b'\n'; super::LONGEST + 1].into();
    let entry = Entry { lines, precision: Precision::Seconds, now: 0, write, share: None };
    assert_eq!(world.log.submit(entry).blocking_recv().unwrap(), Err(NotLogged::TooLarge));
}
