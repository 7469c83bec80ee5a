//! The body of an answer that refuses a request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request was refused; both fields hold the same text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ErrorBody {
    pub error: String,
    pub message: String,
}

impl ErrorBody {
    /// The body with that text.
    pub fn new(text: impl Into<String>) -> ErrorBody {
        let error = text.into();
        ErrorBody { message: error.clone(), error }
    }
}
