//! `eq`, `lt` and their relatives: values compare with values of their own kind only.
use std::cmp::Ordering;

use crate::formatter::write_plain;
use crate::val::Val;
use crate::value::{Kind, Value, level_name};

const BAD_TYPE: &str = "invalid type for comparison";

/// Whether the first is equal to one of the others.
pub(super) fn eq(first: &Val<'_>, others: &[Val<'_>]) -> Result<bool, String> {
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first.value(), other.value())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    use Value::{Level, List, Map, Nil, StringMap, Struct};
    match (left, right) {
        (Nil, Nil) => Ok(true),
        (Nil, _) | (_, Nil) => Ok(false),
        (Level(level), other) | (other, Level(level)) if other.as_str().is_some() => {
            // The name of a level is as good as its number.
            Ok(other.as_str() == Some(level_name(*level)))
        }
        (List(_), List(_)) | (Map(_) | StringMap(_), Map(_) | StringMap(_)) => Err(not_comparable(right)),
        (Struct(left), Struct(right)) => {
            if left.name != right.name || left.fields.len() != right.fields.len() {
                return Ok(false);
            }
            for ((_, left), (_, right)) in left.fields.iter().zip(&right.fields) {
                if !equal(left, right)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => match (left.kind(), right.kind()) {
            (Kind::Struct, Kind::Struct) => Ok(same_moment(left, right)),
            _ if is_basic(left) || is_basic(right) => match order(left, right) {
                Some(order) => Ok(order == Some(Ordering::Equal)),
                None => Err(incompatible(left, right)),
            },
            _ => Err(format!(
                "non-comparable types {}: {}, {}: {}",
                plain(left),
                left.type_name(),
                right.type_name(),
                plain(right)
            )),
        },
    }
}

fn same_moment(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Time(left), Value::Time(right)) => left == right,
        (Value::Moment(left), Value::Moment(right)) => left == right,
        (Value::Zone(left), Value::Zone(right)) => left == right,
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    let mut text = String::new();
    write_plain(value, &mut text);
    text
}

fn not_comparable(value: &Value) -> String {
    format!("non-comparable type {}: {}", plain(value), value.type_name())
}

fn incompatible(left: &Value, right: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", left.type_name(), right.type_name())
}

fn is_basic(value: &Value) -> bool {
    matches!(value.kind(), Kind::Bool | Kind::Int | Kind::Uint | Kind::Float | Kind::String)
}

/// How two values of basic kinds are ordered: none if their kinds do not go together, an inner none if they have no order.
fn order(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(Some(left.cmp(right))),
        (Value::Float(left), Value::Float(right)) => Some(left.partial_cmp(right)),
        _ => match (left.as_int(), right.as_int(), left.as_str(), right.as_str()) {
            (Some(left), Some(right), ..) => Some(Some(left.cmp(&right))),
            (.., Some(left), Some(right)) => Some(Some(left.cmp(right))),
            _ => None,
        },
    }
}

/// Whether the left is less than the right.
pub(super) fn lt(left: &Val<'_>, right: &Val<'_>) -> Result<bool, String> {
    let (left, right) = (left.value(), right.value());
    if !is_basic(left) || !is_basic(right) {
        return Err(BAD_TYPE.to_owned());
    }
    match order(left, right) {
        None => Err(incompatible(left, right)),
        Some(_) if left.kind() == Kind::Bool => Err(BAD_TYPE.to_owned()),
        Some(order) => Ok(order == Some(Ordering::Less)),
    }
}

/// Whether the left is less than the right or equal to it.
pub(super) fn le(left: &Val<'_>, right: &Val<'_>) -> Result<bool, String> {
    Ok(lt(left, right)? || equal(left.value(), right.value())?)
}
