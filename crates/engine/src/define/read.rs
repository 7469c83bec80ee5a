//! The text of a script as a tree, and what can be told from the tree alone.

use tickscript::{
    Damage, ParseError, Span,
    ast::{Expr, ExprKind, Script, StatementKind},
    walk, walk_script,
};

use super::Diagnostic;
use crate::EdgeKind;

/// A script as far as it could be read.
pub(super) struct Read<'t> {
    pub(super) text: &'t str,
    pub(super) script: Script,
    /// Parts that are not in the tree.
    pub(super) damages: Vec<Damage>,
    pub(super) kind: EdgeKind,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The most nodes and properties of one script: what is made of it is checked and drawn as a whole.
const MOST_LINKS: usize = 20_000;

pub(super) fn read(text: &str) -> Read<'_> {
    let recovered = tickscript::parse_recovering(text);
    let mut diagnostics: Vec<Diagnostic> = recovered.errors.iter().map(of_parse_error).collect();
    let (mut script, mut damages) = (recovered.script, recovered.damages);
    let mut links = 0;
    walk_script(&script, &mut |expr| links += usize::from(matches!(expr.kind, ExprKind::Chain { .. })));
    if links > MOST_LINKS {
        let message = format!("the script has {links} nodes and properties, at most {MOST_LINKS} are possible");
        diagnostics.push(Diagnostic::error(Span::default(), message).hint("make several tasks of it"));
        let span = Span::new(0, text.len());
        damages.push(Damage { span, kind: tickscript::DamageKind::Statement, name: None });
        script = Script::default();
    }
    let (kind, problem) = kind_of(&script, text, &damages);
    diagnostics.extend(problem);
    Read { text, script, damages, kind, diagnostics }
}

/// All for which a script cannot be parsed.
pub fn syntax_errors(text: &str) -> Vec<Diagnostic> {
    tickscript::parse_recovering(text).errors.iter().map(of_parse_error).collect()
}

fn of_parse_error(error: &ParseError) -> Diagnostic {
    let mut message = error.message.clone();
    if !error.expected.is_empty() {
        message.push_str(&format!(", expected {}", error.expected.join(", ")));
    }
    let mut diagnostic = Diagnostic::error(error.span, message).hints(error.hint.clone());
    diagnostic.related = error.related.as_deref().cloned();
    diagnostic
}

/// Which of `stream` and `batch` a script reads, and what is wrong with that.
fn kind_of(script: &Script, text: &str, damages: &[Damage]) -> (EdgeKind, Option<Diagnostic>) {
    let (mut stream, mut batch) = (None, None);
    let mut look = |expr: &Expr| match &expr.kind {
        ExprKind::Ident(name) if name == "stream" => stream = stream.or(Some(expr.span)),
        ExprKind::Ident(name) if name == "batch" => batch = batch.or(Some(expr.span)),
        _ => {}
    };
    for statement in &script.statements {
        match &statement.kind {
            // A name alone reads nothing.
            StatementKind::Expr(Expr { kind: ExprKind::Ident(_), .. }) => {}
            StatementKind::Expr(expr) | StatementKind::Var { value: expr, .. } => walk(expr, &mut look),
            StatementKind::VarType { .. } | StatementKind::Dbrp { .. } => {}
        }
    }
    match (stream, batch) {
        (Some(_), None) => (EdgeKind::Stream, None),
        (None, Some(_)) => (EdgeKind::Batch, None),
        (Some(stream), Some(batch)) => {
            let (first, second) = if stream.start < batch.start { (stream, batch) } else { (batch, stream) };
            let problem = Diagnostic::error(second, "invalid task type: the script uses both stream and batch")
                .related(first, "the other one is here")
                .hint("make two tasks of it");
            (EdgeKind::Stream, Some(problem))
        }
        (None, None) => {
            let lost = damages
                .iter()
                .any(|damage| text[damage.span.start as usize..damage.span.end as usize].contains("batch"));
            let kind = if lost { EdgeKind::Batch } else { EdgeKind::Stream };
            let message = "invalid task type: the script reads neither from stream nor from batch";
            let problem = Diagnostic::error(Span::default(), message).hint(start_hint(script));
            (kind, damages.is_empty().then_some(problem))
        }
    }
}

/// How a script starts that does not.
fn start_hint(script: &Script) -> &'static str {
    let alone = |name: &str| {
        script.statements.iter().any(|statement| {
            matches!(&statement.kind, StatementKind::Expr(Expr { kind: ExprKind::Ident(found), .. }) if found == name)
        })
    };
    if alone("stream") {
        "stream stands alone: write | before the node that follows it, such as stream|from()"
    } else if alone("batch") {
        "batch stands alone: write | before the node that follows it, such as batch|query('SELECT ..')"
    } else {
        "begin a pipeline with stream|from() or batch|query('SELECT ..')"
    }
}
