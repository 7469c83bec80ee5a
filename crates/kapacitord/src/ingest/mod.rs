//! The log of writes, `[ingest] durable = true`: a write is acknowledged once it is here, and goes to the tasks after that.
//! What their checkpoints do not have comes again after a kill.
//!
//! `writer.rs` is the one thread that writes what came together, hands it to the tasks in the order of the log, and
//! drops what no task needs any more; `record.rs` has the bytes, `replay.rs` what is done at the start.

mod record;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use engine::{Tasks, Write};
use journal::{Journal, Place};
use model::Precision;
use tokio::sync::oneshot;

use record::Head;
use writer::Writer;

/// Larger writes are refused.
const LONGEST: usize = 200 << 20;

/// How the log is kept.
#[derive(Debug, Clone)]
pub struct LogOptions {
    pub folder: PathBuf,
    /// How often it is forced to the disk; zero means before each acknowledgement.
    pub fsync_interval: Duration,
    /// Bytes on disk beyond which writes are refused.
    pub limit: u64,
    /// What is older is dropped; zero means never.
    pub longest_age: Duration,
}

/// A share of the memory for writes that wait; given back when it is dropped.
pub type Share = Option<Arc<dyn Send + Sync>>;

/// A write on its way into the log and to the tasks.
pub struct Entry {
    /// The lines, as they came.
    pub lines: Bytes,
    pub precision: Precision,
    /// When it came, nanoseconds since 1970.
    pub now: i64,
    /// The same, parsed.
    pub write: Write,
    pub share: Share,
}

/// Why a write is not in the log, and did not go to the tasks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLogged {
    #[error("the log of writes is full (limit in [ingest]): tasks are slow to be checkpointed; try again later")]
    Full,
    #[error("the log of writes cannot be written: {0}")]
    Failed(String),
    #[error("the write is too large for the log of writes: it takes {} MiB at once", LONGEST >> 20)]
    TooLarge,
    #[error("the daemon is stopping")]
    Stopping,
}

/// Figures, since the start where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogCounts {
    /// The number of the last write that is in the log; it goes on over restarts.
    pub last: u64,
    /// Writes in the log.
    pub writes: u64,
    /// How often it was written: the writes between two times share one.
    pub commits: u64,
    /// Bytes on disk now.
    pub bytes: u64,
    /// Writes that were refused since it was full.
    pub refused: u64,
    /// Writes that were refused since the disk did not take them.
    pub failed: u64,
    /// Writes that came again at the start.
    pub replayed: u64,
    /// Files that were dropped although some task needed them.
    pub dropped: u64,
}

#[derive(Default)]
struct Counters {
    writes: AtomicU64,
    commits: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    replayed: AtomicU64,
    dropped: AtomicU64,
}

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// The number of the last write that is in the log.
    last: AtomicU64,
    counters: Counters,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<(Entry, oneshot::Sender<Result<(), NotLogged>>)>,
    /// All tasks have what came up to this number in their checkpoints.
    covered: u64,
    stopping: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module. Dropping it writes what waits.
pub struct IngestLog {
    shared: Arc<Shared>,
    /// Tells this log from others, so that the places of one are not taken for those of another.
    id: u64,
    /// The number of the first write that was in it at the start.
    oldest: Option<u64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// A log that was found, and is not written yet.
pub struct Found {
    journal: Journal,
    /// Its records, oldest first.
    records: Vec<(Place, Head)>,
    id: u64,
    options: LogOptions,
}

impl Found {
    /// Open the log of a folder, which is made if it is not there. What is damaged is told in the log of the daemon.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(options: LogOptions) -> Result<Found, journal::Error> {
        let segment = (options.limit / 16).clamp(1 << 20, 64 << 20);
        let mut records: Vec<(Place, Head)> = Vec::new();
        let (journal, cuts) = Journal::open(&options.folder, segment, |place, bytes| match record::head(bytes) {
            Ok(head) => records.push((place, head)),
            Err(why) => {
                tracing::error!(file = place.segment, "a record of the log of writes is passed over: {why}");
            }
        })?;
        for cut in cuts {
            tracing::error!("log of writes: {cut}");
        }
        // Those of another log, put here by hand, have other numbers.
        let id = records.last().map_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0, |(_, head)| head.log);
        records.retain(|(_, head)| head.log == id);
        Ok(Found { journal, records, id, options })
    }

    /// Write to it from now on, and hand what is written to these tasks.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(self, tasks: Arc<Tasks>) -> std::io::Result<(IngestLog, Tail)> {
        let Found { journal, records, id, options } = self;
        let last = records.last().map_or(0, |(_, head)| head.last());
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            last: AtomicU64::new(last),
            counters: Counters::default(),
        });
        let tail = Tail { reader: journal.reader(), records };
        let mut writer = Writer::new(Arc::clone(&shared), journal, tasks, id, options);
        tail.records.iter().for_each(|(place, head)| writer.known(place.segment, head.last()));
        let thread = std::thread::Builder::new().name("ingest-log".to_string()).spawn(move || writer.run())?;
        let oldest = tail.records.first().map(|(_, head)| head.first);
        Ok((IngestLog { shared, id, oldest, writer: Mutex::new(Some(thread)) }, tail))
    }
}

/// What was in the log at the start.
pub struct Tail {
    reader: journal::Reader,
    records: Vec<(Place, Head)>,
}

impl IngestLog {
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The number of the last write that is in the log.
    pub fn last(&self) -> u64 {
        self.shared.last.load(Ordering::Acquire)
    }

    /// Whether all writes after this number were in it at the start.
    pub fn had_all_after(&self, number: u64) -> bool {
        number == self.last() || self.oldest.is_some_and(|oldest| oldest <= number + 1)
    }

    /// A checkpoint says that there was a write of this number: later ones get greater numbers.
    pub fn seen(&self, number: u64) {
        self.shared.last.fetch_max(number, Ordering::AcqRel);
    }

    /// Put a write into the log and hand it to the tasks. The answer comes when that is done. Never waits.
    pub fn submit(&self, entry: Entry) -> oneshot::Receiver<Result<(), NotLogged>> {
        let (answer, answered) = oneshot::channel();
        let refused = if entry.lines.len() > LONGEST { Some(NotLogged::TooLarge) } else { None };
        let mut waiting = self.shared.lock();
        let refused = refused.or_else(|| waiting.stopping.then_some(NotLogged::Stopping));
        match refused {
            Some(why) => drop(answer.send(Err(why))),
            None => {
                waiting.entries.push((entry, answer));
                if waiting.entries.len() == 1 {
                    self.shared.wake.notify_one();
                }
            }
        }
        answered
    }

    /// All tasks have what came up to this number in their checkpoints: it is not needed any more.
    pub fn covered(&self, number: u64) {
        let mut waiting = self.shared.lock();
        if number > waiting.covered {
            waiting.covered = number;
            self.shared.wake.notify_one();
        }
    }

    pub fn counts(&self) -> LogCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { writes, commits, bytes, refused, failed, replayed, dropped } = &self.shared.counters;
        LogCounts {
            last: self.last(),
            writes: read(writes),
            commits: read(commits),
            bytes: read(bytes),
            refused: read(refused),
            failed: read(failed),
            replayed: read(replayed),
            dropped: read(dropped),
        }
    }

    /// Write what waits, hand it to the tasks, and take no more. Blocks.
    pub fn close(&self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

impl Drop for IngestLog {
    fn drop(&mut self) {
        self.close();
    }
}
