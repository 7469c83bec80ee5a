//! States of alert events on their way to the store: gathered for a moment, then written together.
//!
//! A state whose event is in the outbox can be had from there after a kill, so it may take its time: the store and the
//! event's handlers would only be in each other's way.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use alert::{EventState, Level, Outbox, StoreError, TopicStore};
use store::topics::{self as stored, Changes};

/// How long states are gathered that the outbox has, too.
const GATHERING: Duration = Duration::from_millis(200);

/// How long after it has failed the disk is asked again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Pending {
    /// What is to be written.
    next: Changes,
    /// What the writer is busy with.
    writing: Changes,
    stopping: bool,
    /// Somebody waits, or something is not in the outbox.
    hurries: bool,
    /// How many times what was gathered has been taken to be written, and how many times that is over.
    begun: u64,
    over: u64,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    wake: Condvar,
    written: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Have what was gathered written now.
    fn hurry(&self) -> MutexGuard<'_, Pending> {
        let mut pending = self.lock();
        if !pending.next.is_empty() && !std::mem::replace(&mut pending.hurries, true) {
            self.wake.notify_all();
        }
        pending
    }

    /// Wait until there is something to write, and it is time to do so; nothing comes if there will be nothing more.
    fn gathered(&self, gathering: Duration) -> Option<MutexGuard<'_, Pending>> {
        let nothing = |pending: &mut Pending| pending.next.is_empty() && !pending.stopping;
        let pending = self.wake.wait_while(self.lock(), nothing).unwrap_or_else(PoisonError::into_inner);
        let patient = |pending: &mut Pending| !pending.hurries && !pending.stopping;
        let waited = self.wake.wait_timeout_while(pending, gathering, patient);
        let (mut pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
        pending.hurries = false;
        (!pending.next.is_empty()).then_some(pending)
    }
}

/// See the module. Dropping it writes what is left.
pub struct WriteBehind {
    topics: stored::Topics,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl WriteBehind {
    /// With an outbox, no state is written before its event is there: else a kill could leave a level that nobody was
    /// told of.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(topics: stored::Topics, outbox: Option<Arc<Outbox>>) -> std::io::Result<WriteBehind> {
        let shared = Arc::new(Shared::default());
        let (topics_of_writer, shared_of_writer) = (topics.clone(), Arc::clone(&shared));
        let writer = std::thread::Builder::new()
            .name("topic-states".to_string())
            .spawn(move || write_all(&topics_of_writer, &shared_of_writer, outbox.as_deref()))?;
        Ok(WriteBehind { topics, shared, writer: Some(writer) })
    }

    /// Wait until the states that are known by now are on disk, or were given up.
    pub fn settle(&self) {
        let pending = self.shared.hurry();
        let wanted = pending.begun + u64::from(!pending.next.is_empty());
        let waits = |pending: &mut Pending| pending.over < wanted && !pending.stopping;
        let _done = self.shared.written.wait_while(pending, waits).unwrap_or_else(PoisonError::into_inner);
    }

    /// Wait until all states are on disk, but not longer than a limit.
    pub fn flush(&self, limit: Duration) {
        let pending = self.shared.hurry();
        let busy = |pending: &mut Pending| !(pending.next.is_empty() && pending.writing.is_empty());
        let waited = self.shared.written.wait_timeout_while(pending, limit, busy);
        if waited.map_or(true, |(_, result)| result.timed_out()) {
            tracing::error!("not all states of alerts are on disk");
        }
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The states that the outbox knows of events which came after the last one whose state is stored.
///
/// # Errors
/// The store cannot be written.
pub fn recover(
    topics: &stored::Topics,
    outbox: &Outbox,
    states: Vec<(Arc<str>, EventState)>,
) -> Result<(), store::Error> {
    let mut changes = Changes::default();
    for (topic, state) in states {
        let kept = (state.level != Level::Ok).then(|| to_stored(&state));
        changes.states.insert((topic.to_string(), state.id.to_string()), kept);
    }
    if !changes.is_empty() {
        topics.apply(&changes, Some(outbox.last()))?;
    }
    outbox.settled(outbox.last());
    Ok(())
}

fn write_all(topics: &stored::Topics, shared: &Shared, outbox: Option<&Outbox>) {
    let gathering = outbox.map_or(Duration::ZERO, |_| GATHERING);
    loop {
        let (batch, last) = {
            let Some(mut pending) = shared.gathered(gathering) else { return };
            // States come before their events get numbers, so those of all events up to this number are here.
            let last = outbox.map(Outbox::last);
            pending.writing = std::mem::take(&mut pending.next);
            pending.begun += 1;
            (pending.writing.clone(), last)
        };
        let kept = outbox.zip(last);
        // A level whose event is not on the disk must not be there before it: nobody would be told of it after a kill.
        let may_be_written = kept.is_none_or(|(outbox, last)| outbox.wait_until_written(last));
        let written = may_be_written.then(|| topics.apply(&batch, last));
        match &written {
            Some(Ok(())) => kept.into_iter().for_each(|(outbox, last)| outbox.settled(last)),
            Some(Err(error)) => tracing::error!("cannot keep the states of alerts: {error}"),
            None => {}
        }
        let mut pending = shared.lock();
        if !matches!(written, Some(Ok(()))) {
            // What has come since goes before it.
            let later = std::mem::replace(&mut pending.next, batch);
            pending.next.add(later);
        }
        pending.writing = Changes::default();
        pending.over += 1;
        shared.written.notify_all();
        if !pending.next.is_empty() && !matches!(written, Some(Ok(()))) {
            // The disk does not take it now, and is asked again in a while.
            let stays = |pending: &mut Pending| !pending.stopping;
            let waited = shared.wake.wait_timeout_while(pending, PAUSE, stays);
            if waited.map_or(true, |(pending, _)| pending.stopping) {
                return;
            }
        }
    }
}

impl TopicStore for WriteBehind {
    fn save(&self, topic: &str, id: &str, state: Option<&EventState>) {
        let mut pending = self.shared.lock();
        let was_empty = pending.next.is_empty();
        pending.next.states.insert((topic.to_string(), id.to_string()), state.map(to_stored));
        if was_empty {
            self.shared.wake.notify_one();
        }
    }

    fn hasten(&self) {
        drop(self.shared.hurry());
    }

    fn load(&self, topic: &str) -> Result<Vec<EventState>, StoreError> {
        // Locked while reading, so that what is written meanwhile is seen once.
        let pending = self.shared.lock();
        let mut states =
            self.topics.get(topic).map_err(|error| StoreError { topic: topic.to_string(), why: error.to_string() })?;
        for changes in [&pending.writing, &pending.next] {
            if changes.forgotten.contains(topic) {
                states.clear();
            }
            for ((_, id), state) in changes.states.iter().filter(|((of, _), _)| of == topic) {
                match state {
                    Some(state) => states.insert(id.clone(), state.clone()),
                    None => states.remove(id),
                };
            }
        }
        Ok(states.iter().map(|(id, state)| from_stored(id, state)).collect())
    }

    fn topics(&self, start: &str) -> Result<Vec<String>, StoreError> {
        // Locked as for loading.
        let pending = self.shared.lock();
        let stored = self.topics.names(start);
        let mut names = stored.map_err(|error| StoreError { topic: start.to_string(), why: error.to_string() })?;
        let changes = [&pending.writing, &pending.next];
        let waiting = changes.iter().flat_map(|changes| changes.states.keys().map(|(topic, _)| topic));
        names.extend(waiting.filter(|topic| topic.starts_with(start)).cloned());
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Waits until it is on disk.
    fn delete(&self, topic: &str) {
        let mut pending = self.shared.lock();
        pending.next.states.retain(|(of, _), _| of != topic);
        pending.next.forgotten.insert(topic.to_string());
        pending.hurries = true;
        self.shared.wake.notify_all();
        let waits =
            |pending: &mut Pending| pending.next.forgotten.contains(topic) || pending.writing.forgotten.contains(topic);
        let _done = self.shared.written.wait_while(pending, waits).unwrap_or_else(PoisonError::into_inner);
    }
}

fn to_stored(state: &EventState) -> stored::EventState {
    stored::EventState {
        level: match state.level {
            Level::Ok => stored::Level::Ok,
            Level::Info => stored::Level::Info,
            Level::Warning => stored::Level::Warning,
            Level::Critical => stored::Level::Critical,
        },
        message: state.message.to_string(),
        details: state.details.to_string(),
        time: state.time,
        duration: state.duration,
    }
}

fn from_stored(id: &str, state: &stored::EventState) -> EventState {
    EventState {
        id: id.into(),
        message: state.message.as_str().into(),
        details: state.details.as_str().into(),
        time: state.time,
        duration: state.duration,
        level: match state.level {
            stored::Level::Ok => Level::Ok,
            stored::Level::Info => Level::Info,
            stored::Level::Warning => Level::Warning,
            stored::Level::Critical => Level::Critical,
        },
    }
}
