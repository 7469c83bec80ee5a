//! What users hold back: `/alerts/silences` and `/alerts/acknowledgements`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::time::Time;

/// The path of the silences.
pub const PATH: &str = "/kapacitor/v1/alerts/silences";
/// The path of the acknowledgements.
pub const ACKNOWLEDGEMENTS_PATH: &str = "/kapacitor/v1/alerts/acknowledgements";

/// The path of a silence.
pub fn path(id: &str) -> String {
    format!("{PATH}/{id}")
}

/// What a user wants to hold back: the body of a POST.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct SilenceOptions {
    /// Made if it is left out. One of the same id is replaced.
    pub id: String,
    /// All must fit an event: `topic=cpu`, `tag.host=~^web`, `level!=CRITICAL`; also id and task.
    pub matchers: Vec<String>,
    /// Now if it is left out.
    pub start: Time,
    /// Never if it is left out.
    pub end: Time,
    /// How long it lasts, such as `2h`, in place of an end; with `cron`, how long each window is.
    pub duration: String,
    /// When windows begin: minute, hour, day of month, month, day of week.
    pub cron: String,
    /// In which zone `cron` is meant, such as `Europe/Berlin`; UTC if it is left out.
    pub time_zone: String,
    pub author: String,
    pub comment: String,
}

/// A silence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Silence {
    pub link: Link,
    pub id: String,
    /// `pending`, `active` or `expired`.
    pub state: String,
    pub matchers: Vec<String>,
    pub start: Time,
    pub end: Time,
    pub cron: String,
    /// Of each window.
    pub duration: String,
    pub time_zone: String,
    pub author: String,
    pub comment: String,
    /// Events that it has held back since the daemon started.
    pub held_back: u64,
}

/// The answer to a GET of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SilenceList {
    pub link: Link,
    pub silences: Vec<Silence>,
}

/// Somebody takes care of an alert: it is not told again until it has recovered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Acknowledgement {
    /// All topics in which the event is not OK, if it is left out.
    pub topic: String,
    /// The event's id.
    pub event: String,
    pub author: String,
    pub comment: String,
    /// When it was made.
    pub time: Time,
}

/// The answer to a GET of the list, and to a POST.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AcknowledgementList {
    pub link: Link,
    pub acknowledgements: Vec<Acknowledgement>,
}

/// Why the last event of an alert was not told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct HeldBack {
    /// `silence` or `acknowledgement`.
    pub by: String,
    /// Of the silence.
    pub id: String,
    pub author: String,
    pub comment: String,
    /// The level that was told last.
    pub told_level: String,
}
