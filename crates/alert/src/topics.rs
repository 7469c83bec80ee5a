//! Where alert nodes publish and handlers subscribe.
//!
//! `handlers.rs` is how handlers come and go, `held.rs` what users hold back, `replay.rs` what is known while data of
//! before a kill come again, `status.rs` what lists show.

mod handlers;
mod held;
mod replay;
mod status;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use model::{FastMap, Time};
use tokio::runtime::Handle;
use tracing::{error, warn};

use crate::outbox::{Known, Outbox, now};
use crate::queue::{QueueOptions, Refused, Workers};
use crate::topic::{Topic, Way};
use crate::{Event, EventState, Inhibitors, Level, Silences, TopicStore};
pub use handlers::{Attachment, HandlerId, Subscription};
pub use status::{DeliveryStatus, HandlerStatus, HeldStatus, TopicStatus};

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
    topics: RwLock<Entries>,
    store: Arc<dyn TopicStore>,
    outbox: Option<Arc<Outbox>>,
    /// Kinds of handlers whose events are not kept.
    not_kept: Vec<String>,
    delivery: Delivery,
    clock: Clock,
    workers: Workers,
    inhibitors: Inhibitors,
    silences: Silences,
    next_handler: AtomicU64,
    /// Data of before a kill come again: these events are in the outbox already, those after this number are of these data.
    replayed: RwLock<Option<(Known, u64)>>,
    is_replaying: AtomicBool,
    /// Events that went into queues of handlers.
    handed: AtomicU64,
}

type Entry = Arc<Mutex<Topic>>;
type Entries = FastMap<Arc<str>, Entry>;

/// Says what time it is, nanoseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

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

impl Topics {
    pub fn new(delivery: Delivery, store: Arc<dyn TopicStore>) -> Self {
        Topics {
            topics: RwLock::default(),
            store,
            outbox: None,
            not_kept: Vec::new(),
            delivery,
            clock: Arc::new(now),
            workers: Workers::default(),
            inhibitors: Inhibitors::default(),
            silences: Silences::default(),
            next_handler: AtomicU64::new(1),
            replayed: RwLock::default(),
            is_replaying: AtomicBool::new(false),
            handed: AtomicU64::default(),
        }
    }

    /// How many events have gone into queues of handlers since the start.
    pub fn handed(&self) -> u64 {
        self.handed.load(Ordering::Relaxed)
    }

    /// Keeps events there until they are sent, but for handlers of these kinds.
    #[must_use]
    pub fn with_outbox(mut self, outbox: Arc<Outbox>, except: Vec<String>) -> Self {
        self.outbox = Some(outbox);
        self.not_kept = except;
        self
    }

    /// Goes by another clock than the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What users hold back.
    pub fn silences(&self) -> &Silences {
        &self.silences
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
        if self.is_replaying() && !event.no_external && self.was_taken(&event) {
            return Ok(());
        }
        let topic = event.topic.clone();
        let (event, ways) = self.with_open(&topic, |topic| {
            topic.collected += 1;
            let before = self.update(&event.topic, topic, event.state.clone());
            // What another topic publishes here for the first time keeps the previous level it has there.
            event.previous = before.unwrap_or(event.previous);
            self.save(&event, before);
            let reason = self.reason_to_hold(&event);
            if !topic.held.is_empty()
                && let Some(held) = topic.held.remove(&event.state.id)
            {
                // Who was not told of what is held back goes by what they were told.
                event.previous = held.event.previous;
                self.forget_held(&held);
            }
            let event = Arc::new(event);
            if let Some(reason) = reason {
                self.hold_back(topic, event.clone(), reason);
                return Ok((event, Vec::new()));
            }
            if let Delivery::Workers(..) = self.delivery {
                // Within the lock, so that all handlers get the events of a topic in one order.
                return self.hand_over(topic, &event).map(|()| (event, Vec::new()));
            }
            let wanting = topic.subscribers.iter_mut().filter_map(|subscriber| {
                let wants = subscriber.wants(&event);
                wants.then(|| (subscriber.name.clone(), subscriber.way.clone()))
            });
            Ok((event.clone(), wanting.collect()))
        })?;
        // Handlers that are called at once may publish to the same topic.
        for (_, way) in ways {
            way.call(&event);
        }
        Ok(())
    }

    /// Puts an event into the queues of the handlers that want it, and into the outbox before.
    fn hand_over(&self, topic: &mut Topic, event: &Arc<Event>) -> Result<(), TopicError> {
        let mut kept = Vec::new();
        for subscriber in &mut topic.subscribers {
            subscriber.chosen = subscriber.wants(event);
            if subscriber.chosen && subscriber.way.is_kept() {
                kept.push(subscriber.name.clone());
            }
        }
        let raised = (self.clock)();
        let number = self.keep(event, raised, kept);
        let mut refusing = Vec::new();
        let mut why = "";
        for subscriber in topic.subscribers.iter().filter(|subscriber| subscriber.chosen) {
            let Way::Queue(queue) = &subscriber.way else { continue };
            let number = if queue.is_kept() { number } else { 0 };
            let Err(refused) = queue.push(event, number, raised) else {
                self.handed.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            why = match refused {
                Refused::Full => "its queue is full",
                Refused::Stopped => "it has stopped",
            };
            refusing.push(&*subscriber.name);
            match &self.outbox {
                Some(outbox) if number > 0 => {
                    queue.counters().one_failed();
                    outbox.bury(number, &subscriber.name, why, 0);
                }
                _ => queue.counters().one_dropped(),
            }
        }
        if refusing.is_empty() {
            return Ok(());
        }
        let (topic, id) = (event.topic.clone(), event.state.id.clone());
        Err(TopicError::NotDelivered { topic, event: id, handlers: refusing.join(", "), why })
    }

    /// Has the outbox keep an event for these handlers, or its state alone if there are none; the number of the event, or
    /// 0. What the outbox has not is stored at once.
    fn keep(&self, event: &Arc<Event>, raised: i64, to: Vec<Arc<str>>) -> u64 {
        let has_state = event.state.level != Level::Ok || event.previous != Level::Ok;
        let (number, is_kept) = match &self.outbox {
            None => (0, false),
            Some(outbox) if to.is_empty() => (0, !has_state || outbox.append_state(event)),
            Some(outbox) => {
                let number = outbox.append(event, raised, to);
                (number, number != 0)
            }
        };
        if !is_kept {
            self.store.hasten();
        }
        number
    }

    /// Remembers a state; the level before.
    fn update(&self, id: &str, topic: &mut Topic, state: EventState) -> Option<Level> {
        let (before, forgotten) = topic.update(state);
        if !forgotten.is_empty() {
            let count = forgotten.len();
            warn!(topic = id, count, "the oldest alerts that are not OK are forgotten: there are too many ids");
            forgotten.iter().for_each(|event| self.store.save(id, event, None));
        }
        before
    }

    fn save(&self, event: &Event, before: Option<Level>) {
        let (topic, state) = (&event.topic, &event.state);
        if state.level != Level::Ok {
            self.store.save(topic, &state.id, Some(state));
        } else if before.is_some_and(|before| before != Level::Ok) {
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
        if entry.subscribers.is_empty() && entry.held.is_empty() {
            topics.remove(topic);
        }
    }

    /// Ends a topic and its handlers, which send what waits, and forgets its states.
    pub fn delete(&self, topic: &str) {
        self.drop_held(topic);
        self.write().remove(topic);
        self.store.delete(topic);
    }

    /// Ends a topic until it is opened again or gets an event, and forgets its states. Its handlers stay subscribed.
    pub fn forget(&self, topic: &str) {
        self.drop_held(topic);
        self.close(topic);
        self.store.delete(topic);
    }

    /// Forgets all topics whose names start so, also those that are closed. What waits in the outbox for their handlers
    /// becomes dead letters.
    pub fn forget_all(&self, start: &str) {
        if let Some(outbox) = &self.outbox {
            outbox.bury_all(|topic, _| topic.starts_with(start), "its task was deleted or renamed");
        }
        let mut names: Vec<Arc<str>> = self.read().keys().filter(|name| name.starts_with(start)).cloned().collect();
        match self.store.topics(start) {
            Ok(stored) => names.extend(stored.into_iter().map(Arc::from)),
            Err(why) => error!(%why, "not all states of topics are forgotten"),
        }
        names.iter().for_each(|name| self.forget(name));
    }

    /// The last state of an event, if the topic is open and knows it.
    pub fn event_state(&self, topic: &str, id: &str) -> Option<EventState> {
        self.if_open(topic, |topic| topic.state(id))?
    }

    /// As `event_state`, for data of this time: while data of before a kill come again, what came of later ones is not
    /// known yet.
    pub fn event_state_before(&self, topic: &str, id: &str, time: Time) -> Option<EventState> {
        self.event_state(topic, id).filter(|state| !self.is_ahead(topic, state, time))
    }

    /// Sets the state of an event without telling any handler.
    pub fn update_event(&self, topic: &str, state: EventState) {
        self.with_open(topic, |entry| {
            self.store.save(topic, &state.id, (state.level != Level::Ok).then_some(&state));
            self.store.hasten();
            self.update(topic, entry, state);
        });
    }

    /// What raised an event is gone: if it is OK, it is forgotten, since ids that never come again would fill the memory.
    pub fn forget_ok(&self, topic: &str, id: &str) {
        if let Some(entry) = self.read().get(topic).cloned() {
            lock(&entry).forget_ok(id);
        }
    }

    /// The outbox, if there is one.
    pub fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.outbox.as_ref()
    }

    /// Ends all topics and waits for their handlers; whether all events were sent or given up within the limit. What is
    /// kept in the outbox and was not sent is sent at the next start.
    pub async fn shutdown(&self, limit: Duration) -> bool {
        self.workers.close(limit);
        self.write().clear();
        self.workers.ended(limit).await
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
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
