//! A task that is replayed: stepped by a thread of its own, with a world that brings it the answers it waits for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender};
use engine::{
    Answer, Host, HttpEndpoint, HttpRequest, InfluxQuery, InfluxWrite, Letter, LogRecord, Origin, Reply, Router,
    Selection, ServerInfo, SideSource, Task, TaskInfo, Ticket, UdfLink, UdfStart, Write, define::Built,
};
use lambda::Zone;
use model::{Row, Schema, Time, Words};

use super::{Piece, Work};
use crate::host::DaemonHost;

/// Requests that may be out before data must wait for their answers.
const OUT: usize = 1000;
/// An answer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a replay that waits looks whether it shall go on.
const LOOK: Duration = Duration::from_millis(500);

/// The world of a replay: the daemon's, but answers and points that are written back come to the replayed task.
pub(super) struct ReplayHost {
    daemon: Arc<DaemonHost>,
    name: String,
    letters: Sender<Letter>,
    waiting: Arc<AtomicUsize>,
}

impl Host for ReplayHost {
    fn now(&self) -> Time {
        self.daemon.now()
    }

    fn zone(&self) -> &Zone {
        self.daemon.zone()
    }

    fn log(&self, record: &LogRecord<'_>) {
        self.daemon.log(record);
    }

    fn wants_debug(&self) -> bool {
        self.daemon.wants_debug()
    }

    fn topics(&self) -> &Arc<alert::Topics> {
        self.daemon.topics()
    }

    fn post(&self, request: HttpRequest, ticket: Ticket) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.daemon.post(request, ticket);
    }

    fn endpoint(&self, name: &str) -> Option<HttpEndpoint> {
        self.daemon.endpoint(name)
    }

    fn check_cluster(&self, name: &str) -> Result<(), String> {
        self.daemon.check_cluster(name)
    }

    fn check_write(&self, cluster: &str, precision: &str) -> Result<(), String> {
        self.daemon.check_write(cluster, precision)
    }

    fn write(&self, write: InfluxWrite, ticket: Ticket) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.daemon.write(write, ticket);
    }

    fn create_database(&self, cluster: &str, database: &str, retention_policy: &str) {
        self.daemon.create_database(cluster, database, retention_policy);
    }

    fn query(&self, query: InfluxQuery, ticket: Ticket) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.daemon.query(query, ticket);
    }

    fn sideload(&self, source: &str) -> Result<Arc<SideSource>, String> {
        self.daemon.sideload(source)
    }

    fn loopback(&self, origin: Origin, rows: Vec<Row>, words: Words) {
        let write = Write { origin: Arc::new(origin), rows, words: Arc::new(words), number: 0 };
        // A replay that ended takes nothing.
        let _ = self.letters.send(Letter::Write(Arc::new(write), Selection::All));
    }

    fn replay(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn start_udf(&self, start: UdfStart, ticket: Ticket) -> Result<Box<dyn UdfLink>, String> {
        self.daemon.start_udf_apart(start, ticket)
    }

    fn server(&self) -> &ServerInfo {
        self.daemon.server()
    }
}

impl ReplayHost {
    /// The world of the replay of this name, and where letters for its task come out.
    pub(super) fn new(daemon: &Arc<DaemonHost>, name: &str) -> (Arc<ReplayHost>, Receiver<Letter>) {
        let (letters, receive) = crossbeam_channel::unbounded();
        let host = ReplayHost { daemon: Arc::clone(daemon), name: name.to_string(), letters, waiting: Arc::default() };
        (Arc::new(host), receive)
    }
}

/// See the module.
pub(super) struct Player {
    task: Task,
    info: Arc<TaskInfo>,
    router: Router<()>,
    schema: Arc<Schema>,
    host: Arc<ReplayHost>,
    letters: Receiver<Letter>,
    work: Arc<Work>,
}

impl Player {
    pub(super) fn start(
        built: Built,
        schema: &Arc<Schema>,
        host: Arc<ReplayHost>,
        letters: Receiver<Letter>,
        work: Arc<Work>,
    ) -> Player {
        let info = Arc::clone(built.task.info());
        let mut router = Router::default();
        if info.stream {
            router.add(schema, (), &info.dbrps, &built.interest);
        }
        host.daemon.begin_replay(&info, host.letters.clone());
        let mut player = Player { task: built.task, info, router, schema: Arc::clone(schema), host, letters, work };
        player.task.step(Letter::Start);
        player
    }

    /// Why the task ended by itself.
    pub(super) fn failure(&self) -> Result<(), String> {
        self.task.failure().map_or(Ok(()), |why| Err(format!("task run: {why}")))
    }

    /// Points for the task.
    pub(super) fn write(&mut self, write: &Arc<Write>) {
        self.send(write);
        self.catch_up();
    }

    fn send(&mut self, write: &Arc<Write>) {
        for ((), selection) in self.router.select(&self.schema, write) {
            self.task.step(Letter::Write(Arc::clone(write), selection));
        }
    }

    /// A batch for one of its query nodes.
    pub(super) fn batch(&mut self, node: usize, piece: Piece) {
        let answer = Answer::Batches { words: piece.words, batches: vec![(piece.head, piece.rows)] };
        self.task.step(Letter::Reply { node, reply: Reply { ticket: 0, answer } });
        self.catch_up();
    }

    /// Let the time come to this.
    pub(super) fn wait_until(&mut self, time: Time) {
        loop {
            let now = self.host.now();
            if now >= time || self.task.failure().is_some() || self.work.go_on().is_err() {
                return;
            }
            let wake = self.task.next_wake().unwrap_or(time).clamp(now, time);
            if let Ok(letter) = self.letters.recv_timeout(Duration::from_nanos((wake - now) as u64).min(LOOK)) {
                self.take(letter);
            }
            self.wake();
        }
    }

    /// Hand on what the task holds, wait for its answers, and let go of it.
    pub(super) fn finish(mut self) -> Result<(), String> {
        self.settle(0);
        self.task.step(Letter::Finish);
        while !self.task.is_finished() {
            match self.letters.recv_timeout(PATIENCE) {
                Ok(letter) => self.take(letter),
                Err(_) => return Err(format!("task run: a user-defined function has not ended within {PATIENCE:?}")),
            }
        }
        self.settle(0);
        self.failure()
    }

    fn catch_up(&mut self) {
        while let Ok(letter) = self.letters.try_recv() {
            self.take(letter);
        }
        self.wake();
        self.settle(OUT);
        // What a function has no room for yet would only wait in the task.
        while self.task.is_full() && !self.task.is_finished() {
            match self.letters.recv_timeout(PATIENCE) {
                Ok(letter) => self.take(letter),
                Err(_) => return,
            }
        }
    }

    /// Wait until no more than so many answers are out.
    fn settle(&mut self, most: usize) {
        loop {
            let letter = if self.host.waiting.load(Ordering::Relaxed) > most {
                self.letters.recv_timeout(PATIENCE).ok()
            } else if most == 0 {
                self.letters.try_recv().ok()
            } else {
                None
            };
            match letter {
                Some(letter) => self.take(letter),
                None => return,
            }
        }
    }

    fn wake(&mut self) {
        let now = self.host.now();
        if self.task.is_due(now) {
            self.task.step(Letter::Wake(now));
        }
    }

    fn take(&mut self, letter: Letter) {
        match letter {
            Letter::Write(write, _) => self.send(&write),
            // News of functions are answers to nothing.
            letter @ Letter::Reply { reply: Reply { answer: Answer::Udf(_), .. }, .. } => self.task.step(letter),
            letter => {
                self.host.waiting.fetch_sub(1, Ordering::Relaxed);
                self.task.step(letter);
            }
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.host.daemon.end_replay(&self.info);
    }
}
