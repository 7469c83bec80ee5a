//! What can be wrong with a template: at parsing, at working out its HTML contexts, or while it runs.
use thiserror::Error;

/// A template that does not parse or did not run through; says where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The text is not a template.
    #[error(transparent)]
    Parse(#[from] Box<ParseError>),
    /// The parts of an HTML template do not fit together, so that no safe escaping exists.
    #[error(transparent)]
    Escape(#[from] Box<EscapeError>),
    /// The template met data it cannot work with, or one of the limits.
    #[error(transparent)]
    Execute(#[from] Box<ExecuteError>),
}

impl Error {
    /// Line of the template's text, counted from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::Parse(error) => error.line,
            Self::Escape(error) => error.line,
            Self::Execute(error) => error.line,
        }
    }

    /// Bytes before the place on its line, as Go counts columns.
    pub fn column(&self) -> usize {
        match self {
            Self::Parse(error) => error.column,
            Self::Escape(error) => error.column,
            Self::Execute(error) => error.column,
        }
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        match self {
            Self::Parse(error) => &error.message,
            Self::Escape(error) => &error.message,
            Self::Execute(error) => &error.message,
        }
    }
}

/// The text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("template: {name}:{line}: {message}")]
pub struct ParseError {
    /// Name of the template.
    pub name: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Bytes before the place on its line.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// An HTML template whose contexts cannot be worked out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("html/template:{name}:{line}:{column}: {message}")]
pub struct EscapeError {
    /// Name of the template.
    pub name: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Bytes before the place on its line.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// A template that did not run through.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("template: {name}:{line}:{column}: executing {} at <{action}>: {message}", crate::gofmt::quote(.template))]
pub struct ExecuteError {
    /// Name of the template as parsed.
    pub name: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Bytes before the place on its line.
    pub column: usize,
    /// Name of the running template; differs from `name` inside `define` and `block`.
    pub template: String,
    /// The part of the template that failed.
    pub action: String,
    /// What is wrong.
    pub message: String,
}
