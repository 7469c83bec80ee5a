//! The types that a user's value may have, and how each is read from a script, a file, JSON or the environment.

mod duration;
mod list;
mod number;
mod script;

use serde_json::Value as Json;
use toml::Value as Toml;

use crate::argument::{Argument, string_literal};
use crate::error::{ArgumentsError, Mismatch, TextError};
use crate::kind::Kind;

pub use duration::Nanos;
pub use script::{Regex, Star};

/// A value that a user may write.
pub trait Setting: Clone + Send + Sync + 'static {
    /// Its type in a user's words.
    fn kind() -> Kind;

    /// The empty value, which an element of a section that starts from nothing has.
    fn zero() -> Self;

    /// From one argument of a call in a script. No conversions: an integer is not a float there.
    fn from_argument(argument: &Argument) -> Result<Self, Mismatch>;

    /// From JSON: options of topic handlers, config changed over HTTP.
    fn from_json(json: &Json) -> Result<Self, Mismatch>;

    /// From a config file.
    fn from_toml(toml: &Toml) -> Result<Self, Mismatch> {
        Self::from_json(&toml_as_json(toml))
    }

    /// From the text of an environment variable.
    fn from_text(text: &str) -> Result<Self, Mismatch>;

    /// From the environment, where `path` names a part of the value (`0`, `autogen`); empty for all of it.
    fn set_text(&mut self, path: &str, text: &str) -> Result<(), TextError> {
        if !path.is_empty() {
            return Err(TextError::NoPlace(Mismatch::new("the name of a setting", format!("_{path} after one"))));
        }
        *self = Self::from_text(text)?;
        Ok(())
    }

    /// As the config API and the sample config show it.
    fn to_json(&self) -> Json;

    /// As a script gives it; `None` for what cannot be written there or is unset.
    fn to_argument(&self) -> Option<Argument>;

    /// From the whole argument list of a property. A list takes them all.
    fn from_arguments(arguments: &[Argument]) -> Result<Self, ArgumentsError> {
        match arguments {
            [one] => Self::from_argument(one).map_err(|mismatch| ArgumentsError::At(0, mismatch)),
            _ => Err(ArgumentsError::Count),
        }
    }

    /// The argument list that `from_arguments` would take; `None` if unset.
    fn to_arguments(&self) -> Option<Vec<Argument>> {
        self.to_argument().map(|argument| vec![argument])
    }

    /// Whether a property of this type takes any number of arguments.
    fn takes_many() -> bool {
        false
    }
}

impl Setting for String {
    fn kind() -> Kind {
        Kind::String
    }

    fn zero() -> Self {
        String::new()
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::String(text) => Ok(text.clone()),
            Argument::Reference(name) => Err(wrong::<Self>(argument)
                .hint(format!("use single quotes for strings: {}, double quotes name fields", string_literal(name)))),
            Argument::Lambda(_) | Argument::Node(_) | Argument::List(_) => Err(wrong::<Self>(argument)),
            other => Err(wrong::<Self>(argument).hint(format!("write it in single quotes: '{}'", other.literal()))),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        json.as_str().map(str::to_string).ok_or_else(|| wrong_json::<Self>(json))
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Ok(text.to_string())
    }

    fn to_json(&self) -> Json {
        Json::from(self.as_str())
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::String(self.clone()))
    }
}

impl Setting for bool {
    fn kind() -> Kind {
        Kind::Bool
    }

    fn zero() -> Self {
        false
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Bool(value) => Ok(*value),
            Argument::String(_) | Argument::Reference(_) => {
                Err(wrong::<Self>(argument).hint("write TRUE or FALSE, without quotes"))
            }
            _ => Err(wrong::<Self>(argument).hint("write TRUE or FALSE")),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        json.as_bool().ok_or_else(|| wrong_json::<Self>(json).hint("write true or false"))
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        match text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(wrong_text::<Self>(text).hint("write true or false")),
        }
    }

    fn to_json(&self) -> Json {
        Json::from(*self)
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::Bool(*self))
    }
}

fn wrong<T: Setting>(argument: &Argument) -> Mismatch {
    Mismatch::new(T::kind().expected(), argument.describe())
}

fn wrong_json<T: Setting>(json: &Json) -> Mismatch {
    Mismatch::new(T::kind().expected(), describe_json(json))
}

fn wrong_text<T: Setting>(text: &str) -> Mismatch {
    Mismatch::new(T::kind().expected(), format!("{text:?}"))
}

fn describe_json(json: &Json) -> String {
    match json {
        Json::Null => "null".to_string(),
        Json::Bool(value) => format!("the boolean {value}"),
        Json::Number(number) if number.is_f64() => format!("the float {number}"),
        Json::Number(number) => format!("the integer {number}"),
        Json::String(text) => format!("the string {text:?}"),
        Json::Array(_) => "a list".to_string(),
        Json::Object(_) => "a table".to_string(),
    }
}

/// Dates become their text; all else has its like.
pub(crate) fn toml_as_json(toml: &Toml) -> Json {
    match toml {
        Toml::String(text) => Json::from(text.as_str()),
        Toml::Integer(value) => Json::from(*value),
        Toml::Float(value) => Json::from(*value),
        Toml::Boolean(value) => Json::from(*value),
        Toml::Datetime(value) => Json::from(value.to_string()),
        Toml::Array(items) => Json::Array(items.iter().map(toml_as_json).collect()),
        Toml::Table(items) => {
            Json::Object(items.iter().map(|(key, value)| (key.clone(), toml_as_json(value))).collect())
        }
    }
}
