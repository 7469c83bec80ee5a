//! What is wrong with a script, shown to its author.

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
        let mut out = format!("line {} char {}: {}", at.line, at.char, self.message);
        let number = at.line.to_string();
        let before: String =
            line.get(..at.char - 1).unwrap_or("").chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let length = (self.span.end.saturating_sub(self.span.start) as usize).max(1);
        let rest = line.get(at.char - 1..).map_or(1, |rest| rest.chars().count().max(1));
        let width = script
            .get(self.span.start as usize..self.span.end as usize)
            .map_or(length, |text| text.chars().take_while(|&c| c != '\n').count().max(1))
            .min(rest);
        out.push_str(&format!("\n{number} | {line}\n{} | {before}{}", " ".repeat(number.len()), "^".repeat(width)));
        if let Some(hint) = &self.hint {
            out.push_str(&format!("\n{} = hint: {hint}", " ".repeat(number.len())));
        }
        out
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
        let texts: Vec<String> = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(|diagnostic| diagnostic.render(script))
            .collect();
        DefineError::Script { text: texts.join("\n"), diagnostics }
    }
}
