//! The parts of the store: `/storage` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/storage/stores";

/// A part of the store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Part {
    pub link: Link,
    pub name: String,
}

/// The answer to a GET of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PartList {
    pub link: Link,
    pub storage: Vec<Part>,
}

/// The body of a POST to a part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// `rebuild`.
    pub action: String,
}
