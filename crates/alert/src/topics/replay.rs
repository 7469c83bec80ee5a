//! Data of before a kill come again: what topics know of what came of them the first time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use model::Time;

use super::Topics;
use crate::outbox::Known;
use crate::{Event, EventState};

impl Topics {
    /// Data of before a kill come again, until [`Topics::end_replay`]: of the events that they raise those that are known
    /// were taken before, and are not taken twice.
    pub fn begin_replay(&self, known: Known) {
        *self.replayed.write().unwrap_or_else(PoisonError::into_inner) = Some((known, 0));
        self.is_replaying.store(true, Ordering::Release);
    }

    /// The data that come again raised no event up to this number of the outbox.
    pub fn replay_after(&self, number: u64) {
        if let Some((_, after)) = &mut *self.replayed.write().unwrap_or_else(PoisonError::into_inner) {
            *after = number;
        }
    }

    /// All data of before the kill have come.
    pub fn end_replay(&self) {
        self.is_replaying.store(false, Ordering::Release);
        *self.replayed.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn is_replaying(&self) -> bool {
        self.is_replaying.load(Ordering::Acquire)
    }

    pub(super) fn was_taken(&self, event: &Event) -> bool {
        let replayed = self.replayed.read().unwrap_or_else(PoisonError::into_inner);
        replayed.as_ref().is_some_and(|(known, _)| known.names.contains(&event.uid()))
    }

    /// Whether what is known of an event comes of data that come again, seen from those of this time.
    pub(super) fn is_ahead(&self, topic: &str, state: &EventState, time: Time) -> bool {
        if !self.is_replaying() {
            return false;
        }
        let replayed = self.replayed.read().unwrap_or_else(PoisonError::into_inner);
        let last = replayed.as_ref().and_then(|(known, after)| {
            let last = known.last.get(&(Arc::from(topic), state.id.clone()))?;
            Some(last > after)
        });
        // Events that are not kept have no number.
        last.unwrap_or(state.time >= time)
    }
}
