//! What is wrong with a value that a user wrote, in the user's words.

use std::fmt;

use thiserror::Error;

use crate::suggest::did_you_mean;

/// A value of the wrong kind, or one that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// `a duration such as 10s`
    pub expected: String,
    /// `the string '10s'`
    pub got: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Mismatch {
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Mismatch { expected: expected.into(), got: got.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, got {}", self.expected, self.got)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Why an argument list did not become a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgumentsError {
    /// Not as many as are wanted.
    Count,
    /// The argument of this index is wrong.
    At(usize, Mismatch),
    /// Another reason.
    Other(SetError),
}

/// Why a call of a node or property was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// The table has no such name.
    #[error("no property {name:?}{}", did_you_mean(near))]
    Unknown { name: String, near: Vec<String> },
    /// Too few or too many arguments.
    #[error("{name} takes {expected}, got {got}: write {signature}")]
    Count { name: String, expected: String, got: usize, signature: String },
    /// An argument of the wrong kind. `index` counts from 0 in the argument list as it was written.
    #[error("{name}: argument {argument}: {mismatch}")]
    Argument { name: String, argument: String, index: usize, mismatch: Box<Mismatch> },
    /// A value of the wrong kind where there is no argument list: JSON, a file, the environment.
    #[error("{name}: {mismatch}")]
    Value { name: String, mismatch: Box<Mismatch> },
    /// Right kinds, but refused for a reason of its own.
    #[error("{name}: {why}")]
    Refused { name: String, why: String },
}

impl SetError {
    /// For methods: what their function refuses.
    pub fn refused(name: impl Into<String>, why: impl Into<String>) -> Self {
        SetError::Refused { name: name.into(), why: why.into() }
    }

    /// What is wrong, without what to write instead.
    pub fn statement(&self) -> String {
        match self {
            SetError::Unknown { name, .. } => format!("there is no property {name:?}"),
            SetError::Count { name, expected, got, .. } => format!("{name} takes {expected}, got {got}"),
            // That of a property has no name of its own.
            SetError::Argument { name, argument, mismatch, .. } if argument == "value" || argument == "values" => {
                format!("{name}: expected {}, got {}", mismatch.expected, mismatch.got)
            }
            SetError::Argument { name, argument, mismatch, .. } => {
                format!("{name}: expected {} for {argument}, got {}", mismatch.expected, mismatch.got)
            }
            SetError::Value { name, mismatch } => {
                format!("{name}: expected {}, got {}", mismatch.expected, mismatch.got)
            }
            SetError::Refused { name, why } => format!("{name}: {why}"),
        }
    }

    /// What to write instead.
    pub fn remedy(&self) -> Option<String> {
        match self {
            SetError::Unknown { near, .. } => did_you_mean(near).strip_prefix(", ").map(str::to_string),
            SetError::Count { signature, .. } => Some(format!("write {signature}")),
            SetError::Argument { mismatch, .. } | SetError::Value { mismatch, .. } => mismatch.hint.clone(),
            SetError::Refused { .. } => None,
        }
    }

    /// Which argument is meant, from 0, where it is one.
    pub fn argument(&self) -> Option<usize> {
        match self {
            SetError::Argument { index, .. } => Some(*index),
            _ => None,
        }
    }
}

/// For methods that read their arguments with `?`; the table adds the name.
impl From<Mismatch> for SetError {
    fn from(mismatch: Mismatch) -> Self {
        SetError::Value { name: String::new(), mismatch: Box::new(mismatch) }
    }
}

/// Why a text of the environment did not become a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextError {
    /// The variable names a part of the value that is not there.
    NoPlace(Mismatch),
    /// The text is no such value.
    Value(Mismatch),
}

impl From<Mismatch> for TextError {
    fn from(mismatch: Mismatch) -> Self {
        TextError::Value(mismatch)
    }
}
