//! The daemon's log: a line of `key=value` pairs for each event, to a file or a standard stream; its level can change.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    sync::Mutex,
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Layer, Registry,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, writer::BoxMakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
};

/// Changes the level while the daemon runs.
#[derive(Clone)]
pub struct LevelHandle(reload::Handle<LevelFilter, Registry>);

impl LevelHandle {
    /// DEBUG, INFO, WARN, ERROR or OFF, in either case.
    pub fn set(&self, level: &str) -> Result<(), String> {
        let level = level_of(level)?;
        self.0.reload(level).map_err(|error| error.to_string())
    }
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
    let lines = tracing_subscriber::fmt::layer().event_format(Logfmt).with_writer(writer).with_filter(filter);
    // A second start in one process (tests) keeps the first log.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines));
    Ok(LevelHandle(handle))
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
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let mut time = String::new();
        model::write_rfc3339(crate::definitions::now(), &mut time);
        let mut fields = Fields::default();
        event.record(&mut fields);
        writeln!(writer, "ts={time} lvl={level} msg={}{}", quoted(&fields.message), fields.rest)
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_string();
        } else {
            self.rest.push_str(&format!(" {}={}", field.name(), quoted(value)));
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

/// As it is if it is one plain word, else in quotes.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c > ' ' && c != '"' && c != '=' && !c.is_control());
    if plain { text.to_string() } else { format!("{text:?}") }
}
