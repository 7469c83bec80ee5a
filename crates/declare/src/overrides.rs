//! Changes to a section that come over HTTP, and what they make of an element.

use std::any::Any;

use serde_json::{Map, Value as Json};
use thiserror::Error;

use crate::error::{Mismatch, SetError};
use crate::suggest::did_you_mean;
use crate::table::Table;

/// What a request asks to change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// Values by key.
    pub set: Map<String, Json>,
    /// Keys that go back to what the file says.
    pub delete: Vec<String>,
    /// The values of a new element.
    pub add: Map<String, Json>,
    /// Elements to drop, by their element key.
    pub remove: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum UpdateError {
    #[error("expected {expected} at {at:?}")]
    Shape { at: String, expected: &'static str },
    #[error("unknown action {0:?}: one of set, delete, add, remove")]
    Action(String),
    #[error("unknown option {name:?}{}", did_you_mean(near))]
    Unknown { name: String, near: Vec<String> },
    #[error("{key}: {mismatch}")]
    Value { key: String, mismatch: Box<Mismatch> },
}

impl Update {
    /// From a request's JSON.
    pub fn from_json(json: &Json) -> Result<Update, UpdateError> {
        let shape = |at: &str, expected| UpdateError::Shape { at: at.to_string(), expected };
        let actions = json.as_object().ok_or_else(|| shape("", "an object"))?;
        let mut update = Update::default();
        for (action, value) in actions {
            let object = || value.as_object().cloned().ok_or_else(|| shape(action, "an object of options"));
            let names = || texts(value).ok_or_else(|| shape(action, "a list of names"));
            match action.as_str() {
                "set" => update.set = object()?,
                "add" => update.add = object()?,
                "delete" => update.delete = names()?,
                "remove" => update.remove = names()?,
                _ => return Err(UpdateError::Action(action.clone())),
            }
        }
        Ok(update)
    }
}

/// Sets options on an element, all or none: on an error the element is to be thrown away.
pub fn apply_options(table: &Table, object: &mut dyn Any, options: &Map<String, Json>) -> Result<(), UpdateError> {
    for (key, json) in options {
        if table.find_key(key).is_none_or(|item| !item.at_run_time) {
            return Err(UpdateError::Unknown { name: key.clone(), near: table.near_key(key) });
        }
        table.set_json(object, key, json).map_err(|error| match error {
            SetError::Value { mismatch, .. } => UpdateError::Value { key: key.clone(), mismatch },
            _ => UpdateError::Unknown { name: key.clone(), near: Vec::new() },
        })?;
    }
    Ok(())
}

/// Gives a new element the defaults of those that are made over HTTP.
pub fn apply_created_defaults(table: &Table, object: &mut dyn Any) {
    for item in table.items() {
        if let Some(default) = &item.when_created {
            // A default is a value of its own type; `check_table` holds that.
            let _ = item.set_json(object, default);
        }
    }
}

fn texts(json: &Json) -> Option<Vec<String>> {
    json.as_array()?.iter().map(|item| item.as_str().map(str::to_string)).collect()
}
