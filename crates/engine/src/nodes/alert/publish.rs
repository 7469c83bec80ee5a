//! Where the events of one alert node go: its own topic with the handlers that the script opens, and a named one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alert::{
    Attachment, Event, EventData, EventState, Handler, HandlerId, HandlerOptions, Level, Place, Subscription, Topics,
};
use model::Time;

use crate::{BuildError, Cx, Plan};

/// The topics of one alert node.
pub(super) struct Publisher {
    topics: Arc<Topics>,
    /// `main:TASK:NODE`; in a replay, its name is in place of `main`.
    own: Arc<str>,
    /// Of `.topic('x')`.
    named: Option<Arc<str>>,
    /// There are handlers, so its own topic is used.
    uses_own: bool,
    /// Its own topic is there as long as some shard holds it.
    held: Option<Arc<Own>>,
}

/// An alert's own topic with the handlers that the script opens. When the last shard lets go of it, it ends.
struct Own {
    topics: Arc<Topics>,
    name: Arc<str>,
    state_changes_only: bool,
    handlers: Mutex<Handlers>,
}

#[derive(Default)]
struct Handlers {
    /// Until they are subscribed.
    waiting: Vec<Attachment>,
    subscribed: Vec<HandlerId>,
}

/// The handlers of a node, with whether the config wants changes of level only.
pub(super) struct Opened {
    pub(super) publisher: Publisher,
    pub(super) state_changes_only: bool,
}

impl Own {
    /// Make the handlers that the script opens, and those that the config gives to every alert. Nothing starts yet.
    fn open(plan: &Plan<'_>) -> Result<Own, BuildError> {
        let name: Arc<str> = format!("{}:{}:{}", plan.host.replay().unwrap_or("main"), plan.task.id, plan.name).into();
        let place = Place { topic: name.to_string(), owner: plan.task.id.to_string() };
        let mut waiting: Vec<Attachment> = Vec::new();
        for opened in plan.handlers {
            let before = waiting.iter().filter(|other| *other.subscription.kind == *opened.options.kind().name).count();
            waiting.push(attachment(&opened.options, before, &place, plan)?);
        }
        let mut state_changes_only = false;
        for kind in plan.kinds.iter() {
            let Some(global) = kind.global() else { continue };
            state_changes_only |= global.state_changes_only;
            if !plan.handlers.iter().any(|opened| opened.options.kind().name == kind.name) {
                waiting.push(attachment(&HandlerOptions::new(Arc::clone(kind)), 0, &place, plan)?);
            }
        }
        let handlers = Mutex::new(Handlers { waiting, subscribed: Vec::new() });
        Ok(Own { topics: Arc::clone(plan.host.topics()), name, state_changes_only, handlers })
    }

    fn handlers(&self) -> MutexGuard<'_, Handlers> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribe the handlers, and take up what the topic knew when the task last ran.
    fn start(&self) {
        let mut handlers = self.handlers();
        if handlers.waiting.is_empty() {
            return;
        }
        for attachment in std::mem::take(&mut handlers.waiting) {
            handlers.subscribed.push(self.topics.attach(&self.name, attachment));
        }
        self.topics.open(&self.name);
    }
}

/// Its handlers send what waits, and are gone. Its states are kept for the next start.
impl Drop for Own {
    fn drop(&mut self) {
        let subscribed = std::mem::take(&mut self.handlers().subscribed);
        if subscribed.is_empty() {
            return;
        }
        for handler in subscribed {
            self.topics.deregister(&self.name, handler);
        }
        self.topics.close(&self.name);
    }
}

impl Publisher {
    /// With its own topic, which all shards of the node share.
    pub(super) fn open(plan: &Plan<'_>, named: &str) -> Result<Opened, BuildError> {
        let own = plan.shares.of(plan.name, || Own::open(plan))?;
        let publisher = Publisher {
            topics: Arc::clone(plan.host.topics()),
            own: Arc::clone(&own.name),
            named: (!named.is_empty()).then(|| named.into()),
            uses_own: !own.handlers().waiting.is_empty(),
            held: Some(Arc::clone(&own)),
        };
        Ok(Opened { publisher, state_changes_only: own.state_changes_only })
    }

    pub(super) fn start(&mut self) {
        if let Some(own) = &self.held {
            own.start();
        }
    }

    /// Whether anybody may get an event.
    pub(super) fn has_readers(&self) -> bool {
        self.uses_own || self.named.is_some()
    }

    /// Whether a topic knows an event that is not OK, so that ids are worth being looked up.
    pub(super) fn knows_anything(&self) -> bool {
        self.used().any(|topic| self.topics.level(topic) != Level::Ok)
    }

    fn used(&self) -> impl Iterator<Item = &Arc<str>> {
        self.uses_own.then_some(&self.own).into_iter().chain(&self.named)
    }

    /// What the topics know of an id before data of this time; its own topic is the one that is believed, and both are
    /// told the same.
    pub(super) fn known(&self, id: &str, time: Time) -> Option<(Level, Time)> {
        let state = |topic: &Arc<str>| self.topics.event_state_before(topic, id, time);
        let own = self.uses_own.then(|| state(&self.own)).flatten();
        let named = self.named.as_ref().and_then(state);
        let found = match (own, named) {
            (Some(own), Some(named)) => {
                if own.level != named.level
                    && let Some(topic) = &self.named
                {
                    self.topics.update_event(topic, own.clone());
                }
                own
            }
            (Some(own), None) => own,
            (None, Some(named)) => {
                if self.uses_own && named.level != Level::Ok {
                    self.topics.update_event(&self.own, named.clone());
                }
                named
            }
            (None, None) => return None,
        };
        Some((found.level, found.time))
    }

    /// Publish an event to all topics.
    pub(super) fn publish(&self, state: EventState, data: Arc<EventData>, cx: &mut Cx<'_>) {
        for topic in self.used() {
            let event = Event::new(Arc::clone(topic), state.clone(), Arc::clone(&data));
            if let Err(error) = self.topics.collect(event) {
                cx.row_error(error);
            }
        }
    }

    /// The group of an event is gone: what the topics know of it is of no use if it is OK.
    pub(super) fn forget_ok(&self, id: &str) {
        self.used().for_each(|topic| self.topics.forget_ok(topic, id));
    }

    /// It needs its own topic no more.
    pub(super) fn close(&mut self) {
        self.held = None;
    }
}

/// `before` handlers of the same kind come first on the node. Its name is the same at each start, since events that were
/// not sent wait for it by its name.
fn attachment(
    options: &HandlerOptions,
    before: usize,
    place: &Place,
    plan: &Plan<'_>,
) -> Result<Attachment, BuildError> {
    let kind = options.kind();
    let handler: Box<dyn Handler> = options.open(place).map_err(|error| BuildError::new(error.to_string()))?;
    let name = format!("{}:{}:{}", plan.task.id, plan.name, kind.name);
    let name = if before == 0 { name } else { format!("{name}:{}", before + 1) };
    let (name, external) = (name.into(), kind.external);
    Ok(Attachment {
        subscription: Subscription { name, kind: kind.name.into(), handler, external },
        matcher: None,
        more: Some(options.opener(place.clone())),
        // What a replay raises is of no use later.
        kept: plan.host.replay().is_none(),
    })
}
