//! Topics of alerts as users change them: handlers attached, kept and removed, states forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alert::{HandlerSpec, Kinds, Prepared, SpecError, TopicHandlers, Topics};
use lambda::Zone;
use store::{Page, Store, handlers::Handler};

use crate::definitions::Refused;

/// The topics of one daemon and the handlers that users attached to them.
pub struct AlertTopics {
    topics: Arc<Topics>,
    handlers: TopicHandlers,
    store: Store,
    /// Held by whoever changes handlers, so that what is attached is what is stored.
    changes: Mutex<()>,
}

/// Why a handler is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    #[error("handler Topic must contain only letters, numbers, ':', '-', '.' and '_'. {0:?}")]
    Topic(String),
    #[error("cannot change topic in update")]
    OtherTopic,
    #[error("cannot register handler, handler with ID {0:?} already exists")]
    Exists(String),
    #[error("unknown handler: {0:?}")]
    Missing(String),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Rejected {
    /// As the API answers it; `action` is what failed, such as `create handler`.
    pub fn refused(&self, action: &str) -> Refused {
        match self {
            Rejected::Topic(_) => Refused::bad(format!("invalid handler spec: {self}")),
            Rejected::Spec(why) if why.is_malformed() => Refused::bad(format!("invalid handler spec: {why}")),
            Rejected::Missing(_) => Refused::missing(self.to_string()),
            _ => Refused::failed(format!("failed to {action}: {self}")),
        }
    }
}

impl AlertTopics {
    /// `zone` is the one in which match expressions read times.
    pub fn new(store: Store, topics: Arc<Topics>, kinds: Kinds, zone: Zone) -> AlertTopics {
        let handlers = TopicHandlers::new(Arc::clone(&topics), kinds, zone);
        AlertTopics { topics, handlers, store, changes: Mutex::default() }
    }

    /// The topics as they are now.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Take up the states of the last run and attach all stored handlers. One that does not open is logged and stays
    /// stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn start_all(&self) -> Result<(), store::Error> {
        let _change = self.change();
        self.topics.open_stored();
        for handler in self.store.handlers().all()? {
            let (topic, id) = (handler.topic.clone(), handler.id.clone());
            match self.handlers.prepare(spec(handler)) {
                Ok(prepared) => self.handlers.attach(prepared),
                Err(why) => tracing::error!(topic, handler = id, "handler does not start: {why}"),
            }
        }
        Ok(())
    }

    /// The handlers of a topic whose ids fit a pattern, by id.
    pub fn handlers(&self, topic: &str, pattern: &str) -> Result<Vec<Handler>, store::Error> {
        self.store.handlers().list(topic, &Page { pattern, ..Page::ALL })
    }

    pub fn handler(&self, topic: &str, id: &str) -> Result<Option<Handler>, store::Error> {
        self.store.handlers().get(topic, id)
    }

    /// Whether a stored handler gets events; else it could not be opened.
    pub fn is_attached(&self, topic: &str, id: &str) -> bool {
        self.handlers.get(topic, id).is_some()
    }

    /// Store a new handler and attach it.
    pub fn create(&self, handler: &Handler) -> Result<(), Rejected> {
        let _change = self.change();
        let prepared = self.prepare(handler)?;
        if self.store.handlers().get(&handler.topic, &handler.id)?.is_some() {
            return Err(Rejected::Exists(handler.id.clone()));
        }
        self.store.handlers().create(handler)?;
        self.handlers.attach(prepared);
        Ok(())
    }

    /// Store a handler in place of the topic's handler `id`, and attach it instead.
    pub fn replace(&self, topic: &str, id: &str, handler: &Handler) -> Result<(), Rejected> {
        let _change = self.change();
        if self.store.handlers().get(topic, id)?.is_none() {
            return Err(Rejected::Missing(id.to_string()));
        }
        if handler.topic != topic {
            return Err(Rejected::OtherTopic);
        }
        let prepared = self.prepare(handler)?;
        self.store.handlers().replace(topic, id, handler)?;
        self.handlers.attach(prepared);
        if handler.id != id {
            self.handlers.detach(topic, id);
        }
        Ok(())
    }

    /// End a handler and forget it; one that is not there is gone already.
    pub fn delete(&self, topic: &str, id: &str) -> Result<(), store::Error> {
        let _change = self.change();
        self.store.handlers().delete(topic, id)?;
        self.handlers.detach(topic, id);
        Ok(())
    }

    /// Forget what a topic knows. Its handlers stay, as they did in Kapacitor's lists, and get its next events, too.
    pub fn forget(&self, topic: &str) {
        self.topics.forget(topic);
    }

    fn prepare(&self, handler: &Handler) -> Result<Prepared, Rejected> {
        let fits = |c: char| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, ':' | '-' | '.' | '_');
        let prepared = self.handlers.prepare(spec(handler.clone()))?;
        if handler.topic.is_empty() || !handler.topic.chars().all(fits) {
            return Err(Rejected::Topic(handler.topic.clone()));
        }
        Ok(prepared)
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spec(handler: Handler) -> HandlerSpec {
    let Handler { topic, id, kind, options, matches } = handler;
    HandlerSpec { topic, id, kind, options, matches }
}
