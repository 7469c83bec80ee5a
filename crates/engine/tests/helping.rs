//! Who brings a small write works it off if the worker sleeps, and nothing overtakes anything.
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    thread::ThreadId,
};

use alert::{BoxFuture, Event, Handler, Kind, Kinds, Outcome};
use engine::{
    Host, Origin, TaskInfo, Tasks, Write,
    define::{Request, Surface, build_shards, define},
    testing::TestHost,
};
use model::{Precision, Schema, Words, parse_lines};

/// Who was told what.
type Told = Arc<Mutex<Vec<(ThreadId, String)>>>;

struct Note(Told);

impl Handler for Note {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        self.0.lock().unwrap().push((std::thread::current().id(), event.state.message.to_string()));
        Box::pin(std::future::ready(Outcome::Done))
    }
}

#[derive(Clone, Default)]
struct NoOptions;

fn write(schema: &Arc<Schema>, number: usize, rows: usize) -> Arc<Write> {
    let lines: String = (0..rows).map(|row| format!("m v={number}i {row}\n")).collect();
    let (mut rows, mut words) = (Vec::new(), Words::default());
    parse_lines(schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).unwrap();
    let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
    Arc::new(Write { origin, rows, words: Arc::new(words), number: 0 })
}

#[test]
fn writes_are_taken_in_their_order_whoever_takes_them() {
    let told = Told::default();
    let handler = Arc::clone(&told);
    let kind = Kind::of(
        "note",
        |it: declare::Declaration<NoOptions>| it,
        move |_, _| Ok(Box::new(Note(Arc::clone(&handler))) as Box<dyn Handler>),
    );
    let surface = Surface::new(Kinds::new(vec![kind.method("note").build()]));
    let (schema, host) = (Schema::new(), Arc::new(TestHost::default()) as Arc<dyn Host>);
    let tasks = Tasks::new(Arc::clone(&schema), &host, 1).unwrap();
    let script = "stream |from() |alert().id('x').message('{{ index .Fields \"v\" }}').crit(lambda: \"v\" > 0).note()";
    let defined = define(&surface, script, &Request::default()).unwrap();
    let info = Arc::new(TaskInfo { id: "t".into(), stream: true, dbrps: vec![("d".to_string(), "r".to_string())] });
    tasks.start(build_shards(&surface, &defined.pipeline, (&info, &schema, &host), None).unwrap());

    let me = std::thread::current().id();
    let mine = || told.lock().unwrap().iter().filter(|(thread, _)| *thread == me).count();
    let settle = || {
        let (answers, workers) = tasks.mark();
        (0..workers).for_each(|_| drop(answers.recv().unwrap()));
    };
    // How long a write takes is not known before the first.
    tasks.write_and_help(&write(&schema, 1, 1), None);
    settle();
    assert_eq!(mine(), 0);
    let mut last = 1;
    while last < 100 || mine() == 0 {
        assert!(last < 10_000, "nobody helps");
        last += 1;
        tasks.write_and_help(&write(&schema, last, 1), None);
        last += 1;
        tasks.write(&write(&schema, last, 1), None);
        // The worker is soon asleep after that.
        settle();
    }
    settle();
    // What is not small is left to the worker.
    let before = mine();
    tasks.write_and_help(&write(&schema, last + 1, 2000), None);
    settle();
    assert_eq!(mine(), before);
    let told = told.lock().unwrap();
    let mut messages: Vec<String> = told.iter().map(|(_, message)| message.clone()).collect();
    messages.dedup();
    assert_eq!(messages, (1..=last + 1).map(|number| number.to_string()).collect::<Vec<_>>());
    let threads: HashSet<ThreadId> = told.iter().map(|(thread, _)| *thread).collect();
    assert_eq!(threads.len(), 2);
}
