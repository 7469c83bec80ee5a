//! What an alert says.

use std::sync::Arc;

use model::{Time, Value};

use crate::Level;

/// One event of an alert, on its way through a topic. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub topic: Arc<str>,
    pub state: EventState,
    pub data: Arc<EventData>,
    /// The level of the same id before; set by the topic.
    pub previous: Level,
    /// Handlers that reach other programs do not get it (it comes of a replay, for instance).
    pub no_external: bool,
    /// How many topics have handed it on to another topic.
    pub hops: u8,
}

/// What a topic remembers of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventState {
    pub id: Arc<str>,
    pub message: Arc<str>,
    pub details: Arc<str>,
    pub time: Time,
    /// Nanoseconds since the id left OK.
    pub duration: i64,
    pub level: Level,
}

/// Where an event comes from and what data raised it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventData {
    /// The measurement.
    pub name: Arc<str>,
    pub task_name: Arc<str>,
    pub category: Arc<str>,
    /// `host=a,region=eu`; empty without grouping.
    pub group: Arc<str>,
    /// Sorted by key.
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    /// Of the row that raised it, sorted by name.
    pub fields: Vec<(Arc<str>, Value)>,
    /// Whether the alert tells when all is well again.
    pub recoverable: bool,
    /// The rows as JSON: series as `model::write_series` writes them, with commas between, without brackets around.
    pub series: Arc<str>,
}

impl Default for EventData {
    fn default() -> Self {
        let empty: Arc<str> = Arc::from("");
        EventData {
            name: empty.clone(),
            task_name: empty.clone(),
            category: empty.clone(),
            group: empty.clone(),
            tags: Vec::new(),
            fields: Vec::new(),
            recoverable: false,
            series: empty,
        }
    }
}

impl EventData {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&Arc<str>> {
        self.tags.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }
}

impl Event {
    /// An event for a topic, of which nothing is known before.
    pub fn new(topic: impl Into<Arc<str>>, state: EventState, data: impl Into<Arc<EventData>>) -> Self {
        Event { topic: topic.into(), state, data: data.into(), previous: Level::Ok, no_external: false, hops: 0 }
    }

    /// Whether it is at another level than before.
    pub fn changed(&self) -> bool {
        self.previous != self.state.level
    }
}
