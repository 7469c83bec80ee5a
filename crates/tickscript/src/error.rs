//! What is wrong with a script's text, where, and what to write instead.

use std::fmt;

use crate::{Position, Span, position};

/// At most so many characters of a line are shown.
const SHOWN: usize = 120;

/// Why a text is no script. Displays as one line; `render` shows the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The bytes that do not fit; empty at the end of the text.
    pub span: Span,
    /// Where they start.
    pub position: Position,
    /// What is wrong, without the place (`unexpected identifier "and"`).
    pub message: String,
    /// What could stand there, in words or quoted tokens; empty if the token itself is bad.
    pub expected: Vec<String>,
    /// How it is usually repaired.
    pub hint: Option<String>,
    /// Another place that has to do with it, and how.
    pub related: Option<Box<(Span, String)>>,
    /// The text around it, of one line.
    near: Box<str>,
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, char } = self.position;
        write!(f, "parser: {} line {line} char {char} in \"{}\"", self.message, self.near)?;
        if !self.expected.is_empty() {
            write!(f, ". expected: {}", self.expected.join(", "))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, ". hint: {hint}")?;
        }
        Ok(())
    }
}

impl ParseError {
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        let at = span.start as usize;
        ParseError {
            span,
            position: position(text, at),
            message: message.into(),
            expected: Vec::new(),
            hint: None,
            related: None,
            near: near(text, at).into(),
        }
    }

    pub(crate) fn expecting(mut self, expected: impl IntoIterator<Item = String>) -> Self {
        self.expected = expected.into_iter().collect();
        self
    }

    pub(crate) fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn related_to(mut self, span: Span, what: impl Into<String>) -> Self {
        self.related = Some(Box::new((span, what.into())));
        self
    }

    /// The same error, but where a string that was never closed has swallowed lines until it met the next quote, the place
    /// where that string opens. `text` is the script that was parsed.
    pub(crate) fn at_its_cause(self, text: &str) -> Self {
        let at = self.span.start as usize;
        let Some(start) = crate::expected::long_string_before(&text[..at]) else { return self };
        let line_end = text[start..].find('\n').map_or(text.len(), |end| start + end);
        let kind = if text[start..].starts_with('"') { "reference" } else { "string" };
        ParseError::new(text, Span::new(start, line_end), format!("unterminated {kind}"))
            .hinting("it has no closing quote on its line, and so goes on to the next quote of the script")
            .related_to(self.span, format!("the {kind} ends here, and this cannot follow it"))
    }

    /// Several lines for a terminal: the message, the line of the script with the place marked, what was expected, the
    /// hint. `text` is the script that was parsed.
    pub fn render(&self, text: &str) -> String {
        let Position { line, char } = self.position;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let (source, before, mark) = self.marked_line(text);
        let mut out = format!("{} (line {line} char {char})\n", self.message);
        out.push_str(&format!("{margin} |\n{number} | {source}\n{margin} | {before}{mark}\n"));
        if !self.expected.is_empty() {
            out.push_str(&format!("{margin} = expected {}\n", self.expected.join(", ")));
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("{margin} = hint: {hint}\n"));
        }
        out
    }

    /// The line of the place, what stands below it before the mark, and the mark.
    fn marked_line(&self, text: &str) -> (String, String, String) {
        let Position { line, char } = self.position;
        let source = text.split('\n').nth(line - 1).unwrap_or("").trim_end_matches('\r');
        let column = source.char_indices().take_while(|(i, _)| *i + 1 < char).count();
        let marked = text.get(self.span.start as usize..self.span.end as usize).unwrap_or("");
        let width = marked.split('\n').next().unwrap_or("").chars().count().max(1);
        // Of a long line, the part around the place.
        let start = if source.chars().count() > SHOWN { column.saturating_sub(SHOWN / 2) } else { 0 };
        let shown: String = source.chars().skip(start).take(SHOWN).collect();
        // Tabs stay tabs, so that the mark stands below its place whatever their width.
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let before = shown.chars().take(column - start).map(blank).collect();
        (shown, before, "^".repeat(width.min(SHOWN + start - column).max(1)))
    }
}

/// Up to ten bytes before and after a place, within its line.
fn near(text: &str, at: usize) -> &str {
    const REACH: usize = 10;
    let at = at.min(text.len());
    let start = (at.saturating_sub(REACH)..=at).find(|&i| text.is_char_boundary(i)).unwrap_or(at);
    let start = text[start..at].rfind('\n').map_or(start, |i| start + i + 1);
    let stop = (at..=(at + REACH).min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(at);
    let stop = text[at..stop].find('\n').map_or(stop, |i| at + i);
    &text[start..stop]
}
