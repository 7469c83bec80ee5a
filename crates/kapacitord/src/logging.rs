//! The daemon's log: a line of `key=value` pairs for each event, to a file or a standard stream; its level can change.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    sync::Mutex,
};

use serde_json::{Map, Value};
use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::filter_fn,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, writer::BoxMakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
};

use crate::log_streams::{Collected, LogStreams};

/// Crates that say in the log what they also answer with, where we say it better.
const SILENT: [&str; 1] = ["rskafka"];
/// Crates that tell of each connection and file at level DEBUG, which is the default.
const CHATTY: [&str; 5] = ["h2", "hyper", "reqwest", "rustls", "sled"];

/// Changes the level while the daemon runs, and lets others read along.
#[derive(Clone)]
pub struct LevelHandle {
    filter: reload::Handle<LevelFilter, Registry>,
    streams: LogStreams,
}

impl LevelHandle {
    /// Those who read along.
    pub fn streams(&self) -> &LogStreams {
        &self.streams
    }

    /// DEBUG, INFO, WARN, ERROR or OFF, in either case.
    pub fn set(&self, level: &str) -> Result<(), String> {
        let level = level_of(level)?;
        self.filter.reload(level).map_err(|error| error.to_string())
    }
}

/// Whether there is such a level.
pub fn is_level(level: &str) -> bool {
    level_of(level).is_ok()
}

fn level_of(level: &str) -> Result<LevelFilter, String> {
    Ok(match level.to_ascii_uppercase().as_str() {
        "DEBUG" => LevelFilter::DEBUG,
        "INFO" => LevelFilter::INFO,
        "WARN" => LevelFilter::WARN,
        "ERROR" => LevelFilter::ERROR,
        "OFF" => LevelFilter::OFF,
        _ => return Err(format!("invalid log level {level:?}: write one of DEBUG, INFO, WARN, ERROR, OFF")),
    })
}

/// Log to `file`: `STDERR`, `STDOUT`, or a path whose folders are made.
pub fn start(file: &str, level: &str) -> Result<LevelHandle, String> {
    let writer = match file {
        "STDERR" | "" => BoxMakeWriter::new(io::stderr),
        "STDOUT" => BoxMakeWriter::new(io::stdout),
        path => {
            let file = open(Path::new(path)).map_err(|error| format!("cannot open the log file {path}: {error}"))?;
            BoxMakeWriter::new(Mutex::new(file))
        }
    };
    let (filter, handle) = reload::Layer::new(level_of(level)?);
    let lines = tracing_subscriber::fmt::layer().event_format(Logfmt).with_writer(writer);
    let lines = lines.with_filter(filter_fn(is_of_use)).with_filter(filter);
    let streams = LogStreams::default();
    let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = vec![lines.boxed(), streams.layer().boxed()];
    // A second start in one process (tests) keeps the first log.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layers));
    Ok(LevelHandle { filter: handle, streams })
}

/// Whether an event is for who runs the daemon.
fn is_of_use(event: &Metadata<'_>) -> bool {
    let is_of = |names: &[&str]| names.iter().any(|name| event.target().starts_with(name));
    !is_of(&SILENT) && (*event.level() <= Level::INFO || !is_of(&CHATTY))
}

fn open(path: &Path) -> io::Result<impl Write + use<>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// `ts=... lvl=info msg="..." task=cpu`
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut collected = Collected::default();
        event.record(&mut collected);
        let level = *event.metadata().level();
        writeln!(writer, "{}", logfmt(crate::definitions::now(), level, &collected.message, &collected.fields))
    }
}

/// What a line says first, as in Kapacitor.
const FIRST: [&str; 4] = ["service", "task_master", "task", "node"];

/// A line without its end. Objects are spread: `field={"v":1}` as `field_v=1`.
pub fn logfmt(time: model::Time, level: Level, message: &str, fields: &Map<String, Value>) -> String {
    let mut line = String::from("ts=");
    model::write_rfc3339(time, &mut line);
    line.push_str(&format!(" lvl={} msg={}", level_name(level), quoted(message)));
    let first = FIRST.iter().filter_map(|name| fields.get_key_value(*name));
    let others = fields.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
    for (name, value) in first.chain(others) {
        match value {
            // Nothing, but its space stays. Case: misc/log_lines.
            Value::Object(parts) if parts.is_empty() => line.push(' '),
            Value::Object(parts) => {
                for (part, value) in parts {
                    line.push_str(&format!(" {name}_{part}={}", shown(value)));
                }
            }
            value => line.push_str(&format!(" {name}={}", shown(value))),
        }
    }
    line
}

/// What lines call a level.
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG | Level::TRACE => "debug",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        // Without an exponent, and 2 for 2.0.
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        other => quoted(&other.to_string()),
    }
}

/// In quotes if it would not end at the next space, else as it is.
fn quoted(text: &str) -> String {
    let plain = text.chars().all(|c| c > ' ' && c != '"' && !c.is_control());
    if plain { text.to_string() } else { format!("{text:?}") }
}
