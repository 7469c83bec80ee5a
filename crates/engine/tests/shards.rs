//! A task that is divided among workers does what it would do alone: the same of each group, in the same order.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc};

use alert::Kinds;
use engine::{
    Ending, Extent, Host, Origin, SavedTask, Snapshot, TaskInfo, Tasks, Write,
    define::{Request, Surface, build_shards, define, division},
    testing::TestHost,
};
use model::{Precision, Schema, Words, parse_lines};

/// What a task gave: what was posted and written, in order for each group; its counters; and what it remembers.
#[derive(Debug, PartialEq, Default)]
struct Outcome {
    posts: BTreeMap<String, Vec<String>>,
    written: BTreeMap<String, Vec<String>>,
    counters: Vec<(String, u64, u64, i64)>,
}

/// A process in which a task runs on three workers.
struct World {
    schema: Arc<Schema>,
    host: Arc<TestHost>,
    tasks: Tasks,
}

impl World {
    /// With the script's task in so many shards, which goes on with what was saved.
    fn new(script: &str, shards: u8, saved: &SavedTask) -> World {
        let (schema, host) = (Schema::new(), Arc::new(TestHost::with_memory()));
        let world = Arc::clone(&host) as Arc<dyn Host>;
        let tasks = Tasks::new(Arc::clone(&schema), &world, 3).unwrap();
        let surface = Surface::new(Kinds::default());
        let defined = define(&surface, script, &Request::default()).unwrap();
        let dbrps = vec![("d".to_string(), "r".to_string())];
        let info = Arc::new(TaskInfo { id: "t".into(), stream: true, dbrps });
        let tags = division(&surface, &defined.pipeline).unwrap();
        let division = (shards > 1).then_some((&tags, shards));
        let mut built = build_shards(&surface, &defined.pipeline, (&info, &schema, &world), division).unwrap();
        assert_eq!(built.shards().count(), usize::from(shards));
        for shard in built.shards() {
            assert_eq!(shard.restore(saved), Vec::new());
        }
        tasks.start(built);
        World { schema, host, tasks }
    }

    fn write(&self, lines: &str) {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).unwrap();
        let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
        self.tasks.write(&Arc::new(Write { origin, rows, words: Arc::new(words), number: 0 }), None);
    }

    fn snapshot(&self, extent: Extent) -> Option<Snapshot> {
        let (send, receive) = crossbeam_channel::bounded(1);
        assert!(self.tasks.snapshot("t", extent, Box::new(move |snapshot, _| drop(send.send(snapshot)))));
        receive.recv().unwrap()
    }

    /// Stop it for a while: what it remembers.
    fn suspend(&self, saved: &mut SavedTask) {
        let (snapshot, _) = self.tasks.end("t", Ending::Suspended(Extent::LastChanges)).unwrap().unwrap();
        saved.apply(&snapshot);
    }

    /// All counters but those of groups, which are there after the writes have been taken.
    fn look(&self, outcome: &mut Outcome) {
        let running = self.tasks.get("t").unwrap();
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        outcome.counters = running
            .stats
            .iter()
            .map(|node| {
                let groups = node.cardinality.load(std::sync::atomic::Ordering::Relaxed);
                (node.name.clone(), read(&node.collected), node.emitted(), groups)
            })
            .collect();
    }

    fn take(&self, outcome: &mut Outcome) {
        let mut seen = self.host.seen();
        for post in seen.posts.drain(..) {
            let body = post.body;
            let key = body.split("\"columns\"").next().unwrap_or_default().to_string();
            outcome.posts.entry(key).or_default().push(body);
        }
        for line in seen.writes.drain(..).flat_map(|write| write.lines.lines().map(str::to_owned).collect::<Vec<_>>()) {
            let key = line.split(' ').next().unwrap_or_default().to_string();
            outcome.written.entry(key).or_default().push(line);
        }
    }
}

/// Values of many hosts in two zones, some of them without a tag, in random order from a seed.
fn lines(seed: u64, from: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut lines = String::new();
    for second in from..from + 40 {
        for _ in 0..12 {
            let (measurement, host, value) = (if next(3) == 0 { "b" } else { "a" }, next(9), next(100));
            let tags = if host == 8 { String::new() } else { format!(",host=h{host},zone=z{}", next(2)) };
            lines.push_str(&format!("{measurement}{tags} v={value} {second}\n"));
        }
    }
    lines
}

/// What comes of two writes with a restart between them, in so many shards before it and after it.
fn outcome(script: &str, seed: u64, shards: [u8; 2]) -> Outcome {
    let (mut outcome, mut saved) = (Outcome::default(), SavedTask::default());
    let first = World::new(script, shards[0], &saved);
    saved.apply(&first.snapshot(Extent::Whole).unwrap());
    first.write(&lines(seed, 0));
    saved.apply(&first.snapshot(Extent::Changes).unwrap());
    first.write(&lines(seed + 1, 40));
    first.suspend(&mut saved);
    first.take(&mut outcome);
    let second = World::new(script, shards[1], &saved);
    second.write(&lines(seed + 2, 80));
    // All that was written has been taken when this is answered.
    drop(second.snapshot(Extent::Changes));
    second.look(&mut outcome);
    second.tasks.stop_all();
    second.take(&mut outcome);
    outcome
}

const SCRIPTS: [&str; 6] = [
    "stream |from().measurement('a').groupBy('host') |window().period(10s).every(5s) |mean('v') |httpPost('http://x')",
    "stream |from().measurement('a').groupBy(*) |derivative('v') |where(lambda: \"v\" > 0.0) |httpPost('http://x')",
    "stream |from().measurement('a').groupBy('zone', 'host') |stateCount(lambda: \"v\" > 50) |groupBy('host') \
     |changeDetect('state_count') |httpPost('http://x')",
    "stream |from().measurement('a').groupBy('host') |eval(lambda: count()).as('n') |influxDBOut().buffer(1000)",
    "stream |from().measurement('a').groupBy('host') |alert().crit(lambda: \"v\" > 60).stateChangesOnly().topic('x') \
     |httpPost('http://x')",
    "var a = stream |from().measurement('a').groupBy('host') |window().periodCount(3).everyCount(3) |last('v') \
     var b = stream |from().measurement('b').groupBy('host') |window().periodCount(3).everyCount(3) |last('v') \
     a |join(b).as('a', 'b').tolerance(20s) |httpPost('http://x')",
];

#[test]
fn shards_do_together_what_one_task_does() {
    for script in SCRIPTS {
        for seed in 0..2 {
            let alone = outcome(script, seed, [1, 1]);
            assert!(!alone.posts.is_empty() || !alone.written.is_empty(), "{script}");
            for shards in [[2, 2], [3, 3], [1, 3], [3, 2], [5, 1]] {
                assert_eq!(outcome(script, seed, shards), alone, "{shards:?} of seed {seed}: {script}");
            }
        }
    }
}
