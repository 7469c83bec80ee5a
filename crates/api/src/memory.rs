//! What holds how much memory: `GET /kapacitor/v1/memory`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answers [`Memory`]; with `task=ID` of that task alone.
pub const PATH: &str = "/kapacitor/v1/memory";

/// What the daemon holds. Limits of 0 are none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Memory {
    /// All that is counted here.
    pub bytes: u64,
    pub limit: u64,
    /// What happens at the limit.
    #[serde(rename = "at-limit")]
    pub at_limit: String,
    pub tables: Tables,
    pub writes: Writes,
    pub connections: Connections,
    /// Limits that are passed now.
    pub problems: Vec<String>,
    pub tasks: Vec<TaskMemory>,
}

/// The tables of what was ever seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tables {
    pub bytes: u64,
    pub limit: u64,
    /// Measurements, tags and fields.
    pub names: u64,
    /// Lists of fields with their types.
    pub shapes: u64,
    pub series: u64,
    pub groups: u64,
}

/// Writes that wait for tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Writes {
    pub bytes: u64,
    pub limit: u64,
    /// How many were refused for want of room since the start.
    pub refused: u64,
    /// Points that kapacitorLoopback gave and there was no room for.
    #[serde(rename = "loopback-dropped")]
    pub loopback_dropped: u64,
}

/// Clients that are connected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Connections {
    pub open: u64,
    pub limit: u64,
    /// How many were refused because there were too many, since the start.
    pub refused: u64,
}

/// What a task holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TaskMemory {
    pub id: String,
    pub bytes: u64,
    /// Groups of the node that has most.
    pub groups: u64,
    pub limit: u64,
    #[serde(rename = "group-limit")]
    pub group_limit: u64,
    #[serde(rename = "at-limit")]
    pub at_limit: String,
    /// What was let go of at a limit since the task started.
    #[serde(rename = "groups-dropped")]
    pub groups_dropped: u64,
    #[serde(rename = "points-dropped")]
    pub points_dropped: u64,
    pub nodes: Vec<NodeMemory>,
}

/// What a node holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodeMemory {
    pub name: String,
    pub bytes: u64,
    pub groups: u64,
}
