//! Topics of alerts, their events and handlers: `/alerts/topics` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::link::Link;
use crate::silence::HeldBack;
use crate::time::Time;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/alerts/topics";

/// A topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Topic {
    pub link: Link,
    pub id: String,
    /// `OK`, `INFO`, `WARNING` or `CRITICAL`: the worst of its events.
    pub level: String,
    /// How many events came so far.
    pub collected: i64,
    pub events_link: Link,
    pub handlers_link: Link,
}

/// The answer to a GET of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TopicList {
    pub link: Link,
    pub topics: Vec<Topic>,
}

/// An event of a topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Event {
    pub link: Link,
    pub id: String,
    pub state: EventState,
    /// Why it was not told, if it was not.
    #[serde(rename = "held-back", skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBack>,
}

/// The last state of an event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EventState {
    pub message: String,
    pub details: String,
    pub time: Time,
    /// As Go prints it.
    pub duration: String,
    pub level: String,
}

/// The answer to a GET of a topic's events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EventList {
    pub link: Link,
    pub topic: String,
    pub events: Vec<Event>,
}

/// A handler of a topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Handler {
    pub link: Link,
    pub id: String,
    pub kind: String,
    /// As they were given; null if none were.
    pub options: Option<Map<String, Value>>,
    /// Which events it gets; empty for all.
    #[serde(rename = "match")]
    pub matches: String,
}

/// The answer to a GET of a topic's handlers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HandlerList {
    pub link: Link,
    pub topic: String,
    pub handlers: Vec<Handler>,
}

/// The body of a POST or PUT of a handler, and a handler file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HandlerOptions {
    /// Told by the path, too, which wins.
    #[serde(deserialize_with = "crate::nullable")]
    pub topic: String,
    #[serde(deserialize_with = "crate::nullable")]
    pub id: String,
    #[serde(deserialize_with = "crate::nullable")]
    pub kind: String,
    pub options: Option<Map<String, Value>>,
    #[serde(rename = "match", deserialize_with = "crate::nullable")]
    pub matches: String,
}

/// The path of a topic.
pub fn path(topic: &str) -> String {
    format!("{PATH}/{topic}")
}

/// The path of a topic's events.
pub fn events_path(topic: &str) -> String {
    format!("{PATH}/{topic}/events")
}

/// The path of a topic's handlers.
pub fn handlers_path(topic: &str) -> String {
    format!("{PATH}/{topic}/handlers")
}

/// The path of a topic's handler.
pub fn handler_path(topic: &str, id: &str) -> String {
    format!("{PATH}/{topic}/handlers/{id}")
}
