//! Where the daemon keeps things: its database, recordings, scripts to load, the events of topics.

use std::path::Path;
use std::time::Duration;

use declare::{Declaration, Section};

/// The store of all that users define.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Storage {
    pub(crate) boltdb: String,
}

impl Default for Storage {
    fn default() -> Self {
        Storage { boltdb: "./kapacitor.db".into() }
    }
}

impl Section for Storage {
    const NAME: &'static str = "storage";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("The store of tasks, templates, handlers and their state.").property(
            "boltdb",
            "The path of the store.",
            |d| &mut d.boltdb,
        )
    }

    fn check(&self) -> Result<(), String> {
        if self.boltdb.is_empty() { Err("must specify the path of the store, boltdb".to_string()) } else { Ok(()) }
    }
}

/// Tasks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) dir: String,
    pub(crate) snapshot_interval: Duration,
}

impl Default for Task {
    fn default() -> Self {
        Task { dir: "./tasks".into(), snapshot_interval: Duration::from_secs(60) }
    }
}

impl Section for Task {
    const NAME: &'static str = "task";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Tasks and their state.")
            .property("dir", "Where versions before 1.0 kept their tasks.", |d| &mut d.dir)
            .property("snapshot-interval", "How often the state of running tasks is saved.", |d| {
                &mut d.snapshot_interval
            })
    }
}

/// What running tasks remember.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) enabled: bool,
    pub(crate) interval: Duration,
    pub(crate) dir: String,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Checkpoint { enabled: true, interval: Duration::from_secs(5), dir: String::new() }
    }
}

impl Section for Checkpoint {
    const NAME: &'static str = "checkpoint";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "What running tasks remember (windows, joins, counts, levels of alerts), kept over restarts and reloads.",
        )
        .property("enabled", "Whether to keep it; else every task begins anew each time it starts.", |d| &mut d.enabled)
        .property("interval", "How often it is written; what came since is lost if the daemon is killed.", |d| {
            &mut d.interval
        })
        .property(
            "dir",
            "The folder of its files; that of the store with .checkpoints at its end if empty.",
            |d| &mut d.dir,
        )
    }

    fn check(&self) -> Result<(), String> {
        const SHORTEST: Duration = Duration::from_millis(100);
        if self.interval < SHORTEST { Err("interval must be 100ms at least".to_string()) } else { Ok(()) }
    }
}

/// Definitions that are read from files at the start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    pub(crate) enabled: bool,
    pub(crate) dir: String,
}

impl Default for Load {
    fn default() -> Self {
        Load { enabled: false, dir: "./load".into() }
    }
}

impl Section for Load {
    const NAME: &'static str = "load";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Tasks, templates and handlers that are read from files at the start.")
            .property("enabled", "Whether to read them.", |d| &mut d.enabled)
            .property("dir", "The folder that holds tasks, templates and handlers; an absolute path.", |d| &mut d.dir)
    }

    fn check(&self) -> Result<(), String> {
        if self.enabled && !Path::new(&self.dir).is_absolute() {
            return Err(format!("dir {:?} must be an absolute path", self.dir));
        }
        Ok(())
    }
}

/// Recordings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replay {
    pub(crate) dir: String,
}

impl Default for Replay {
    fn default() -> Self {
        Replay { dir: "./replay".into() }
    }
}

impl Section for Replay {
    const NAME: &'static str = "replay";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Recordings of data, to be replayed.").property("dir", "The folder of their files.", |d| &mut d.dir)
    }

    fn check(&self) -> Result<(), String> {
        if self.dir.is_empty() { Err("must specify dir".to_string()) } else { Ok(()) }
    }
}

/// Topics of alerts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alert {
    pub(crate) persist_topics: bool,
    /// Events that may wait for the handlers of a topic.
    pub(crate) topic_buffer_length: i64,
}

impl Default for Alert {
    fn default() -> Self {
        Alert { persist_topics: true, topic_buffer_length: 5000 }
    }
}

impl Section for Alert {
    const NAME: &'static str = "alert";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("The topics of alerts.")
            .property("persist-topics", "Whether the state of topics survives a restart.", |d| &mut d.persist_topics)
            .property("topic-buffer-length", "How many events may wait for each handler.", |d| {
                &mut d.topic_buffer_length
            })
    }
}
