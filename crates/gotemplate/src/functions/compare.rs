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
        (_, Struct(_)) if left.kind() == Kind::Struct => {
            if has_collection(right) {
                Err(not_comparable(right))
            } else {
                Ok(same_struct(left, right))
            }
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

/// Whether a struct holds what cannot be compared.
fn has_collection(value: &Value) -> bool {
    match value {
        Value::Struct(value) => value.fields.iter().any(|(_, field)| has_collection(field)),
        Value::List(_) | Value::Map(_) | Value::StringMap(_) => true,
        _ => false,
    }
}

fn same_struct(left: &Value, right: &Value) -> bool {
    let (Value::Struct(left), Value::Struct(right)) = (left, right) else { return false };
    let same = |(left, right): (&(&str, Value), &(&str, Value))| {
        matches!(equal(&left.1, &right.1), Ok(true)) && left.1.type_name() == right.1.type_name()
    };
    left.name == right.name
        && left.fields.len() == right.fields.len()
        && left.fields.iter().zip(&right.fields).all(same)
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
