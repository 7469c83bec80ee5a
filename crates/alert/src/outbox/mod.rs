//! Events that handlers have not got yet, kept over a restart or a kill, and those that were given up: dead letters.
//!
//! An event is in the journal before it is sent, with the handlers that are to get it; what became of it follows as
//! records of its own. So each handler gets each event at least once. `record.rs` has the bytes, `index.rs` what of all
//! that still matters, `writer.rs` the one who writes, `lease.rs` who may send now, `dead_letters.rs` what was given up,
//! `recovery.rs` what a new life finds.

mod dead_letters;
mod index;
mod lease;
mod record;
mod recovery;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use disk::{Disk, System};
use journal::{Journal, Reader};
use tokio::sync::watch;
use tracing::error;

use crate::{Event, EventState};
pub use dead_letters::{DeadLetter, Death, Letters};
use index::{Entry, Index, Source};
use lease::Lease;
pub(crate) use lease::{Claim, Notice};
use record::Record;
pub use recovery::Known;
use recovery::Recovery;
use writer::Writer;

/// States of events without a handler are left to the store of states if so much is to be written.
const MOST_QUEUED_STATES: usize = 10_000;

/// How the outbox keeps events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxOptions {
    pub folder: PathBuf,
    /// How often what was written is forced to the disk; zero means before each send. A kill loses nothing either way,
    /// a power cut what was not forced.
    pub fsync_interval: Duration,
    /// So much is kept. If it is full, the oldest dead letters go; if that is not enough, new events are sent, but not
    /// kept.
    pub most_bytes: u64,
    /// A file of the journal that is larger gets no more events.
    pub segment_bytes: u64,
    /// Data may come again after a kill: events are known by name until [`Outbox::covered`] says that theirs will not.
    pub remembers: bool,
}

impl OutboxOptions {
    /// The defaults of the config, in a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        OutboxOptions {
            folder: folder.into(),
            fsync_interval: Duration::from_millis(200),
            most_bytes: 256 << 20,
            segment_bytes: 8 << 20,
            remembers: false,
        }
    }
}

/// Figures of the whole outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxCounts {
    /// Events that some handler has not got.
    pub events: u64,
    /// What they take.
    pub bytes: u64,
    /// The number of the last event that is written.
    pub written: u64,
    /// Dead letters that had to go since the outbox was full, since the start.
    pub discarded: u64,
    /// Events that were not kept since the outbox was full, since the start.
    pub not_kept: u64,
}

/// The outbox was opened.
pub struct OutboxOpened {
    pub outbox: Arc<Outbox>,
    /// The states of events that the store of states may not have, oldest first: topic and state.
    pub states: Vec<(Arc<str>, EventState)>,
    /// What was damaged, for the log.
    pub damage: Vec<String>,
    /// The events that are in the journal, sent or not, if it remembers them.
    pub known: Known,
}

/// Writes an outbox step by step; see [`Outbox::open_stepped`].
pub struct Stepper(Writer);

impl Stepper {
    /// Writes what waits. Whether there was anything.
    pub fn step(&mut self) -> bool {
        self.0.step()
    }
}

/// See the module. Dropping it writes what is left.
pub struct Outbox {
    shared: Arc<Shared>,
    /// None if somebody else steps it.
    writer: OnceLock<Arc<Mutex<Writer>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    options: OutboxOptions,
    state: Mutex<State>,
    /// There is something to write.
    wake: Condvar,
    /// Something was written.
    written: Condvar,
    /// The number of the last event that is written, for those who send.
    committed: watch::Sender<u64>,
}

struct State {
    index: Index,
    /// What is to be written.
    queue: Vec<Record>,
    /// How many records were taken to be written, and of how many of those it is known what became of them.
    taken: u64,
    handled: u64,
    /// The number of the last event.
    last: u64,
    /// The states of all events up to this number are in the store of states.
    settled: u64,
    /// The data of events up to this number will not come again.
    covered: u64,
    /// The oldest event of which the disk has not taken all: it cannot be written for now.
    unkept: Option<u64>,
    stopping: bool,
    /// Somebody waits for what is in the queue.
    hurry: bool,
    /// The thread does not look by itself whether there is something.
    dozes: bool,
    /// Somebody else has written, so the thread has something to sync.
    helped: bool,
    reader: Reader,
    leases: HashMap<(Arc<str>, Arc<str>), Arc<Lease>>,
    discarded: u64,
    not_kept: u64,
}

/// An event that waits for a handler.
pub(crate) struct Waiting {
    pub(crate) number: u64,
    pub(crate) raised: i64,
    pub(crate) event: Arc<Event>,
}

impl Outbox {
    /// Opens the outbox of a folder, or makes one. `settled` is the number of the last event whose state the store of
    /// states is known to have; `None` if states are not kept.
    ///
    /// # Errors
    /// What hinders it.
    pub fn open(options: OutboxOptions, settled: Option<u64>) -> Result<OutboxOpened, journal::Error> {
        let path = options.folder.clone();
        let (opened, stepper) = Outbox::open_stepped(Arc::new(System), options, settled)?;
        let (outbox, writer) = (&opened.outbox, Arc::new(Mutex::new(stepper.0)));
        let (shared, at) = (Arc::clone(&outbox.shared), Arc::clone(&writer));
        let thread = std::thread::Builder::new()
            .name("outbox".to_string())
            .spawn(move || writer::run(&shared, &at))
            .map_err(|source| journal::Error::Io { path, source })?;
        *outbox.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        let _ = outbox.writer.set(writer);
        Ok(opened)
    }

    /// As [`Outbox::open`], on a disk of one's own; it writes when it is told to, and only then. For simulations.
    ///
    /// # Errors
    /// What hinders it.
    pub fn open_stepped(
        disk: Arc<dyn Disk>,
        options: OutboxOptions,
        settled: Option<u64>,
    ) -> Result<(OutboxOpened, Stepper), journal::Error> {
        let known = options.remembers.then(Known::default);
        let mut recovery = Recovery { settled, known, ..Recovery::default() };
        let (journal, cuts) =
            Journal::open_on(disk, &options.folder, options.segment_bytes, |place, bytes| recovery.take(place, bytes))?;
        let Recovery { index, last, mut states, mut damage, known, .. } = recovery;
        damage.extend(cuts.iter().map(ToString::to_string));
        states.sort_by_key(|(number, ..)| *number);
        let last = last.max(settled.unwrap_or(0));
        let state = State {
            index,
            queue: Vec::new(),
            taken: 0,
            handled: 0,
            last,
            settled: settled.unwrap_or(u64::MAX),
            covered: if options.remembers { 0 } else { u64::MAX },
            unkept: None,
            stopping: false,
            hurry: false,
            dozes: false,
            helped: false,
            reader: journal.reader(),
            leases: HashMap::new(),
            discarded: 0,
            not_kept: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            written: Condvar::new(),
            committed: watch::Sender::new(last),
            options,
        });
        let writer = Writer::new(Arc::clone(&shared), journal);
        let states = states.into_iter().map(|(_, topic, state)| (topic, state)).collect();
        let known = known.unwrap_or_default();
        let outbox = Arc::new(Outbox { shared, writer: OnceLock::new(), thread: Mutex::default() });
        Ok((OutboxOpened { outbox, states, damage, known }, Stepper(writer)))
    }

    /// Keeps an event for these handlers; its number, or 0 if there is no room for it. Never waits.
    pub(crate) fn append(&self, event: &Arc<Event>, raised: i64, to: Vec<Arc<str>>) -> u64 {
        let to: Vec<_> = to.into_iter().map(|name| (name, None)).collect();
        let entry = Entry::new(event, raised, to.clone());
        let mut state = self.shared.lock();
        if !state.make_room(entry.bytes, self.shared.options.most_bytes) {
            state.not_kept += 1;
            if state.not_kept.is_power_of_two() {
                error!(events = state.not_kept, "the outbox is full: events are sent, but not kept over a restart");
            }
            return 0;
        }
        state.last += 1;
        let number = state.last;
        state.index.insert(number, entry);
        self.shared.push(&mut state, Record::Event { number, raised, to, event: event.clone() });
        number
    }

    /// Keeps the state of an event that no handler waits for, until the store of states has it. Whether it does: not if
    /// too much is to be written already. Never waits.
    pub(crate) fn append_state(&self, event: &Event) -> bool {
        let mut state = self.shared.lock();
        if state.queue.len() >= MOST_QUEUED_STATES || state.settled == u64::MAX {
            return false;
        }
        state.last += 1;
        let number = state.last;
        let record = Record::State { number, topic: event.topic.clone(), state: event.state.clone() };
        self.shared.push(&mut state, record);
        true
    }

    /// A handler has got an event.
    pub(crate) fn done(&self, number: u64, to: &Arc<str>) {
        let mut state = self.shared.lock();
        if state.index.done(number, to) {
            self.shared.push(&mut state, Record::Done { number, to: to.clone() });
        }
    }

    /// What waits for a handler, oldest first, up to a number.
    pub(crate) fn waiting(&self, topic: &str, to: &str, up_to: u64) -> Vec<Waiting> {
        let mut state = self.shared.lock();
        let State { index, reader, .. } = &mut *state;
        let mut waiting = Vec::new();
        for (&number, entry) in index.entries.range(..=up_to) {
            let is_meant =
                &*entry.topic == topic && entry.to.iter().any(|(name, death)| &**name == to && death.is_none());
            if is_meant && let Some(event) = fetch(reader, number, &entry.source) {
                waiting.push(Waiting { number, raised: entry.raised, event });
            }
        }
        waiting
    }

    /// All events that are held back, oldest first.
    pub(crate) fn held(&self) -> Vec<Waiting> {
        let mut state = self.shared.lock();
        let State { index, reader, .. } = &mut *state;
        let mut held = Vec::new();
        for (&number, entry) in &index.entries {
            let is_held = entry.to.iter().any(|(name, _)| &**name == crate::HELD);
            if is_held && let Some(event) = fetch(reader, number, &entry.source) {
                held.push(Waiting { number, raised: entry.raised, event });
            }
        }
        held
    }

    /// The number of the last event.
    pub fn last(&self) -> u64 {
        self.shared.lock().last
    }

    /// Waits until all events up to this number are written. Blocks. `false`: they are not, since the disk does not take
    /// them; it is asked again until it does.
    pub fn wait_until_written(&self, number: u64) -> bool {
        let mut state = self.shared.lock();
        self.shared.hurry(&mut state);
        let pending = |state: &mut State| *self.shared.committed.borrow() < number && !state.stopping;
        let state = self.shared.written.wait_while(state, pending).unwrap_or_else(PoisonError::into_inner);
        state.unkept.is_none_or(|unkept| unkept > number)
    }

    /// The states of all events up to this number are in the store of states.
    pub fn settled(&self, number: u64) {
        let mut state = self.shared.lock();
        if state.settled != u64::MAX {
            state.settled = state.settled.max(number);
        }
    }

    /// The data that raised all events up to this number will not come again, whatever happens.
    pub fn covered(&self, number: u64) {
        let mut state = self.shared.lock();
        state.covered = state.covered.max(number);
    }

    /// Waits until all that is known by now is written, or the disk has refused it.
    fn written(&self) -> MutexGuard<'_, State> {
        let has_writer = self.writer.get().is_some();
        let mut state = self.shared.lock();
        self.shared.hurry(&mut state);
        let wanted = state.taken + state.queue.len() as u64;
        let pending = |state: &mut State| has_writer && state.handled < wanted && !state.stopping;
        self.shared.written.wait_while(state, pending).unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody wants to send the event of this number: it is written now.
    pub(crate) fn hasten(&self, number: u64) {
        if *self.shared.committed.borrow() < number {
            self.write_now();
        }
    }

    /// What waits is written now, by the caller if nobody else writes. Waits for no disk.
    pub(crate) fn write_now(&self) {
        let writer = self.writer.get().and_then(|writer| writer.try_lock().ok());
        if !writer.is_some_and(|mut writer| writer.help()) {
            self.shared.hurry(&mut self.shared.lock());
        }
    }

    /// Tells the number of the last event that is written.
    pub(crate) fn committed(&self) -> watch::Receiver<u64> {
        self.shared.committed.subscribe()
    }

    /// Takes its turn as the one who sends for a handler.
    pub(crate) fn lease(self: &Arc<Self>, topic: &Arc<str>, to: &Arc<str>) -> Claim {
        let lease = self.shared.lock().leases.entry((topic.clone(), to.clone())).or_default().clone();
        Claim::new(lease, Arc::clone(self), topic.clone(), to.clone())
    }

    /// Nobody sends for this handler any more.
    fn forget_lease(&self, topic: &Arc<str>, to: &Arc<str>) {
        let mut state = self.shared.lock();
        let key = (topic.clone(), to.clone());
        if state.leases.get(&key).is_some_and(|lease| lease.is_unclaimed()) {
            state.leases.remove(&key);
        }
    }

    /// Writes what is left, and no more after that. Blocks.
    pub fn close(&self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        self.shared.written.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Figures of the whole.
    pub fn counts(&self) -> OutboxCounts {
        let State { index, discarded, not_kept, .. } = &*self.shared.lock();
        let (events, bytes) = (index.entries.len() as u64, index.bytes);
        let written = *self.shared.committed.borrow();
        OutboxCounts { events, bytes, written, discarded: *discarded, not_kept: *not_kept }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, state: &mut State, record: Record) {
        state.queue.push(record);
        if std::mem::take(&mut state.dozes) {
            self.wake.notify_one();
        }
    }

    /// What is in the queue is to be written at once.
    fn hurry(&self, state: &mut State) {
        state.hurry = true;
        self.wake.notify_one();
    }
}

impl State {
    /// What is to be written.
    fn take(&mut self) -> Vec<Record> {
        self.taken += self.queue.len() as u64;
        std::mem::take(&mut self.queue)
    }

    /// Whether so much more fits, if need be without the oldest dead letters.
    fn make_room(&mut self, bytes: u64, most: u64) -> bool {
        while self.index.bytes + bytes > most {
            let Some(number) = self.index.oldest_dead() else { return false };
            let to: Vec<Arc<str>> = self.index.entries[&number].to.iter().map(|(name, _)| name.clone()).collect();
            for to in to {
                self.index.done(number, &to);
                self.queue.push(Record::Done { number, to });
            }
            self.discarded += 1;
            if self.discarded.is_power_of_two() {
                error!(events = self.discarded, "the outbox is full: its oldest dead letters are dropped");
            }
        }
        true
    }
}

/// The event of an entry; one that cannot be read is told and passed over.
fn fetch(reader: &mut Reader, number: u64, source: &Source) -> Option<Arc<Event>> {
    let place = match source {
        Source::Memory(event) => return Some(event.clone()),
        Source::Journal(place) => *place,
    };
    let read = reader.read(place).map_err(|why| why.to_string());
    match read.and_then(|bytes| Record::decode(&bytes).map_err(|why| why.to_string())) {
        Ok(Record::Event { event, .. }) => Some(event),
        Ok(_) => {
            error!(number, "the outbox has another record where an event should be");
            None
        }
        Err(why) => {
            error!(number, why, "an event of the outbox cannot be read");
            None
        }
    }
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
