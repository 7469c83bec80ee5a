//! How events get to handlers: counters of each, and events that were given up. `/alerts/deliveries`, `/alerts/dead-letters`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::time::Time;

/// The path of the counters.
pub const PATH: &str = "/kapacitor/v1/alerts/deliveries";
/// The path of the dead letters.
pub const DEAD_LETTERS_PATH: &str = "/kapacitor/v1/alerts/dead-letters";
/// Takes a [`Selection`]: those are sent once more.
pub const RETRY_PATH: &str = "/kapacitor/v1/alerts/dead-letters/retry";
/// Takes a [`Selection`]: those are forgotten.
pub const DROP_PATH: &str = "/kapacitor/v1/alerts/dead-letters/drop";

/// What became of the events of one handler, since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Delivery {
    pub topic: String,
    pub handler: String,
    pub kind: String,
    /// Its events are on disk before they are sent.
    pub kept: bool,
    pub queued: u64,
    pub sent: u64,
    /// Attempts after the first of an event.
    pub retried: u64,
    /// Given up after the last attempt.
    pub failed: u64,
    /// Never tried and not kept.
    pub dropped: u64,
    /// The age of the oldest event that waits; 0 if none does.
    pub oldest_seconds: f64,
}

/// Figures of the outbox.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Outbox {
    /// Events that some handler has not got.
    pub events: u64,
    pub bytes: u64,
    /// How many events were ever written to it.
    pub written: u64,
    /// Dead letters that were dropped since it was full.
    pub discarded: u64,
    /// Events that were sent without being kept since it was full.
    pub not_kept: u64,
}

/// The answer to a GET of the counters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Deliveries {
    pub link: Link,
    pub deliveries: Vec<Delivery>,
    /// Null if it is switched off.
    pub outbox: Option<Outbox>,
}

/// An event that a handler did not get.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct DeadLetter {
    /// Names the event in the outbox, for all handlers that did not get it.
    pub id: u64,
    pub topic: String,
    pub handler: String,
    pub event: String,
    /// The same as those get who get the event.
    pub event_id: String,
    pub level: String,
    pub message: String,
    pub raised: Time,
    pub why: String,
    pub attempts: u32,
    /// When it was given up; never, if it waits for a handler that is not there.
    pub given_up: Time,
}

/// The answer to a GET of the dead letters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct DeadLetterList {
    pub link: Link,
    pub dead_letters: Vec<DeadLetter>,
    /// How many there are in all.
    pub total: u64,
}

/// Which dead letters are meant: those with all that is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    pub ids: Vec<u64>,
    pub topic: String,
    pub handler: String,
    /// Must be true if nothing else is given.
    pub all: bool,
}

/// What came of a selection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Outcome {
    /// How many were sent once more, or dropped.
    pub count: u64,
    /// Those that could not be, each with the reason.
    pub left: Vec<Left>,
}

/// A dead letter that stays one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Left {
    pub id: u64,
    pub topic: String,
    pub handler: String,
    pub why: String,
}
