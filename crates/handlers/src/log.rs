//! `log`: a line of JSON per event at the end of a file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alert::{BoxFuture, Event, Handler, Kind, OpenError, Outcome};
use declare::{Declaration, Declared, Setting};
use tokio::runtime::Handle;

const NAME: &str = "log";
/// So many events are written together if they wait.
const MOST_LINES: usize = 500;

/// The kind `log`.
pub(crate) fn kind() -> Arc<Kind> {
    Kind::of(NAME, Options::declare, |options: Options, _| {
        options.check().map_err(|why| OpenError::Invalid { kind: NAME, why })?;
        Ok(Box::new(Log { path: options.path.into(), mode: options.mode as u32 }))
    })
    .method("log")
    .build()
}

#[derive(Clone)]
struct Options {
    path: String,
    mode: i64,
}

impl Default for Options {
    fn default() -> Self {
        Options { path: String::new(), mode: 0o600 }
    }
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Write each event as a line of JSON to a file.")
            .argument("filepath", "The absolute path of the file.", |d| &mut d.path)
            .key("path")
            .property("mode", "The permissions of the file if it is new.", |d| &mut d.mode)
            .method("filePath", "value string", "The absolute path of the file.", |d, arguments| {
                d.path = Setting::from_argument(&arguments[0])?;
                Ok(())
            })
            .hidden()
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).log('/tmp/alerts.log').mode(0644)")
    }
}

impl Options {
    fn check(&self) -> Result<(), String> {
        if self.mode & 0o200 == 0 || !(0..=0o7777).contains(&self.mode) {
            return Err(format!("invalid file mode {:04o}, its owner must be able to write", self.mode));
        }
        if !Path::new(&self.path).is_absolute() {
            return Err(format!("the path of the file must be absolute: {} is not", self.path));
        }
        Ok(())
    }
}

struct Log {
    path: PathBuf,
    mode: u32,
}

impl Handler for Log {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        self.append(event.json() + "\n")
    }

    fn most_at_once(&self) -> usize {
        MOST_LINES
    }

    fn handle_all<'a>(&'a mut self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Outcome> {
        let mut lines = String::new();
        for event in events {
            event.write_json(&mut lines);
            lines.push('\n');
        }
        self.append(lines)
    }
}

impl Log {
    /// Opens the file each time, so that it may be moved away at any time.
    fn append(&self, lines: String) -> BoxFuture<'static, Outcome> {
        let (path, mode) = (self.path.clone(), self.mode);
        let write = move || outcome(&path, append(&path, mode, &lines));
        // Without a runtime the handler is called by tests, on a thread that may wait.
        if Handle::try_current().is_err() {
            return Box::pin(std::future::ready(write()));
        }
        Box::pin(async {
            tokio::task::spawn_blocking(write).await.unwrap_or_else(|_| Outcome::retry("the daemon ends"))
        })
    }
}

fn outcome(path: &Path, written: std::io::Result<()>) -> Outcome {
    let Err(error) = written else { return Outcome::Done };
    let why = format!("cannot write to {}: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::Interrupted => Outcome::retry(why),
        _ => Outcome::GiveUp(why),
    }
}

fn append(path: &Path, mode: u32, lines: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(mode).open(path)?;
    file.write_all(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use alert::Level;
    use serde_json::json;

    use super::*;
    use crate::testing::{event, host, open, send};

    #[test]
    fn each_event_is_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let options = json!({"path": path, "mode": 0o640});
        for level in [Level::Critical, Level::Ok] {
            assert_eq!(send(&host(&[]), "log", options.clone(), level), Outcome::Done);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{}\n{}\n", event(Level::Critical).json(), event(Level::Ok).json()));
        let mut handler = open(&crate::kinds(&host(&[])), "log", options).unwrap();
        let events = [Arc::new(event(Level::Info)), Arc::new(event(Level::Warning))];
        assert_eq!(crate::testing::run(handler.handle_all(&events)), Outcome::Done);
        let more = std::fs::read_to_string(&path).unwrap();
        assert_eq!(more, format!("{text}{}\n{}\n", events[0].json(), events[1].json()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o640, 0);
    }

    #[test]
    fn without_a_runtime_it_writes_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let handler = open(&crate::kinds(&host(&[])), "log", json!({"path": path})).unwrap();
        let topics = alert::Topics::new(alert::Delivery::Inline, Arc::new(alert::NoStore));
        let (name, kind) = ("l".into(), "log".into());
        topics.register("t", alert::Subscription { name, kind, handler, external: true });
        topics.collect(event(Level::Info)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let missing = send(&host(&[]), "log", json!({"path": "/no/such/folder/a.log"}), Level::Info);
        let Outcome::GiveUp(why) = missing else { panic!("{missing:?}") };
        assert!(why.starts_with("cannot write to /no/such/folder/a.log: "), "{why}");
        for (options, want) in [
            (json!({"path": "a.log"}), "log: the path of the file must be absolute: a.log is not"),
            (json!({"path": "/a", "mode": 0o400}), "log: invalid file mode 0400, its owner must be able to write"),
        ] {
            assert_eq!(open(&crate::kinds(&host(&[])), "log", options).err().unwrap().to_string(), want);
        }
    }
}
