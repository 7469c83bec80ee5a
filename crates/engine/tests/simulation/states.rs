//! The store of alerts' states: gathered for a moment, then written together, as the daemon does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alert::{EventState, Level, Outbox, StoreError, TopicStore};

type States = BTreeMap<(String, String), Option<EventState>>;

/// What is on the disk, whatever happens.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    states: BTreeMap<(String, String), EventState>,
    /// The number of the last event whose state is among them.
    pub last: u64,
}

impl Stored {
    fn apply(&mut self, changes: &States) {
        for (key, state) in changes {
            match state {
                Some(state) => self.states.insert(key.clone(), state.clone()),
                None => self.states.remove(key),
            };
        }
    }

    /// Brings in what only the outbox knows.
    pub fn recover(&mut self, outbox: &Outbox, states: Vec<(Arc<str>, EventState)>) {
        for (topic, state) in states {
            let key = (topic.to_string(), state.id.to_string());
            self.apply(&States::from([(key, (state.level != Level::Ok).then_some(state))]));
        }
        self.last = outbox.last();
        outbox.settled(self.last);
    }
}

/// The store of one life of the daemon.
pub struct WriteBehind {
    stored: Mutex<Stored>,
    waiting: Mutex<States>,
}

impl WriteBehind {
    pub fn new(stored: Stored) -> WriteBehind {
        WriteBehind { stored: Mutex::new(stored), waiting: Mutex::default() }
    }

    /// Writes what waits, once its events are written; whether they were.
    pub fn write(&self, outbox: &Outbox) -> bool {
        let last = outbox.last();
        if !outbox.wait_until_written(last) {
            return false;
        }
        let changes = std::mem::take(&mut *lock(&self.waiting));
        let mut stored = lock(&self.stored);
        stored.apply(&changes);
        stored.last = last;
        outbox.settled(last);
        true
    }

    /// What a later life finds.
    pub fn stored(&self) -> Stored {
        lock(&self.stored).clone()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TopicStore for WriteBehind {
    fn save(&self, topic: &str, id: &str, state: Option<&EventState>) {
        lock(&self.waiting).insert((topic.to_string(), id.to_string()), state.cloned());
    }

    fn load(&self, topic: &str) -> Result<Vec<EventState>, StoreError> {
        let mut all = self.stored();
        all.apply(&lock(&self.waiting));
        Ok(all.states.into_iter().filter(|((of, _), _)| of == topic).map(|(_, state)| state).collect())
    }

    fn topics(&self, start: &str) -> Result<Vec<String>, StoreError> {
        let stored = self.stored();
        let names: BTreeSet<String> = stored.states.into_keys().map(|(topic, _)| topic).collect();
        Ok(names.into_iter().filter(|topic| topic.starts_with(start)).collect())
    }

    fn delete(&self, topic: &str) {
        lock(&self.waiting).retain(|(of, _), _| of != topic);
        lock(&self.stored).states.retain(|(of, _), _| of != topic);
    }
}
