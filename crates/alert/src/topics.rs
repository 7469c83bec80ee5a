//! Where alert nodes publish and handlers subscribe.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::error;

use crate::queue::{Queue, QueueOptions, Refused, Workers};
use crate::topic::{Subscriber, Topic, Way};
use crate::{Counts, Event, EventState, Handler, Inhibitors, Level, Matcher, TopicStore};

/// How events reach handlers.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// Each handler has a queue and a worker on this runtime.
    Workers(Handle, QueueOptions),
    /// Handlers are called by `collect` itself and must not wait: tests that need no runtime.
    Inline,
}

/// All topics. Made once, shared by all tasks and the HTTP API.
pub struct Topics {
    topics: RwLock<HashMap<Arc<str>, Entry>>,
    store: Arc<dyn TopicStore>,
    delivery: Delivery,
    workers: Workers,
    inhibitors: Inhibitors,
    next_handler: AtomicU64,
}

type Entry = Arc<Mutex<Topic>>;

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

/// An event did not reach all handlers of its topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("failed to deliver event \"{event}\" of topic \"{topic}\" to handler {handlers}: {why}")]
    NotDelivered {
        topic: Arc<str>,
        event: Arc<str>,
        /// The names of the handlers that did not take it.
        handlers: String,
        why: &'static str,
    },
}

/// A topic, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicStatus {
    pub id: Arc<str>,
    /// That of its worst event.
    pub level: Level,
    /// Events since the start.
    pub collected: u64,
}

/// A handler of a topic, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerStatus {
    pub id: HandlerId,
    pub name: Arc<str>,
    pub kind: Arc<str>,
    pub counts: Counts,
}

impl Topics {
    pub fn new(delivery: Delivery, store: Arc<dyn TopicStore>) -> Self {
        Topics {
            topics: RwLock::default(),
            store,
            delivery,
            workers: Workers::default(),
            inhibitors: Inhibitors::default(),
            next_handler: AtomicU64::new(1),
        }
    }

    /// What alerts silence of each other.
    pub fn inhibitors(&self) -> &Inhibitors {
        &self.inhibitors
    }

    /// Publishes an event: fills in its previous level, remembers its state, and hands it to the topic's handlers.
    /// Never waits for a handler.
    ///
    /// # Errors
    /// If a handler's queue is full. The state is kept and the other handlers have got the event all the same.
    pub fn collect(&self, mut event: Event) -> Result<(), TopicError> {
        let topic = event.topic.clone();
        let (event, ways) = self.with_open(&topic, |topic| {
            topic.collected += 1;
            let before = topic.update(event.state.clone());
            event.previous = before.as_ref().map_or(Level::Ok, |state| state.level);
            self.save(&event, before.as_ref());
            let event = Arc::new(event);
            let wanting = topic.subscribers.iter_mut().filter_map(|subscriber| {
                let wants = subscriber.wants(&event);
                wants.then_some((&subscriber.name, &subscriber.way))
            });
            if let Delivery::Workers(..) = self.delivery {
                // Within the lock, so that all handlers get the events of a topic in one order.
                return deliver(&event, wanting).map(|()| (event, Vec::new()));
            }
            let ways: Vec<_> = wanting.map(|(name, way)| (name.clone(), way.clone())).collect();
            Ok((event, ways))
        })?;
        // Handlers that are called at once may publish to the same topic.
        deliver(&event, ways.iter().map(|(name, way)| (name, way)))
    }

    fn save(&self, event: &Event, before: Option<&EventState>) {
        let (topic, state) = (&event.topic, &event.state);
        if state.level != Level::Ok {
            self.store.save(topic, &state.id, Some(state));
        } else if before.is_some_and(|before| before.level != Level::Ok) {
            self.store.save(topic, &state.id, None);
        }
    }

    /// Whether states of events outlive the process.
    pub fn keeps_states(&self) -> bool {
        self.store.keeps_states()
    }

    /// Makes the topic with the states that the store has, or gives it those if it is there: what an alert node calls
    /// before its first event.
    pub fn open(&self, topic: &str) {
        let entry = self.entry(topic);
        lock(&entry).restore(self.stored(topic));
    }

    /// Opens all topics that the store knows: what the daemon calls at its start.
    pub fn open_stored(&self) {
        match self.store.topics("") {
            Ok(topics) => topics.iter().for_each(|topic| self.open(topic)),
            Err(why) => error!(%why, "the topics of the last run are not known"),
        }
    }

    /// Ends a topic until it is opened again or gets an event. Its states stay in the store, its handlers stay
    /// subscribed.
    pub fn close(&self, topic: &str) {
        let mut topics = self.write();
        let Some(entry) = topics.get(topic).cloned() else { return };
        let mut entry = lock(&entry);
        entry.close();
        if entry.subscribers.is_empty() {
            topics.remove(topic);
        }
    }

    /// Ends a topic and its handlers, which send what waits, and forgets its states.
    pub fn delete(&self, topic: &str) {
        self.write().remove(topic);
        self.store.delete(topic);
    }

    /// Ends a topic until it is opened again or gets an event, and forgets its states. Its handlers stay subscribed.
    pub fn forget(&self, topic: &str) {
        self.close(topic);
        self.store.delete(topic);
    }

    /// Forgets all topics whose names start so, also those that are closed.
    pub fn forget_all(&self, start: &str) {
        let mut names: Vec<Arc<str>> = self.read().keys().filter(|name| name.starts_with(start)).cloned().collect();
        match self.store.topics(start) {
            Ok(stored) => names.extend(stored.into_iter().map(Arc::from)),
            Err(why) => error!(%why, "not all states of topics are forgotten"),
        }
        names.iter().for_each(|name| self.forget(name));
    }

    /// Subscribes a handler; the topic is made if it is new.
    pub fn register(&self, topic: &str, subscription: Subscription) -> HandlerId {
        self.register_matching(topic, subscription, None)
    }

    /// As `register`, for a handler that wants the events of a match expression only.
    pub fn register_matching(&self, topic: &str, subscription: Subscription, matcher: Option<Matcher>) -> HandlerId {
        let id = HandlerId(self.next_handler.fetch_add(1, Ordering::Relaxed));
        let Subscription { name, kind, handler, external } = subscription;
        let way = match &self.delivery {
            Delivery::Inline => Way::inline(handler),
            Delivery::Workers(runtime, options) => {
                Way::Queue(Arc::new(Queue::start(name.clone(), handler, *options, runtime, &self.workers)))
            }
        };
        let subscriber = Subscriber { id, name, kind, external, matcher, way };
        self.with_open(topic, |topic| topic.subscribers.push(subscriber));
        id
    }

    /// Ends a handler of a topic: it sends what waits, and is gone. Whether there was one.
    pub fn deregister(&self, topic: &str, handler: HandlerId) -> bool {
        let Some(entry) = self.read().get(topic).cloned() else { return false };
        let mut entry = lock(&entry);
        let before = entry.subscribers.len();
        entry.subscribers.retain(|subscriber| subscriber.id != handler);
        entry.subscribers.len() < before
    }

    /// The last state of an event, if the topic is open and knows it.
    pub fn event_state(&self, topic: &str, id: &str) -> Option<EventState> {
        self.if_open(topic, |topic| topic.state(id).cloned())?
    }

    /// Sets the state of an event without telling any handler.
    pub fn update_event(&self, topic: &str, state: EventState) {
        self.with_open(topic, |entry| {
            self.store.save(topic, &state.id, (state.level != Level::Ok).then_some(&state));
            entry.update(state);
        });
    }

    /// One open topic.
    pub fn topic(&self, topic: &str) -> Option<TopicStatus> {
        self.if_open(topic, |entry| status(topic.into(), entry))
    }

    /// The open topics at this level or worse, by id. Choosing by a pattern is left to who shows them.
    pub fn list(&self, min_level: Level) -> Vec<TopicStatus> {
        let topics: Vec<_> = self.read().iter().map(|(id, topic)| (id.clone(), topic.clone())).collect();
        let open = topics.into_iter().filter_map(|(id, topic)| {
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

    /// Ends all topics and waits for their handlers; whether all events were sent or given up within the limit.
    pub async fn shutdown(&self, limit: Duration) -> bool {
        self.write().clear();
        self.workers.ended(limit).await
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Entry>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Entry>> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic, made now if it is new, not opened.
    fn entry(&self, topic: &str) -> Entry {
        if let Some(entry) = self.read().get(topic) {
            return entry.clone();
        }
        self.write().entry(topic.into()).or_default().clone()
    }

    /// Does something with a topic, which is opened before if it is not.
    fn with_open<R>(&self, topic: &str, act: impl FnOnce(&mut Topic) -> R) -> R {
        let entry = self.entry(topic);
        let mut entry = lock(&entry);
        if !entry.open {
            entry.restore(self.stored(topic));
        }
        act(&mut entry)
    }

    /// Does something with a topic if it is open.
    fn if_open<R>(&self, topic: &str, act: impl FnOnce(&Topic) -> R) -> Option<R> {
        let entry = self.read().get(topic).cloned()?;
        let entry = lock(&entry);
        entry.open.then(|| act(&entry))
    }

    fn stored(&self, topic: &str) -> Vec<EventState> {
        self.store.load(topic).unwrap_or_else(|why| {
            error!(%why, "the topic starts without what it knew");
            Vec::new()
        })
    }
}

fn lock(topic: &Mutex<Topic>) -> MutexGuard<'_, Topic> {
    topic.lock().unwrap_or_else(PoisonError::into_inner)
}

fn status(id: Arc<str>, topic: &Topic) -> TopicStatus {
    TopicStatus { id, level: topic.level(), collected: topic.collected }
}

fn deliver<'a>(event: &Arc<Event>, ways: impl Iterator<Item = (&'a Arc<str>, &'a Way)>) -> Result<(), TopicError> {
    let mut refusing = Vec::new();
    let mut why = "";
    for (name, way) in ways {
        if let Err(refused) = way.hand_over(event) {
            refusing.push(&**name);
            why = match refused {
                Refused::Full => "its queue is full",
                Refused::Stopped => "it has stopped",
            };
        }
    }
    if refusing.is_empty() {
        return Ok(());
    }
    let (topic, id) = (event.topic.clone(), event.state.id.clone());
    Err(TopicError::NotDelivered { topic, event: id, handlers: refusing.join(", "), why })
}

#[cfg(test)]
mod tests;
