//! Why a query was refused, and where in its text.

use std::fmt;

/// A place in a query's text; both count from one, `char` counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub char: usize,
}

impl Position {
    /// The place of byte `offset` of `text`. `\n`, `\r\n` and a lone `\r` end a line.
    pub(crate) fn of(text: &str, offset: usize) -> Position {
        let mut place = Position { line: 1, char: 1 };
        let mut previous = ' ';
        for (at, char) in text.char_indices() {
            if at >= offset {
                break;
            }
            match char {
                '\n' if previous == '\r' => {}
                '\n' | '\r' => place = Position { line: place.line + 1, char: 1 },
                _ => place.char += 1,
            }
            previous = char;
        }
        place
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, char {}", self.line, self.char)
    }
}

/// Why a text is not a query that a batch task can run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Another word was expected here.
    #[error("found {found}, expected {} at {at}", expected.join(", "))]
    Unexpected { found: String, expected: Vec<&'static str>, at: Position },
    /// The word here is understood, but cannot be right.
    #[error("{reason} at {at}")]
    Invalid { reason: String, at: Position },
    /// Not exactly one statement.
    #[error("query must be a single select statement, got {0} statements")]
    NotSingle(usize),
    /// One statement, but of another kind.
    #[error("query is not a select statement \"{0}\"")]
    NotSelect(String),
    /// `time(...)` was given twice.
    #[error("groupBy cannot have more than one time dimension")]
    SecondTime,
    /// A group's length is not above zero.
    #[error("the length of a time dimension must be above zero, got {0}")]
    EmptyTime(String),
    /// A word that names no way of filling gaps.
    #[error("unexpected fill option {0}, expected null, none, previous, linear or a number")]
    UnknownFill(String),
}

impl Error {
    /// Where in the query's text the error is, if it is at one place.
    pub fn position(&self) -> Option<Position> {
        match self {
            Error::Unexpected { at, .. } | Error::Invalid { at, .. } => Some(*at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_lines() {
        let text = "ä\r\nb\rc\nde";
        let places: Vec<_> = text.char_indices().map(|(at, _)| Position::of(text, at)).collect();
        let expected = [(1, 1), (1, 2), (2, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 2)];
        assert_eq!(places, expected.map(|(line, char)| Position { line, char }));
        assert_eq!(Position::of(text, text.len()), Position { line: 4, char: 3 });
    }
}
