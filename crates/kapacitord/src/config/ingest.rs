//! The log of writes, `[ingest]`: what is acknowledged outlives a kill.

use std::path::PathBuf;
use std::time::Duration;

use declare::{Declaration, Section};

/// The smallest log: two of its files.
const SMALLEST: i64 = 4 << 20;

/// The log of writes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ingest {
    pub(crate) durable: bool,
    /// Empty for one beside the store.
    pub(crate) dir: String,
    pub(crate) fsync_interval: Duration,
    /// Bytes.
    pub(crate) limit: i64,
    pub(crate) longest_age: Duration,
}

impl Default for Ingest {
    fn default() -> Self {
        Ingest {
            durable: false,
            dir: String::new(),
            fsync_interval: Duration::from_millis(200),
            limit: 1 << 30,
            longest_age: Duration::from_secs(3600),
        }
    }
}

impl Section for Ingest {
    const NAME: &'static str = "ingest";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Writes that tasks have not yet in their checkpoints, kept in a log: a kill loses nothing of them.")
            .property(
                "durable",
                "Whether a write is in the log before it is acknowledged. What a checkpoint does not have comes again \
                 after a kill, and raises the same events.",
                |d| &mut d.durable,
            )
            .ours()
            .property("dir", "The folder of the log; that of the store with .ingest at its end if empty.", |d| {
                &mut d.dir
            })
            .ours()
            .property(
                "fsync-interval",
                "How often the log is forced to the disk; 0s for before each acknowledgement. A kill loses nothing \
                 either way, a power cut what was not forced.",
                |d| &mut d.fsync_interval,
            )
            .ours()
            .property(
                "limit",
                "How many bytes the log may have. Beyond it writes are answered with 503 and Retry-After until \
                 checkpoints have made room.",
                |d| &mut d.limit,
            )
            .ours()
            .property(
                "longest-age",
                "What is older is dropped, even if a task has it in no checkpoint yet; 0s for never.",
                |d| &mut d.longest_age,
            )
            .ours()
    }

    fn check(&self) -> Result<(), String> {
        if self.limit < SMALLEST { Err(format!("limit must be {SMALLEST} bytes at least")) } else { Ok(()) }
    }
}

impl Ingest {
    /// The folder of the log; `store` is the path of the store.
    pub(crate) fn folder(&self, store: &str) -> PathBuf {
        match self.dir.as_str() {
            "" => PathBuf::from(format!("{}.ingest", store.trim_end_matches('/'))),
            dir => PathBuf::from(dir),
        }
    }
}
