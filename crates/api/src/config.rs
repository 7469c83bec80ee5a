//! The config that can be changed over HTTP: `/config` and what is below it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::link::Link;

/// The path of all sections.
pub const PATH: &str = "/kapacitor/v1/config";

/// All sections that can be changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    pub link: Link,
    pub sections: BTreeMap<String, Section>,
}

/// A section: one element, or one for each name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Section {
    pub link: Link,
    pub elements: Vec<Element>,
}

/// What an element of a section says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Element {
    pub link: Link,
    /// In the order of their names. A secret is shown as whether it is set.
    pub options: BTreeMap<String, Value>,
    /// The names of secrets; null if there are none.
    pub redacted: Option<Vec<String>>,
}

/// The body of a POST to a section or an element. Either an element is changed (`set`, `delete`), or one is added or
/// removed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ConfigUpdate {
    /// New values of options.
    pub set: Map<String, Value>,
    /// Options that shall be as the file says.
    pub delete: Vec<String>,
    /// A new element.
    pub add: Map<String, Value>,
    /// Names of elements that shall be gone.
    pub remove: Vec<String>,
}
