//! Values made of others: unset ones, lists, tables.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use toml::Value as Toml;

use crate::argument::Argument;
use crate::error::{ArgumentsError, Mismatch, TextError};
use crate::kind::Kind;
use crate::setting::{Setting, toml_as_json, wrong, wrong_json, wrong_text};

/// Unset, or a value. Any value sets it; nothing that is written unsets it, except null in JSON.
impl<T: Setting> Setting for Option<T> {
    fn kind() -> Kind {
        T::kind()
    }

    fn zero() -> Self {
        None
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        T::from_argument(argument).map(Some)
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        if json.is_null() { Ok(None) } else { T::from_json(json).map(Some) }
    }

    fn from_toml(toml: &Toml) -> Result<Self, Mismatch> {
        T::from_toml(toml).map(Some)
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        T::from_text(text).map(Some)
    }

    fn set_text(&mut self, path: &str, text: &str) -> Result<(), TextError> {
        let mut value = self.clone().unwrap_or_else(T::zero);
        value.set_text(path, text)?;
        *self = Some(value);
        Ok(())
    }

    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::to_json)
    }

    fn to_argument(&self) -> Option<Argument> {
        self.as_ref().and_then(T::to_argument)
    }

    fn from_arguments(arguments: &[Argument]) -> Result<Self, ArgumentsError> {
        T::from_arguments(arguments).map(Some)
    }

    fn to_arguments(&self) -> Option<Vec<Argument>> {
        self.as_ref().and_then(T::to_arguments)
    }

    fn takes_many() -> bool {
        T::takes_many()
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }

    fn zero() -> Self {
        Vec::new()
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::List(items) => items.iter().map(T::from_argument).collect(),
            _ => Err(wrong::<Self>(argument)),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        match json {
            Json::Array(items) => items.iter().map(T::from_json).collect(),
            Json::Null => Ok(Vec::new()),
            _ => Err(wrong_json::<Self>(json).hint("write it in square brackets")),
        }
    }

    fn from_toml(toml: &Toml) -> Result<Self, Mismatch> {
        match toml {
            Toml::Array(items) => items.iter().map(T::from_toml).collect(),
            _ => Err(wrong_json::<Self>(&toml_as_json(toml)).hint("write it in square brackets")),
        }
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Err(wrong_text::<Self>(text).hint("a variable names one place of a list: add _0 for the first"))
    }

    /// `path` is an index, counted from 0, of a place that exists.
    fn set_text(&mut self, path: &str, text: &str) -> Result<(), TextError> {
        if path.is_empty() {
            return Err(TextError::NoPlace(Self::from_text(text).err().unwrap_or_else(|| wrong_text::<Self>(text))));
        }
        let (index, rest) = path.split_once('_').unwrap_or((path, ""));
        let Ok(index) = index.parse::<usize>() else {
            let got = format!("{index:?}");
            return Err(TextError::NoPlace(Mismatch::new("the index of a list's place, counted from 0", got)));
        };
        let length = self.len();
        let Some(item) = self.get_mut(index) else {
            let expected = format!("the index of one of the {length} places that exist");
            return Err(TextError::NoPlace(
                Mismatch::new(expected, index.to_string())
                    .hint("the environment cannot add to a list: list it in the config file first"),
            ));
        };
        item.set_text(rest, text)
    }

    fn to_json(&self) -> Json {
        Json::Array(self.iter().map(T::to_json).collect())
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::List(self.iter().filter_map(T::to_argument).collect()))
    }

    fn from_arguments(arguments: &[Argument]) -> Result<Self, ArgumentsError> {
        let items = arguments.iter().enumerate();
        items.map(|(i, item)| T::from_argument(item).map_err(|e| ArgumentsError::At(i, e))).collect()
    }

    fn to_arguments(&self) -> Option<Vec<Argument>> {
        Some(self.iter().filter_map(T::to_argument).collect())
    }

    fn takes_many() -> bool {
        true
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn kind() -> Kind {
        Kind::Map(Box::new(T::kind()))
    }

    fn zero() -> Self {
        BTreeMap::new()
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        Err(wrong::<Self>(argument))
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        match json {
            Json::Object(items) => items.iter().map(|(key, value)| Ok((key.clone(), T::from_json(value)?))).collect(),
            Json::Null => Ok(BTreeMap::new()),
            _ => Err(wrong_json::<Self>(json)),
        }
    }

    fn from_toml(toml: &Toml) -> Result<Self, Mismatch> {
        match toml {
            Toml::Table(items) => items.iter().map(|(key, value)| Ok((key.clone(), T::from_toml(value)?))).collect(),
            _ => Err(wrong_json::<Self>(&toml_as_json(toml))),
        }
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Err(wrong_text::<Self>(text).hint("a variable names one entry of a table: add _ and its name"))
    }

    /// `path` is a key, in exactly the spelling of the table, or a new one.
    fn set_text(&mut self, path: &str, text: &str) -> Result<(), TextError> {
        if path.is_empty() {
            return Err(TextError::NoPlace(Self::from_text(text).err().unwrap_or_else(|| wrong_text::<Self>(text))));
        }
        // The longest key that exists and is followed by the path of a part of it.
        let existing = self
            .keys()
            .filter(|key| path == key.as_str() || path.strip_prefix(key.as_str()).is_some_and(|r| r.starts_with('_')))
            .max_by_key(|key| key.len())
            .cloned();
        let (key, rest) = match existing {
            Some(key) => {
                let rest = path[key.len()..].trim_start_matches('_').to_string();
                (key, rest)
            }
            None => (path.to_string(), String::new()),
        };
        let mut value = self.get(&key).cloned().unwrap_or_else(T::zero);
        value.set_text(&rest, text)?;
        self.insert(key, value);
        Ok(())
    }

    fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
    }

    fn to_argument(&self) -> Option<Argument> {
        None
    }
}
