//! The engine's questions to the world, answered: clock, log, alerts, HTTP, InfluxDB.

mod checkup;
mod clusters;
mod gate;
mod posts;
mod queries;
mod sideload;
mod udfs;
mod writes;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock, Weak},
};

use alert::Topics;
use engine::{
    Answer, Host, HttpEndpoint, HttpRequest, InfluxQuery, InfluxWrite, Letter, LogLevel, LogRecord, Origin, Reply,
    ServerInfo, SideSource, TaskInfo, Tasks, Ticket, UdfLink, UdfStart, Write,
};
use handlers::Networks;
use lambda::Zone;
use model::{LiveSchema, Row, Time, Words};
use serde_json::Value as Json;

use crate::budgets::Budgets;
pub(crate) use checkup::Outcome;
pub use clusters::{Clusters, Member};
pub use gate::Manners;
use posts::Posts;
use sideload::Sideloads;
pub use udfs::Udfs;

/// See the module. Made before the tasks it serves, and told of them by [`DaemonHost::attach`].
pub struct DaemonHost {
    zone: Zone,
    server: ServerInfo,
    topics: Arc<Topics>,
    schema: LiveSchema,
    endpoints: RwLock<HashMap<String, HttpEndpoint>>,
    clusters: Clusters,
    posts: Posts,
    sideloads: Sideloads,
    udfs: Udfs,
    tasks: Arc<OnceLock<Weak<Tasks>>>,
    budgets: OnceLock<Arc<Budgets>>,
    replayed: Replayed,
    runtime: tokio::runtime::Handle,
}

/// Where answers go that tasks in a replay wait for.
type Replayed = Arc<RwLock<Vec<(Arc<TaskInfo>, crossbeam_channel::Sender<Letter>)>>>;

impl DaemonHost {
    pub fn new(
        server: ServerInfo,
        topics: Arc<Topics>,
        schema: LiveSchema,
        endpoints: HashMap<String, HttpEndpoint>,
        (clusters, udfs): (Clusters, Udfs),
        networks: &Networks,
        runtime: tokio::runtime::Handle,
    ) -> DaemonHost {
        DaemonHost {
            zone: Zone::Local,
            server,
            topics,
            schema,
            endpoints: RwLock::new(endpoints),
            clusters,
            posts: Posts::new(runtime.clone(), networks),
            sideloads: Sideloads::new(runtime.clone(), networks),
            udfs,
            tasks: Arc::default(),
            budgets: OnceLock::new(),
            replayed: Arc::default(),
            runtime,
        }
    }

    /// The tasks that answers go to.
    pub fn attach(&self, tasks: &Arc<Tasks>) {
        let _ = self.tasks.set(Arc::downgrade(tasks));
    }

    /// What points that tasks write back need room in.
    pub fn attach_budgets(&self, budgets: &Arc<Budgets>) {
        let _ = self.budgets.set(Arc::clone(budgets));
    }

    /// The endpoints of the config, changed; nodes go by them from their next request on.
    pub fn set_endpoints(&self, endpoints: HashMap<String, HttpEndpoint>) {
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = endpoints;
    }

    /// Read the sources of all sideload nodes again. Blocks.
    ///
    /// # Errors
    /// Which could not be read; they keep what they had.
    pub fn reload_sideloads(&self) -> Result<(), String> {
        self.sideloads.reload()
    }

    /// Start a function for a task in a replay, which leaves what the task's own function remembers alone.
    ///
    /// # Errors
    /// There is no such function.
    pub(crate) fn start_udf_apart(&self, start: UdfStart, ticket: Ticket) -> Result<Box<dyn UdfLink>, String> {
        self.udfs.start((start, true), self.mail(ticket), &self.schema, &self.runtime)
    }

    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// How to bring an answer back to the node that waits for it.
    fn mail(&self, ticket: Ticket) -> Mail {
        Mail { tasks: Arc::clone(&self.tasks), replayed: Arc::clone(&self.replayed), ticket }
    }

    /// Answers to a run of a task in a replay go to its letters, until [`DaemonHost::end_replay`].
    pub(crate) fn begin_replay(&self, task: &Arc<TaskInfo>, letters: crossbeam_channel::Sender<Letter>) {
        self.replayed.write().unwrap_or_else(PoisonError::into_inner).push((Arc::clone(task), letters));
    }

    pub(crate) fn end_replay(&self, task: &Arc<TaskInfo>) {
        self.replayed.write().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| !Arc::ptr_eq(known, task));
    }

    /// Ask a query now; all its batches. Blocks.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) fn ask(&self, query: &InfluxQuery) -> Result<queries::Found, String> {
        self.clusters.ask(query, &self.schema.now())
    }
}

/// The way back of one answer.
#[derive(Clone)]
pub(crate) struct Mail {
    tasks: Arc<OnceLock<Weak<Tasks>>>,
    replayed: Replayed,
    ticket: Ticket,
}

impl Mail {
    /// An answer to a task that has gone is dropped.
    pub(crate) fn send(self, answer: Answer) {
        let replayed = self.replayed.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, letters)) = replayed.iter().find(|(task, _)| Arc::ptr_eq(task, &self.ticket.task)) {
            let reply = Reply { ticket: self.ticket.ticket, answer };
            // A replay that ended wants no answers.
            let _ = letters.send(Letter::Reply { node: self.ticket.node, reply });
            return;
        }
        drop(replayed);
        if let Some(tasks) = self.tasks.get().and_then(Weak::upgrade) {
            tasks.reply(&self.ticket, Reply { ticket: self.ticket.ticket, answer });
        }
    }

    /// Which node it goes to; requests of one node keep their order.
    pub(crate) fn node(&self) -> (Arc<str>, usize) {
        (Arc::clone(&self.ticket.task.id), self.ticket.node)
    }
}

/// Mail for tests: answers come out as letters.
#[cfg(test)]
pub(crate) struct Mailbox {
    task: Arc<TaskInfo>,
    replayed: Replayed,
    letters: crossbeam_channel::Receiver<Letter>,
}

#[cfg(test)]
impl Mailbox {
    pub(crate) fn new() -> Mailbox {
        let task = Arc::new(TaskInfo { id: "t".into(), stream: false, dbrps: Vec::new() });
        let (send, letters) = crossbeam_channel::unbounded();
        let replayed: Replayed = Arc::default();
        replayed.write().expect("no panic").push((Arc::clone(&task), send));
        Mailbox { task, replayed, letters }
    }

    pub(crate) fn mail(&self, node: usize) -> Mail {
        let ticket = Ticket { task: Arc::clone(&self.task), node, ticket: 0 };
        Mail { tasks: Arc::default(), replayed: Arc::clone(&self.replayed), ticket }
    }

    /// The next answer, and the node it is for.
    pub(crate) fn next(&self) -> (usize, Answer) {
        match self.letters.recv_timeout(std::time::Duration::from_secs(60)).expect("an answer comes") {
            Letter::Reply { node, reply } => (node, reply.answer),
            _ => panic!("only answers come"),
        }
    }
}

impl Host for DaemonHost {
    fn now(&self) -> Time {
        crate::definitions::now()
    }

    fn zone(&self) -> &Zone {
        &self.zone
    }

    fn log(&self, record: &LogRecord<'_>) {
        write_log(record);
    }

    fn wants_debug(&self) -> bool {
        tracing::enabled!(tracing::Level::DEBUG)
    }

    fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    fn post(&self, request: HttpRequest, ticket: Ticket) {
        self.posts.send(request, self.mail(ticket));
    }

    fn endpoint(&self, name: &str) -> Option<HttpEndpoint> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn check_cluster(&self, name: &str) -> Result<(), String> {
        self.clusters.get(name).map(drop)
    }

    fn check_write(&self, cluster: &str, precision: &str) -> Result<(), String> {
        self.clusters.check_write(cluster, precision)
    }

    fn write(&self, write: InfluxWrite, ticket: Ticket) {
        self.clusters.write(write, self.mail(ticket));
    }

    fn create_database(&self, cluster: &str, database: &str, retention_policy: &str) {
        self.clusters.create_database(cluster, database, retention_policy);
    }

    fn query(&self, query: InfluxQuery, ticket: Ticket) {
        self.clusters.query(query, self.mail(ticket), self.schema.clone());
    }

    fn sideload(&self, source: &str) -> Result<Arc<SideSource>, String> {
        if source.contains(':') {
            return self.sideloads.open(&HttpEndpoint { url: source.to_string(), ..HttpEndpoint::default() });
        }
        let endpoint = self.endpoint(source).ok_or_else(|| {
            format!(
                "sideload source {source:?} is neither a URL (file:///.., http://..) nor an endpoint of [[httppost]]"
            )
        })?;
        self.sideloads.open(&endpoint)
    }

    fn loopback(&self, origin: Origin, rows: Vec<Row>, words: Words) {
        let bytes = words.words.len() * 8 + words.text.len() + std::mem::size_of_val(&rows[..]);
        let room = self.budgets.get().map(|budgets| budgets.loopback(rows.len(), bytes));
        if matches!(room, Some(None)) {
            return;
        }
        if let Some(tasks) = self.tasks.get().and_then(Weak::upgrade) {
            let write = Write { origin: Arc::new(origin), rows, words: Arc::new(words), number: 0 };
            tasks.write(&Arc::new(write), room.flatten().map(|room| Arc::new(room) as _));
        }
    }

    fn start_udf(&self, start: UdfStart, ticket: Ticket) -> Result<Box<dyn UdfLink>, String> {
        self.udfs.start((start, false), self.mail(ticket), &self.schema, &self.runtime)
    }

    fn server(&self) -> &ServerInfo {
        &self.server
    }
}

/// A line in the daemon's log.
fn write_log(record: &LogRecord<'_>) {
    let (task, node) = (record.task, record.node);
    // What is wrong is told apart from what was being done, for those who look for either.
    let split = if record.level == LogLevel::Error && record.message.starts_with("error ") {
        record.message.split_once(": ")
    } else {
        None
    };
    let (message, why) = split.map_or((record.message, None), |(message, why)| (message, Some(why)));
    let more = || {
        let fields = record.fields.iter().map(|(name, value)| (name.to_string(), value.clone()));
        let why = why.map(|why| ("err".to_string(), Json::from(why)));
        let task_master = ("task_master".to_string(), Json::from("main"));
        Json::Object([task_master].into_iter().chain(fields).chain(why).collect()).to_string()
    };
    match record.level {
        LogLevel::Debug => tracing::debug!(task, node, more = more(), "{message}"),
        LogLevel::Info => tracing::info!(task, node, more = more(), "{message}"),
        LogLevel::Warn => tracing::warn!(task, node, more = more(), "{message}"),
        LogLevel::Error => tracing::error!(task, node, more = more(), "{message}"),
    }
}
