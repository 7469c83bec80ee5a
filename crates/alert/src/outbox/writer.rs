//! The thread that writes the outbox: what came together is written together; files that hold nothing more are removed.

use std::sync::PoisonError;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use journal::{Journal, Place, Unsynced};
use tracing::error;

use super::index::Source;
use super::record::Record;
use super::{Shared, fetch};

/// Writes until the outbox is dropped. Events go out as soon as they are written; a sync between them would hold up
/// those that come meanwhile, so it is another thread's.
pub(super) fn run(shared: &Shared, mut journal: Journal) {
    let interval = shared.options.fsync_interval;
    let syncer = (!interval.is_zero()).then(Syncer::start).and_then(Result::ok);
    let mut synced = Instant::now();
    let mut failing = false;
    loop {
        let due = journal.is_unsynced().then(|| synced + interval);
        let (batch, stopping) = next(shared, due);
        let written = write(&mut journal, &batch);
        let is_due = stopping || interval.is_zero() || due.is_some_and(|due| due <= Instant::now());
        let outcome = written.and_then(|places| {
            if is_due {
                match &syncer {
                    Some(syncer) if !stopping => syncer.sync(&mut journal)?,
                    _ => journal.sync()?,
                }
                synced = Instant::now();
            }
            Ok(places)
        });
        let places = match outcome {
            Ok(places) => {
                failing = false;
                places
            }
            Err(why) => {
                if !std::mem::replace(&mut failing, true) {
                    error!(%why, "the outbox cannot be written: events are sent, but not kept over a restart");
                }
                Vec::new()
            }
        };
        publish(shared, &batch, places);
        if let Err(why) = compact(shared, &mut journal) {
            error!(%why, "the outbox cannot be compacted");
        }
        if stopping {
            return;
        }
    }
}

/// A thread that waits for the disk.
struct Syncer {
    files: Option<SyncSender<Unsynced>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    fn start() -> std::io::Result<Syncer> {
        let (files, waiting) = sync_channel::<Unsynced>(1);
        let thread = std::thread::Builder::new().name("outbox-sync".to_string()).spawn(move || {
            let mut failing = false;
            for file in waiting {
                match file.sync() {
                    Ok(()) => failing = false,
                    Err(why) if !std::mem::replace(&mut failing, true) => {
                        error!(%why, "the outbox cannot be synced: after a power cut the last events may be missing");
                    }
                    Err(_) => {}
                }
            }
        })?;
        Ok(Syncer { files: Some(files), thread: Some(thread) })
    }

    /// Have what is written synced. If the thread is two syncs behind, this waits for the disk like everybody else.
    fn sync(&self, journal: &mut Journal) -> Result<(), journal::Error> {
        let Some(unsynced) = journal.take_unsynced()? else { return Ok(()) };
        match self.files.as_ref().map(|files| files.try_send(unsynced)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(left) | TrySendError::Disconnected(left))) => left.sync(),
            // Only while it is dropped.
            None => Ok(()),
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.files = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is to be written, and whether it is the end; waits for it, but not longer than the next sync is due.
fn next(shared: &Shared, due: Option<Instant>) -> (Vec<Record>, bool) {
    let mut state = shared.lock();
    while state.queue.is_empty() && !state.stopping {
        let Some(due) = due else {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        state = shared.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    (std::mem::take(&mut state.queue), state.stopping)
}

fn write(journal: &mut Journal, batch: &[Record]) -> Result<Vec<(u64, Place)>, journal::Error> {
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    for record in batch {
        bytes.clear();
        record.encode(&mut bytes);
        let place = journal.append(&bytes)?;
        if let Record::Event { number, .. } = record {
            places.push((*number, place));
        }
    }
    journal.commit()?;
    Ok(places)
}

/// Tells who waits that the events of a batch may be sent.
fn publish(shared: &Shared, batch: &[Record], places: Vec<(u64, Place)>) {
    let mut state = shared.lock();
    for (number, place) in places {
        state.index.placed(number, place);
    }
    let last = batch.iter().filter_map(|record| match record {
        Record::Event { number, .. } => Some(*number),
        _ => None,
    });
    if let Some(last) = last.max() {
        shared.committed.send_modify(|committed| *committed = last.max(*committed));
    }
    drop(state);
    shared.written.notify_all();
}

/// Removes files from the front whose events are all done with. If too much is kept for a few that are not, those are
/// written once more at the end.
fn compact(shared: &Shared, journal: &mut Journal) -> Result<(), journal::Error> {
    while let Some(oldest) = journal.oldest() {
        let (live, kept_bytes) = {
            let state = shared.lock();
            let share = state.index.segments.get(&oldest);
            if share.is_some_and(|share| share.last > state.settled) {
                return Ok(());
            }
            // Names of events are remembered as long as there is room: without them an event may be told twice.
            let has_room = journal.bytes() <= 2 * shared.options.most_bytes;
            if has_room && share.is_some_and(|share| share.last > state.covered) {
                return Ok(());
            }
            let live: Vec<u64> = share.map(|share| share.entries.iter().copied().collect()).unwrap_or_default();
            (live, state.index.bytes)
        };
        if !live.is_empty() {
            let wasteful = journal.bytes() > 2 * kept_bytes + 4 * shared.options.segment_bytes;
            if !wasteful {
                return Ok(());
            }
            rewrite(shared, journal, &live)?;
        }
        journal.drop_oldest()?;
        shared.lock().index.segments.remove(&oldest);
    }
    Ok(())
}

fn rewrite(shared: &Shared, journal: &mut Journal, live: &[u64]) -> Result<(), journal::Error> {
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    for &number in live {
        let record = {
            let mut state = shared.lock();
            let Some(entry) = state.index.entries.get(&number).cloned() else { continue };
            if matches!(entry.source, Source::Memory(_)) {
                continue;
            }
            let Some(event) = fetch(&mut state.reader, number, &entry.source) else { continue };
            Record::Event { number, raised: entry.raised, to: entry.to, event }
        };
        bytes.clear();
        record.encode(&mut bytes);
        places.push((number, journal.append(&bytes)?));
    }
    // The old file may only go once the new one is on disk.
    journal.sync()?;
    let mut state = shared.lock();
    for (number, place) in places {
        state.index.placed(number, place);
    }
    Ok(())
}
