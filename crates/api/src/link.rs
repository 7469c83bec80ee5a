//! Links between resources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A link to a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Link {
    /// `self`, `events` or `handlers`.
    pub rel: String,
    /// The path, not percent-encoded.
    pub href: String,
}

impl Link {
    /// The link of a resource to itself.
    pub fn to_self(href: impl Into<String>) -> Link {
        Link { rel: "self".to_string(), href: href.into() }
    }
}
