//! Where alert nodes publish and handlers subscribe.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use model::Time;
use tokio::runtime::Handle;
use tracing::{error, warn};

use crate::outbox::{DeadLetter, Known, Letters, Outbox, now};
use crate::queue::{Counters, Queue, QueueOptions, Refused, Sending, Workers};
use crate::topic::{Held, Subscriber, Topic, Way};
use crate::{
    Counts, Event, EventState, HELD, Handler, Inhibitors, Level, Matcher, Opener, Reason, Silences, TopicStore,
};

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
}

type Entry = Arc<Mutex<Topic>>;
type Entries = HashMap<Arc<str>, Entry, rapidhash::fast::RandomState>;

/// Says what time it is, nanoseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

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
        }
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

    fn is_replaying(&self) -> bool {
        self.is_replaying.load(Ordering::Acquire)
    }

    fn was_taken(&self, event: &Event) -> bool {
        let replayed = self.replayed.read().unwrap_or_else(PoisonError::into_inner);
        replayed.as_ref().is_some_and(|(known, _)| known.names.contains(&event.uid()))
    }

    /// Whether what is known of an event comes of data that come again, seen from those of this time.
    fn is_ahead(&self, topic: &str, state: &EventState, time: Time) -> bool {
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
            event.previous = before.as_ref().map_or(Level::Ok, |state| state.level);
            self.save(&event, before.as_ref());
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
        let number = match &self.outbox {
            Some(outbox) if !kept.is_empty() => outbox.append(event, raised, kept),
            _ => 0,
        };
        if number == 0 {
            self.store.hasten();
        }
        let mut refusing = Vec::new();
        let mut why = "";
        for subscriber in topic.subscribers.iter().filter(|subscriber| subscriber.chosen) {
            let Way::Queue(queue) = &subscriber.way else { continue };
            let number = if queue.is_kept() { number } else { 0 };
            let Err(refused) = queue.push(event, number, raised) else { continue };
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

    /// Why an event is not to be told now.
    fn reason_to_hold(&self, event: &Event) -> Option<Reason> {
        // What a replay raises is nobody's alert. Most daemons hold back nothing, and need not know the time.
        if event.no_external || self.silences.is_empty() { None } else { self.silences.judge(event, (self.clock)()) }
    }

    /// Keeps an event that is not to be told now, in place of an older one of its id.
    fn hold_back(&self, topic: &mut Topic, event: Arc<Event>, reason: Reason) {
        self.silences.count(&reason);
        let number = self.outbox.as_ref().map_or(0, |outbox| outbox.append(&event, (self.clock)(), vec![HELD.into()]));
        if number == 0 {
            self.store.hasten();
        }
        topic.held.insert(event.state.id.clone(), Held { reason, event, number });
    }

    /// An event is held back no more.
    fn forget_held(&self, held: &Held) {
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

    /// Why the last events of a topic were not told, by id.
    pub fn held(&self, topic: &str) -> HashMap<Arc<str>, HeldStatus> {
        let status = |held: &Held| HeldStatus { reason: held.reason.clone(), told: held.event.previous };
        let all = |topic: &Topic| topic.held.iter().map(|(id, held)| (id.clone(), status(held))).collect();
        self.if_open(topic, all).unwrap_or_default()
    }

    /// The open topics in which an event is not OK.
    pub fn topics_not_ok(&self, event: &str) -> Vec<Arc<str>> {
        let topics: Vec<_> = self.read().iter().map(|(id, topic)| (id.clone(), topic.clone())).collect();
        let mut found: Vec<Arc<str>> = Vec::new();
        for (id, entry) in topics {
            let topic = lock(&entry);
            if topic.open && topic.state(event).is_some_and(|state| state.level != Level::Ok) {
                found.push(id);
            }
        }
        found.sort();
        found
    }

    /// Remembers a state; the one before.
    fn update(&self, id: &str, topic: &mut Topic, state: EventState) -> Option<EventState> {
        let (before, forgotten) = topic.update(state);
        if !forgotten.is_empty() {
            let count = forgotten.len();
            warn!(topic = id, count, "the oldest alerts that are not OK are forgotten: there are too many ids");
            forgotten.iter().for_each(|event| self.store.save(id, event, None));
        }
        before
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

    /// What a topic holds back is told to nobody.
    fn drop_held(&self, topic: &str) {
        let Some(entry) = self.read().get(topic).cloned() else { return };
        let held = std::mem::take(&mut lock(&entry).held);
        held.values().for_each(|held| self.forget_held(held));
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

    /// The last state of an event, if the topic is open and knows it.
    pub fn event_state(&self, topic: &str, id: &str) -> Option<EventState> {
        self.if_open(topic, |topic| topic.state(id).cloned())?
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

    /// All handlers of all topics with what became of their events, by topic, in the order in which they came.
    pub fn deliveries(&self) -> Vec<DeliveryStatus> {
        let topics: Vec<_> = self.read().iter().map(|(id, topic)| (id.clone(), topic.clone())).collect();
        let mut all = Vec::new();
        for (topic, entry) in topics {
            for subscriber in &lock(&entry).subscribers {
                let Subscriber { id, name, kind, way, .. } = subscriber;
                let handler = HandlerStatus { id: *id, name: name.clone(), kind: kind.clone(), counts: way.counts() };
                all.push(DeliveryStatus { topic: topic.clone(), handler, kept: way.is_kept() });
            }
        }
        all.sort_by(|a, b| (&a.topic, a.handler.id).cmp(&(&b.topic, b.handler.id)));
        all
    }

    /// The outbox, if there is one.
    pub fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.outbox.as_ref()
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

fn status(id: Arc<str>, topic: &Topic) -> TopicStatus {
    TopicStatus { id, level: topic.level(), collected: topic.collected, forgotten: topic.forgotten }
}

#[cfg(test)]
mod tests;
