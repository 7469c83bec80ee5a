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

    /// Names the event for those who get it more than once: 32 hexadecimal digits, the same each time it is sent, also
    /// after a restart, and if the same data raise it again.
    pub fn uid(&self) -> String {
        let EventState { id, message, time, level, .. } = &self.state;
        let mut bytes = Vec::with_capacity(256 + self.data.series.len());
        for text in [&self.topic, id, message, &self.data.series] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&time.to_le_bytes());
        bytes.push(*level as u8);
        // The third version of this hash is the same for all time.
        let half = |seed| rapidhash::v3::rapidhash_v3_seeded(&bytes, &rapidhash::v3::RapidSecrets::seed_cpp(seed));
        format!("{:016x}{:016x}", half(0), half(1))
    }

    /// Whether it is at another level than before.
    pub fn changed(&self) -> bool {
        self.previous != self.state.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[test]
    fn what_is_the_same_has_the_same_name_for_all_time() {
        let event = event("t", "a", Level::Info);
        assert_eq!(event.uid(), "6b54e11106741a4daa84713c786bfb2f");
        let later = Event { previous: Level::Critical, hops: 2, ..event.clone() };
        assert_eq!(later.uid(), event.uid());
        for other in [
            Event { topic: "u".into(), ..event.clone() },
            Event { state: EventState { time: 1, ..event.state.clone() }, ..event.clone() },
            Event { state: EventState { level: Level::Critical, ..event.state.clone() }, ..event.clone() },
            Event { data: EventData { series: "x".into(), ..EventData::default() }.into(), ..event.clone() },
        ] {
            assert_ne!(other.uid(), event.uid());
        }
    }
}
