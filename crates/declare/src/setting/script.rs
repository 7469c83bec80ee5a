//! Values that only scripts have, and those whose type is left open.

use serde_json::Value as Json;

use crate::argument::{Argument, Lambda};
use crate::error::Mismatch;
use crate::kind::Kind;
use crate::setting::{Setting, wrong, wrong_json, wrong_text};

/// The text of a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Regex(pub String);

/// `*`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Star;

impl Setting for Lambda {
    fn kind() -> Kind {
        Kind::Lambda
    }

    /// The constant `FALSE`; only elements of config sections start from nothing, and those have no lambdas.
    fn zero() -> Self {
        let expr = tickscript::ast::Expr::new(tickscript::Span::default(), tickscript::ast::ExprKind::Bool(false));
        Lambda { expr: expr.into(), text: "FALSE".to_string() }
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Lambda(lambda) => Ok(lambda.clone()),
            _ => Err(wrong::<Self>(argument).hint("write lambda: before the expression")),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        Err(wrong_json::<Self>(json))
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Err(wrong_text::<Self>(text))
    }

    fn to_json(&self) -> Json {
        Json::from(self.text.as_str())
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::Lambda(self.clone()))
    }
}

impl Setting for Regex {
    fn kind() -> Kind {
        Kind::Regex
    }

    fn zero() -> Self {
        Regex::default()
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Regex(text) => Ok(Regex(text.clone())),
            Argument::String(text) => Err(wrong::<Self>(argument)
                .hint(format!("write it between slashes: {}", Argument::Regex(text.clone()).literal()))),
            _ => Err(wrong::<Self>(argument)),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        json.as_str().map(|text| Regex(text.to_string())).ok_or_else(|| wrong_json::<Self>(json))
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Ok(Regex(text.to_string()))
    }

    fn to_json(&self) -> Json {
        Json::from(self.0.as_str())
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::Regex(self.0.clone()))
    }
}

impl Setting for Star {
    fn kind() -> Kind {
        Kind::Star
    }

    fn zero() -> Self {
        Star
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        if *argument == Argument::Star { Ok(Star) } else { Err(wrong::<Self>(argument)) }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        if json == "*" { Ok(Star) } else { Err(wrong_json::<Self>(json)) }
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        if text == "*" { Ok(Star) } else { Err(wrong_text::<Self>(text)) }
    }

    fn to_json(&self) -> Json {
        Json::from("*")
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::Star)
    }
}

/// Whatever was written, for properties that take several types.
impl Setting for Argument {
    fn kind() -> Kind {
        Kind::Any
    }

    fn zero() -> Self {
        Argument::String(String::new())
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Reference(_) => String::from_argument(argument).map(Argument::String),
            other => Ok(other.clone()),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        Ok(match json {
            Json::Bool(value) => Argument::Bool(*value),
            Json::String(text) => Argument::String(text.clone()),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Argument::Int(value),
                None => Argument::Float(number.as_f64().unwrap_or_default()),
            },
            Json::Array(items) => Argument::List(items.iter().map(Self::from_json).collect::<Result<_, _>>()?),
            Json::Null | Json::Object(_) => return Err(wrong_json::<Self>(json)),
        })
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Ok(Argument::String(text.to_string()))
    }

    fn to_json(&self) -> Json {
        self.json()
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(self.clone())
    }
}

/// A config value whose type is left open.
impl Setting for Json {
    fn kind() -> Kind {
        Kind::Any
    }

    fn zero() -> Self {
        Json::Null
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Reference(_) => String::from_argument(argument).map(Json::String),
            Argument::Lambda(_) | Argument::Node(_) => Err(wrong::<Self>(argument)),
            other => Ok(other.json()),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        Ok(json.clone())
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Err(wrong_text::<Self>(text).hint("this setting has no fixed type, so it can be set in the config file only"))
    }

    fn to_json(&self) -> Json {
        self.clone()
    }

    fn to_argument(&self) -> Option<Argument> {
        Argument::from_json(self).ok()
    }
}
