//! What topics keep over a restart.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::EventState;

/// Stored states cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the events of topic \"{topic}\": {why}")]
pub struct StoreError {
    pub topic: String,
    pub why: String,
}

/// Keeps the last state of each event that is not OK. Calls come from the threads of the engine, in the order of the
/// events of a topic; they must be quick, so writing behind is the store's own matter.
pub trait TopicStore: Send + Sync {
    /// Keeps the state of an event; forgets it for `None`.
    fn save(&self, topic: &str, id: &str, state: Option<&EventState>);
    /// What was saved last is kept nowhere else: it is not to be written behind for long.
    fn hasten(&self) {}
    /// The states kept for a topic, also those saved a moment ago.
    fn load(&self, topic: &str) -> Result<Vec<EventState>, StoreError>;
    /// The topics that have states and whose names start so.
    fn topics(&self, start: &str) -> Result<Vec<String>, StoreError>;
    /// Forgets all states of a topic.
    fn delete(&self, topic: &str);
    /// Whether a later process finds the states again.
    fn keeps_states(&self) -> bool {
        true
    }
}

/// Keeps states as long as the process runs.
#[derive(Debug, Default)]
pub struct MemoryStore {
    states: Mutex<BTreeMap<String, BTreeMap<String, EventState>>>,
}

impl MemoryStore {
    fn states(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, BTreeMap<String, EventState>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TopicStore for MemoryStore {
    fn save(&self, topic: &str, id: &str, state: Option<&EventState>) {
        let mut states = self.states();
        let events = states.entry(topic.to_string()).or_default();
        match state {
            Some(state) => {
                events.insert(id.to_string(), state.clone());
            }
            None => {
                events.remove(id);
            }
        }
    }

    fn load(&self, topic: &str) -> Result<Vec<EventState>, StoreError> {
        Ok(self.states().get(topic).map_or_else(Vec::new, |events| events.values().cloned().collect()))
    }

    fn topics(&self, start: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.states().keys().filter(|topic| topic.starts_with(start)).cloned().collect())
    }

    fn delete(&self, topic: &str) {
        self.states().remove(topic);
    }
}

/// Keeps nothing: `persist-topics = false`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

impl TopicStore for NoStore {
    fn save(&self, _topic: &str, _id: &str, _state: Option<&EventState>) {}

    fn load(&self, _topic: &str) -> Result<Vec<EventState>, StoreError> {
        Ok(Vec::new())
    }

    fn topics(&self, _start: &str) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn delete(&self, _topic: &str) {}

    fn keeps_states(&self) -> bool {
        false
    }
}
