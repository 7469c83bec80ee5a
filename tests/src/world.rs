//! The world as the tasks of a case see it: time is set by hand, all that leaves is recorded, nothing runs by itself.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use alert::{Delivery, Kinds, MemoryStore, Topics};
use engine::{
    Answer, Host, HttpEndpoint, HttpRequest, InfluxQuery, InfluxWrite, LogLevel, LogRecord, Origin, Reply, ServerInfo,
    SideSource, Ticket,
};
use handlers::{AlertHost, Posted};
use lambda::Zone;
use model::{Row, Schema, Time, Words};
use serde_json::{Map, Value as Json, json};

use crate::{
    blank,
    config::Config,
    influx::{Influx, recorded},
};

/// When every case begins.
pub(crate) const BEGINNING: Time = 1_767_225_600_000_000_000;
/// The headers that are recorded, besides those that begin with `x-`.
const HEADERS: [&str; 3] = ["content-type", "authorization", "content-encoding"];

/// What left the tasks, in order, as it is recorded.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) sink: Vec<Json>,
    pub(crate) writes: Vec<Json>,
    pub(crate) queries: Vec<Json>,
    /// Lines of the daemon's log at level error.
    pub(crate) errors: Vec<String>,
    /// Answers on their way to nodes.
    pub(crate) replies: VecDeque<(Ticket, Reply)>,
    /// Points on their way back into the router.
    pub(crate) loopbacks: VecDeque<(Origin, Vec<Row>, Words)>,
}

/// See the module.
pub(crate) struct World {
    now: AtomicI64,
    schema: Mutex<Arc<Schema>>,
    server: ServerInfo,
    topics: Arc<Topics>,
    influx: Option<Influx>,
    config: Config,
    /// The case's folder, which the sink serves files of.
    folder: PathBuf,
    seen: Mutex<Seen>,
    /// Tasks go on where they were: what they ask for at each start they got already.
    resuming: AtomicBool,
}

impl World {
    /// `influx` answers queries; there is no InfluxDB without one.
    pub(crate) fn new(schema: Arc<Schema>, folder: &Path, influx: Option<Influx>, config: Config) -> Arc<World> {
        let id = |last: u32| format!("00000000-0000-4000-8000-{last:012}");
        Arc::new(World {
            now: AtomicI64::new(BEGINNING),
            schema: Mutex::new(schema),
            server: ServerInfo { hostname: "localhost".to_string(), cluster_id: id(1), server_id: id(2) },
            topics: Arc::new(Topics::new(Delivery::Inline, Arc::new(MemoryStore::default()))),
            influx,
            config,
            folder: folder.to_path_buf(),
            seen: Mutex::default(),
            resuming: AtomicBool::new(false),
        })
    }

    /// All kinds of alert handlers; what they post is recorded.
    pub(crate) fn kinds(self: &Arc<World>) -> Kinds {
        // The topics belong to the world, whose handlers belong to the topics: so they must not hold the world.
        let world = Arc::downgrade(self);
        let recorder = move |posted: &Posted| {
            let Some(world) = world.upgrade() else { return 503 };
            let headers = posted.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            world.take(&posted.url, headers, &posted.body).unwrap_or((503, String::new())).0
        };
        let url = format!("http://127.0.0.1:{}/kapacitor/v1", blank::port("PORT"));
        handlers::kinds(&AlertHost::recording(self.config.configs(), &self.topics, url, recorder))
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_resuming(&self, resuming: bool) {
        self.resuming.store(resuming, Ordering::Relaxed);
    }

    /// From now on answers to queries have the numbers of this schema.
    pub(crate) fn set_schema(&self, schema: &Arc<Schema>) {
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(schema);
    }

    /// Move the clock; it never goes back.
    pub(crate) fn set_now(&self, time: Time) {
        self.now.fetch_max(time, Ordering::Relaxed);
    }

    /// Record a POST and answer it with status and body; `None` if nobody listens there.
    fn take<'a>(
        &self,
        url: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        body: &str,
    ) -> Option<(u16, String)> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let place = place.strip_prefix("http://")?;
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let port = authority.strip_prefix("127.0.0.1:").or(authority.strip_prefix("localhost:"))?;
        if port != blank::port("SINK").to_string() {
            return None;
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query: Map<String, Json> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (decoded(key), Json::from(decoded(value))))
            .collect();
        let mut kept = Map::new();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if HEADERS.contains(&name.as_str()) || name.starts_with("x-") {
                kept.insert(name, Json::from(value));
            }
        }
        let body: Json = serde_json::from_str(body).unwrap_or_else(|_| Json::from(body));
        self.seen().sink.push(json!({"method": "POST", "path": path, "query": query, "headers": kept, "body": body}));
        Some(self.answer(path))
    }

    fn answer(&self, path: &str) -> (u16, String) {
        if let Some(rest) = path.strip_prefix("/status/") {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return (digits.parse().unwrap_or(500), "{\"error\":\"as asked\"}".to_string());
        }
        let file = path.strip_prefix("/file/").map(|file| std::fs::read_to_string(self.folder.join(file)));
        (200, file.and_then(Result::ok).unwrap_or_else(|| "{}".to_string()))
    }

    fn reply(&self, ticket: Ticket, answer: Answer) {
        let reply = Reply { ticket: ticket.ticket, answer };
        self.seen().replies.push_back((ticket, reply));
    }
}

/// Whether the answer of `/delay/MILLISECONDS` comes after the request has given up.
fn is_late(request: &HttpRequest) -> bool {
    let delay = request.url.split("/delay/").nth(1).map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let delay: i64 = delay.and_then(|delay| delay.parse().ok()).unwrap_or(0);
    request.timeout > 0 && delay.saturating_mul(1_000_000) > request.timeout
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// A part of a URL's path or query without its escapes.
pub(crate) fn decoded(text: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'+' => out.push(b' '),
            b'%' => match (hex(bytes.next()), hex(bytes.next())) {
                (Some(high), Some(low)) => out.push((high * 16 + low) as u8),
                _ => out.push(b'?'),
            },
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Host for World {
    fn now(&self) -> Time {
        self.now.load(Ordering::Relaxed)
    }

    fn zone(&self) -> &Zone {
        &Zone::Utc
    }

    fn log(&self, record: &LogRecord<'_>) {
        if record.level == LogLevel::Error {
            self.seen().errors.push(format!("{} {}: {}", record.task, record.node, record.message));
        }
    }

    fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    fn post(&self, request: HttpRequest, ticket: Ticket) {
        let user = request
            .basic_auth
            .as_ref()
            .map(|(user, password)| format!("Basic {}", base64(&format!("{user}:{password}"))));
        let user = user.iter().map(|value| ("authorization", value.as_str()));
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(user);
        let answer = match self.take(&request.url, headers, &request.body) {
            Some(_) if is_late(&request) => Answer::Failed("the answer took too long".to_string()),
            Some((status, body)) => {
                Answer::Http { status, body: if request.wants_body { body } else { String::new() } }
            }
            None => Answer::Failed("connection refused".to_string()),
        };
        self.reply(ticket, answer);
    }

    fn endpoint(&self, name: &str) -> Option<HttpEndpoint> {
        self.config.endpoint(name)
    }

    fn check_cluster(&self, name: &str) -> Result<(), String> {
        match (&self.influx, name) {
            (Some(_), "" | "default") => Ok(()),
            (_, name) => Err(format!("no such InfluxDB config {name}")),
        }
    }

    fn write(&self, write: InfluxWrite, ticket: Ticket) {
        let answer = match self.check_cluster(&write.cluster) {
            Ok(()) => {
                self.seen().writes.extend(recorded(&write));
                Answer::Done(write.points)
            }
            Err(why) => Answer::Failed(why),
        };
        self.reply(ticket, answer);
    }

    fn create_database(&self, _cluster: &str, database: &str, retention_policy: &str) {
        if self.resuming.load(Ordering::Relaxed) {
            return;
        }
        let policy = if retention_policy.is_empty() { String::new() } else { format!(" WITH NAME {retention_policy}") };
        let query = format!("CREATE DATABASE {database}{policy}");
        self.seen().queries.push(json!({"db": "", "q": query, "rp": null}));
    }

    fn query(&self, query: InfluxQuery, ticket: Ticket) {
        let answer = match (self.check_cluster(&query.cluster), &self.influx) {
            (Ok(()), Some(influx)) => {
                self.seen().queries.push(json!({"db": "", "q": query.text, "rp": null}));
                influx.ask(&query, &self.schema.lock().unwrap_or_else(PoisonError::into_inner))
            }
            (refused, _) => Answer::Failed(refused.err().unwrap_or_default()),
        };
        self.reply(ticket, answer);
    }

    fn sideload(&self, source: &str) -> Result<Arc<SideSource>, String> {
        Err(format!("{source} is not read here"))
    }

    fn loopback(&self, origin: Origin, rows: Vec<Row>, words: Words) {
        self.seen().loopbacks.push_back((origin, rows, words));
    }

    fn server(&self) -> &ServerInfo {
        &self.server
    }
}
