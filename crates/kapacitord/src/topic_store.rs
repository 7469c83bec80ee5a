//! States of alert events on their way to the store: gathered for a moment, then written together.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use alert::{EventState, Level, StoreError, TopicStore};
use store::topics as stored;

type Key = (String, String);

#[derive(Default)]
struct Pending {
    /// What is to be written; `None` forgets the event.
    states: HashMap<Key, Option<stored::EventState>>,
    /// What the writer is busy with.
    writing: HashMap<Key, Option<stored::EventState>>,
    stopping: bool,
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
}

/// See the module. Dropping it writes what is left.
pub struct WriteBehind {
    topics: stored::Topics,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl WriteBehind {
    /// # Errors
    /// The system has no thread left.
    pub fn start(topics: stored::Topics) -> std::io::Result<WriteBehind> {
        let shared = Arc::new(Shared::default());
        let (topics_of_writer, shared_of_writer) = (topics.clone(), Arc::clone(&shared));
        let writer = std::thread::Builder::new()
            .name("topic-states".to_string())
            .spawn(move || write_all(&topics_of_writer, &shared_of_writer))?;
        Ok(WriteBehind { topics, shared, writer: Some(writer) })
    }

    /// Wait until all states are on disk, but not longer than a limit.
    pub fn flush(&self, limit: Duration) {
        let pending = self.shared.lock();
        let busy = |pending: &mut Pending| !(pending.states.is_empty() && pending.writing.is_empty());
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

fn write_all(topics: &stored::Topics, shared: &Shared) {
    loop {
        let batch = {
            let mut pending = shared.lock();
            while pending.states.is_empty() {
                if pending.stopping {
                    return;
                }
                pending = shared.wake.wait(pending).unwrap_or_else(PoisonError::into_inner);
            }
            pending.writing = std::mem::take(&mut pending.states);
            pending.writing.clone()
        };
        let mut by_topic: HashMap<&str, Vec<(&str, &stored::EventState)>> = HashMap::new();
        for ((topic, id), state) in &batch {
            match state {
                Some(state) => by_topic.entry(topic).or_default().push((id, state)),
                None => report(topic, topics.delete_event(topic, id)),
            }
        }
        for (topic, states) in by_topic {
            report(topic, topics.put(topic, states));
        }
        shared.lock().writing.clear();
        shared.written.notify_all();
    }
}

fn report(topic: &str, outcome: Result<(), store::Error>) {
    if let Err(error) = outcome {
        tracing::error!(topic, "cannot keep the state of an alert: {error}");
    }
}

impl TopicStore for WriteBehind {
    fn save(&self, topic: &str, id: &str, state: Option<&EventState>) {
        self.shared.lock().states.insert((topic.to_string(), id.to_string()), state.map(to_stored));
        self.shared.wake.notify_one();
    }

    fn load(&self, topic: &str) -> Result<Vec<EventState>, StoreError> {
        // Locked while reading, so that what is written meanwhile is seen once.
        let pending = self.shared.lock();
        let mut states =
            self.topics.get(topic).map_err(|error| StoreError { topic: topic.to_string(), why: error.to_string() })?;
        for ((_, id), state) in pending.writing.iter().chain(&pending.states).filter(|((of, _), _)| of == topic) {
            match state {
                Some(state) => states.insert(id.clone(), state.clone()),
                None => states.remove(id),
            };
        }
        Ok(states.iter().map(|(id, state)| from_stored(id, state)).collect())
    }

    fn topics(&self, start: &str) -> Result<Vec<String>, StoreError> {
        self.topics.names(start).map_err(|error| StoreError { topic: start.to_string(), why: error.to_string() })
    }

    fn delete(&self, topic: &str) {
        let mut pending = self.shared.lock();
        pending.states.retain(|(of, _), _| of != topic);
        // What is being written now must go afterwards.
        let late: Vec<Key> = pending.writing.keys().filter(|(of, _)| of == topic).cloned().collect();
        pending.states.extend(late.into_iter().map(|key| (key, None)));
        drop(pending);
        self.shared.wake.notify_all();
        report(topic, self.topics.delete(topic));
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
