//! Where the events of one alert node go: its own topic with the handlers that the script opens, and a named one.

use std::sync::Arc;

use alert::{
    Attachment, Event, EventData, EventState, Handler, HandlerId, HandlerOptions, Level, Place, Subscription, Topics,
};
use model::Time;

use crate::{BuildError, Cx, Plan};

/// The topics of one alert node. When it is dropped, its own one ends.
pub(super) struct Publisher {
    topics: Arc<Topics>,
    /// `main:TASK:NODE`; in a replay, its name is in place of `main`.
    own: Arc<str>,
    /// Of `.topic('x')`.
    named: Option<Arc<str>>,
    /// There are handlers, so its own topic is used.
    uses_own: bool,
    /// Until they are subscribed.
    waiting: Vec<Attachment>,
    subscribed: Vec<HandlerId>,
    open: bool,
}

/// The handlers of a node, with whether the config wants changes of level only.
pub(super) struct Opened {
    pub(super) publisher: Publisher,
    pub(super) state_changes_only: bool,
}

impl Publisher {
    /// Make the handlers that the script opens, and those that the config gives to every alert. Nothing starts yet.
    pub(super) fn open(plan: &Plan<'_>, named: &str) -> Result<Opened, BuildError> {
        let own: Arc<str> = format!("{}:{}:{}", plan.host.replay().unwrap_or("main"), plan.task.id, plan.name).into();
        let place = Place { topic: own.to_string(), owner: plan.task.id.to_string() };
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
        let publisher = Publisher {
            topics: Arc::clone(plan.host.topics()),
            own,
            named: (!named.is_empty()).then(|| named.into()),
            uses_own: !waiting.is_empty(),
            waiting,
            subscribed: Vec::new(),
            open: false,
        };
        Ok(Opened { publisher, state_changes_only })
    }

    /// Subscribe the handlers, and take up what the topic knew when the task last ran.
    pub(super) fn start(&mut self) {
        if !self.uses_own || self.open {
            return;
        }
        self.open = true;
        for attachment in self.waiting.drain(..) {
            self.subscribed.push(self.topics.attach(&self.own, attachment));
        }
        self.topics.open(&self.own);
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

    /// End its own topic: the handlers send what waits, and are gone. Its states are kept for the next start.
    pub(super) fn close(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        for handler in self.subscribed.drain(..) {
            self.topics.deregister(&self.own, handler);
        }
        self.topics.close(&self.own);
    }
}

/// A task that fails is dropped as it is.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.close();
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
