//! Arithmetic that a script does outside of lambdas, on values that are known when it is defined.

use std::sync::Arc;

use lambda::{Context, Evaluator, Program, State, Zone};
use model::{Frame, GroupId, Row, Schema, SeriesId, ShapeId, Value};
use tickscript::{Span, ast::Expr};

use super::Diagnostic;

/// Why an expression has no value when a script is defined.
pub(super) struct NoConstant {
    /// The part that it is about, if it is known.
    span: Option<Span>,
    why: String,
    hint: Option<String>,
}

impl NoConstant {
    /// As a remark on the expression at `whole`.
    pub(super) fn diagnostic(self, whole: Span) -> Diagnostic {
        Diagnostic::error(self.span.unwrap_or(whole), self.why).hints(self.hint)
    }
}

/// The value of an expression without references.
pub(super) fn constant(expr: &Expr) -> Result<Value, NoConstant> {
    let failed = |why: String| NoConstant { span: None, why, hint: None };
    let program = Program::compile(expr).map_err(|error| NoConstant {
        span: (error.span != Span::default()).then_some(error.span),
        why: error.to_string(),
        hint: None,
    })?;
    if let Some(name) = program.references().first() {
        return Err(NoConstant {
            span: None,
            why: format!("\"{name}\" is a field or tag, which has no value outside of a lambda"),
            hint: Some("write lambda: before the expression".to_string()),
        });
    }
    let schema = Schema::default();
    let frame = Frame::default();
    let row = Row { time: 0, series: SeriesId(0), shape: ShapeId(0), at: 0, group: GroupId::NIL };
    let mut evaluator = Evaluator::new(Arc::new(program), &schema);
    let context = Context { schema: &schema, frame: &frame, row: &row, extra: &[], zone: &Zone::default(), now: 0 };
    evaluator.eval(&context, &mut State::default()).map_err(|error| failed(error.to_string()))
}
