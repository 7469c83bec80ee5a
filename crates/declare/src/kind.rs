//! The types of values in a user's words.

use std::fmt;

use crate::argument::{Argument, Lambda};
use crate::error::Mismatch;
use crate::setting::{Nanos, Regex, Setting, Star};

/// What kind of value a setting takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    String,
    Bool,
    Int,
    Float,
    Duration,
    Lambda,
    Regex,
    Star,
    Node,
    List(Box<Kind>),
    Map(Box<Kind>),
    Any,
    /// One that only its own setting knows, in a user's words with an article: `a level (OK, INFO, WARNING, CRITICAL)`.
    Other(&'static str),
}

impl Kind {
    /// With an article and an example, for messages: `a duration such as 10s`.
    pub fn expected(&self) -> String {
        match self {
            Kind::String => "a string".to_string(),
            Kind::Bool => "a boolean".to_string(),
            Kind::Int => "an integer".to_string(),
            Kind::Float => "a float".to_string(),
            Kind::Duration => "a duration such as 10s".to_string(),
            Kind::Lambda => "a lambda expression such as lambda: \"value\" > 10".to_string(),
            Kind::Regex => "a regular expression such as /^cpu/".to_string(),
            Kind::Star => "*".to_string(),
            Kind::Node => "a node".to_string(),
            Kind::List(of) => format!("a list of {}", of.plural()),
            Kind::Map(of) => format!("a table of {}", of.plural()),
            Kind::Any => "a value".to_string(),
            Kind::Other(text) => (*text).to_string(),
        }
    }

    /// Whether an argument is of this kind; those that only their own setting knows pass.
    pub fn check(&self, argument: &Argument) -> Result<(), Mismatch> {
        match self {
            Kind::String => String::from_argument(argument).map(drop),
            Kind::Bool => bool::from_argument(argument).map(drop),
            Kind::Int => i64::from_argument(argument).map(drop),
            Kind::Float => f64::from_argument(argument).map(drop),
            Kind::Duration => Nanos::from_argument(argument).map(drop),
            Kind::Lambda => Lambda::from_argument(argument).map(drop),
            Kind::Regex => Regex::from_argument(argument).map(drop),
            Kind::Star => Star::from_argument(argument).map(drop),
            Kind::Node if matches!(argument, Argument::Node(_)) => Ok(()),
            Kind::Node => Err(Mismatch::new(self.expected(), argument.describe())),
            Kind::List(of) => match argument {
                Argument::List(items) => items.iter().try_for_each(|item| of.check(item)),
                _ => Err(Mismatch::new(self.expected(), argument.describe())),
            },
            Kind::Any => Argument::from_argument(argument).map(drop),
            Kind::Map(_) | Kind::Other(_) => Ok(()),
        }
    }

    /// The kind that a signature's word names: `string`, `float`, `any`.
    pub(crate) fn of_word(word: &str) -> Option<Kind> {
        Some(match word {
            "string" => Kind::String,
            "boolean" => Kind::Bool,
            "integer" => Kind::Int,
            "float" => Kind::Float,
            "duration" => Kind::Duration,
            "lambda" => Kind::Lambda,
            "regex" => Kind::Regex,
            "node" => Kind::Node,
            "any" => Kind::Any,
            _ => return None,
        })
    }

    fn plural(&self) -> String {
        match self {
            Kind::Other(_) | Kind::Any => "values".to_string(),
            Kind::Star => "*".to_string(),
            Kind::List(_) => "lists".to_string(),
            Kind::Map(_) => "tables".to_string(),
            other => format!("{other}s"),
        }
    }
}

/// The bare word, for signatures and documentation: `duration`, `list of string`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::String => f.write_str("string"),
            Kind::Bool => f.write_str("boolean"),
            Kind::Int => f.write_str("integer"),
            Kind::Float => f.write_str("float"),
            Kind::Duration => f.write_str("duration"),
            Kind::Lambda => f.write_str("lambda"),
            Kind::Regex => f.write_str("regex"),
            Kind::Star => f.write_str("*"),
            Kind::Node => f.write_str("node"),
            Kind::List(of) => write!(f, "list of {of}"),
            Kind::Map(of) => write!(f, "table of {of}"),
            Kind::Any => f.write_str("any"),
            Kind::Other(text) => {
                f.write_str(text.strip_prefix("a ").or_else(|| text.strip_prefix("an ")).unwrap_or(text))
            }
        }
    }
}
