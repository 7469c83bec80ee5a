//! The handlers that users attach to topics: made of a specification, named, replaced and removed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambda::Zone;
use serde_json::{Map, Value as Json};

use crate::{
    Attachment, Handler, HandlerId, HandlerOptions, Kind, Kinds, MatchError, Matcher, OpenError, Opener, Place,
    Subscription, Topics,
};

/// A handler of a topic, as a user defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerSpec {
    pub topic: String,
    pub id: String,
    /// `slack`, `log` …
    pub kind: String,
    /// An object, or null for none.
    pub options: Json,
    /// Which events it gets; empty for all.
    pub matches: String,
}

/// What is wrong with a specification.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpecError {
    #[error("handler ID must contain only letters, numbers, '-', '.' and '_'. \"{0}\"")]
    Id(String),
    #[error("handler Kind must not be empty")]
    NoKind,
    #[error("options of a handler must be an object")]
    Options,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Match(#[from] MatchError),
}

impl SpecError {
    /// Whether the specification itself is malformed, whatever its kind would make of it.
    pub fn is_malformed(&self) -> bool {
        matches!(self, SpecError::Id(_) | SpecError::NoKind | SpecError::Options)
    }
}

/// All handlers that users attached to topics.
pub struct TopicHandlers {
    topics: Arc<Topics>,
    kinds: Kinds,
    zone: Zone,
    attached: Mutex<BTreeMap<(String, String), Attached>>,
}

struct Attached {
    spec: HandlerSpec,
    handler: HandlerId,
}

/// A handler that is ready to be attached.
pub struct Prepared {
    spec: HandlerSpec,
    kind: Arc<Kind>,
    handler: Box<dyn Handler>,
    more: Opener,
    matcher: Option<Matcher>,
}

impl Prepared {
    pub fn spec(&self) -> &HandlerSpec {
        &self.spec
    }
}

impl TopicHandlers {
    /// `zone` is the one in which match expressions read times.
    pub fn new(topics: Arc<Topics>, kinds: Kinds, zone: Zone) -> Self {
        TopicHandlers { topics, kinds, zone, attached: Mutex::default() }
    }

    /// Makes the handler without attaching it, so that it can be stored between the two.
    pub fn prepare(&self, spec: HandlerSpec) -> Result<Prepared, SpecError> {
        let fits = |c: char| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
        if spec.id.is_empty() || !spec.id.chars().all(fits) {
            return Err(SpecError::Id(spec.id));
        }
        if spec.kind.is_empty() {
            return Err(SpecError::NoKind);
        }
        let none = Map::new();
        let options = match &spec.options {
            Json::Object(options) => options,
            Json::Null => &none,
            _ => return Err(SpecError::Options),
        };
        let kind = self.kinds.by_name(&spec.kind)?.clone();
        let place = Place { topic: spec.topic.clone(), owner: spec.id.clone() };
        let options = HandlerOptions::from_json(kind.clone(), options)?;
        let (handler, more) = (options.open(&place)?, options.opener(place));
        let matcher = match spec.matches.trim() {
            "" => None,
            text => Some(Matcher::new(text, self.zone)?),
        };
        Ok(Prepared { spec, kind, handler, more, matcher })
    }

    /// Attaches a handler, in place of the one of its topic and id if there is one.
    pub fn attach(&self, prepared: Prepared) {
        let Prepared { spec, kind, handler, more, matcher } = prepared;
        let (name, external) = (spec.id.as_str().into(), kind.external);
        let subscription = Subscription { name, kind: kind.name.into(), handler, external };
        let mut attached = self.attached();
        let key = (spec.topic.clone(), spec.id.clone());
        // The new one first, so that no event falls between the two.
        let attachment = Attachment { subscription, matcher, more: Some(more), kept: true };
        let handler = self.topics.attach(&spec.topic, attachment);
        if let Some(before) = attached.insert(key, Attached { spec, handler }) {
            self.topics.deregister(&before.spec.topic, before.handler);
        }
    }

    /// Ends a handler for good; whether there was one.
    pub fn detach(&self, topic: &str, id: &str) -> bool {
        let removed = self.attached().remove(&(topic.to_string(), id.to_string()));
        removed.is_some_and(|attached| self.topics.detach(topic, attached.handler))
    }

    /// Ends all handlers of a topic, as when it is deleted.
    pub fn detach_all(&self, topic: &str) {
        for spec in self.list(topic) {
            self.detach(topic, &spec.id);
        }
    }

    pub fn get(&self, topic: &str, id: &str) -> Option<HandlerSpec> {
        self.attached().get(&(topic.to_string(), id.to_string())).map(|attached| attached.spec.clone())
    }

    /// The handlers of a topic by id. Choosing by a pattern is left to who shows them.
    pub fn list(&self, topic: &str) -> Vec<HandlerSpec> {
        let attached = self.attached();
        attached.values().map(|attached| &attached.spec).filter(|spec| spec.topic == topic).cloned().collect()
    }

    fn attached(&self) -> MutexGuard<'_, BTreeMap<(String, String), Attached>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use declare::Declaration;
    use serde_json::json;

    use super::*;
    use crate::testing::{Collector, event};
    use crate::{Delivery, Level, NoStore};

    #[derive(Clone, Default)]
    struct Options {
        to: String,
    }

    fn start(collector: &Collector) -> (Arc<Topics>, TopicHandlers) {
        let collector = collector.clone();
        let kind = Kind::of(
            "collect",
            |it: Declaration<Options>| it.property("to", "Where to.", |d| &mut d.to),
            move |_, _| Ok(Box::new(collector.clone()) as Box<dyn Handler>),
        );
        let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
        (topics.clone(), TopicHandlers::new(topics, Kinds::new(vec![kind.build()]), Zone::Utc))
    }

    fn spec(id: &str, matches: &str) -> HandlerSpec {
        let (topic, kind, options) = ("t".into(), "collect".into(), json!({"to": "x"}));
        HandlerSpec { topic, id: id.into(), kind, options, matches: matches.into() }
    }

    #[test]
    fn handlers_are_attached_replaced_and_detached() {
        let collector = Collector::default();
        let (topics, handlers) = start(&collector);
        handlers.attach(handlers.prepare(spec("a", "")).unwrap());
        handlers.attach(handlers.prepare(spec("a", "level() == CRITICAL")).unwrap());
        for level in [Level::Info, Level::Critical] {
            topics.collect(event("t", "e", level)).unwrap();
        }
        assert_eq!(collector.events().len(), 1);
        assert_eq!(handlers.list("t"), [spec("a", "level() == CRITICAL")]);
        assert_eq!(handlers.get("t", "a").unwrap().id, "a");
        assert!(handlers.detach("t", "a"));
        assert!(!handlers.detach("t", "a"));
        topics.collect(event("t", "e", Level::Critical)).unwrap();
        assert_eq!(collector.events().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let (_topics, handlers) = start(&Collector::default());
        let told = |spec| handlers.prepare(spec).err().map(|error| (error.is_malformed(), error.to_string())).unwrap();
        for id in ["", "a b", "a/b"] {
            assert!(told(spec(id, "")).0, "{id}");
        }
        assert!(told(HandlerSpec { kind: String::new(), ..spec("a", "") }).0);
        assert!(told(HandlerSpec { options: json!([]), ..spec("a", "") }).0);
        let (malformed, text) = told(HandlerSpec { kind: "colect".into(), ..spec("a", "") });
        assert_eq!(
            (malformed, text.as_str()),
            (false, "unsupported handler kind \"colect\", did you mean \"collect\"?")
        );
        assert!(told(HandlerSpec { options: json!({"pth": 1}), ..spec("a", "") }).1.contains("pth"));
        assert!(told(spec("a", "level() >")).1.contains("invalid match expression"));
        assert!(handlers.prepare(HandlerSpec { options: Json::Null, ..spec("ü.1-a_", "") }).is_ok());
    }
}
