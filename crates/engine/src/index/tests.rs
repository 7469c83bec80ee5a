//! Tasks whose rows an index sorts out do the same as tasks that are shown all rows.

use std::{collections::BTreeMap, sync::Arc};

use alert::Kinds;
use model::{LiveSchema, Precision, Schema, Words, parse_lines};
use proptest::prelude::*;

use crate::{
    EdgeKind, Extent, Host, Letter, NodeStats, Origin, SavedTask, Selection, Snapshot, Task, TaskInfo, Write,
    define::{Built, Request, Surface, build, define},
    testing::TestHost,
    workers::{Ending, Parcel, Receiver, TaskNumber, Worker},
};

const INDEX: u64 = 1_000_000;

/// Tasks on one worker, by way of an index or without.
struct World {
    schema: Arc<Schema>,
    host: Arc<TestHost>,
    worker: Worker,
    tasks: BTreeMap<TaskNumber, Vec<Arc<NodeStats>>>,
    /// What tasks were made of, and what is stored of them.
    scripts: BTreeMap<TaskNumber, String>,
    saved: BTreeMap<TaskNumber, SavedTask>,
    indexed: Vec<TaskNumber>,
    by_index: bool,
    /// Writes have numbers, as those of the log.
    written: u64,
    /// Tasks come with fewer than so many of the next writes in their state.
    ahead: u64,
}

impl World {
    fn new(by_index: bool) -> World {
        let host = Arc::new(TestHost::default());
        let schema = Schema::new();
        let live = LiveSchema::from(Arc::clone(&schema));
        let ended = Arc::new(|number, why| panic!("{number}: {why}"));
        let worker = Worker::new(Arc::clone(&host) as Arc<dyn Host>, live, ended);
        World {
            schema,
            host,
            worker,
            tasks: BTreeMap::new(),
            scripts: BTreeMap::new(),
            saved: BTreeMap::new(),
            indexed: Vec::new(),
            by_index,
            written: 0,
            ahead: 1,
        }
    }

    fn add(&mut self, number: TaskNumber, script: &str) {
        self.scripts.insert(number, script.to_string());
        let task = self.built(number, script);
        self.start(number, task);
    }

    fn built(&self, number: TaskNumber, script: &str) -> Task {
        let surface = Surface::new(Kinds::default());
        // A topic of its own: what another task told a topic is known to a group that is met after that.
        let script = format!("{} |httpPost('http://t{number}')", script.replace('@', &format!("t{number}")));
        let defined = define(&surface, &script, &Request::default()).expect("the script is right");
        assert_eq!(defined.kind, EdgeKind::Stream);
        let dbrps = vec![("d".to_string(), "r".to_string())];
        let info = Arc::new(TaskInfo { id: format!("t{number}").into(), stream: true, dbrps });
        let world: Arc<dyn Host> = Arc::clone(&self.host) as Arc<dyn Host>;
        let Built { mut task, .. } =
            build(&surface, &defined.pipeline, &info, &self.schema, &world).expect("it can be built");
        task.set_covered(self.written + number % self.ahead);
        task
    }

    /// Have what has changed of a task stored.
    fn save(&mut self, number: TaskNumber) {
        let (answer, snapshot) = std::sync::mpsc::channel();
        let extent = if self.saved.contains_key(&number) { Extent::Changes } else { Extent::Whole };
        let answer = Box::new(move |snapshot: Option<Snapshot>, _| drop(answer.send(snapshot)));
        self.worker.take(Parcel::Letter(number, Letter::Snapshot { extent, delivered: self.written, answer }));
        self.store(number, snapshot.recv().expect("it is answered"));
    }

    /// Suspend a task and let it go on.
    fn restart(&mut self, number: TaskNumber) {
        let (answer, last) = std::sync::mpsc::channel();
        let extent = if self.saved.contains_key(&number) { Extent::LastChanges } else { Extent::LastWhole };
        self.indexed.retain(|known| *known != number);
        let done = Box::new(move |last: Option<(Snapshot, u64)>| drop(answer.send(last)));
        self.worker.take(Parcel::Remove(number, Ending::Suspended(extent), done));
        let (snapshot, _) = last.recv().expect("it is answered").unzip();
        self.store(number, snapshot);
        let mut task = self.built(number, &self.scripts[&number]);
        assert_eq!(task.restore(&self.saved[&number]), []);
        self.start(number, task);
    }

    fn store(&mut self, number: TaskNumber, snapshot: Option<Snapshot>) {
        if let Some(snapshot) = snapshot {
            self.saved.entry(number).or_default().apply(&snapshot);
        }
    }

    fn start(&mut self, number: TaskNumber, task: Task) {
        let index = (self.by_index && task.gate().is_some()).then_some(INDEX);
        if index.is_some() {
            self.indexed.push(number);
        }
        self.tasks.insert(number, task.stats().to_vec());
        self.worker.take(Parcel::Add(number, Box::new(task), index));
    }

    fn remove(&mut self, number: TaskNumber) {
        self.tasks.remove(&number);
        self.saved.remove(&number);
        self.indexed.retain(|known| *known != number);
        self.worker.take(Parcel::Remove(number, Ending::Forgotten, Box::new(|_| {})));
    }

    /// A write of the measurement `m`; the number 77.25 stands for what is none.
    fn write(&mut self, lines: &str) {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).expect("good lines");
        for word in words.words.iter_mut().filter(|word| **word == 77.25f64.to_bits()) {
            *word = f64::NAN.to_bits();
        }
        self.written += 1;
        let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
        let write = Arc::new(Write { origin, rows, words: Arc::new(words), number: self.written });
        let all = |receiver| (receiver, Selection::All);
        let mut receivers: Vec<_> = self.tasks.keys().filter(|task| !self.indexed.contains(task)).collect();
        receivers.sort_unstable();
        let mut receivers: Vec<_> = receivers.into_iter().map(|task| all(Receiver::Task(*task))).collect();
        if !self.indexed.is_empty() {
            receivers.push(all(Receiver::Index(INDEX)));
        }
        self.worker.take(Parcel::Write(write, receivers, None));
    }

    /// All that can be seen of each task: what it posted, what it logged, what it counted.
    fn seen(&mut self) -> BTreeMap<String, Vec<String>> {
        self.worker.count();
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let host = self.host.seen();
        for post in &host.posts {
            seen.entry(post.url.clone()).or_default().push(post.body.clone());
        }
        for log in &host.logs {
            let task = log.split(' ').nth(1).unwrap_or_default().to_string();
            seen.entry(task).or_default().push(log.clone());
        }
        for (number, stats) in &self.tasks {
            for node in stats {
                let key = format!("{number} {}", node.name);
                seen.insert(key, vec![format!("{:?} {:?} {}", node.shown(), node.collected, node.emitted())]);
            }
        }
        seen
    }
}

const COMPARISONS: [&str; 5] = [">", ">=", "<", "<=", "=="];
const NUMBERS: [&str; 9] = ["-1.5", "0.0", "-0.0", "1.0", "2.5", "0", "1", "2", "-1"];

fn limit() -> impl Strategy<Value = String> {
    // Most are of one kind, so that many share an index.
    let some = |texts: &'static [&'static str]| prop::sample::select(texts);
    let any = (some(&["a", "b", "gone"]), some(&COMPARISONS), some(&NUMBERS), any::<bool>())
        .prop_map(|(f, c, n, swap)| if swap { format!("{n} {c} \"{f}\"") } else { format!("\"{f}\" {c} {n}") });
    let usual = some(&NUMBERS[..5]).prop_map(|number| format!("\"a\" > {number}"));
    prop_oneof![2 => usual, 1 => any]
}

/// What `where` says: of a number, of tags, or of both.
fn passes() -> impl Strategy<Value = String> {
    let tags = prop::sample::select(vec![
        "\"host\" == 'h1'",
        "\"host\" != 'h2' AND \"dc\" =~ /^d/",
        "\"dc\" == 'd1' OR \"host\" == 'h0'",
        "\"nowhere\" == 'x'",
    ]);
    prop_oneof![
        3 => limit(),
        1 => tags.clone().prop_map(str::to_string),
        2 => (tags.clone(), limit()).prop_map(|(tags, limit)| format!("{tags} AND {limit}")),
        1 => (tags, limit()).prop_map(|(tags, limit)| format!("{limit} AND {tags}")),
    ]
}

fn script() -> impl Strategy<Value = String> {
    let froms = vec![
        "",
        ".groupBy('host')",
        ".groupBy('host')",
        ".groupBy(*)",
        ".database('d').groupBy('host')",
        ".database('other').groupBy('host')",
        ".where(lambda: \"host\" == 'h1').groupBy('host')",
        ".where(lambda: \"host\" != 'h1' AND \"dc\" =~ /^d/).groupBy('host')",
        ".where(lambda: \"a\" > 1.0).groupBy('host')",
    ];
    let rules = vec![
        "",
        ".stateChangesOnly()",
        ".noRecoveries()",
        ".stateChangesOnly(3s)",
        ".flapping(0.2, 0.5)",
        // What one group told its topic is known to those that come after it.
        ".id('all').stateChangesOnly()",
    ];
    let level = || prop::option::of(limit());
    let levels = (level(), level(), limit(), prop::option::weighted(0.3, limit()));
    (prop::sample::select(froms), prop::option::weighted(0.7, passes()), levels, prop::sample::select(rules)).prop_map(
        |(from, limit, (info, warn, crit, reset), rules)| {
            let mut script = format!("stream |from().measurement('m'){from}");
            if let Some(limit) = limit {
                script += &format!(" |where(lambda: {limit})");
            }
            script += " |alert().topic('@')";
            for (name, condition) in [("info", info), ("warn", warn), ("crit", Some(crit)), ("critReset", reset)] {
                if let Some(condition) = condition {
                    script += &format!(".{name}(lambda: {condition})");
                }
            }
            script + rules
        },
    )
}

/// Lines of few series, with all kinds of values, and now and then a tag where a field is expected.
fn lines() -> impl Strategy<Value = String> {
    const VALUES: [&str; 14] =
        ["-2.0", "-0.0", "0.0", "0.5", "1.0", "2.5", "3.0", "77.25", "0i", "1i", "2i", "-1i", "t", "\"x\""];
    let value = || {
        prop::option::weighted(
            0.8,
            prop_oneof![4 => prop::sample::select(&VALUES[..7]), 1 => prop::sample::select(&VALUES[..])],
        )
    };
    let tags = prop::sample::select(vec!["", ",dc=d1", ",dc=d2", ",dc=d1", ",a=tag"]);
    let line = (0..4u8, tags, value(), value(), prop::bool::weighted(0.05));
    prop::collection::vec(line, 1..30).prop_map(|lines| {
        let mut text = String::new();
        for (time, (host, tags, a, b, clash)) in lines.into_iter().enumerate() {
            text += &format!("m,host=h{host}{tags} c=1");
            for (name, value) in [("a", a), ("b", b), ("dc", clash.then_some("\"y\""))] {
                if let Some(value) = value {
                    text += &format!(",{name}={value}");
                }
            }
            text += &format!(" {time}\n");
        }
        text
    })
}

#[derive(Debug, Clone)]
enum Deed {
    Write(String),
    Add(String),
    /// The task that was added first.
    Remove,
    /// The task that was added last.
    Save,
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    let of_one = prop::sample::select(vec![Deed::Remove, Deed::Save, Deed::Restart]);
    prop_oneof![6 => lines().prop_map(Deed::Write), 1 => script().prop_map(Deed::Add), 2 => of_one]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn tasks_do_the_same_by_an_index(
        scripts in prop::collection::vec(script(), 1..8), deeds in prop::collection::vec(deed(), 1..10),
    ) {
        let (mut plain, mut by_index) = (World::new(false), World::new(true));
        (plain.ahead, by_index.ahead) = (3, 3);
        let begin = scripts.into_iter().map(Deed::Add);
        for (number, deed) in begin.chain(deeds).enumerate() {
            for world in [&mut plain, &mut by_index] {
                match &deed {
                    Deed::Write(lines) => world.write(lines),
                    Deed::Add(script) => world.add(number as TaskNumber, script),
                    Deed::Remove => world.tasks.keys().next().copied().into_iter().for_each(|task| world.remove(task)),
                    Deed::Save => world.tasks.keys().last().copied().into_iter().for_each(|task| world.save(task)),
                    Deed::Restart => world.tasks.keys().last().copied().into_iter().for_each(|task| world.restart(task)),
                }
            }
            prop_assert_eq!(by_index.seen(), plain.seen());
        }
    }
}

#[test]
fn one_task_that_reads_a_field_where_others_read_tags_is_shown_all_of_it_alone() {
    let mut world = World::new(true);
    let from = "stream |from().measurement('m').groupBy('host')";
    world.add(0, &format!("{from} |where(lambda: \"c\" == 1 AND \"a\" > 5.0) |alert().crit(lambda: \"a\" > 1000.0)"));
    for number in 1..20 {
        let guard = format!("\"host\" == 'h{number}' AND \"a\" > 5.0");
        world.add(number, &format!("{from} |where(lambda: {guard}) |alert().crit(lambda: \"a\" > 1000.0)"));
    }
    assert_eq!(world.indexed.len(), 20);
    for _ in 0..2 {
        let lines: String = (0..20).map(|host| format!("m,host=h{host} c=1,a=9 1\n")).collect();
        world.write(&lines);
    }
    let collected = |world: &World, task, node: usize| {
        world.tasks[&task][node].collected.load(std::sync::atomic::Ordering::Relaxed)
    };
    // Each of the others sees a group once; then all is well.
    assert_eq!((collected(&world, 0, 0), collected(&world, 7, 0)), (40, 20));
    world.worker.count();
    let of = |task| [0, 2, 3].map(|node| collected(&world, task, node));
    assert_eq!((of(0), of(7)), ([40, 40, 40], [40, 40, 2]));
}

#[test]
fn rows_that_do_nothing_are_not_shown() {
    let mut world = World::new(true);
    for number in 0..100 {
        let from = "stream |from().measurement('m').groupBy('host')";
        world.add(number, &format!("{from} |where(lambda: \"a\" > {number}) |alert().crit(lambda: \"a\" > 1000)"));
    }
    assert_eq!(world.indexed.len(), 100);
    world.write("m,host=x a=50.5 1");
    world.write("m,host=x a=20.5 2\nm,host=x a=1001 3\nm,host=x a=50.5 4\nm,host=x a=30.5 5");
    world.worker.count();
    let collected =
        |number: u64, node: usize| world.tasks[&number][node].collected.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((collected(0, 0), collected(0, 2), collected(0, 3)), (5, 5, 5));
    assert_eq!((collected(40, 0), collected(40, 2), collected(40, 3)), (5, 5, 3));
    assert_eq!((collected(99, 0), collected(99, 2), collected(99, 3)), (5, 5, 1));
    let posts = world.host.seen().posts.len();
    // CRITICAL for all; and those whose limit is passed next are OK again.
    assert_eq!(posts, 100 + 51);
}
