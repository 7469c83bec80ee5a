//! Where the daemon keeps things: its database, recordings, scripts to load, the events of topics.

use std::path::Path;
use std::time::Duration;

use alert::{OutboxOptions, RetryPolicy};
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
    /// 0 for never.
    pub(crate) group_expiry: Duration,
}

impl Default for Task {
    fn default() -> Self {
        Task { dir: "./tasks".into(), snapshot_interval: Duration::from_secs(60), group_expiry: Duration::ZERO }
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
            .property(
                "group-expiry",
                "After how long groups end that nothing was seen of, where a script does not say .expireGroups(); 0s \
                 for never.",
                |d| &mut d.group_expiry,
            )
            .ours()
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
        Checkpoint { enabled: false, interval: Duration::from_secs(5), dir: String::new() }
    }
}

impl Section for Checkpoint {
    const NAME: &'static str = "checkpoint";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "What running tasks remember (windows, joins, counts, levels of alerts), kept over restarts and reloads.",
        )
        .property("enabled", "Whether to keep it; else every task begins anew each time it starts.", |d| &mut d.enabled)
        .ours()
        .property("interval", "How often it is written; what came since is lost if the daemon is killed.", |d| {
            &mut d.interval
        })
        .ours()
        .property("dir", "The folder of its files; that of the store with .checkpoints at its end if empty.", |d| {
            &mut d.dir
        })
        .ours()
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
    /// Unset or zero for never.
    pub(crate) check_interval: Option<Duration>,
}

impl Default for Load {
    fn default() -> Self {
        Load { enabled: false, dir: "./load".into(), check_interval: None }
    }
}

impl Section for Load {
    const NAME: &'static str = "load";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Tasks, templates and handlers that are read from files at the start.")
            .property("enabled", "Whether to read them.", |d| &mut d.enabled)
            .property("dir", "The folder that holds tasks, templates and handlers; an absolute path.", |d| &mut d.dir)
            .property(
                "check-interval",
                "How often to look for files that changed, which are then brought in as at SIGHUP; unset or 0s for never.",
                |d| &mut d.check_interval,
            )
            .ours()
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

/// Topics of alerts, and how events get to handlers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alert {
    pub(crate) persist_topics: bool,
    /// Events that may wait for the handlers of a topic.
    pub(crate) topic_buffer_length: i64,
    pub(crate) outbox: bool,
    /// Empty for one beside the store.
    pub(crate) outbox_dir: String,
    pub(crate) outbox_fsync_interval: Duration,
    /// Bytes.
    pub(crate) outbox_limit: i64,
    /// Kinds of handlers.
    pub(crate) outbox_except: Vec<String>,
    pub(crate) retry_first: Duration,
    pub(crate) retry_longest: Duration,
    pub(crate) retry_limit: Duration,
}

impl Default for Alert {
    fn default() -> Self {
        let retry = RetryPolicy::default();
        let outbox = OutboxOptions::new("");
        Alert {
            persist_topics: true,
            topic_buffer_length: 5000,
            outbox: true,
            outbox_dir: String::new(),
            outbox_fsync_interval: outbox.fsync_interval,
            outbox_limit: i64::try_from(outbox.most_bytes).unwrap_or(i64::MAX),
            outbox_except: vec!["log".to_string()],
            retry_first: retry.first,
            retry_longest: retry.longest,
            retry_limit: retry.limit,
        }
    }
}

impl Section for Alert {
    const NAME: &'static str = "alert";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let it = it
            .about("The topics of alerts, and how their events get to handlers.")
            .property("persist-topics", "Whether the state of topics survives a restart.", |d| &mut d.persist_topics)
            .property("topic-buffer-length", "How many events may wait for each handler.", |d| {
                &mut d.topic_buffer_length
            });
        delivery(it)
    }

    fn check(&self) -> Result<(), String> {
        if self.outbox_limit < 1 << 16 { Err("outbox-limit must be 65536 bytes or more".to_string()) } else { Ok(()) }
    }
}

impl Alert {
    /// When events are sent again.
    pub(crate) fn retry(&self) -> RetryPolicy {
        RetryPolicy { first: self.retry_first, longest: self.retry_longest, limit: self.retry_limit }
    }

    /// Where events are kept; `store` is the path of the store.
    pub(crate) fn outbox_options(&self, store: &str) -> Option<OutboxOptions> {
        let folder = match self.outbox_dir.as_str() {
            "" => format!("{}.outbox", store.trim_end_matches('/')),
            folder => folder.to_string(),
        };
        let most_bytes = u64::try_from(self.outbox_limit).unwrap_or_default();
        let options = OutboxOptions::new(folder);
        self.outbox.then_some(OutboxOptions { fsync_interval: self.outbox_fsync_interval, most_bytes, ..options })
    }
}

fn delivery(it: Declaration<Alert>) -> Declaration<Alert> {
    it.property("outbox", "Whether events are on disk before they are sent: a restart or a kill loses none.", |d| {
        &mut d.outbox
    })
    .ours()
    .property("outbox-dir", "The folder of these events; beside the store if it is empty.", |d| &mut d.outbox_dir)
    .ours()
    .property(
        "outbox-fsync-interval",
        "How often they are forced to the disk; 0s for before each send. A kill loses nothing either way, a power \
         cut what was not forced.",
        |d| &mut d.outbox_fsync_interval,
    )
    .ours()
    .property(
        "outbox-limit",
        "How many bytes of events are kept. If that is reached, the oldest dead letters are dropped; if there are \
         none, new events are sent, but not kept.",
        |d| &mut d.outbox_limit,
    )
    .ours()
    .property("outbox-except", "Kinds of handlers whose events are not kept: they are sent from memory.", |d| {
        &mut d.outbox_except
    })
    .ours()
    .property(
        "retry-first",
        "The pause before an event is sent again for the first time; each further one is twice as long.",
        |d| &mut d.retry_first,
    )
    .ours()
    .property("retry-longest", "No pause is longer.", |d| &mut d.retry_longest)
    .ours()
    .property(
        "retry-limit",
        "How long an event is tried before it becomes a dead letter: see kapacitor help dead-letters.",
        |d| &mut d.retry_limit,
    )
    .ours()
}
