//! What is wrong with a script, shown to its author.

use std::borrow::Cow;

use tickscript::{Span, position};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// When the daemon finds it out. What Kapacitor takes is taken, even if it can never work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The script is refused.
    Define,
    /// It is stored, but its task cannot be enabled.
    Enable,
    /// The task runs, but what the remark is about fails with each row.
    Run,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Stage::Define => "define",
            Stage::Enable => "enable",
            Stage::Run => "run",
        }
    }
}

/// One remark on a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub stage: Stage,
    pub span: Span,
    pub message: String,
    pub hint: Option<String>,
    /// Another place that has to do with it, and how.
    pub related: Option<(Span, String)>,
    /// It is about the dialect of v0.2.
    pub deprecation: bool,
}

impl Diagnostic {
    pub fn error(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            stage: Stage::Define,
            span,
            message: message.into(),
            hint: None,
            related: None,
            deprecation: false,
        }
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

    #[must_use]
    pub fn hints(mut self, hint: Option<String>) -> Diagnostic {
        self.hint = hint.or(self.hint);
        self
    }

    #[must_use]
    pub fn related(mut self, span: Span, what: impl Into<String>) -> Diagnostic {
        self.related = Some((span, what.into()));
        self
    }

    #[must_use]
    pub fn at_stage(mut self, stage: Stage) -> Diagnostic {
        self.stage = stage;
        self
    }

    /// Whether the script cannot be defined.
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Error && self.stage == Stage::Define
    }

    /// `line 3 char 6: message`, the line with the place marked, the other place, and the hint.
    pub fn render(&self, script: &str) -> String {
        let at = position(script, self.span.start as usize);
        format!("line {} char {}: {}", at.line, at.char, self.shown(script))
    }

    /// The same behind `cpu.tick:3:6: error:`, as editors and build servers read it; columns are counted in characters.
    pub fn render_in(&self, file: &str, script: &str) -> String {
        let at = Place::of(script, self.span.start);
        format!("{file}:{}:{}: {}: {}", at.line, at.column, self.severity.name(), self.shown(script))
    }

    fn shown(&self, script: &str) -> String {
        let mut out = first(&self.message, MESSAGE).into_owned();
        let margin = " ".repeat(position(script, self.span.start as usize).line.to_string().len());
        out.push_str(&marked(script, self.span));
        if let Some((span, what)) = &self.related {
            let at = position(script, span.start as usize);
            out.push_str(&format!("\n{margin} = line {} char {}: {what}{}", at.line, at.char, marked(script, *span)));
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("\n{margin} = hint: {hint}"));
        }
        out
    }
}

/// A place as people count: lines and characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// Of a byte of a script.
    pub fn of(script: &str, at: u32) -> Place {
        let at = position(script, at as usize);
        let line = script.split('\n').nth(at.line - 1).unwrap_or("");
        let column = line.char_indices().take_while(|(i, _)| i + 1 < at.char).count() + 1;
        Place { line: at.line, column }
    }
}

/// The line of a place, and below it the marks.
fn marked(script: &str, span: Span) -> String {
    let at = position(script, span.start as usize);
    let line = script.lines().nth(at.line - 1).unwrap_or("");
    let number = at.line.to_string();
    let (before, rest) = line.split_at_checked(at.char - 1).unwrap_or((line, ""));
    let (before, rest) = (last(before, BEFORE), first(rest, AFTER));
    let blank: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let length = (span.end.saturating_sub(span.start) as usize).max(1);
    let width = script
        .get(span.start as usize..span.end as usize)
        .map_or(length, |text| text.chars().take_while(|&c| c != '\n').take(AFTER).count().max(1))
        .min(rest.chars().count().max(1));
    let marks = "^".repeat(width);
    format!("\n{number} | {before}{rest}\n{} | {blank}{marks}", " ".repeat(number.len()))
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
#[error("invalid TICKscript: {text}")]
pub struct DefineError {
    /// All that is wrong with the script, in its order, rendered.
    text: String,
    pub diagnostics: Vec<Diagnostic>,
}

impl DefineError {
    /// Of all remarks, those for which the script is refused.
    pub(crate) fn new(script: &str, mut diagnostics: Vec<Diagnostic>) -> DefineError {
        diagnostics.retain(Diagnostic::refuses);
        let mut texts: Vec<String> =
            diagnostics.iter().take(MOST).map(|diagnostic| diagnostic.render(script)).collect();
        if let Some(more) = diagnostics.len().checked_sub(MOST).filter(|&more| more > 0) {
            texts.push(format!("and {more} more errors"));
        }
        DefineError { text: texts.join("\n"), diagnostics }
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
