//! Events and handlers for tests that need neither a runtime nor another program.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{BoxFuture, Event, EventData, EventState, Handler, Level, Outcome, Subscription};

/// A handler that keeps all it gets, to be looked at. Clones share what they have.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    events: Arc<Mutex<Vec<Event>>>,
}

impl Collector {
    /// What it has got so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Itself, as a subscription to a topic.
    pub fn subscription(&self, name: &str) -> Subscription {
        Subscription { name: name.into(), kind: "collector".into(), handler: Box::new(self.clone()), external: true }
    }
}

impl Handler for Collector {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        Box::pin(std::future::ready(Outcome::Done))
    }
}

/// An event with nothing in it but its id and level.
pub fn event(topic: &str, id: &str, level: Level) -> Event {
    let empty: Arc<str> = Arc::from("");
    let state = EventState { id: id.into(), message: empty.clone(), details: empty, time: 0, duration: 0, level };
    Event::new(topic, state, EventData::default())
}
