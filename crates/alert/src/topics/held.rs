//! Events that are not told for a while, since a user holds them back.

use std::sync::Arc;

use tracing::error;

use super::{Topics, lock};
use crate::topic::{Held, Topic};
use crate::{Event, HELD, Level, Reason};

impl Topics {
    /// Why an event is not to be told now.
    pub(super) fn reason_to_hold(&self, event: &Event) -> Option<Reason> {
        // What a replay raises is nobody's alert. Most daemons hold back nothing, and need not know the time.
        if event.no_external || self.silences.is_empty() { None } else { self.silences.judge(event, (self.clock)()) }
    }

    /// Keeps an event that is not to be told now, in place of an older one of its id.
    pub(super) fn hold_back(&self, topic: &mut Topic, event: Arc<Event>, reason: Reason) {
        self.silences.count(&reason);
        let number = self.outbox.as_ref().map_or(0, |outbox| outbox.append(&event, (self.clock)(), vec![HELD.into()]));
        if number == 0 {
            self.store.hasten();
        }
        topic.held.insert(event.state.id.clone(), Held { reason, event, number });
    }

    /// An event is held back no more.
    pub(super) fn forget_held(&self, held: &Held) {
        if let Some(outbox) = self.outbox.as_ref().filter(|_| held.number > 0) {
            outbox.done(held.number, &HELD.into());
        }
    }

    /// Takes up what was held back when the daemon ended, once the silences are known: what the daemon calls at its
    /// start.
    pub fn restore_held(&self) {
        let Some(outbox) = &self.outbox else { return };
        for waiting in outbox.held() {
            let event = waiting.event;
            // Why it is held back, if it still is, is found out when it is looked at next.
            let reason = self.silences.judge(&event, (self.clock)()).unwrap_or_else(Reason::over);
            let held = Held { reason, event: event.clone(), number: waiting.number };
            let before = lock(&self.entry(&event.topic)).held.insert(event.state.id.clone(), held);
            if let Some(before) = before {
                self.forget_held(&before);
            }
        }
    }

    /// Tells what was held back and is so no more: alerts that are not OK, and those that were told to be so. What comes
    /// for a topic without handlers waits until it has some.
    pub fn release_held(&self, now: i64) {
        let mut topics: Vec<_> = self.read().iter().map(|(id, entry)| (id.clone(), entry.clone())).collect();
        topics.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, entry) in topics {
            let mut topic = lock(&entry);
            if topic.held.is_empty() || topic.subscribers.is_empty() {
                continue;
            }
            // In the order in which they were raised, as they would have gone out.
            let mut ids: Vec<_> = topic.held.iter().map(|(id, held)| (held.number, id.clone())).collect();
            ids.sort();
            for (_, id) in ids {
                let Some(held) = topic.held.get_mut(&id) else { continue };
                if let Some(reason) = self.silences.judge(&held.event, now) {
                    held.reason = reason;
                    continue;
                }
                let Some(held) = topic.held.remove(&id) else { continue };
                let matters = held.event.state.level != Level::Ok || held.event.previous != Level::Ok;
                if matters && let Err(why) = self.hand_over(&mut topic, &held.event) {
                    error!(%why, "an event that was held back is not told");
                }
                self.forget_held(&held);
            }
        }
    }

    /// What a topic holds back is told to nobody.
    pub(super) fn drop_held(&self, topic: &str) {
        let Some(entry) = self.read().get(topic).cloned() else { return };
        let held = std::mem::take(&mut lock(&entry).held);
        held.values().for_each(|held| self.forget_held(held));
    }
}
