//! A world for tests: time is set by hand, everything that leaves a task is recorded, nothing runs by itself.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use alert::{Delivery, Kinds, MemoryStore, NoStore, Topics};
use lambda::Zone;
use model::{BatchHead, Edge, Frame, Precision, Row, Schema, Time, Words, parse_lines};

use crate::{
    Answer, BeginsAnew, Extent, Host, HttpEndpoint, HttpRequest, InfluxQuery, InfluxWrite, Letter, LogRecord, Origin,
    Reply, SavedTask, Selection, ServerInfo, SideSource, Task, TaskInfo, Ticket, UdfLink, UdfNews, UdfStart, Write,
    define::{Built, Request, Surface, build, define},
};

/// What left the tasks, in order.
#[derive(Default)]
pub struct Seen {
    pub posts: Vec<HttpRequest>,
    pub writes: Vec<InfluxWrite>,
    pub queries: Vec<(InfluxQuery, Ticket)>,
    pub logs: Vec<String>,
    pub loopbacks: Vec<(Origin, Vec<Row>, Words)>,
    /// User-defined functions that were started.
    pub udfs: Vec<(UdfStart, Ticket)>,
    /// They take no more for now.
    pub udfs_full: bool,
    /// Answers that wait for [`Bench::settle`].
    replies: VecDeque<(Ticket, Reply)>,
}

/// The host of tests.
pub struct TestHost {
    now: AtomicI64,
    zone: Zone,
    server: ServerInfo,
    topics: Arc<Topics>,
    /// What every sideload source holds.
    pub side: Arc<SideSource>,
    seen: Arc<Mutex<Seen>>,
}

impl Default for TestHost {
    fn default() -> Self {
        TestHost {
            now: AtomicI64::new(0),
            zone: Zone::default(),
            server: ServerInfo { hostname: "localhost".to_string(), ..ServerInfo::default() },
            topics: Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore))),
            side: Arc::default(),
            seen: Arc::default(),
        }
    }
}

impl TestHost {
    /// One whose topics would find their states again in another process.
    pub fn with_memory() -> TestHost {
        let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(MemoryStore::default())));
        TestHost { topics, ..TestHost::default() }
    }

    /// One with topics of one's own.
    pub fn with_topics(topics: Arc<Topics>) -> TestHost {
        TestHost { topics, ..TestHost::default() }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for TestHost {
    fn now(&self) -> Time {
        self.now.load(Ordering::Relaxed)
    }

    fn zone(&self) -> &Zone {
        &self.zone
    }

    fn log(&self, record: &LogRecord<'_>) {
        self.seen().logs.push(format!("{:?} {} {}: {}", record.level, record.task, record.node, record.message));
    }

    fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    fn post(&self, request: HttpRequest, ticket: Ticket) {
        let reply = Reply { ticket: ticket.ticket, answer: Answer::Http { status: 200, body: "{}".to_string() } };
        let mut seen = self.seen();
        seen.posts.push(request);
        seen.replies.push_back((ticket, reply));
    }

    fn endpoint(&self, _name: &str) -> Option<HttpEndpoint> {
        None
    }

    fn check_cluster(&self, name: &str) -> Result<(), String> {
        if name == "nowhere" { Err(format!("no InfluxDB cluster is called {name:?}")) } else { Ok(()) }
    }

    fn write(&self, write: InfluxWrite, ticket: Ticket) {
        let reply = Reply { ticket: ticket.ticket, answer: Answer::Done(write.points) };
        let mut seen = self.seen();
        seen.writes.push(write);
        seen.replies.push_back((ticket, reply));
    }

    fn create_database(&self, _cluster: &str, _database: &str, _retention_policy: &str) {}

    fn query(&self, query: InfluxQuery, ticket: Ticket) {
        self.seen().queries.push((query, ticket));
    }

    fn sideload(&self, source: &str) -> Result<Arc<SideSource>, String> {
        if source == "nowhere" { Err("there is nothing at nowhere".to_string()) } else { Ok(Arc::clone(&self.side)) }
    }

    fn loopback(&self, origin: Origin, rows: Vec<Row>, words: Words) {
        self.seen().loopbacks.push((origin, rows, words));
    }

    fn start_udf(&self, start: UdfStart, ticket: Ticket) -> Result<Box<dyn UdfLink>, String> {
        self.seen().udfs.push((start, ticket.clone()));
        Ok(Box::new(Mirror { seen: Arc::clone(&self.seen), ticket }))
    }

    fn server(&self) -> &ServerInfo {
        &self.server
    }
}

/// A user-defined function that gives back what it gets.
struct Mirror {
    seen: Arc<Mutex<Seen>>,
    ticket: Ticket,
}

impl Mirror {
    fn give(&self, (schema, frame): (&Schema, &Frame), head: Option<&BatchHead>, rows: &[Row], origin: &Origin) {
        let (mut words, mut edge) = (Words::default(), Edge::default());
        if let Some(head) = head {
            edge.begin_batch(*head);
        }
        for row in rows {
            let at = words.words.len() as u32;
            for (index, (_, field_type)) in schema.shape(row.shape).fields().iter().enumerate() {
                words.push(&frame.value(frame.word(row, index), *field_type));
            }
            let row = Row { at, ..*row };
            if head.is_some() { edge.batch_row(row) } else { edge.point(row) }
        }
        let (origin, words) = (Arc::new(origin.clone()), Arc::new(words));
        self.tell(UdfNews::Data { origin, words, edge, held: Box::new(()) });
    }

    fn tell(&self, news: UdfNews) {
        let reply = Reply { ticket: self.ticket.ticket, answer: Answer::Udf(news) };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).replies.push_back((self.ticket.clone(), reply));
    }
}

impl UdfLink for Mirror {
    fn point(&mut self, rows: (&Schema, &Frame), row: &Row, origin: &Origin) -> u64 {
        self.give(rows, None, &[*row], origin);
        0
    }

    fn batch(&mut self, rows: (&Schema, &Frame), head: &BatchHead, points: &[Row]) -> u64 {
        self.give(rows, Some(head), points, &Origin::default());
        0
    }

    fn flush(&mut self) -> u64 {
        0
    }

    fn is_full(&self) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).udfs_full
    }

    fn close(&mut self) {
        self.tell(UdfNews::Closed);
    }
}

/// One task on the bench, stepped by hand.
pub struct Bench {
    pub schema: Arc<Schema>,
    pub host: Arc<TestHost>,
    pub task: Task,
}

impl Bench {
    /// Define, build and start a script.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub fn new(script: &str) -> Result<Bench, String> {
        Bench::with_handlers(script, Kinds::default())
    }

    /// As [`Bench::new`], with alert handlers that the script may open.
    ///
    /// # Errors
    /// What is wrong with the script, as text.
    pub fn with_handlers(script: &str, kinds: Kinds) -> Result<Bench, String> {
        Bench::resumed(script, kinds, &SavedTask::default()).map(|(bench, _)| bench)
    }

    /// As [`Bench::with_handlers`], going on where a task was saved; with the nodes that begin anew.
    ///
    /// # Errors
    /// What is wrong with the script, as text.
    pub fn resumed(script: &str, kinds: Kinds, saved: &SavedTask) -> Result<(Bench, Vec<BeginsAnew>), String> {
        Bench::on(&Surface::new(kinds), script, saved)
    }

    /// As [`Bench::resumed`], on a surface of one's own.
    ///
    /// # Errors
    /// What is wrong with the script, as text.
    pub fn on(surface: &Surface, script: &str, saved: &SavedTask) -> Result<(Bench, Vec<BeginsAnew>), String> {
        Bench::in_world(TestHost::default(), surface, script, saved)
    }

    /// As [`Bench::on`], in a world of one's own.
    ///
    /// # Errors
    /// What is wrong with the script, as text.
    pub fn in_world(
        host: TestHost,
        surface: &Surface,
        script: &str,
        saved: &SavedTask,
    ) -> Result<(Bench, Vec<BeginsAnew>), String> {
        let defined = define(surface, script, &Request::default()).map_err(|error| error.to_string())?;
        let schema = Schema::new();
        let host = Arc::new(host);
        let info = Arc::new(TaskInfo {
            id: "test".into(),
            stream: defined.kind == crate::EdgeKind::Stream,
            dbrps: vec![("d".to_string(), "r".to_string())],
        });
        let world: Arc<dyn Host> = Arc::clone(&host) as Arc<dyn Host>;
        let Built { task, .. } =
            build(surface, &defined.pipeline, &info, &schema, &world).map_err(|why| why.message)?;
        let mut bench = Bench { schema, host, task };
        let anew = bench.task.restore(saved);
        bench.task.step(Letter::Start);
        bench.settle();
        Ok((bench, anew))
    }

    /// What the task's nodes remember.
    pub fn saved(&mut self) -> SavedTask {
        let mut saved = SavedTask::default();
        if let Some(snapshot) = self.task.snapshot(Extent::LastWhole) {
            saved.apply(&snapshot);
        }
        saved
    }

    /// Write line protocol to database `d`, retention policy `r`.
    pub fn write(&mut self, lines: &str, precision: Precision) {
        self.write_numbered(lines, precision, 0);
    }

    /// As [`Bench::write`], with a number of the log of writes.
    pub fn write_numbered(&mut self, lines: &str, precision: Precision, number: u64) {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema, lines.as_bytes(), precision, self.host.now(), &mut rows, &mut words)
            .expect("a test's lines are valid");
        let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
        let write = Arc::new(Write { origin, rows, words: Arc::new(words), number });
        self.task.step(Letter::Write(write, Selection::All));
        self.settle();
    }

    /// Move the clock, waking whoever waits on the way.
    pub fn advance_to(&mut self, time: Time) {
        while let Some(wake) = self.task.next_wake().filter(|&wake| wake <= time) {
            self.host.now.store(wake.max(self.host.now()), Ordering::Relaxed);
            self.task.step(Letter::Wake(self.host.now()));
            self.settle();
        }
        self.host.now.store(time, Ordering::Relaxed);
    }

    /// Bring news of a user-defined function to the node that had it started, by its number in [`Seen::udfs`].
    pub fn udf_news(&mut self, udf: usize, news: UdfNews) {
        let ticket = self.host.seen().udfs[udf].1.clone();
        let reply = Reply { ticket: ticket.ticket, answer: Answer::Udf(news) };
        self.task.step(Letter::Reply { node: ticket.node, reply });
        self.settle();
    }

    /// Bring all answers to the nodes that wait for them.
    pub fn settle(&mut self) {
        loop {
            let next = self.host.seen().replies.pop_front();
            let Some((ticket, reply)) = next else { return };
            self.task.step(Letter::Reply { node: ticket.node, reply });
        }
    }

    pub fn now(&self) -> Time {
        self.host.now()
    }

    pub fn finish(&mut self) {
        self.task.step(Letter::Finish);
        self.settle();
    }

    /// A statistic of a node: `collected`, `emitted`, `errors`, or one of its own.
    pub fn stat(&self, node: &str, stat: &str) -> i64 {
        let Some(stats) = self.task.stats().iter().find(|stats| stats.name == node) else { return -1 };
        match stat {
            "collected" => stats.collected.load(Ordering::Relaxed) as i64,
            "emitted" => stats.emitted() as i64,
            "errors" => stats.errors.load(Ordering::Relaxed) as i64,
            "working_cardinality" => stats.cardinality.load(Ordering::Relaxed),
            other => {
                let own = stats.own().find(|(name, _)| *name == other).map(|(_, value)| value);
                let passing = || stats.passing().into_iter().find(|(name, _)| name == other).map(|(_, value)| value);
                own.or_else(passing).unwrap_or(-1)
            }
        }
    }
}
