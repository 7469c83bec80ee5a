//! All that a task may ask of the world. The daemon answers for real, tests with whatever they like.

use std::sync::Arc;

use declare::Argument;
use model::{BatchHead, Frame, Row, Schema, Time, Words};
use serde_json::Value as Json;

use crate::{Origin, SideSource, TaskInfo};

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// A line of the log, with who says it.
pub struct LogRecord<'a> {
    pub level: LogLevel,
    pub task: &'a str,
    pub node: &'a str,
    pub message: &'a str,
    /// More, by name; an object's parts belong together, such as the fields of a point.
    pub fields: &'a [(&'a str, Json)],
}

/// Which node of which task an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// One run of the task: the next one has a `TaskInfo` of its own, and gets no answers to this one's questions.
    pub task: Arc<TaskInfo>,
    pub node: usize,
    pub ticket: u64,
}

/// A POST to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub basic_auth: Option<(String, String)>,
    pub body: String,
    /// Nanoseconds; 0 is no limit of the node's own.
    pub timeout: i64,
    pub skip_tls_verification: bool,
    /// Whether the node wants the answer's body.
    pub wants_body: bool,
}

/// Points for an InfluxDB, as line protocol.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InfluxWrite {
    pub cluster: String,
    pub database: String,
    pub retention_policy: String,
    pub precision: String,
    pub consistency: String,
    pub lines: String,
    pub points: u64,
}

/// What a query is written in, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum QueryLanguage {
    #[default]
    InfluxQl,
    Flux {
        /// By name or by id; where both are empty, that of the cluster.
        organization: String,
        organization_id: String,
        now: Time,
    },
    Sql {
        database: String,
        retention_policy: String,
        /// What the batches are called.
        measurement: String,
        /// Columns that are tags; `*` for all that hold texts.
        tags: Vec<String>,
    },
}

/// A query to be asked. What is equal has the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct InfluxQuery {
    pub cluster: String,
    pub text: String,
    /// Whether the measurement is part of a group.
    pub by_name: bool,
    /// The end of what is asked for: a batch without a later row has this time.
    pub stop: Time,
    /// Rows stand for intervals, so the last one's time is the batch's.
    pub grouped_by_time: bool,
    pub language: QueryLanguage,
}

/// A user-defined function, as one node wants it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UdfStart {
    pub function: String,
    /// The node's name in the task.
    pub node: String,
    /// Calls of its options in the order of the script: booleans, numbers, strings and durations.
    pub options: Vec<(String, Vec<Argument>)>,
    /// It says that it gives batches.
    pub batches: bool,
    /// What it once remembered.
    pub snapshot: Option<Vec<u8>>,
}

/// The way to a function that was started. Its news come as letters. Dropped, it ends the function at once.
pub trait UdfLink: Send {
    /// Give it a point. How many points and batches were dropped, because it is down.
    fn point(&mut self, rows: (&Schema, &Frame), row: &Row, origin: &Origin) -> u64;

    /// Give it a batch. How many points and batches were dropped, because it is down.
    fn batch(&mut self, rows: (&Schema, &Frame), head: &BatchHead, points: &[Row]) -> u64;

    /// Let go out what was given so far. How many points and batches were dropped, because it is down.
    fn flush(&mut self) -> u64;

    /// It can take no more for now: [`crate::UdfNews::Room`] will come.
    fn is_full(&self) -> bool;

    /// No more will come: it may end, and [`crate::UdfNews::Closed`] says when it has.
    fn close(&mut self);
}

/// The world as tasks see it.
pub trait Host: Send + Sync {
    /// The clock. Tasks know no other.
    fn now(&self) -> Time;

    /// The time zone in which lambdas read times.
    fn zone(&self) -> &lambda::Zone;

    fn log(&self, record: &LogRecord<'_>);

    /// Whether anybody reads lines of level debug: else they need not be made.
    fn wants_debug(&self) -> bool {
        false
    }

    /// Where alerts go.
    fn topics(&self) -> &Arc<alert::Topics>;

    /// Post in the background, in the order of the calls of one node. The answer comes as a letter.
    fn post(&self, request: HttpRequest, ticket: Ticket);

    /// A named endpoint of the configuration, for httpPost.
    fn endpoint(&self, name: &str) -> Option<HttpEndpoint>;

    /// Whether there is an InfluxDB cluster of this name; the empty name is that of the default one.
    ///
    /// # Errors
    /// Why there is none, for the script's author.
    fn check_cluster(&self, name: &str) -> Result<(), String>;

    /// Whether points can be written to a cluster with times of this precision.
    ///
    /// # Errors
    /// Why not, for the script's author.
    fn check_write(&self, cluster: &str, _precision: &str) -> Result<(), String> {
        self.check_cluster(cluster)
    }

    /// Write in the background, retried; the answer comes when it is done or given up.
    fn write(&self, write: InfluxWrite, ticket: Ticket);

    /// Create a database, and a retention policy if one is named, in the background.
    fn create_database(&self, cluster: &str, database: &str, retention_policy: &str);

    /// Query in the background.
    fn query(&self, query: InfluxQuery, ticket: Ticket);

    /// What a sideload source holds: the files of a folder (`file:///..`), the JSON of a URL, or of the URL of an endpoint
    /// of the configuration. It stays the same for all who ask for it, and follows what is read again.
    ///
    /// # Errors
    /// Why it cannot be read, for the script's author.
    fn sideload(&self, source: &str) -> Result<Arc<SideSource>, String>;

    /// Write points back into the daemon, as if they had been received.
    fn loopback(&self, origin: Origin, rows: Vec<Row>, words: Words);

    /// The run of a task that is replayed has a name here: its alerts are kept apart from those of the task itself, and
    /// its query nodes ask nothing but wait for what the recording holds.
    fn replay(&self) -> Option<&str> {
        None
    }

    /// Start a user-defined function for a node. Its news come as letters with this ticket.
    ///
    /// # Errors
    /// There is no such function.
    fn start_udf(&self, start: UdfStart, ticket: Ticket) -> Result<Box<dyn UdfLink>, String> {
        let _ = ticket;
        Err(format!("there is no user-defined function {:?} here", start.function))
    }

    /// Server facts that templates show.
    fn server(&self) -> &ServerInfo;
}

/// A URL with headers and credentials, from the configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpEndpoint {
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub basic_auth: Option<(String, String)>,
    /// A Go template for the rows of an httpPost node.
    pub row_template: Option<String>,
    pub alert_template: Option<String>,
}

/// `.ServerInfo` of alert templates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerInfo {
    pub hostname: String,
    pub cluster_id: String,
    pub server_id: String,
}
