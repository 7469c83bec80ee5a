//! The expressions of a script: those that cannot be compiled, and those that no row can satisfy.

use declare::Lambda;
use lambda::{CompileErrorKind, Phase, Program, Type};
use tickscript::Span;

use super::{Diagnostic, Stage, interpret::Interpreter};

/// A lambda that was given to a node.
#[derive(Debug, Clone)]
pub(super) struct LambdaUse {
    pub(super) node: usize,
    /// Of the argument or property.
    pub(super) name: String,
    pub(super) is_condition: bool,
    /// Where it is given.
    pub(super) span: Span,
    pub(super) lambda: Lambda,
}

/// Say what is wrong with expressions; the nodes whose tasks they keep from being enabled.
pub(super) fn check_lambdas(outcome: &Interpreter<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<usize> {
    let mut refused = Vec::new();
    for given in &outcome.lambdas {
        let place = |span: Span| if span == Span::default() { given.span } else { span };
        if let Err(error) = Program::compile(&given.lambda.expr) {
            refused.push(given.node);
            // Both are found when a task is enabled, as Kapacitor does.
            let stage = match error.phase() {
                Phase::Define | Phase::Enable => Stage::Enable,
            };
            let (message, hint) = refusal(&error.kind);
            diagnostics.push(Diagnostic::error(place(error.span), message).hints(hint).at_stage(stage));
            continue;
        }
        let (types, doubts) = lambda::check(&given.lambda.expr);
        let is_doubtful = !doubts.is_empty();
        for doubt in doubts {
            let diagnostic = Diagnostic::error(place(doubt.span), doubt.message).hints(doubt.hint);
            diagnostics.push(diagnostic.at_stage(Stage::Run));
        }
        if given.is_condition && !is_doubtful && !types.contain(Type::Bool) {
            let message = format!("{} must be true or false, and this is {}", given.name, types.describe());
            let diagnostic = Diagnostic::error(place(given.lambda.expr.span), message);
            diagnostics.push(diagnostic.hint("compare it with something, such as > 0").at_stage(Stage::Run));
        }
    }
    refused
}

/// Why an expression cannot be compiled, and what to write instead.
fn refusal(kind: &CompileErrorKind) -> (String, Option<String>) {
    match kind {
        CompileErrorKind::Operator { op, found } => {
            (format!("{} cannot be used with {}", op.symbol(), named(*found)), None)
        }
        CompileErrorKind::Mismatch { op, left, right } => {
            let message = format!("{} cannot stand between {} and {}", op.symbol(), named(*left), named(*right));
            let hint = if [left, right].contains(&&Type::String) {
                "a field or tag is written in double quotes; a value is converted by float(), int(), bool(), string()"
            } else {
                "convert one side: see string(), float(), int(), bool(), duration()"
            };
            (message, Some(hint.to_string()))
        }
        other => (other.to_string(), None),
    }
}

fn named(of: Type) -> String {
    match of {
        Type::Int => "an integer".to_string(),
        other => format!("a {}", other.name()),
    }
}
