//! The thread that writes the log: what came together is written together, then handed to the tasks.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use engine::Tasks;
use journal::{Error, Journal};
use tokio::sync::oneshot;

use super::{
    Entry, LogOptions, NotLogged, Shared,
    record::{Encoder, Head, Item},
};

/// Lines of about so many bytes make a record.
const RECORD: usize = 4 << 20;
/// Up to this part of the limit lines are written as they came, which costs less than to compress them; beyond it what
/// is left of the room is to last.
const ROOMY: u64 = 4;
/// Files go when no task needs them. One that is written to for so long a part of the longest age is ended, so that it
/// can go, too.
const PARTS_OF_AGE: u32 = 8;

type Waiting = (Entry, oneshot::Sender<Result<(), NotLogged>>);

pub(super) struct Writer {
    shared: Arc<Shared>,
    journal: Journal,
    tasks: Arc<Tasks>,
    id: u64,
    options: LogOptions,
    /// By file: the number of its last write, and when that was written.
    files: BTreeMap<u64, (u64, Instant)>,
    /// When the file that is written to got its first write.
    begun: Option<(u64, Instant)>,
    synced: Instant,
    encoder: Encoder,
    /// Writes up to this number are needed by no task any more.
    covered: u64,
    /// What hinders it, so that it is told once.
    trouble: Option<NotLogged>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        journal: Journal,
        tasks: Arc<Tasks>,
        id: u64,
        options: LogOptions,
    ) -> Writer {
        Writer {
            shared,
            journal,
            tasks,
            id,
            options,
            files: BTreeMap::new(),
            begun: None,
            synced: Instant::now(),
            encoder: Encoder::default(),
            covered: 0,
            trouble: None,
        }
    }

    /// A file has writes up to this number.
    pub(super) fn known(&mut self, file: u64, last: u64) {
        let now = Instant::now();
        self.files.insert(file, (last, now));
        if self.begun.is_none_or(|(begun, _)| begun != file) {
            self.begun = Some((file, now));
        }
    }

    pub(super) fn run(mut self) {
        loop {
            let (entries, stopping) = self.next();
            let mut entries = entries.into_iter().peekable();
            while entries.peek().is_some() {
                let mut bytes = 0;
                let mut group = Vec::new();
                while let Some(entry) = entries.next_if(|(entry, _)| bytes == 0 || bytes + entry.lines.len() <= RECORD)
                {
                    bytes += entry.0.lines.len().max(1);
                    group.push(entry);
                }
                self.take(group);
            }
            let synced = if stopping || self.is_sync_due() { self.sync() } else { Ok(()) };
            if let Err(error) = synced.and_then(|()| self.drop_old()) {
                tracing::error!("log of writes: {error}");
            }
            self.shared.counters.bytes.store(self.journal.bytes(), Ordering::Relaxed);
            if stopping {
                return;
            }
        }
    }

    /// What came, and whether it is the end. Waits for it, but not longer than until
    /// the next sync is due.
    fn next(&mut self) -> (Vec<Waiting>, bool) {
        let due = self.journal.is_unsynced().then(|| self.synced + self.options.fsync_interval);
        let mut waiting = self.shared.lock();
        while waiting.entries.is_empty() && !waiting.stopping && waiting.covered == self.covered {
            let left = due.map_or(Duration::from_secs(60), |due| due.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            let woken = self.shared.wake.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner);
            waiting = woken.0;
            if woken.1.timed_out() {
                break;
            }
        }
        self.covered = waiting.covered;
        (std::mem::take(&mut waiting.entries), waiting.stopping)
    }

    /// Write these, hand them to the tasks, and tell those who wait.
    fn take(&mut self, group: Vec<Waiting>) {
        let count = group.len() as u64;
        let first = self.shared.last.load(Ordering::Acquire) + 1;
        let written = self.write(first, &group);
        self.tell_trouble(written.as_ref().err());
        let counters = &self.shared.counters;
        if let Err(why) = written {
            let counter = if why == NotLogged::Full { &counters.refused } else { &counters.failed };
            counter.fetch_add(count, Ordering::Relaxed);
            group.into_iter().for_each(|(_, answer)| drop(answer.send(Err(why.clone()))));
            return;
        }
        counters.writes.fetch_add(count, Ordering::Relaxed);
        counters.commits.fetch_add(1, Ordering::Relaxed);
        for (number, (mut entry, answer)) in (first..).zip(group) {
            entry.write.number = number;
            self.tasks.write(&Arc::new(entry.write), entry.share);
            // Who asked may have gone.
            let _ = answer.send(Ok(()));
        }
    }

    fn write(&mut self, first: u64, group: &[Waiting]) -> Result<(), NotLogged> {
        if self.journal.bytes() >= self.options.limit {
            return Err(NotLogged::Full);
        }
        let head = Head { log: self.id, first, count: group.len() as u32 };
        let items = group.iter().map(|(entry, _)| Item {
            now: entry.now,
            precision: entry.precision,
            origin: &entry.write.origin,
            lines: &entry.lines,
        });
        let packs = self.journal.bytes() >= self.options.limit / ROOMY;
        let record = self.encoder.encode(head, items, packs);
        let journal = &mut self.journal;
        let written = journal.append_parts(&record).and_then(|place| {
            journal.commit()?;
            if self.options.fsync_interval.is_zero()
                && let Err(why) = journal.sync()
            {
                // Clients are told that it is refused. If it cannot be taken back now, it is before the next one comes.
                let _ = journal.retract(place);
                return Err(why);
            }
            Ok(place)
        });
        // A number is not used twice, whatever became of it.
        self.shared.last.store(head.last(), Ordering::Release);
        let place = written.map_err(|error| NotLogged::Failed(error.to_string()))?;
        self.known(place.segment, head.last());
        Ok(())
    }

    fn tell_trouble(&mut self, trouble: Option<&NotLogged>) {
        if self.trouble.as_ref() == trouble {
            return;
        }
        match trouble {
            Some(why) => tracing::error!("writes are refused: {why}"),
            None => tracing::info!("writes are taken again"),
        }
        self.trouble = trouble.cloned();
    }

    fn is_sync_due(&self) -> bool {
        self.journal.is_unsynced() && self.synced.elapsed() >= self.options.fsync_interval
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.synced = Instant::now();
        self.journal.sync()
    }

    /// Drop files that no task needs any more, and those that are too old.
    fn drop_old(&mut self) -> Result<(), Error> {
        let longest = self.options.longest_age;
        if let Some((_, begun)) = self.begun
            && !longest.is_zero()
            && begun.elapsed() > longest / PARTS_OF_AGE
        {
            self.journal.seal()?;
            self.begun = None;
        }
        while let Some(oldest) = self.journal.oldest() {
            if let Some((last, written)) = self.files.get(&oldest)
                && *last > self.covered
            {
                if longest.is_zero() || written.elapsed() <= longest {
                    break;
                }
                self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    "writes that are older than longest-age in [ingest] are dropped from the log: some task could not \
                     be checkpointed for so long, and would lose them if the daemon was killed"
                );
            }
            self.journal.drop_oldest()?;
            self.files.remove(&oldest);
        }
        Ok(())
    }
}
