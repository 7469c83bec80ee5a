//! Integers and floats. Neither is taken for the other in a script.

use serde_json::Value as Json;
use toml::Value as Toml;

use crate::argument::Argument;
use crate::error::Mismatch;
use crate::kind::Kind;
use crate::setting::{Setting, toml_as_json, wrong, wrong_json, wrong_text};

impl Setting for i64 {
    fn kind() -> Kind {
        Kind::Int
    }

    fn zero() -> Self {
        0
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Int(value) => Ok(*value),
            Argument::Float(_) => Err(wrong::<Self>(argument).hint("write a whole number, without a point")),
            Argument::String(_) => Err(wrong::<Self>(argument).hint("write it without quotes")),
            _ => Err(wrong::<Self>(argument)),
        }
    }

    /// A float without a fraction is an integer: JSON of many languages has no others.
    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if let Some(value) = json.as_i64() {
            return Ok(value);
        }
        match json.as_f64() {
            Some(value) if value.fract() == 0.0 && value.abs() <= EXACT => Ok(value as i64),
            _ => Err(wrong_json::<Self>(json)),
        }
    }

    fn from_toml(toml: &Toml) -> Result<Self, Mismatch> {
        toml.as_integer().ok_or_else(|| wrong_json::<Self>(&toml_as_json(toml)))
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        parse_go_integer(text).ok_or_else(|| wrong_text::<Self>(text))
    }

    fn to_json(&self) -> Json {
        Json::from(*self)
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::Int(*self))
    }
}

impl Setting for f64 {
    fn kind() -> Kind {
        Kind::Float
    }

    fn zero() -> Self {
        0.0
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Float(value) => Ok(*value),
            Argument::Int(value) => Err(wrong::<Self>(argument).hint(format!("write {value}.0"))),
            Argument::String(_) => Err(wrong::<Self>(argument).hint("write it without quotes")),
            _ => Err(wrong::<Self>(argument)),
        }
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        json.as_f64().ok_or_else(|| wrong_json::<Self>(json))
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        text.parse().map_err(|_| wrong_text::<Self>(text))
    }

    fn to_json(&self) -> Json {
        Json::from(*self)
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::Float(*self))
    }
}

/// An integer as Go reads one whose base is told by its prefix: `0x19`, `0o31`, `031`, `0b11001`, `2_500`.
fn parse_go_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    let between_digits = !digits.ends_with('_') && !digits.contains("__") && (base != 10 || !digits.starts_with('_'));
    let digits = digits.replace('_', "");
    if digits.is_empty() || !between_digits || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(&digits, base).ok()?);
    i64::try_from(if negative { -value } else { value }).ok()
}
