//! The daemon itself: `/ping`, `/health`, `/loglevel`, `/logs`, `/debug/vars`, `/storage/backup`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Answers 204 with [`VERSION_HEADER`].
pub const PING_PATH: &str = "/kapacitor/v1/ping";
/// Answers [`Health`].
pub const HEALTH_PATH: &str = "/kapacitor/v1/health";
/// Takes a [`LogLevel`].
pub const LOG_LEVEL_PATH: &str = "/kapacitor/v1/loglevel";
/// Streams log lines.
pub const LOGS_PATH: &str = "/kapacitor/v1preview/logs";
/// Answers [`DebugVars`].
pub const DEBUG_VARS_PATH: &str = "/kapacitor/v1/debug/vars";
/// Answers the bytes of a backup.
pub const BACKUP_PATH: &str = "/kapacitor/v1/storage/backup";
/// The header of each answer that tells the daemon's version.
pub const VERSION_HEADER: &str = "X-Kapacitor-Version";

/// The body of `POST /loglevel`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogLevel {
    /// `DEBUG`, `INFO` or `ERROR`, in any case.
    pub level: String,
}

/// How something is, from good to bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    #[default]
    Pass,
    /// It may become well by itself.
    Warn,
    /// It will not.
    Fail,
}

/// The answer to `GET /health`: the worst of all checks, and each of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Health {
    pub name: String,
    pub status: Condition,
    pub version: String,
    pub checks: Vec<Check>,
}

/// How one thing is that the daemon depends on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Check {
    /// `influxdb:` and the name of the cluster.
    pub name: String,
    pub status: Condition,
    pub message: String,
}

/// The answer to `GET /debug/vars`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DebugVars {
    pub cluster_id: String,
    pub server_id: String,
    pub host: String,
    pub product: String,
    pub version: String,
    pub platform: String,
    pub cmdline: Vec<String>,
    pub memstats: Map<String, Value>,
    /// Counters by any key.
    pub kapacitor: BTreeMap<String, Stat>,
    pub num_enabled_tasks: i64,
    pub num_subscriptions: i64,
    pub num_tasks: i64,
}

/// Counters of one thing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Stat {
    /// What is counted: `edges`, `ingress`, `load`, `nodes`, `topics` …
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub values: Map<String, Value>,
}
