//! Templates: `/templates` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::task::TaskType;
use crate::time::Time;
use crate::vars::Vars;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/templates";

/// The fields that a list can be asked for.
pub const FIELDS: &[&str] = &["link", "id", "type", "script", "vars", "dot", "error", "created", "modified"];

/// A template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Template {
    pub link: Link,
    pub id: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    pub script: String,
    /// The variables that the script declares.
    pub vars: Vars,
    /// The pipeline in Graphviz's language.
    pub dot: String,
    /// Empty when all is well.
    pub error: String,
    pub created: Time,
    pub modified: Time,
    /// What the script still uses of the old dialect; in answers to POST and PATCH, absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The answer to a GET of the list, when all fields are wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateList {
    pub templates: Vec<Template>,
}

/// The body of a POST or PATCH; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TemplateOptions {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "crate::nullable")]
    pub id: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "crate::nullable")]
    pub script: String,
}
