//! Lambdas as nodes use them: compiled with an error that says which node, and joined by AND.

use std::sync::Arc;

use declare::Lambda;
use lambda::Program;
use tickscript::{
    Span,
    ast::{BinaryOp, Expr, ExprKind},
};

use crate::BuildError;

/// A lambda ready to be evaluated. `what` names it in an error: `where`, `crit`.
pub(crate) fn compiled(what: &str, lambda: Option<&Lambda>) -> Result<Program, BuildError> {
    let lambda = lambda.ok_or_else(|| BuildError::new(format!("{what}: an expression is missing")))?;
    Program::compile(&lambda.expr)
        .map_err(|error| BuildError::new(format!("failed to compile the {what} expression {}: {error}", lambda.text)))
}

/// Whether it remembers something from row to row. One that cannot be compiled does not.
pub(crate) fn is_stateful(lambda: &Lambda) -> bool {
    Program::compile(&lambda.expr).is_ok_and(|program| program.stateful())
}

/// Both must be true.
pub(crate) fn both(left: &Lambda, right: &Lambda) -> Lambda {
    let side = |lambda: &Lambda| {
        let mut expr = (*lambda.expr).clone();
        if let ExprKind::Binary { parens, .. } = &mut expr.kind {
            *parens = true;
        }
        Box::new(expr)
    };
    let kind =
        ExprKind::Binary { op: BinaryOp::And, left: side(left), right: side(right), parens: false, multi_line: false };
    let expr = Expr::new(Span::default(), kind);
    Lambda { text: tickscript::format_expr(&expr), expr: Arc::new(expr) }
}
