//! Recordings: `/recordings` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::task::TaskType;
use crate::time::Time;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/recordings";

/// The fields that a list can be asked for.
pub const FIELDS: &[&str] = &["link", "id", "type", "size", "date", "error", "status", "progress"];

/// How far a recording or replay is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    #[default]
    Failed,
    Running,
    Finished,
}

impl Progress {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Progress::Failed => "failed",
            Progress::Running => "running",
            Progress::Finished => "finished",
        }
    }
}

/// A recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Recording {
    pub link: Link,
    pub id: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    /// Bytes on disk.
    pub size: i64,
    /// When it started; once it is done, when it ended.
    pub date: Time,
    /// Empty when all is well.
    pub error: String,
    pub status: Progress,
    /// From 0 to 1.
    pub progress: f64,
}

/// The answer to a GET of the list, when all fields are wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordingList {
    pub recordings: Vec<Recording>,
}

/// The body of `POST /recordings/stream`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecordStream {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub task: String,
    pub stop: Time,
}

/// The body of `POST /recordings/batch`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecordBatch {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub task: String,
    pub start: Time,
    pub stop: Time,
}

/// The body of `POST /recordings/query`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecordQuery {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub query: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
}
