//! A fault of the program in one task ends that task, which says so, and no other.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alert::{BoxFuture, Event, Handler, Kind, Kinds, Outcome};
use engine::{
    Host, Origin, TaskInfo, Tasks, Write,
    define::{Request, Surface, build_shards, define, division},
    testing::TestHost,
};
use model::{Precision, Schema, Words, parse_lines};

/// A handler with a fault.
struct Boom;

impl Handler for Boom {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        panic!("boom at {}", event.state.id);
    }
}

#[derive(Clone, Default)]
struct NoOptions;

/// One worker, so that all tasks live on the same thread.
struct World {
    schema: Arc<Schema>,
    host: Arc<dyn Host>,
    surface: Surface,
    tasks: Tasks,
}

impl World {
    fn new() -> World {
        let kind =
            Kind::of("boom", |it: declare::Declaration<NoOptions>| it, |_, _| Ok(Box::new(Boom) as Box<dyn Handler>));
        let (schema, host) = (Schema::new(), Arc::new(TestHost::default()) as Arc<dyn Host>);
        let tasks = Tasks::new(Arc::clone(&schema), &host, 1).unwrap();
        World { schema, host, surface: Surface::new(Kinds::new(vec![kind.method("boom").build()])), tasks }
    }

    fn start(&self, id: &str, script: &str) {
        self.start_shards(id, script, 1);
    }

    fn start_shards(&self, id: &str, script: &str, shards: u8) {
        let defined = define(&self.surface, script, &Request::default()).unwrap();
        let dbrps = vec![("d".to_string(), "r".to_string())];
        let info = Arc::new(TaskInfo { id: id.into(), stream: true, dbrps });
        let tags = division(&self.surface, &defined.pipeline);
        let division = (shards > 1).then(|| (tags.as_ref().unwrap(), shards));
        let world = (&info, &self.schema, &self.host);
        let built = build_shards(&self.surface, &defined.pipeline, world, division).unwrap();
        self.tasks.start(built);
    }

    fn write(&self, lines: &str) {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).unwrap();
        let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
        self.tasks.write(&Arc::new(Write { origin, rows, words: Arc::new(words), number: 0 }), None);
    }

    /// What an endpoint shows, after all that was sent before.
    fn shown(&self, id: &str, node: &str) -> Option<String> {
        let (send, receive) = crossbeam_channel::bounded(1);
        self.tasks.show(id, node, Box::new(move |shown| drop(send.send(shown))));
        receive.recv().ok().flatten()
    }
}

#[test]
fn a_task_that_panics_ends_alone() {
    let world = World::new();
    world.start("bad", "stream |from() |alert().id('x').crit(lambda: \"v\" > 1).boom()");
    world.start("good", "stream |from() |httpOut('last')");
    world.write("m v=1 1\nm v=2 2\nm v=3 3");
    let shown = world.shown("good", "http_out2").unwrap();
    assert!(shown.contains("1970-01-01T00:00:03Z"), "{shown}");
    let failure = |id: &str| world.tasks.failure(&world.tasks.get(id).unwrap());
    assert_eq!(failure("bad").unwrap(), "the task ended by a fault of the program: boom at x");
    assert_eq!(failure("good"), None);
    // It is there no more: what is sent and asked gets no answer, and nobody waits for one.
    world.write("m v=4 4");
    assert_eq!(world.shown("bad", "alert2"), None);
    assert!(world.shown("good", "http_out2").unwrap().contains("1970-01-01T00:00:04Z"));
    // It can be started again, and stopped.
    world.start("bad", "stream |from() |httpOut('last')");
    world.write("m v=5 5");
    assert!(world.shown("bad", "http_out2").is_some());
    assert_eq!(failure("bad"), None);
    assert!(world.tasks.stop("bad") && world.tasks.stop("good") && !world.tasks.stop("good"));
}

#[test]
fn letters_of_all_kinds_pass_a_task_that_has_failed() {
    let world = World::new();
    world.start("t", "stream |from() |httpOut('last')");
    world.tasks.fail("t", "it was told to".to_string());
    world.tasks.measure("t");
    world.write("m v=1 1");
    assert_eq!(world.shown("t", "http_out2"), None);
    assert_eq!(world.tasks.failure(&world.tasks.get("t").unwrap()).unwrap(), "it was told to");
}

#[test]
fn a_shard_that_panics_ends_the_task() {
    let world = World::new();
    let script = "stream |from().groupBy('h') |alert().id('{{ .Group }}').crit(lambda: \"v\" > 1).boom()";
    world.start_shards("t", script, 4);
    let hosts = |value: u32| (0..40).map(|host| format!("m,h=h{host} v={value} 1\n")).collect::<String>();
    world.write(&hosts(0));
    world.write("m,h=h7 v=2 2");
    world.write(&hosts(1));
    // The worker has come so far when it answers this.
    world.start("other", "stream |from() |httpOut('last')");
    assert_eq!(world.shown("other", "http_out2").as_deref(), Some("{\"series\":null}"));
    let running = world.tasks.get("t").unwrap();
    assert_eq!(running.shard_count(), 4);
    assert_eq!(world.tasks.failure(&running).unwrap(), "the task ended by a fault of the program: boom at h=h7");
    // The second write of all hosts was taken by none.
    let collected = running.stats[0].collected.load(std::sync::atomic::Ordering::Relaxed);
    assert!((40..=41).contains(&collected), "{collected}");
    assert!(world.tasks.stop("t"));
}
