//! What can be wrong with a lambda expression: when it is defined, when its task starts, and with one row.

use std::sync::Arc;

use tickscript::{Span, ast::BinaryOp};

use crate::Type;

/// Why an expression is refused, and where in the script.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct CompileError {
    pub kind: CompileErrorKind,
    pub span: Span,
    /// The byte to point at: the operator, if it is about one.
    pub at: u32,
}

/// When an expression is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The script itself is wrong: it can't be stored.
    Define,
    /// The script may be stored; its task can't be started.
    Enable,
}

impl CompileError {
    pub fn phase(&self) -> Phase {
        match self.kind {
            CompileErrorKind::Operator { .. } | CompileErrorKind::Mismatch { .. } => Phase::Enable,
            _ => Phase::Define,
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompileErrorKind {
    #[error("invalid {} operator {} for type {found}", operator_kind(*.op), .op.symbol())]
    Operator { op: BinaryOp, found: Type },
    #[error(
        "mismatched type to binary operator. got {left} {} {right}. see bool(), int(), float(), string(), duration()",
        .op.symbol()
    )]
    Mismatch { op: BinaryOp, left: Type, right: Type },
    #[error("error parsing regexp: {0}")]
    Regex(Arc<str>),
    #[error("undefined variable {0:?} in a lambda expression; a field or tag is written in double quotes: \"{0}\"")]
    Variable(Arc<str>),
    #[error("{0} can't stand in a lambda expression")]
    NotAnExpression(&'static str),
    #[error("the expression is nested more than {0} levels deep")]
    TooDeep(usize),
    #[error("the expression has more than {0} parts")]
    TooLong(usize),
}

/// Which operand of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Left => "left",
            Side::Right => "right",
        }
    }
}

/// Why an expression has no result for a row. Cheap to clone.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    #[error("{} reference value \"{name}\" is missing value", .side.name())]
    MissingOperand { side: Side, name: Arc<str> },
    #[error("reference \"{0}\" is missing value")]
    Missing(Arc<str>),
    #[error("cannot have field and tags with same name \"{0}\"")]
    FieldAndTag(Arc<str>),
    #[error("referenced value \"{0}\" is nil")]
    Nil(Arc<str>),
    #[error("invalid {} operator {} for type {found}", operator_kind(*.op), .op.symbol())]
    Operator { op: BinaryOp, found: Type },
    #[error(
        "mismatched type to binary operator. got {left} {} {right}. see bool(), int(), float(), string(), duration()",
        .op.symbol()
    )]
    Mismatch { op: BinaryOp, left: Type, right: Type },
    #[error("invalid unary operator {op} for type {found}")]
    Unary { op: char, found: Type },
    #[error("expression returned unexpected type {found}, expected {expected}")]
    Type { found: Type, expected: Type },
    #[error("expression returned unexpected type {0}")]
    Result(Type),
    #[error("undefined function: \"{name}\"{}", near(.nearest))]
    Function { name: Arc<str>, nearest: Option<&'static str> },
    #[error("Cannot call function \"{name}\" with args ({args}), available signatures are [{signatures}].")]
    Signature { name: Arc<str>, args: Arc<str>, signatures: Arc<str> },
    #[error("Cannot call function \"{name}\" argument {args} is missing, values in scope are [{scope}]")]
    MissingArgument { name: Arc<str>, args: Arc<str>, scope: Arc<str> },
    #[error("Failed to handle {number} argument: {source}")]
    Argument { number: usize, source: Arc<EvalError> },
    #[error("error calling \"{function}\": {why}")]
    Call { function: &'static str, why: Arc<str> },
    #[error("runtime error: integer divide by zero")]
    DivideByZero,
}

fn near(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean \"{name}\"?"))
}

/// What messages call the group that an operator belongs to.
fn operator_kind(op: BinaryOp) -> &'static str {
    use BinaryOp::*;
    match op {
        Add | Sub | Mul | Div | Mod => "math",
        And | Or => "logical",
        _ => "comparison",
    }
}
