//! Durations: `10s` in a script, `"1h30m"` elsewhere.

use std::time::Duration;

use serde_json::Value as Json;
use toml::Value as Toml;

use crate::argument::Argument;
use crate::error::Mismatch;
use crate::go_duration::{format_go_duration, parse_go_duration};
use crate::kind::Kind;
use crate::setting::{Setting, toml_as_json, wrong, wrong_json, wrong_text};

/// A duration that may be negative, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub i64);

impl Setting for Nanos {
    fn kind() -> Kind {
        Kind::Duration
    }

    fn zero() -> Self {
        Nanos(0)
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        match argument {
            Argument::Duration(nanos) => Ok(Nanos(*nanos)),
            Argument::String(text) if parse_go_duration(text).is_some() => {
                Err(wrong::<Self>(argument).hint("write it without quotes"))
            }
            Argument::Int(value) => {
                Err(wrong::<Self>(argument).hint(format!("add a unit (u, ms, s, m, h, d, w): {value}s")))
            }
            _ => Err(wrong::<Self>(argument)),
        }
    }

    /// A text with units, or nanoseconds.
    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        match json {
            Json::String(text) => Self::from_text(text),
            Json::Number(_) => i64::from_json(json).map(Nanos).map_err(|_| wrong_json::<Self>(json)),
            _ => Err(wrong_json::<Self>(json)),
        }
    }

    /// A bare number says no unit, so it is refused, but for zero, which needs none.
    fn from_toml(toml: &Toml) -> Result<Self, Mismatch> {
        match toml {
            Toml::String(text) => Self::from_text(text),
            Toml::Integer(0) => Ok(Nanos(0)),
            Toml::Integer(value) => Err(wrong_json::<Self>(&toml_as_json(toml))
                .hint(format!("write a unit (ns, us, ms, s, m, h) and quotes: \"{value}s\""))),
            _ => Err(wrong_json::<Self>(&toml_as_json(toml))),
        }
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        match parse_go_duration(text) {
            Some(nanos) => Ok(Nanos(nanos)),
            None if text.parse::<f64>().is_ok() => {
                Err(wrong_text::<Self>(text).hint(format!("write a unit (ns, us, ms, s, m, h): {text}s")))
            }
            None => Err(wrong_text::<Self>(text).hint("units are ns, us, ms, s, m, h")),
        }
    }

    fn to_json(&self) -> Json {
        Json::from(format_go_duration(self.0))
    }

    fn to_argument(&self) -> Option<Argument> {
        Some(Argument::Duration(self.0))
    }
}

/// Never negative; [`Nanos`] is for those that may be.
impl Setting for Duration {
    fn kind() -> Kind {
        Kind::Duration
    }

    fn zero() -> Self {
        Duration::ZERO
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        unsigned(Nanos::from_argument(argument)?)
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        unsigned(Nanos::from_json(json)?)
    }

    fn from_toml(toml: &Toml) -> Result<Self, Mismatch> {
        unsigned(Nanos::from_toml(toml)?)
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        unsigned(Nanos::from_text(text)?)
    }

    fn to_json(&self) -> Json {
        signed(*self).to_json()
    }

    fn to_argument(&self) -> Option<Argument> {
        signed(*self).to_argument()
    }
}

fn unsigned(nanos: Nanos) -> Result<Duration, Mismatch> {
    let size = u64::try_from(nanos.0).map_err(|_| {
        Mismatch::new("a duration of zero or more", format!("the duration {}", format_go_duration(nanos.0)))
    })?;
    Ok(Duration::from_nanos(size))
}

fn signed(duration: Duration) -> Nanos {
    Nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}
