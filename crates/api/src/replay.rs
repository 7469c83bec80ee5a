//! Replays: `/replays` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::recording::Progress;
use crate::task::ExecutionStats;
use crate::time::Time;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/replays";

/// The fields that a list can be asked for.
pub const FIELDS: &[&str] =
    &["link", "id", "recording", "task", "recording-time", "clock", "date", "error", "status", "progress"];

/// How time passes in a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// As fast as the data can be read.
    #[default]
    Fast,
    /// As it passed when the data was recorded.
    Real,
}

impl Clock {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Clock::Fast => "fast",
            Clock::Real => "real",
        }
    }
}

/// A replay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Replay {
    pub link: Link,
    pub id: String,
    pub task: String,
    /// Empty if the data was not recorded before.
    pub recording: String,
    /// Whether the times are those of the recording, not moved to now.
    pub recording_time: bool,
    pub clock: Clock,
    pub date: Time,
    /// Empty when all is well.
    pub error: String,
    pub status: Progress,
    /// From 0 to 1.
    pub progress: f64,
    pub stats: ExecutionStats,
}

/// The answer to a GET of the list, when all fields are wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayList {
    pub replays: Vec<Replay>,
}

/// The body of `POST /replays`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct ReplayRecording {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub recording: String,
    pub task: String,
    pub recording_time: bool,
    pub clock: Clock,
}

/// The body of `POST /replays/batch`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct ReplayBatch {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub task: String,
    pub start: Time,
    pub stop: Time,
    pub recording_time: bool,
    pub clock: Clock,
}

/// The body of `POST /replays/query`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct ReplayQuery {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub task: String,
    pub query: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    pub recording_time: bool,
    pub clock: Clock,
}
