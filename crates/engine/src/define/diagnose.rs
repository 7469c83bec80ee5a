//! The two questions that are asked of a script: what does it define, and what can be said of it without a daemon.

use tickscript::ast::{Script, StatementKind};

use super::{
    DefineError, Diagnostic, Pipeline, Surface, Vars, interpret::interpret, lambdas::check_lambdas, lint::lint,
    read::read, trial::trial,
};
use crate::EdgeKind;

/// What is asked for besides the script.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Values for the script's variables.
    pub vars: Vars,
    /// A template: variables without a value are let be.
    pub template: bool,
}

impl Request {
    /// For a script of which nothing is known: with variables that have no value it is a template.
    pub fn inferred(text: &str) -> Request {
        let script = tickscript::parse_recovering(text).script;
        let template = script.statements.iter().any(|s| matches!(s.kind, StatementKind::VarType { .. }));
        Request { vars: Vars::new(), template }
    }
}

/// A script that was understood.
pub struct Defined {
    pub pipeline: Pipeline,
    /// `EdgeKind::Stream` or `EdgeKind::Batch`, by what the script reads.
    pub kind: EdgeKind,
    /// From its `dbrp` statements.
    pub dbrps: Vec<(String, String)>,
    /// The variables it declares, with their own values.
    pub vars: Vars,
    /// The script in its canonical form.
    pub formatted: String,
    pub warnings: Vec<Diagnostic>,
}

/// All that can be said of a script without a daemon.
pub struct Diagnosis {
    /// In the order of the script.
    pub diagnostics: Vec<Diagnostic>,
    /// What it reads.
    pub kind: EdgeKind,
    /// The script in its canonical form, if it can be parsed.
    pub formatted: Option<String>,
    /// What could be read of it; the places are those of the text.
    pub script: Script,
}

/// Interpret and check a script.
///
/// # Errors
/// All that is wrong with it at once.
pub fn define(surface: &Surface, text: &str, request: &Request) -> Result<Defined, DefineError> {
    let read = read(text);
    let mut outcome = interpret(surface, request, &read);
    let mut diagnostics = std::mem::take(&mut outcome.diagnostics);
    if diagnostics.iter().any(Diagnostic::refuses) {
        in_order(&mut diagnostics);
        return Err(DefineError::new(text, diagnostics));
    }
    Ok(Defined {
        pipeline: outcome.pipeline,
        kind: read.kind,
        dbrps: outcome.dbrps,
        vars: outcome.declared,
        formatted: tickscript::format(&read.script),
        warnings: diagnostics,
    })
}

/// Say all that is wrong with a script: why it cannot be defined, why its task cannot be enabled, what will fail or do
/// nothing when it runs.
pub fn diagnose(surface: &Surface, text: &str, request: &Request) -> Diagnosis {
    let read = read(text);
    let mut outcome = interpret(surface, request, &read);
    let mut diagnostics = std::mem::take(&mut outcome.diagnostics);
    // Of the values of a template's variables nothing is known.
    if !request.template {
        let refused = check_lambdas(&outcome, &mut diagnostics);
        trial(surface, &outcome, &refused, &mut diagnostics);
    }
    lint(surface, request, &read.script, &outcome, &mut diagnostics);
    in_order(&mut diagnostics);
    let formatted = read.damages.is_empty().then(|| tickscript::format(&read.script));
    Diagnosis { diagnostics, kind: read.kind, formatted, script: read.script }
}

/// By place, each once.
fn in_order(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.severity == super::Severity::Warning));
    diagnostics.dedup();
}
