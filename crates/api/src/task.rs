//! Tasks: `/tasks` and what is below it.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::json::Each;
use crate::link::Link;
use crate::time::Time;
use crate::vars::Vars;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/tasks";

/// The fields that a list can be asked for.
pub const FIELDS: &[&str] = &[
    "link",
    "id",
    "template-id",
    "type",
    "dbrps",
    "script",
    "vars",
    "dot",
    "status",
    "executing",
    "error",
    "stats",
    "created",
    "modified",
    "last-enabled",
];

/// What a task reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskType {
    /// Not told, or not a known word.
    #[default]
    Invalid,
    Stream,
    Batch,
}

impl TaskType {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            TaskType::Invalid => "invalid",
            TaskType::Stream => "stream",
            TaskType::Batch => "batch",
        }
    }

    fn is_invalid(&self) -> bool {
        *self == TaskType::Invalid
    }
}

/// Whether a task shall run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    Disabled,
    Enabled,
}

impl Status {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Status::Disabled => "disabled",
            Status::Enabled => "enabled",
        }
    }
}

/// A database and a retention policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dbrp {
    pub db: String,
    pub rp: String,
}

/// `"db"."rp"`, quotes within names escaped.
impl fmt::Display for Dbrp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{:?}", self.db, self.rp)
    }
}

/// Counters of a running task; empty when it does not run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct ExecutionStats {
    /// Of the whole task, such as `throughput`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub task_stats: BTreeMap<String, Value>,
    /// By node name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_stats: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Task {
    pub link: Link,
    pub id: String,
    /// Empty if the task was not made of a template.
    pub template_id: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    #[serde(deserialize_with = "crate::nullable")]
    pub dbrps: Vec<Dbrp>,
    pub script: String,
    #[serde(deserialize_with = "crate::nullable")]
    pub vars: Vars,
    /// The pipeline in Graphviz's language.
    pub dot: String,
    pub status: Status,
    pub executing: bool,
    /// Empty when all is well.
    pub error: String,
    #[serde(deserialize_with = "crate::nullable")]
    pub stats: ExecutionStats,
    pub created: Time,
    pub modified: Time,
    pub last_enabled: Time,
    /// What the script still uses of the old dialect; in answers to POST and PATCH, absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The answer to a GET of the list, when all fields are wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskList {
    pub tasks: Vec<Task>,
}

/// The answer to a GET of the list: tasks that are made while it is written.
#[derive(Serialize)]
#[serde(bound = "Each<I>: Serialize")]
pub struct ListedTasks<I> {
    /// Of [`ListedTask`].
    pub tasks: Each<I>,
}

/// A task as a list shows it: the fields that were asked for, which are ordered by name. A list says nothing of a template
/// where there is none, and has no statistics at all of a task that does not run.
#[derive(Debug, Clone)]
pub struct ListedTask<'f> {
    pub task: Task,
    pub fields: &'f [String],
}

impl Serialize for ListedTask<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let task = &self.task;
        let mut map = serializer.serialize_map(None)?;
        let mut last = None;
        for field in self.fields {
            let field = field.as_str();
            if last.replace(field) == Some(field) {
                continue;
            }
            match field {
                "created" => map.serialize_entry(field, &task.created)?,
                "dbrps" => map.serialize_entry(field, &task.dbrps)?,
                "dot" => map.serialize_entry(field, &task.dot)?,
                "error" => map.serialize_entry(field, &task.error)?,
                "executing" => map.serialize_entry(field, &task.executing)?,
                "id" => map.serialize_entry(field, &task.id)?,
                "last-enabled" => map.serialize_entry(field, &task.last_enabled)?,
                "link" => map.serialize_entry(field, &task.link)?,
                "modified" => map.serialize_entry(field, &task.modified)?,
                "script" => map.serialize_entry(field, &task.script)?,
                "stats" => map.serialize_entry(field, &task.executing.then_some(&task.stats))?,
                "status" => map.serialize_entry(field, &task.status)?,
                "template-id" if !task.template_id.is_empty() => map.serialize_entry(field, &task.template_id)?,
                "type" => map.serialize_entry(field, &task.task_type)?,
                "vars" => map.serialize_entry(field, &task.vars)?,
                _ => {}
            }
        }
        map.end()
    }
}

/// The body of a POST or PATCH; what is absent stays as it is. Unknown fields are passed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct TaskOptions {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "crate::nullable")]
    pub id: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "crate::nullable")]
    pub template_id: String,
    #[serde(rename = "type", skip_serializing_if = "TaskType::is_invalid", deserialize_with = "crate::nullable")]
    pub task_type: TaskType,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::nullable")]
    pub dbrps: Vec<Dbrp>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "crate::nullable")]
    pub script: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(skip_serializing_if = "Vars::is_empty", deserialize_with = "crate::nullable")]
    pub vars: Vars,
    /// With the status `disabled`: it will be enabled again at once, so what its nodes remember is kept; with another id:
    /// that goes along. Else they begin anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_state: bool,
}

/// A task file: what `define -file` and the load directory take. Unknown fields are passed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct TaskFile {
    #[serde(deserialize_with = "crate::nullable")]
    pub id: String,
    #[serde(deserialize_with = "crate::nullable")]
    pub template_id: String,
    #[serde(deserialize_with = "crate::nullable")]
    pub dbrps: Vec<Dbrp>,
    #[serde(deserialize_with = "crate::nullable")]
    pub vars: Vars,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_task_reads_as_recorded() {
        let recorded = json!({
            "link": { "rel": "self", "href": "/kapacitor/v1/tasks/salty" },
            "id": "salty",
            "template-id": "",
            "type": "stream",
            "dbrps": [{ "db": "telegraf", "rp": "default" }, { "db": "my db", "rp": "auto.gen" }],
            "script": "stream\n    |from()\n        .measurement('salt')\n",
            "vars": {},
            "dot": "digraph salty {\nstream0 -> from1;\n}",
            "status": "disabled",
            "executing": false,
            "error": "",
            "stats": {},
            "created": "2021-01-01T12:00:00.5Z",
            "modified": "2021-01-01T12:00:00Z",
            "last-enabled": "0001-01-01T00:00:00Z",
        });
        let task: Task = serde_json::from_value(recorded.clone()).unwrap();
        assert_eq!(task.last_enabled, Time::Never);
        assert_eq!(serde_json::to_value(&task).unwrap(), recorded);
        let few: Task = serde_json::from_value(json!({ "id": "a", "warnings": ["w"] })).unwrap();
        assert_eq!((few.id.as_str(), few.warnings.len()), ("a", 1));
    }

    #[test]
    fn a_list_shows_the_fields_that_were_asked_for() {
        let stats = ExecutionStats { task_stats: BTreeMap::from([("x".into(), json!(1))]), ..Default::default() };
        let task = Task { id: "a".into(), template_id: "t".into(), executing: true, stats, ..Task::default() };
        let listed = |task: &Task, fields: &[&str]| {
            let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            fields.sort_unstable();
            serde_json::to_value(ListedTask { task: task.clone(), fields: &fields }).unwrap()
        };
        // Each field that can be asked for is there, as it is in the whole.
        let all = listed(&task, FIELDS);
        assert_eq!(all, serde_json::to_value(&task).unwrap());
        assert!(all.as_object().unwrap().keys().is_sorted());
        assert_eq!(listed(&task, &["status", "id", "id"]), json!({ "id": "a", "status": "disabled" }));
        let idle = Task { template_id: String::new(), executing: false, ..task };
        assert_eq!(listed(&idle, &["stats", "template-id"]), json!({ "stats": null }));
    }

    #[test]
    fn absent_options_are_not_sent() {
        let options = TaskOptions { status: Some(Status::Enabled), ..TaskOptions::default() };
        assert_eq!(serde_json::to_value(&options).unwrap(), json!({ "status": "enabled" }));
        assert_eq!(serde_json::to_value(TaskOptions::default()).unwrap(), json!({}));
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let options: TaskOptions = serde_json::from_value(json!({
            "id": "a", "template-id": null, "type": null, "dbrps": null, "script": null, "status": null, "vars": null,
            "unknown": 1,
        }))
        .unwrap();
        assert_eq!(options, TaskOptions { id: "a".into(), ..TaskOptions::default() });
    }

    #[test]
    fn dbrps_are_quoted() {
        let dbrp = Dbrp { db: "q\"uote".into(), rp: "x".into() };
        assert_eq!(dbrp.to_string(), r#""q\"uote"."x""#);
    }
}
