//! Tasks that share the work of finding out whom a row concerns: their counters are right when they are asked for, and
//! what was only counted for them is nothing that they would have to remember.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alert::Kinds;
use engine::{
    Extent, Host, Origin, TaskInfo, Tasks, Write,
    define::{Request, Surface, build, define},
    testing::TestHost,
};
use model::{Precision, Schema, Words, parse_lines};

const TASKS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

/// Tasks on two workers, each with a limit of its own: task 10 takes what is above 10.
struct World {
    schema: Arc<Schema>,
    tasks: Tasks,
    /// The number of the last write.
    written: u64,
}

impl World {
    fn new() -> World {
        let (schema, host) = (Schema::new(), Arc::new(TestHost::default()) as Arc<dyn Host>);
        let tasks = Tasks::new(Arc::clone(&schema), &host, 2).unwrap();
        let surface = Surface::new(Kinds::default());
        for limit in 0..TASKS {
            let script = format!(
                "stream |from().measurement('m').groupBy('h') |where(lambda: \"v\" > {limit}) |alert().crit(lambda: \"v\" > 1000)"
            );
            let defined = define(&surface, &script, &Request::default()).unwrap();
            let dbrps = vec![("d".to_string(), "r".to_string())];
            let info = Arc::new(TaskInfo { id: limit.to_string().into(), stream: true, dbrps });
            let built = build(&surface, &defined.pipeline, &info, &schema, &host).unwrap();
            tasks.start(built);
        }
        World { schema, tasks, written: 0 }
    }

    fn write(&mut self, lines: &str) {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).unwrap();
        let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
        self.written += 1;
        self.tasks.write(&Arc::new(Write { origin, rows, words: Arc::new(words), number: self.written }), None);
    }

    /// What the nodes of a task collected, as is known now.
    fn collected(&self, task: &str) -> Vec<u64> {
        let running = self.tasks.get(task).unwrap();
        running.stats.iter().map(|node| node.collected.load(Ordering::Relaxed)).collect()
    }

    /// Take a snapshot of each task; those of which there is none, since nothing has changed.
    fn checkpoint(&self) -> Vec<String> {
        let mut same = Vec::new();
        for id in self.tasks.names() {
            let (send, receive) = crossbeam_channel::bounded(1);
            let answer = Box::new(move |snapshot, covered| drop(send.send((snapshot, covered))));
            assert!(self.tasks.snapshot(&id, Extent::Changes, answer));
            let (snapshot, covered) = receive.recv().unwrap();
            assert_eq!(covered, self.written);
            if snapshot.is_none() {
                same.push(id);
            }
        }
        same
    }

    fn moved(&self) -> Vec<String> {
        let mut moved = Vec::new();
        self.tasks.for_each(|id, task| {
            if task.footprint.has_moved() {
                moved.push(id.to_string());
            }
        });
        moved
    }
}

#[test]
fn counters_are_right_for_those_who_ask() {
    let mut world = World::new();
    world.write("m,h=a v=100 1");
    world.write("m,h=a v=20.5 2\nm,h=a v=5 3");
    for (task, passed) in [("0", 3), ("10", 2), ("40", 1)] {
        world.tasks.count(Some(task));
        assert_eq!(world.collected(task), [3, 3, 3, passed], "{task}");
    }
    // To ask again changes nothing, and all at once say the same.
    world.write("m,h=a v=10.5 4");
    world.tasks.count(Some("10"));
    world.tasks.count(Some("10"));
    assert_eq!(world.collected("10"), [4, 4, 4, 3]);
    world.tasks.count(None);
    assert_eq!((world.collected("10"), world.collected("11")), (vec![4, 4, 4, 3], vec![4, 4, 4, 2]));
    // So they are when others come to their end.
    world.write("m,h=a v=30 5");
    assert!(world.tasks.stop("11") && !world.tasks.stop("x"));
    world.write("m,h=a v=30 6");
    world.tasks.count(None);
    assert_eq!((world.collected("10"), world.collected("40")), (vec![6, 6, 6, 5], vec![6, 6, 6, 1]));
    world.tasks.count(Some("11"));
}

#[test]
fn what_is_counted_moves_nobody() {
    let mut world = World::new();
    assert_eq!(world.tasks.taken(PATIENCE), Some(0));
    assert!(world.moved().is_empty());
    // All of them come to know the group.
    world.write("m,h=a v=100 1");
    assert_eq!(world.tasks.taken(PATIENCE), Some(1));
    assert_eq!(world.moved().len(), TASKS);
    assert!(world.checkpoint().is_empty());
    world.write("m,h=a v=30 2\nm,h=a v=1 3");
    assert_eq!(world.tasks.taken(PATIENCE), Some(2));
    world.tasks.count(None);
    assert!(world.moved().is_empty());
    assert_eq!(world.checkpoint().len(), TASKS);
    // The first row of a group is shown to all, and later rows to those alone whose limit they pass for the first time.
    world.write("m,h=b v=2.5 4");
    assert!(world.checkpoint().is_empty());
    world.write("m,h=b v=9.5 5");
    assert_eq!(world.tasks.taken(PATIENCE), Some(4));
    assert_eq!(world.moved(), ["3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(world.checkpoint().len(), TASKS - 7);
}
