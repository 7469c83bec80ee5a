//! What is allowed, but surely not meant: properties said twice, levels that are never reached, results that nobody uses.

use declare::Role;
use lambda::{Comparison, Constant, Program, Threshold};

use tickscript::{
    Span,
    ast::{ExprKind, Script, StatementKind},
};

use super::{
    Diagnostic, PipelineNode, Request, Surface,
    interpret::{Interpreter, Val},
    lambdas::LambdaUse,
};

/// The levels of an alert with their resets, the worst first.
const LEVELS: [(&str, &str, &str); 3] =
    [("crit", "critReset", "CRITICAL"), ("warn", "warnReset", "WARNING"), ("info", "infoReset", "INFO")];

/// Warn of what a pipeline has that does nothing.
pub(super) fn lint(
    surface: &Surface,
    request: &Request,
    script: &Script,
    outcome: &Interpreter<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    idle_statements(script, outcome, diagnostics);
    for (index, node) in outcome.pipeline.nodes.iter().enumerate() {
        repeated(surface, node, diagnostics);
        // Of a template's values nothing is known.
        if surface.nodes()[node.spec].opens_handlers && !request.template {
            levels(index, node, outcome, diagnostics);
        }
    }
    // What a node is used for may stand in a part of the script that has no place in the pipeline.
    if !diagnostics.iter().any(Diagnostic::refuses) {
        unused(surface, outcome, diagnostics);
    }
}

/// A name that stands alone, such as the unit of a duration behind a space.
fn idle_statements(script: &Script, outcome: &Interpreter<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for (index, statement) in script.statements.iter().enumerate() {
        let StatementKind::Expr(expr) = &statement.kind else { continue };
        let ExprKind::Ident(name) = &expr.kind else { continue };
        let is_told =
            name == "stream" && diagnostics.iter().any(|known| known.refuses() && known.span == Span::default());
        if is_told || outcome.is_damaged(expr.span) {
            continue;
        }
        let follows_number = index.checked_sub(1).is_some_and(|before| {
            let StatementKind::Var { value, .. } = &script.statements[before].kind else { return false };
            matches!(value.kind, ExprKind::Int { .. })
        });
        let hint = match (name.as_str(), follows_number) {
            ("stream" | "batch", _) => "write | before the node that follows it",
            (_, true) => "if it is the unit of the number before it, write it without a space",
            _ => "a name alone does nothing: is a | or a bracket missing?",
        };
        diagnostics.push(Diagnostic::warning(expr.span, format!("{name} stands alone")).hint(hint));
    }
}

/// A property that is said again, though only its last value counts.
fn repeated(surface: &Surface, node: &PipelineNode, diagnostics: &mut Vec<Diagnostic>) {
    let spec = &surface.nodes()[node.spec];
    for (index, call) in node.calls.iter().enumerate() {
        let table = match call.handler {
            None => &spec.table,
            Some(handler) => &node.handlers[handler].options.kind().options,
        };
        let Some(item) = table.find(&call.name) else { continue };
        let earlier = node.calls[..index].iter().rev().find(|other| {
            other.handler == call.handler && table.find(&other.name).is_some_and(|found| found.name == item.name)
        });
        let Some(earlier) = earlier else { continue };
        match item.role {
            Role::Property => {
                let message = format!("this {} has no effect: it is said again, and the last value counts", item.name);
                diagnostics
                    .push(Diagnostic::warning(earlier.span, message).related(call.span, "it is said again here"));
            }
            Role::Flag => {
                let message = format!("{} is said twice", item.name);
                diagnostics
                    .push(Diagnostic::warning(call.span, message).related(earlier.span, "it is said here first"));
            }
            _ => {}
        }
    }
}

/// What a level's condition says, as far as that can be told.
struct Known<'a> {
    given: &'a LambdaUse,
    level: &'static str,
    always: Option<bool>,
    threshold: Option<Threshold>,
}

fn levels(index: usize, node: &PipelineNode, outcome: &Interpreter<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let given = |name: &str| outcome.lambdas.iter().rev().find(|given| given.node == index && given.name == name);
    let mut worse: Vec<Known<'_>> = Vec::new();
    for (name, reset, level) in LEVELS {
        let reset = given(reset);
        let Some(given) = given(name) else {
            if let Some(reset) = reset {
                let message = format!("{} has no effect, as there is no {name}", reset.name);
                diagnostics.push(Diagnostic::warning(reset.span, message).hint(format!("add .{name}(lambda: ..)")));
            }
            continue;
        };
        let program = Program::compile(&given.lambda.expr).ok();
        let always =
            program.as_ref().filter(|program| program.is_constant()).map(|program| program.to_string() == "true");
        let threshold = program.as_ref().and_then(Program::threshold);
        let known = Known { given, level, always, threshold };
        if known.always == Some(false) {
            diagnostics
                .push(Diagnostic::warning(given.span, format!("{level} is never reached: {name} is never true")));
        } else if let Some((why, other)) = worse.iter().find_map(|worse| Some((covers(worse, &known)?, worse))) {
            let message = format!("{level} is never reached: {why}");
            diagnostics.push(
                Diagnostic::warning(given.span, message)
                    .related(other.given.span, format!("{} is here", other.given.name)),
            );
        }
        worse.push(known);
    }
    let is_plain = worse.is_empty() && !node.doubtful && !LEVELS.iter().any(|level| given(level.1).is_some());
    if is_plain && node.calls.iter().all(|call| !LEVELS.iter().any(|level| call.name == level.0)) {
        let message = "this alert has no level, so nobody is ever told";
        diagnostics.push(Diagnostic::warning(node.span, message).hint("add .crit(lambda: ..), .warn(..) or .info(..)"));
    }
}

/// Why a level is never reached beside a worse one, if so.
fn covers(worse: &Known<'_>, milder: &Known<'_>) -> Option<String> {
    let (name, other) = (&milder.given.name, &worse.given.name);
    if worse.always == Some(true) {
        return Some(format!("{other} is always true, and {} is worse", worse.level));
    }
    if worse.given.lambda == milder.given.lambda {
        return Some(format!("{other} has the same condition, and {} is worse", worse.level));
    }
    let (worse_at, milder_at) = (worse.threshold.as_ref()?, milder.threshold.as_ref()?);
    implies(milder_at, worse_at).then(|| format!("{other} is true whenever {name} is, and {} is worse", worse.level))
}

/// Whether a value beyond the first threshold is always beyond the second.
fn implies(first: &Threshold, second: &Threshold) -> bool {
    use Comparison::{Greater, GreaterEqual, Less, LessEqual};
    let value = |constant| match constant {
        Constant::Float(value) => value,
        Constant::Int(value) => value as f64,
    };
    if first.name != second.name {
        return false;
    }
    let (a, b) = (value(first.constant), value(second.constant));
    match (first.comparison, second.comparison) {
        (Greater | GreaterEqual, GreaterEqual) | (Greater, Greater) => a >= b,
        (GreaterEqual, Greater) => a > b,
        (Less | LessEqual, LessEqual) | (Less, Less) => a <= b,
        (LessEqual, Less) => a < b,
        _ => false,
    }
}

/// Nodes at the end of a pipeline that only hand on what they make.
fn unused(surface: &Surface, outcome: &Interpreter<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let nodes = &outcome.pipeline.nodes;
    for (index, node) in nodes.iter().enumerate().skip(1) {
        let spec = &surface.nodes()[node.spec];
        let is_read = !outcome.pipeline.children(index).is_empty() || outcome.read_by_others.contains(&index);
        if spec.acts || spec.function || is_read {
            continue;
        }
        let variable = outcome
            .bindings
            .iter()
            .find(|(_, binding)| !binding.used && matches!(binding.value, Val::Node(node) if node == index));
        let message = match variable {
            Some((name, _)) => {
                format!("variable {name} is never used, so nothing is done with what {} gives", spec.name)
            }
            None => format!("nothing is done with what {} gives", spec.name),
        };
        let span = variable.map_or(node.span, |(_, binding)| binding.span);
        diagnostics.push(Diagnostic::warning(span, message).hint("let an alert, httpOut, influxDBOut or log follow"));
    }
}
