//! The daemon's log for those who read along over HTTP: all levels, whatever the log's own, as long as somebody reads.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{Layer, Registry, layer::Context, reload};

/// Lines that may wait for one reader; what comes beyond them is dropped and counted.
const WAITING: usize = 1000;

/// The name of a field whose text is a JSON object with more fields.
pub const MORE: &str = "more";

/// A line of the log.
#[derive(Debug)]
pub struct Line {
    pub time: model::Time,
    pub level: Level,
    pub message: String,
    /// By name, in the order of the call.
    pub fields: Map<String, Value>,
}

/// Which lines a reader wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Fields and the texts that they must have.
    pub fields: Vec<(String, String)>,
    /// The levels: `None` for all; whether more important ones are wanted, too.
    pub level: Option<(Level, bool)>,
}

/// All readers. Clones share them.
#[derive(Clone, Default)]
pub struct LogStreams(Arc<Shared>);

#[derive(Default)]
struct Shared {
    readers: Mutex<Vec<Arc<Reader>>>,
    filter: Mutex<Option<reload::Handle<LevelFilter, Registry>>>,
}

struct Reader {
    wanted: Wanted,
    send: mpsc::Sender<Arc<Line>>,
    dropped: Arc<AtomicU64>,
}

/// What one reader gets. When it is dropped, the reader is gone.
pub struct Reading {
    streams: LogStreams,
    /// Shared with the reader, and tells it from others.
    dropped: Arc<AtomicU64>,
    lines: mpsc::Receiver<Arc<Line>>,
}

impl LogStreams {
    /// A layer of the log that hands lines to the readers, with the filter that lets all through while there are any.
    pub fn layer(&self) -> impl Layer<Registry> + Send + Sync + use<> {
        let (filter, handle) = reload::Layer::new(LevelFilter::OFF);
        *lock(&self.0.filter) = Some(handle);
        Hand(self.clone()).with_filter(filter)
    }

    /// A new reader.
    pub fn read(&self, wanted: Wanted) -> Reading {
        let (send, lines) = mpsc::channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut readers = lock(&self.0.readers);
        readers.push(Arc::new(Reader { wanted, send, dropped: Arc::clone(&dropped) }));
        self.adapt(readers.len());
        drop(readers);
        Reading { streams: self.clone(), dropped, lines }
    }

    /// End all readings: the daemon stops.
    pub fn close(&self) {
        let mut readers = lock(&self.0.readers);
        readers.clear();
        self.adapt(0);
    }

    /// Without readers, lines cost nothing.
    fn adapt(&self, readers: usize) {
        if let Some(filter) = &*lock(&self.0.filter) {
            // It fails only if the log is gone, and then there are no lines.
            let _ = filter.reload(if readers > 0 { LevelFilter::DEBUG } else { LevelFilter::OFF });
        }
    }

    fn hand(&self, line: Line) {
        let readers: Vec<Arc<Reader>> =
            lock(&self.0.readers).iter().filter(|reader| reader.wanted.takes(&line)).cloned().collect();
        let line = Arc::new(line);
        for reader in readers {
            if reader.send.try_send(Arc::clone(&line)).is_err() {
                reader.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Reading {
    /// The next line, and how many were lost before it since this reader was too slow. `None` at the end.
    pub async fn next(&mut self) -> Option<(Arc<Line>, u64)> {
        let line = self.lines.recv().await?;
        Some((line, self.dropped.swap(0, Ordering::Relaxed)))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut readers = lock(&self.streams.0.readers);
        readers.retain(|reader| !Arc::ptr_eq(&reader.dropped, &self.dropped));
        self.streams.adapt(readers.len());
    }
}

impl Wanted {
    fn takes(&self, line: &Line) -> bool {
        let level = self.level.is_none_or(|(level, and_above)| {
            // More important levels are smaller.
            line.level == level || and_above && line.level < level
        });
        level
            && self.fields.iter().all(|(name, text)| match line.fields.get(name) {
                Some(Value::String(value)) => value == text,
                Some(value) => &value.to_string() == text,
                None => false,
            })
    }
}

/// The layer.
struct Hand(LogStreams);

impl<S: Subscriber> Layer<S> for Hand {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut collected = Collected::default();
        event.record(&mut collected);
        let mut fields = collected.fields;
        if !fields.contains_key("service") {
            fields.insert("service".to_string(), Value::from(service(event.metadata().target())));
        }
        self.0.hand(Line {
            time: crate::definitions::now(),
            level: *event.metadata().level(),
            message: collected.message,
            fields,
        });
    }
}

/// Which part of the daemon says it: the name of the crate, but that of the daemon itself is Kapacitor's.
fn service(target: &str) -> &str {
    match target.split("::").next().unwrap_or(target) {
        "kapacitord" | "engine" => "kapacitor",
        other => other,
    }
}

/// The fields of an event by name.
#[derive(Default)]
pub struct Collected {
    pub message: String,
    pub fields: Map<String, Value>,
}

impl Collected {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (MORE, Value::String(text)) => match serde_json::from_str(&text) {
                Ok(Value::Object(more)) => self.fields.extend(more),
                _ => drop(self.fields.insert(MORE.to_string(), Value::String(text))),
            },
            (name, value) => drop(self.fields.insert(name.to_string(), value)),
        }
    }
}

impl Visit for Collected {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::from(format!("{value:?}")));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(level: Level, fields: Value) -> Line {
        let Value::Object(fields) = fields else { unreachable!("tests give objects") };
        Line { time: 0, level, message: "m".to_string(), fields }
    }

    #[test]
    fn readers_get_what_they_want() {
        let streams = LogStreams::default();
        let wanted = Wanted { fields: vec![("task".into(), "a".into())], level: Some((Level::INFO, true)) };
        let mut reading = streams.read(wanted);
        streams.hand(line(Level::INFO, json!({"task": "a", "n": 1})));
        streams.hand(line(Level::DEBUG, json!({"task": "a"})));
        streams.hand(line(Level::ERROR, json!({"task": "b"})));
        streams.hand(line(Level::ERROR, json!({"task": "a"})));
        let levels: Vec<Level> = std::iter::from_fn(|| reading.lines.try_recv().ok()).map(|line| line.level).collect();
        assert_eq!(levels, [Level::INFO, Level::ERROR]);
        drop(reading);
        assert!(lock(&streams.0.readers).is_empty());
    }

    #[test]
    fn a_slow_reader_loses_lines_and_is_told() {
        let streams = LogStreams::default();
        let mut reading = streams.read(Wanted { fields: Vec::new(), level: None });
        for _ in 0..WAITING + 7 {
            streams.hand(line(Level::INFO, json!({})));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(reading.next()).unwrap().1, 7);
        assert_eq!(runtime.block_on(reading.next()).unwrap().1, 0);
    }

    #[test]
    fn lines_come_from_the_log() {
        use tracing_subscriber::layer::SubscriberExt;
        let streams = LogStreams::default();
        let log = tracing_subscriber::registry().with(streams.layer());
        tracing::subscriber::with_default(log, || {
            tracing::info!("nobody reads yet");
            let mut reading = streams.read(Wanted { fields: Vec::new(), level: None });
            tracing::debug!(task = "t", more = r#"{"field":{"v":1.5}}"#, "point");
            let line = reading.lines.try_recv().unwrap();
            assert_eq!((line.message.as_str(), line.level), ("point", Level::DEBUG));
            assert_eq!(
                Value::Object(line.fields.clone()),
                json!({"task": "t", "field": {"v": 1.5}, "service": "kapacitor"})
            );
            streams.close();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            assert!(runtime.block_on(reading.next()).is_none());
        });
    }
}
