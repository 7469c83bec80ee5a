//! The handlers of topics: how they come and go, and how they get once more what they did not take.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Delivery, Topics, lock};
use crate::outbox::{DeadLetter, Letters};
use crate::queue::{Counters, Queue, Sending};
use crate::topic::{Subscriber, Way};
use crate::{Handler, Matcher, Opener};

/// Names a handler of a topic, in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandlerId(pub u64);

/// A handler that is to get the events of a topic.
pub struct Subscription {
    /// What logs and lists call it.
    pub name: Arc<str>,
    /// `slack`, `log` …
    pub kind: Arc<str>,
    pub handler: Box<dyn Handler>,
    /// It reaches other programs, so events of replays are not for it.
    pub external: bool,
}

/// A subscription with what belongs to it.
pub struct Attachment {
    pub subscription: Subscription,
    /// Which events it wants; all without one.
    pub matcher: Option<Matcher>,
    /// Makes more handlers of the same options.
    pub more: Option<Opener>,
    /// Its events are kept in the outbox until they are sent, if there is an outbox. No two handlers of a topic that do
    /// so have the same name: a new one goes on with what the one before has left.
    pub kept: bool,
}

impl From<Subscription> for Attachment {
    fn from(subscription: Subscription) -> Self {
        Attachment { subscription, matcher: None, more: None, kept: false }
    }
}

impl Topics {
    /// Subscribes a handler; the topic is made if it is new.
    pub fn register(&self, topic: &str, subscription: Subscription) -> HandlerId {
        self.attach(topic, subscription.into())
    }

    /// As `register`, for a handler that wants the events of a match expression only.
    pub fn register_matching(&self, topic: &str, subscription: Subscription, matcher: Option<Matcher>) -> HandlerId {
        self.attach(topic, Attachment { matcher, ..subscription.into() })
    }

    /// Subscribes a handler with all that belongs to it. If its events are kept, it takes the place of the one of its
    /// name, and goes on with what that one has left.
    pub fn attach(&self, topic: &str, attachment: Attachment) -> HandlerId {
        let id = HandlerId(self.next_handler.fetch_add(1, Ordering::Relaxed));
        let Attachment { subscription, matcher, more, kept } = attachment;
        let Subscription { name, kind, handler, external } = subscription;
        let kept = kept && !self.not_kept.iter().any(|except| **except == *kind);
        let outbox = self.outbox.clone().filter(|_| kept);
        self.with_open(topic, |open| {
            let way = match &self.delivery {
                Delivery::Inline => Way::inline(handler),
                Delivery::Workers(runtime, options) => {
                    let same = |subscriber: &Subscriber| subscriber.way.is_kept() && subscriber.name == name;
                    if outbox.is_some() {
                        open.subscribers.retain(|subscriber| !same(subscriber));
                    }
                    // Within the lock, so that the worker knows which events are older than itself.
                    let sending = Sending { topic: topic.into(), name: name.clone(), handler, more, outbox };
                    let counters = Arc::new(Counters::default());
                    Way::Queue(Arc::new(Queue::start(sending, counters, *options, runtime, &self.workers)))
                }
            };
            open.subscribers.push(Subscriber { id, name, kind, external, matcher, way, chosen: false });
        });
        id
    }

    /// Ends a handler of a topic for good: it tries what waits once more; what is not sent becomes dead letters.
    /// Whether there was one.
    pub fn detach(&self, topic: &str, handler: HandlerId) -> bool {
        let removed = self.read().get(topic).cloned().and_then(|entry| {
            let mut entry = lock(&entry);
            let at = entry.subscribers.iter().position(|subscriber| subscriber.id == handler)?;
            Some(entry.subscribers.remove(at))
        });
        let Some(removed) = removed else { return false };
        if let Some(outbox) = self.outbox.as_ref().filter(|_| removed.way.is_kept()) {
            outbox.bury_all(|of, name| of == topic && name == &*removed.name, "its handler was deleted");
        }
        true
    }

    /// Ends a handler of a topic: it sends what waits, and is gone. Whether there was one.
    pub fn deregister(&self, topic: &str, handler: HandlerId) -> bool {
        let Some(entry) = self.read().get(topic).cloned() else { return false };
        let mut entry = lock(&entry);
        let before = entry.subscribers.len();
        entry.subscribers.retain(|subscriber| subscriber.id != handler);
        entry.subscribers.len() < before
    }

    /// Sends dead letters once more, behind all that waits. How many, and those whose handler is not there or has no
    /// room.
    pub fn retry_dead_letters(&self, which: &Letters) -> (usize, Vec<DeadLetter>) {
        let Some(outbox) = &self.outbox else { return (0, Vec::new()) };
        let (mut count, mut left) = (0, Vec::new());
        for letter in outbox.dead_letters(which, 0, usize::MAX).0 {
            let DeadLetter { number, handler, raised, event, .. } = &letter;
            let entry = self.read().get(&event.topic).cloned();
            let queue = entry.and_then(|entry| {
                let entry = lock(&entry);
                let subscriber = entry.subscribers.iter().find(|subscriber| subscriber.name == *handler)?;
                match &subscriber.way {
                    Way::Queue(queue) if queue.is_kept() => Some(queue.clone()),
                    _ => None,
                }
            });
            let is_sent = queue.is_some_and(|queue| {
                // First it waits again, so that the worker finds it so.
                outbox.revive(*number, handler) && queue.push(event, *number, *raised).is_ok()
            });
            match is_sent {
                true => count += 1,
                false => {
                    if let Some(death) = &letter.death {
                        outbox.bury(*number, handler, &death.why, death.attempts);
                    }
                    left.push(letter);
                }
            }
        }
        (count, left)
    }
}
