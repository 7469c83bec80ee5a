//! Writes the outbox: what came together is written together; files that hold nothing more are removed.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use journal::{Journal, Place, Unsynced};
use tokio::time::Instant;
use tracing::error;

use super::index::Source;
use super::record::Record;
use super::{Shared, fetch};
use crate::Event;

/// How long after it has failed the disk is asked again if nothing else comes.
const PAUSE: Duration = Duration::from_secs(1);

/// While there is much to do, the thread looks by itself so often: to wake it takes longer than to write an event.
const TICK: Duration = Duration::from_millis(5);
/// How long after the last record there is much to do.
const LINGER: Duration = Duration::from_secs(1);

/// The one who writes: the thread, or who wants to send an event that is not written. Events go out as soon as they are;
/// a sync between them would hold up those that come meanwhile, so it is another thread's if there is one.
pub(super) struct Writer {
    shared: Arc<Shared>,
    journal: Journal,
    syncer: Option<Syncer>,
    synced: Instant,
    /// What the disk did not take, by the event's number. It is tried again, in the end with success.
    unwritten: BTreeMap<u64, Unwritten>,
}

/// So many events that are done with are remembered for a disk that does not take them.
const MOST_DONE: usize = 10_000;

/// What is not written of an event.
#[derive(Default)]
struct Unwritten {
    /// The event itself, with when it was raised.
    event: Option<(i64, Arc<Event>)>,
    /// What became of it; the last record of each handler.
    fates: Vec<Record>,
}

/// Where records are now.
struct Appended {
    first: Option<Place>,
    /// Of events, by their numbers.
    places: Vec<(u64, Place)>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, journal: Journal) -> Writer {
        Writer { shared, journal, syncer: None, synced: Instant::now(), unwritten: BTreeMap::new() }
    }

    /// When there is something to be done even if nothing comes.
    fn due(&self) -> Option<Instant> {
        let sync = self.journal.is_unsynced().then(|| self.synced + self.shared.options.fsync_interval);
        let again = (!self.unwritten.is_empty()).then(|| Instant::now() + PAUSE);
        [sync, again].into_iter().flatten().min()
    }

    /// Writes what waits; whether there was anything.
    pub(super) fn step(&mut self) -> bool {
        let has_any = !self.shared.lock().queue.is_empty() || !self.unwritten.is_empty();
        self.round(false);
        has_any
    }

    fn round(&mut self, stopping: bool) {
        // Nobody else writes meanwhile, so the records keep their order.
        let batch = self.shared.lock().take();
        let again = self.again();
        let written = self.write(again.iter().chain(&batch), stopping);
        self.tell(&batch, written);
        if let Err(why) = compact(&self.shared, &mut self.journal) {
            error!(%why, "the outbox cannot be compacted");
        }
    }

    /// Writes what waits, and leaves to the thread what takes longer. Whether it could.
    pub(super) fn help(&mut self) -> bool {
        if self.syncer.is_none() || !self.unwritten.is_empty() || self.journal.is_at_end_of_segment() {
            return false;
        }
        let mut state = self.shared.lock();
        let batch = state.take();
        if batch.is_empty() {
            return true;
        }
        state.helped = true;
        drop(state);
        let written = self.append(batch.iter()).map(|appended| appended.places);
        self.tell(&batch, written);
        true
    }

    #[cfg(test)]
    pub(super) fn is_synced(&self) -> bool {
        !self.journal.is_unsynced()
    }

    /// Tells what has become of a batch.
    fn tell(&mut self, batch: &[Record], written: Result<Vec<(u64, Place)>, journal::Error>) {
        match written {
            Ok(places) => {
                self.unwritten.clear();
                publish(&self.shared, batch, places, None);
            }
            Err(why) => {
                if self.unwritten.is_empty() {
                    error!(%why, "the outbox cannot be written: until it can, events are sent, but not kept over a restart");
                }
                self.put_off(batch);
                publish(&self.shared, batch, Vec::new(), self.unwritten.keys().next().copied());
            }
        }
    }

    /// What the disk did not take, as it is by now.
    fn again(&mut self) -> Vec<Record> {
        let state = self.shared.lock();
        let is_done = |number: &u64| !state.index.entries.contains_key(number);
        // An event that never was on the disk, and is done with, leaves a trace only if its data may come again.
        let most = if self.shared.options.remembers { MOST_DONE } else { 0 };
        let done = self.unwritten.iter().filter(|(number, unwritten)| unwritten.event.is_some() && is_done(number));
        let mut surplus = done.count().saturating_sub(most);
        self.unwritten.retain(|number, unwritten| {
            let goes = surplus > 0 && unwritten.event.is_some() && is_done(number);
            surplus -= usize::from(goes);
            !goes
        });
        let mut records = Vec::new();
        for (&number, unwritten) in &self.unwritten {
            let Some((raised, event)) = &unwritten.event else {
                records.extend(unwritten.fates.iter().cloned());
                continue;
            };
            let to = state.index.entries.get(&number).map(|entry| entry.to.clone()).unwrap_or_default();
            records.push(Record::Event { number, raised: *raised, to, event: Arc::clone(event) });
        }
        records
    }

    fn put_off(&mut self, batch: &[Record]) {
        // States are in the store of states in a moment.
        for record in batch.iter().filter(|record| !matches!(record, Record::State { .. })) {
            let unwritten = self.unwritten.entry(record.number()).or_default();
            match record {
                Record::Event { raised, event, .. } => unwritten.event = Some((*raised, Arc::clone(event))),
                fate => {
                    unwritten.fates.retain(|known| known.handler() != fate.handler());
                    unwritten.fates.push(fate.clone());
                }
            }
        }
    }

    /// All of it is written and synced if it is time, or nothing.
    fn write<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Record>,
        stopping: bool,
    ) -> Result<Vec<(u64, Place)>, journal::Error> {
        let Appended { first, places } = self.append(records)?;
        if let Err(why) = self.sync(stopping) {
            if let Some(first) = first.filter(|_| self.shared.options.fsync_interval.is_zero()) {
                // What is written again must not be there twice, if the disk lets us.
                let _ = self.journal.retract(first);
            }
            return Err(why);
        }
        Ok(places)
    }

    fn append<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<Appended, journal::Error> {
        let mut bytes = Vec::with_capacity(1024);
        let (mut places, mut first) = (Vec::new(), None);
        for record in records {
            bytes.clear();
            record.encode(&mut bytes);
            let place = self.journal.append(&bytes)?;
            first.get_or_insert(place);
            if let Record::Event { number, .. } | Record::State { number, .. } = record {
                places.push((*number, place));
            }
        }
        self.journal.commit()?;
        Ok(Appended { first, places })
    }

    /// Has what is written forced to the disk if it is time.
    fn sync(&mut self, stopping: bool) -> Result<(), journal::Error> {
        let interval = self.shared.options.fsync_interval;
        if !(stopping || interval.is_zero() || self.synced + interval <= Instant::now()) {
            return Ok(());
        }
        match &self.syncer {
            Some(syncer) if !stopping => syncer.sync(&mut self.journal)?,
            _ => self.journal.sync()?,
        }
        self.synced = Instant::now();
        Ok(())
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

/// Writes until the outbox is dropped.
pub(super) fn run(shared: &Shared, writer: &Mutex<Writer>) {
    let waits = !shared.options.fsync_interval.is_zero();
    lock(writer).syncer = waits.then(Syncer::start).and_then(Result::ok);
    let mut watch = Watch { seen: 0, until: Instant::now() };
    loop {
        let due = lock(writer).due();
        let stopping = watch.next(shared, due);
        lock(writer).round(stopping);
        if stopping {
            return;
        }
    }
}

fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When the thread looks what there is to do.
struct Watch {
    /// How many records there have been.
    seen: u64,
    /// It looks by itself until then.
    until: Instant,
}

impl Watch {
    /// Waits until there is something to be done, but not longer than until then; whether it is the end.
    fn next(&mut self, shared: &Shared, due: Option<Instant>) -> bool {
        // Who has each event synced cannot help.
        let alone = shared.options.fsync_interval.is_zero();
        let mut state = shared.lock();
        loop {
            let (now, waits) = (Instant::now(), !state.queue.is_empty());
            if state.stopping || std::mem::take(&mut state.hurry) || alone && waits || due.is_some_and(|due| due <= now)
            {
                return state.stopping;
            }
            let seen = state.taken + state.queue.len() as u64;
            if seen != self.seen {
                (self.seen, self.until) = (seen, now + LINGER);
            }
            let tick = (now < self.until && !alone).then(|| now + TICK);
            state.dozes = tick.is_none();
            let Some(until) = tick.into_iter().chain(due).min() else {
                state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(now);
            let woken = shared.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = woken.0;
            // What others wrote has to be synced in its time.
            if woken.1.timed_out() && (!state.queue.is_empty() || std::mem::take(&mut state.helped)) {
                return state.stopping;
            }
        }
    }
}

/// Tells who waits that the events of a batch may be sent.
fn publish(shared: &Shared, batch: &[Record], places: Vec<(u64, Place)>, unkept: Option<u64>) {
    let mut state = shared.lock();
    for (number, place) in places {
        state.index.placed(number, place);
    }
    state.unkept = unkept;
    state.handled += batch.len() as u64;
    let events = batch.iter().filter(|record| record.handler().is_none());
    if let Some(last) = events.map(Record::number).max() {
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
