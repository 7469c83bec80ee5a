//! One topic: the last state of each of its events, and who gets them.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use model::FastMap;
use tracing::error;

use crate::packed::{Packed, Packer};
use crate::queue::{Counters, Queue};
use crate::{Counts, Event, EventState, Handler, HandlerId, Level, Matcher, Outcome, Reason};

/// So many events that are OK are remembered in a topic: ids that are never seen again would fill the memory.
const MOST_OK: usize = 20_000;
/// So many that are not OK: those of hosts that have gone while something was wrong never recover.
const MOST_NOT_OK: usize = 100_000;
/// With more events than this, what they say is packed.
const MANY: usize = 200;

/// A topic's state and subscribers; the lock around it is the caller's.
#[derive(Default)]
pub(crate) struct Topic {
    /// Whether it is there for others. A closed one only keeps its subscribers for the next time.
    pub(crate) open: bool,
    events: FastMap<Arc<str>, Remembered>,
    packer: Packer,
    /// How many events are at each level.
    at_level: [usize; 4],
    pub(crate) collected: u64,
    /// How many events were forgotten though they are not OK.
    pub(crate) forgotten: u64,
    pub(crate) subscribers: Vec<Subscriber>,
    /// The last event of each id that is held back.
    pub(crate) held: FastMap<Arc<str>, Held>,
}

/// The last state of an event.
struct Remembered {
    message: Arc<str>,
    details: Packed,
    time: i64,
    duration: i64,
    level: Level,
}

impl Remembered {
    fn state(&self, id: &Arc<str>) -> EventState {
        EventState {
            id: Arc::clone(id),
            message: Arc::clone(&self.message),
            details: self.details.text(),
            time: self.time,
            duration: self.duration,
            level: self.level,
        }
    }
}

/// An event that is held back.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) reason: Reason,
    /// Its previous level is the one that was told last.
    pub(crate) event: Arc<Event>,
    /// Of the outbox; 0 if it is not kept.
    pub(crate) number: u64,
}

/// A handler of a topic.
pub(crate) struct Subscriber {
    pub(crate) id: HandlerId,
    pub(crate) name: Arc<str>,
    pub(crate) kind: Arc<str>,
    /// It reaches other programs, so a replay's events are not for it.
    pub(crate) external: bool,
    /// Which events it wants; all without one.
    pub(crate) matcher: Option<Matcher>,
    pub(crate) way: Way,
    /// Whether it wants the event that is being handed over.
    pub(crate) chosen: bool,
}

/// How events get to a handler.
#[derive(Clone)]
pub(crate) enum Way {
    Queue(Arc<Queue>),
    Inline(Arc<Inline>),
}

/// A handler that is called at once, on the thread of the engine.
pub(crate) struct Inline {
    handler: Mutex<Box<dyn Handler>>,
    counters: Counters,
}

impl Topic {
    /// Takes up the states of before it was closed, or of another run.
    pub(crate) fn restore(&mut self, states: Vec<EventState>) {
        self.events.clear();
        self.at_level = [0; 4];
        for state in states {
            self.update(state);
        }
        self.open = true;
    }

    pub(crate) fn close(&mut self) {
        self.restore(Vec::new());
        self.collected = 0;
        self.open = false;
    }

    /// The level of the worst event.
    pub(crate) fn level(&self) -> Level {
        Level::ALL.into_iter().rev().find(|&level| self.at_level[level as usize] > 0).unwrap_or_default()
    }

    /// Remembers a state; the level before. If there are too many, the oldest are forgotten: which of those are not OK is
    /// told.
    pub(crate) fn update(&mut self, state: EventState) -> (Option<Level>, Vec<Arc<str>>) {
        let EventState { id, message, details, time, duration, level } = state;
        self.at_level[level as usize] += 1;
        let details = if self.events.len() > MANY { self.packer.pack(&details) } else { Packed::Plain(details) };
        let before = self.events.insert(id, Remembered { message, details, time, duration, level });
        let before = before.map(|before| before.level);
        if let Some(before) = before {
            self.at_level[before as usize] -= 1;
        }
        if self.at_level[Level::Ok as usize] > MOST_OK {
            self.forget(|level| level == Level::Ok, MOST_OK / 2);
        }
        let mut forgotten = Vec::new();
        if self.events.len() - self.at_level[Level::Ok as usize] > MOST_NOT_OK {
            forgotten = self.forget(|level| level != Level::Ok, MOST_NOT_OK / 10);
            self.forgotten += forgotten.len() as u64;
        }
        (before, forgotten)
    }

    /// Forgets so many events of these levels, those whose last event is the oldest: another one of theirs is as if it
    /// was the first. Their ids.
    fn forget(&mut self, which: impl Fn(Level) -> bool, count: usize) -> Vec<Arc<str>> {
        let mut times: Vec<i64> =
            self.events.values().filter(|state| which(state.level)).map(|state| state.time).collect();
        let (_, &mut newest, _) = times.select_nth_unstable(count);
        let (mut gone, at_level) = (Vec::with_capacity(count), &mut self.at_level);
        self.events.retain(|id, state| {
            let goes = gone.len() < count && which(state.level) && state.time <= newest;
            if goes {
                at_level[state.level as usize] -= 1;
                gone.push(id.clone());
            }
            !goes
        });
        gone
    }

    /// Forgets an event that is OK and of which nothing is held back: another one of its id is as if it was the first.
    pub(crate) fn forget_ok(&mut self, id: &str) {
        let is_ok = self.level_of(id) == Some(Level::Ok);
        if is_ok && !self.held.contains_key(id) {
            self.events.remove(id);
            self.at_level[Level::Ok as usize] -= 1;
            if self.events.len() < self.events.capacity() / 4 {
                self.events.shrink_to(self.events.len() * 2);
            }
        }
    }

    pub(crate) fn level_of(&self, id: &str) -> Option<Level> {
        Some(self.events.get(id)?.level)
    }

    pub(crate) fn state(&self, id: &str) -> Option<EventState> {
        self.events.get_key_value(id).map(|(id, known)| known.state(id))
    }

    /// The states of this level or worse, worst first, then by id.
    pub(crate) fn states(&self, min_level: Level) -> Vec<EventState> {
        let wanted = self.events.iter().filter(|(_, known)| known.level >= min_level);
        let mut states: Vec<EventState> = wanted.map(|(id, known)| known.state(id)).collect();
        states.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.id.cmp(&b.id)));
        states
    }
}

impl Subscriber {
    pub(crate) fn wants(&mut self, event: &Event) -> bool {
        if self.external && event.no_external {
            return false;
        }
        let Some(matcher) = &mut self.matcher else { return true };
        matcher.matches(event).unwrap_or_else(|why| {
            error!(handler = %self.name, topic = %event.topic, event = %event.state.id, %why, "event not matched");
            false
        })
    }
}

impl Way {
    pub(crate) fn inline(handler: Box<dyn Handler>) -> Self {
        Way::Inline(Arc::new(Inline { handler: Mutex::new(handler), counters: Counters::default() }))
    }

    /// Whether its events are kept in the outbox.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self, Way::Queue(queue) if queue.is_kept())
    }

    /// Hands an event to a handler that is called at once.
    pub(crate) fn call(&self, event: &Event) {
        if let Way::Inline(inline) = self {
            inline.call(event);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        match self {
            Way::Queue(queue) => queue.counts(),
            Way::Inline(inline) => inline.counters.counts(),
        }
    }
}

impl Inline {
    /// One attempt, which must not wait: nothing would wake it.
    fn call(&self, event: &Event) {
        // A handler that publishes to its own topic comes here while it works.
        let Ok(mut handler) = self.handler.try_lock() else {
            self.counters.one_dropped();
            return;
        };
        let mut attempt = handler.handle(event);
        let outcome = match attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Outcome::give_up("it waits, which a handler that is called at once must not"),
        };
        self.counters.one_tried(&outcome);
        if let Outcome::Retry { why, .. } | Outcome::GiveUp(why) = outcome {
            error!(topic = %event.topic, event = %event.state.id, why, "handler failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_ok_are_forgotten_in_the_end_and_others_are_not() {
        let mut topic = Topic::default();
        let empty: Arc<str> = Arc::from("");
        let state = |id: usize, level: Level| EventState {
            id: Arc::from(id.to_string()),
            message: empty.clone(),
            details: empty.clone(),
            time: id as i64,
            duration: 0,
            level,
        };
        for id in 0..3 * MOST_OK {
            topic.update(state(id, if id % 3 == 0 { Level::Critical } else { Level::Ok }));
        }
        assert_eq!(topic.states(Level::Critical).len(), MOST_OK);
        let well = topic.states(Level::Ok).len() - MOST_OK;
        assert!((MOST_OK / 2..=MOST_OK).contains(&well), "{well}");
        assert_eq!(topic.at_level, [well, 0, 0, MOST_OK]);
        // Of those that are not OK many more are remembered, and which of them are forgotten is told.
        let mut forgotten = 0;
        for id in 3 * MOST_OK..3 * MOST_OK + MOST_NOT_OK {
            forgotten += topic.update(state(id, Level::Warning)).1.len();
        }
        let left = topic.states(Level::Info).len();
        assert!((MOST_NOT_OK * 9 / 10..=MOST_NOT_OK).contains(&left), "{left}");
        assert_eq!((left + forgotten, topic.forgotten), (MOST_OK + MOST_NOT_OK, forgotten as u64));
        assert!(topic.state("0").is_none());
        // The newest are there.
        assert!(topic.state(&(3 * MOST_OK - 1).to_string()).is_some() && topic.state("1").is_none());
    }
}
