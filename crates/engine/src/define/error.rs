//! What is wrong with a script, shown to its author.

use std::borrow::Cow;

use tickscript::{Span, position};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// One remark on a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub span: Span,
    pub message: String,
    pub hint: Option<String>,
    /// It is about the dialect of v0.2.
    pub deprecation: bool,
}

impl Diagnostic {
    pub fn error(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, span, message: message.into(), hint: None, deprecation: false }
    }

    pub fn warning(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(span, message) }
    }

    /// A warning that the script is of the old dialect.
    pub fn deprecated(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { deprecation: true, ..Diagnostic::warning(span, message) }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// `line 3 char 6: message`, the line with the place marked, and the hint.
    pub fn render(&self, script: &str) -> String {
        let at = position(script, self.span.start as usize);
        let line = script.lines().nth(at.line - 1).unwrap_or("");
        let mut out = format!("line {} char {}: {}", at.line, at.char, first(&self.message, MESSAGE));
        let number = at.line.to_string();
        let (before, rest) = line.split_at_checked(at.char - 1).unwrap_or((line, ""));
        let (before, rest) = (last(before, BEFORE), first(rest, AFTER));
        let blank: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let length = (self.span.end.saturating_sub(self.span.start) as usize).max(1);
        let width = script
            .get(self.span.start as usize..self.span.end as usize)
            .map_or(length, |text| text.chars().take_while(|&c| c != '\n').take(AFTER).count().max(1))
            .min(rest.chars().count().max(1));
        let marks = "^".repeat(width);
        out.push_str(&format!("\n{number} | {before}{rest}\n{} | {blank}{marks}", " ".repeat(number.len())));
        if let Some(hint) = &self.hint {
            out.push_str(&format!("\n{} = hint: {hint}", " ".repeat(number.len())));
        }
        out
    }
}

/// Characters shown of a line before and after the place, and of a message: some scripts are one line, or one word.
const BEFORE: usize = 160;
const AFTER: usize = 160;
const MESSAGE: usize = 1000;
/// Remarks that are shown of a script.
const MOST: usize = 20;

/// The first characters of a text, and a sign if there are more.
fn first(text: &str, count: usize) -> Cow<'_, str> {
    match text.char_indices().nth(count) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// The last characters of a text, and a sign if there are more.
fn last(text: &str, count: usize) -> Cow<'_, str> {
    match text.char_indices().rev().nth(count) {
        None => text.into(),
        Some((start, cut)) => format!("…{}", &text[start + cut.len_utf8()..]).into(),
    }
}

/// A hint that names what is close to a wrong name.
pub(crate) fn near_hint(near: &[String]) -> Option<String> {
    match near {
        [] => None,
        [one] => Some(format!("did you mean {one}?")),
        [first @ .., last] => Some(format!("did you mean {} or {last}?", first.join(", "))),
    }
}

/// A script that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefineError {
    /// All that is wrong with the script, in its order, rendered.
    #[error("invalid TICKscript: {text}")]
    Script { text: String, diagnostics: Vec<Diagnostic> },
    /// It uses neither or both of `stream` and `batch`.
    #[error("{0}")]
    Kind(String),
}

impl DefineError {
    pub(crate) fn script(script: &str, diagnostics: Vec<Diagnostic>) -> DefineError {
        let errors = || diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let mut texts: Vec<String> = errors().take(MOST).map(|diagnostic| diagnostic.render(script)).collect();
        if let Some(more) = errors().count().checked_sub(MOST).filter(|&more| more > 0) {
            texts.push(format!("and {more} more errors"));
        }
        DefineError::Script { text: texts.join("\n"), diagnostics }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_shown_around_the_place() {
        let script = format!("{}\t{}", "a".repeat(1_000_000), "b".repeat(1_000_000));
        let diagnostic = Diagnostic::error(Span { start: 1_000_001, end: 2_000_001 }, "x".repeat(1_000_000));
        let text = diagnostic.render(&script);
        assert!(text.len() < 3000 && text.starts_with("line 1 char 1000002: xxx"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], format!("1 | …{}\t{}…", "a".repeat(159), "b".repeat(160)));
        assert_eq!(lines[2], format!("  | {}\t{}", " ".repeat(160), "^".repeat(160)));
    }

    #[test]
    fn short_lines_are_shown_whole() {
        let text = Diagnostic::error(Span { start: 8, end: 12 }, "no").hint("from").render("stream\n|form()");
        assert_eq!(text, "line 2 char 2: no\n2 | |form()\n  |  ^^^^\n  = hint: from");
    }
}
