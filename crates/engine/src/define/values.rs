//! Values of variables as expressions, and results of constant expressions as values.

use declare::Argument;
use tickscript::{
    Span,
    ast::{Expr, ExprKind},
};

use super::interpret::Val;

/// A value as an expression; `Err(Some(..))` says what it is if it cannot be one.
pub(super) fn literal(value: Val) -> Result<ExprKind, Option<&'static str>> {
    match value {
        Val::Arg(Argument::Lambda(lambda)) => Ok(parenthesised(&lambda.expr)),
        Val::Arg(value) => literal_argument(&value).ok_or(Some("a value of another kind")),
        Val::Node(_) | Val::Handler { .. } => Err(Some("a node")),
        Val::Influxql | Val::MapReduce { .. } => Err(Some("a function")),
        Val::Unknown => Err(None),
    }
}

/// A lambda put into another keeps its meaning whatever stands around it.
fn parenthesised(expr: &Expr) -> ExprKind {
    match expr.kind.clone() {
        ExprKind::Binary { op, left, right, multi_line, .. } => {
            ExprKind::Binary { op, left, right, parens: true, multi_line }
        }
        kind => kind,
    }
}

fn literal_argument(value: &Argument) -> Option<ExprKind> {
    Some(match value {
        Argument::Int(value) => ExprKind::Int { value: *value, octal: false },
        Argument::Float(value) => ExprKind::Float(*value),
        Argument::Duration(nanos) => ExprKind::Duration { nanos: *nanos, literal: tickscript::write_duration(*nanos) },
        Argument::Bool(value) => ExprKind::Bool(*value),
        Argument::String(value) => ExprKind::String { value: value.clone(), triple: false },
        Argument::Regex(text) => ExprKind::Regex(text.clone()),
        Argument::Star => ExprKind::Star,
        Argument::Reference(name) => ExprKind::Reference(name.clone()),
        Argument::List(items) => {
            let items: Option<Vec<Expr>> =
                items.iter().map(|item| Some(Expr::new(Span::default(), literal_argument(item)?))).collect();
            ExprKind::List(items?)
        }
        Argument::Lambda(_) | Argument::Node(_) | Argument::Time { .. } => return None,
    })
}

pub(super) fn from_value(value: model::Value) -> Option<Argument> {
    Some(match value {
        model::Value::Float(value) => Argument::Float(value),
        model::Value::Int(value) => Argument::Int(value),
        model::Value::String(value) => Argument::String(value.to_string()),
        model::Value::Bool(value) => Argument::Bool(value),
        model::Value::Duration(value) => Argument::Duration(value),
        model::Value::Time(_) | model::Value::Null => return None,
    })
}
