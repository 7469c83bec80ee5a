//! Shows a section's values to others with its secrets hidden.

use std::any::Any;

use serde_json::Value as Json;

use crate::table::Table;

/// The values that can be changed at run time, as the config API shows them.
#[derive(Debug, Clone, PartialEq)]
pub struct Redacted {
    /// In place of a secret stands whether it is set.
    pub options: serde_json::Map<String, Json>,
    /// The keys of the secrets, in declared order.
    pub redacted: Vec<String>,
}

/// The values of an element without its secrets.
pub fn redact(table: &Table, object: &dyn Any) -> Redacted {
    let mut options = serde_json::Map::new();
    let mut redacted = Vec::new();
    for (item, shown) in table.items().iter().zip(table.values(object)) {
        if !item.at_run_time {
            continue;
        }
        let value = if item.secret {
            redacted.push(shown.key.clone());
            Json::Bool(is_set(&shown.json))
        } else {
            shown.json
        };
        options.insert(shown.key, value);
    }
    Redacted { options, redacted }
}

fn is_set(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Bool(value) => *value,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(items) => !items.is_empty(),
    }
}
