//! What lists show of topics, their events and handlers.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Entry, HandlerId, Topics, lock};
use crate::topic::{Held, Subscriber, Topic};
use crate::{Counts, EventState, Level, Reason};

/// A topic, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicStatus {
    pub id: Arc<str>,
    /// That of its worst event.
    pub level: Level,
    /// Events since the start.
    pub collected: u64,
    /// Ids that were forgotten since the start though they are not OK, since there were too many.
    pub forgotten: u64,
}

/// A handler of a topic, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerStatus {
    pub id: HandlerId,
    pub name: Arc<str>,
    pub kind: Arc<str>,
    pub counts: Counts,
}

/// Why the last event of an id was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldStatus {
    pub reason: Reason,
    /// The level that was told last.
    pub told: Level,
}

/// A handler of some topic, with what became of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStatus {
    pub topic: Arc<str>,
    pub handler: HandlerStatus,
    /// Its events are kept over a restart.
    pub kept: bool,
}

impl Topics {
    /// One open topic.
    pub fn topic(&self, topic: &str) -> Option<TopicStatus> {
        self.if_open(topic, |entry| status(topic.into(), entry))
    }

    /// The level of the worst event of an open topic.
    pub fn level(&self, topic: &str) -> Level {
        self.if_open(topic, |entry| entry.level()).unwrap_or_default()
    }

    /// The open topics at this level or worse, by id. Choosing by a pattern is left to who shows them.
    pub fn list(&self, min_level: Level) -> Vec<TopicStatus> {
        let open = self.entries().into_iter().filter_map(|(id, topic)| {
            let topic = lock(&topic);
            topic.open.then(|| status(id, &topic))
        });
        let mut list: Vec<_> = open.filter(|topic| topic.level >= min_level).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }

    /// The events of an open topic at this level or worse, worst first, then by id.
    pub fn events(&self, topic: &str, min_level: Level) -> Option<Vec<EventState>> {
        self.if_open(topic, |topic| topic.states(min_level))
    }

    /// The handlers of a topic, in the order in which they came.
    pub fn handlers(&self, topic: &str) -> Vec<HandlerStatus> {
        let Some(entry) = self.read().get(topic).cloned() else { return Vec::new() };
        let entry = lock(&entry);
        let statuses = entry.subscribers.iter().map(|subscriber| HandlerStatus {
            id: subscriber.id,
            name: subscriber.name.clone(),
            kind: subscriber.kind.clone(),
            counts: subscriber.way.counts(),
        });
        statuses.collect()
    }

    /// All handlers of all topics with what became of their events, by topic, in the order in which they came.
    pub fn deliveries(&self) -> Vec<DeliveryStatus> {
        let mut all = Vec::new();
        for (topic, entry) in self.entries() {
            for subscriber in &lock(&entry).subscribers {
                let Subscriber { id, name, kind, way, .. } = subscriber;
                let handler = HandlerStatus { id: *id, name: name.clone(), kind: kind.clone(), counts: way.counts() };
                all.push(DeliveryStatus { topic: topic.clone(), handler, kept: way.is_kept() });
            }
        }
        all.sort_by(|a, b| (&a.topic, a.handler.id).cmp(&(&b.topic, b.handler.id)));
        all
    }

    /// Why the last events of a topic were not told, by id.
    pub fn held(&self, topic: &str) -> HashMap<Arc<str>, HeldStatus> {
        let status = |held: &Held| HeldStatus { reason: held.reason.clone(), told: held.event.previous };
        let all = |topic: &Topic| topic.held.iter().map(|(id, held)| (id.clone(), status(held))).collect();
        self.if_open(topic, all).unwrap_or_default()
    }

    /// The open topics in which an event is not OK.
    pub fn topics_not_ok(&self, event: &str) -> Vec<Arc<str>> {
        let mut found: Vec<Arc<str>> = Vec::new();
        for (id, entry) in self.entries() {
            let topic = lock(&entry);
            if topic.open && topic.level_of(event).is_some_and(|level| level != Level::Ok) {
                found.push(id);
            }
        }
        found.sort();
        found
    }

    fn entries(&self) -> Vec<(Arc<str>, Entry)> {
        self.read().iter().map(|(id, topic)| (id.clone(), topic.clone())).collect()
    }
}

fn status(id: Arc<str>, topic: &Topic) -> TopicStatus {
    TopicStatus { id, level: topic.level(), collected: topic.collected, forgotten: topic.forgotten }
}
