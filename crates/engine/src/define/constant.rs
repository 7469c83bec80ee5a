//! Arithmetic that a script does outside of lambdas, on values that are known when it is defined.

use std::sync::Arc;

use lambda::{Context, Evaluator, Program, State, Zone};
use model::{Frame, GroupId, Row, Schema, SeriesId, ShapeId, Value};
use tickscript::ast::Expr;

/// The value of an expression without references.
pub(super) fn constant(expr: &Expr) -> Result<Value, String> {
    let program = Program::compile(expr).map_err(|error| error.to_string())?;
    if let Some(name) = program.references().first() {
        return Err(format!("\"{name}\" is a field or tag, which has no value outside of a lambda"));
    }
    let schema = Schema::default();
    let frame = Frame::default();
    let row = Row { time: 0, series: SeriesId(0), shape: ShapeId(0), at: 0, group: GroupId::NIL };
    let mut evaluator = Evaluator::new(Arc::new(program), &schema);
    let context = Context { schema: &schema, frame: &frame, row: &row, extra: &[], zone: &Zone::default(), now: 0 };
    evaluator.eval(&context, &mut State::default()).map_err(|error| error.to_string())
}
