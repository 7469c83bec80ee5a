//! Changes to a section that come over HTTP, and what they make of an element.

use std::any::Any;
use std::borrow::Cow;

use serde_json::{Map, Value as Json};
use thiserror::Error;

use crate::error::{Mismatch, SetError};
use crate::kind::Kind;
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
    #[error("option {0:?} can be changed in the config file only")]
    Fixed(String),
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
            match action.to_lowercase().as_str() {
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
        let json = match table.find_key(key) {
            Some(item) if !item.at_run_time => return Err(UpdateError::Fixed(key.clone())),
            Some(item) => as_forms_send_it(&item.kind, json)
                .map_err(|mismatch| UpdateError::Value { key: key.clone(), mismatch: Box::new(mismatch) })?,
            None => return Err(UpdateError::Unknown { name: key.clone(), near: table.near_key(key) }),
        };
        table.set_json(object, key, &json).map_err(|error| match error {
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

/// Forms send numbers as texts. A duration must say its unit, as in a config file.
fn as_forms_send_it<'a>(kind: &Kind, json: &'a Json) -> Result<Cow<'a, Json>, Mismatch> {
    match (kind, json) {
        (Kind::Int, Json::String(text)) => match text.trim().parse::<i64>() {
            Ok(value) => Ok(Cow::Owned(Json::from(value))),
            Err(_) => Ok(Cow::Borrowed(json)),
        },
        (Kind::Duration, Json::Number(number)) if number.as_f64() != Some(0.0) => {
            Err(Mismatch::new("a duration", format!("the number {number}")).hint("write a unit, as in \"10s\""))
        }
        _ => Ok(Cow::Borrowed(json)),
    }
}

fn texts(json: &Json) -> Option<Vec<String>> {
    json.as_array()?.iter().map(|item| item.as_str().map(str::to_string)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{DataDefault, DataKey, DataSection, Shape, Values, redact};

    const SECTION: DataSection = DataSection {
        name: "x",
        shape: Shape::One,
        about: "A section.",
        keys: &[
            DataKey::new("url", DataDefault::Text("http://a"), "Where."),
            DataKey::new("token", DataDefault::Text(""), "Secret.").secret(),
            DataKey::new("port", DataDefault::Int(1), "Which.").when_created(DataDefault::Int(80)),
            DataKey::new("dir", DataDefault::Text("d"), "Fixed.").fixed(),
            DataKey::new("to", DataDefault::Texts, "Whom.").http_name("to-whom"),
        ],
        check: |_| Ok(()),
    };

    fn changed(update: Json) -> Result<Values, UpdateError> {
        let mut values = SECTION.default_element();
        apply_options(&SECTION.table(), &mut values, &Update::from_json(&update)?.set)?;
        Ok(values)
    }

    #[test]
    fn options_are_set_by_their_http_name() {
        let values = changed(json!({"set": {"url": "http://b", "token": "t", "to-whom": ["a"]}})).unwrap();
        assert_eq!((values.text("url"), values.texts("to")), ("http://b", vec!["a"]));
        let shown = redact(&SECTION.table(), &values);
        assert_eq!(shown.redacted, ["token"]);
        assert_eq!(Json::Object(shown.options), json!({"url": "http://b", "token": true, "port": 1, "to-whom": ["a"]}));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let text = |update| changed(update).unwrap_err().to_string();
        assert_eq!(text(json!([])), "expected an object at \"\"");
        assert_eq!(text(json!({"put": {}})), "unknown action \"put\": one of set, delete, add, remove");
        assert_eq!(text(json!({"set": 1})), "expected an object of options at \"set\"");
        assert_eq!(text(json!({"set": {"urll": "x"}})), "unknown option \"urll\", did you mean \"url\"?");
        assert_eq!(text(json!({"set": {"dir": "x"}})), "option \"dir\" can be changed in the config file only");
        assert_eq!(text(json!({"set": {"port": "x"}})), "port: expected an integer, got the string \"x\"");
        assert_eq!(changed(json!({"set": {"port": "27"}})).unwrap().int("port"), 27);
        assert_eq!(text(json!({"set": {"port": 1.5}})), "port: expected an integer, got the float 1.5");
    }

    #[test]
    fn new_elements_have_defaults_of_their_own() {
        let mut values = SECTION.default_element();
        apply_created_defaults(&SECTION.table(), &mut values);
        assert_eq!(values.int("port"), 80);
    }
}
