//! Tests of services: `/service-tests` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::link::Link;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/service-tests";

/// A service that can be tested.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServiceTest {
    pub link: Link,
    pub name: String,
    /// What a test takes, with defaults.
    pub options: Map<String, Value>,
}

/// The answer to a GET of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServiceTestList {
    pub link: Link,
    pub services: Vec<ServiceTest>,
}

/// How a test went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServiceTestResult {
    pub success: bool,
    pub message: String,
}
