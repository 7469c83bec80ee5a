//! The binary operators: which types they take, what they give, and their arithmetic.

use std::borrow::Cow;

use tickscript::ast::BinaryOp::{self, *};

use crate::{EvalError, Type, value::Val};

/// The type that an operator gives for operands of these types, if it takes them.
pub(crate) fn result_type(op: BinaryOp, left: Type, right: Type) -> Option<Type> {
    use Type::{Bool, Duration, Float, Int, Regex, String};
    Some(match (op, left, right) {
        (And | Or, Bool, Bool) => Bool,
        (Equal | NotEqual, Bool, Bool) => Bool,
        (RegexMatch | RegexNotMatch, String, Regex) => Bool,
        (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual, l, r) => match (l, r) {
            (Float | Int, Float | Int) | (String, String) | (Duration, Duration) => Bool,
            _ => return None,
        },
        (Add | Sub | Mul | Div, Float, Float) => Float,
        (Add | Sub | Mul | Div | Mod, Int, Int) => Int,
        (Add | Sub, Duration, Duration) => Duration,
        (Add, String, String) => String,
        (Mul, Int | Float, Duration) => Duration,
        (Mul | Div, Duration, Int | Float) => Duration,
        (Div, Duration, Duration) => Int,
        _ => return None,
    })
}

/// Whether the operator takes the type on any side at all.
pub(crate) fn takes(op: BinaryOp, operand: Type) -> bool {
    match operand {
        Type::Float => is_number_comparison(op) || matches!(op, Add | Sub | Mul | Div),
        Type::Int => is_number_comparison(op) || matches!(op, Add | Sub | Mul | Div | Mod),
        Type::Duration => is_number_comparison(op) || matches!(op, Add | Sub | Mul | Div),
        Type::String => is_number_comparison(op) || matches!(op, Add | RegexMatch | RegexNotMatch),
        Type::Bool => matches!(op, And | Or | Equal | NotEqual),
        Type::Regex => matches!(op, RegexMatch | RegexNotMatch),
        Type::Time | Type::Missing => false,
    }
}

fn is_number_comparison(op: BinaryOp) -> bool {
    matches!(op, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
}

/// Whether the result is a boolean whatever the operands are.
pub(crate) fn gives_bool(op: BinaryOp) -> bool {
    !matches!(op, Add | Sub | Mul | Div | Mod)
}

/// The result for operands whose types were checked. `And` and `Or` are not here: they may skip their right side.
pub(crate) fn apply<'a>(op: BinaryOp, left: Val<'a>, right: Val<'a>) -> Result<Val<'a>, EvalError> {
    use Val::*;
    let wrong = |l: &Val, r: &Val| EvalError::Mismatch { op, left: l.type_of(), right: r.type_of() };
    if gives_bool(op) {
        let answer = match (&left, &right) {
            (Float(l), Float(r)) => compare(op, l, r),
            (Float(l), Int(r)) => compare(op, l, &(*r as f64)),
            (Int(l), Float(r)) => compare(op, &(*l as f64), r),
            (Int(l), Int(r)) | (Duration(l), Duration(r)) => compare(op, l, r),
            (Str(l), Str(r)) => compare(op, l, r),
            (Bool(l), Bool(r)) => compare(op, l, r),
            (Str(l), Regex(r)) => r.is_match(l) == (op == RegexMatch),
            _ => return Err(wrong(&left, &right)),
        };
        return Ok(Bool(answer));
    }
    Ok(match (op, left, right) {
        (Add, Float(l), Float(r)) => Float(l + r),
        (Sub, Float(l), Float(r)) => Float(l - r),
        (Mul, Float(l), Float(r)) => Float(l * r),
        (Div, Float(l), Float(r)) => Float(l / r),
        (_, Int(l), Int(r)) => Int(integer(op, l, r)?),
        (Add | Sub, Duration(l), Duration(r)) => Duration(integer(op, l, r)?),
        (Add, Str(l), Str(r)) => Str(concat(l, &r)),
        (Mul | Div, Duration(l), Int(r)) | (Mul, Int(l), Duration(r)) => Duration(integer(op, l, r)?),
        (Mul, Duration(l), Float(r)) | (Mul, Float(r), Duration(l)) => Duration(truncate(l as f64 * r)),
        (Div, Duration(l), Float(r)) => Duration(truncate(l as f64 / r)),
        (Div, Duration(l), Duration(r)) => Int(integer(op, l, r)?),
        (_, l, r) => return Err(wrong(&l, &r)),
    })
}

fn compare<T: PartialOrd + ?Sized>(op: BinaryOp, left: &T, right: &T) -> bool {
    match op {
        Equal => left == right,
        NotEqual => left != right,
        Less => left < right,
        LessEqual => left <= right,
        Greater => left > right,
        _ => left >= right,
    }
}

/// Arithmetic that wraps around; division truncates toward zero.
pub(crate) fn integer(op: BinaryOp, left: i64, right: i64) -> Result<i64, EvalError> {
    Ok(match op {
        Add => left.wrapping_add(right),
        Sub => left.wrapping_sub(right),
        Mul => left.wrapping_mul(right),
        Div | Mod if right == 0 => return Err(EvalError::DivideByZero),
        Div => left.wrapping_div(right),
        _ => left.wrapping_rem(right),
    })
}

fn concat<'a>(left: Cow<'a, str>, right: &str) -> Cow<'a, str> {
    let mut left = left.into_owned();
    left.push_str(right);
    Cow::Owned(left)
}

/// A float as an integer: toward zero; what does not fit, and NaN, is the smallest integer.
// The conversion of the processors that Kapacitor runs on. Case: lambda/math_special_values.
#[inline]
pub(crate) fn truncate(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN }
}
