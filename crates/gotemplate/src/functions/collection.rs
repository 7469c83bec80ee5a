//! `index`, `slice` and `len`: parts of maps, lists and strings.
use std::sync::Arc;

use crate::val::Val;
use crate::value::{Kind, Value};

/// `index x 1 "a"` is `x[1]["a"]`.
pub(super) fn index<'a>(arguments: &[Val<'a>]) -> Result<Val<'a>, String> {
    let mut item = arguments[0].clone().unboxed();
    if item.is_missing() {
        return Err("index of untyped nil".to_owned());
    }
    for key in &arguments[1..] {
        item = index_one(&item, key)?;
    }
    Ok(item)
}

fn index_one<'a>(item: &Val<'a>, key: &Val<'_>) -> Result<Val<'a>, String> {
    match item.value() {
        Value::Nil => Err("index of nil pointer".to_owned()),
        Value::List(items) => {
            let at = position(key, items.len())?;
            let found = item.part(|value| match value {
                Value::List(items) => items.get(at),
                _ => None,
            });
            found.map(Val::boxed).ok_or_else(|| "reflect: slice index out of range".to_owned())
        }
        Value::String(text) | Value::Js(text) => {
            let at = position(key, text.len())?;
            let byte = text.as_bytes().get(at).ok_or("reflect: string index out of range")?;
            Ok(Val::Own(Value::Byte(*byte)))
        }
        Value::Map(_) | Value::StringMap(_) => {
            let key = map_key(key)?;
            let found = item.part(|value| match value {
                Value::Map(map) | Value::StringMap(map) => map.get(key),
                _ => None,
            });
            Ok(match (item.value(), found) {
                (Value::Map(_), found) => found.map_or(Val::Ref(&Value::Nil), Val::boxed),
                (_, Some(found)) => found,
                (_, None) => Val::Own(Value::String(Arc::default())),
            })
        }
        other => Err(format!("can't index item of type {}", other.type_name())),
    }
}

fn map_key<'k>(key: &'k Val<'_>) -> Result<&'k str, String> {
    match key.value() {
        Value::String(text) => Ok(text),
        Value::Nil => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

/// An index into a sequence of that length; one past the end is left to the caller.
fn position(index: &Val<'_>, length: usize) -> Result<usize, String> {
    let index = match index.value() {
        Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        value => value.as_int().ok_or_else(|| format!("cannot index slice/array with type {}", value.type_name()))?,
    };
    usize::try_from(index).ok().filter(|index| *index <= length).ok_or_else(|| format!("index out of range: {index}"))
}

/// `slice x 1 2` is `x[1:2]`.
pub(super) fn slice<'a>(arguments: &[Val<'a>]) -> Result<Val<'a>, String> {
    let item = arguments[0].value();
    let indexes = &arguments[1..];
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        _ if indexes.len() > 3 => return Err(format!("too many slice indexes: {}", indexes.len())),
        Value::String(_) | Value::Js(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::String(text) | Value::Js(text) => text.len(),
        Value::List(items) => items.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, length)?;
    }
    for pair in bounds.windows(2) {
        if pair[0] > pair[1] {
            return Err(format!("invalid slice index: {} > {}", pair[0], pair[1]));
        }
    }
    let range = bounds[0]..bounds[1];
    Ok(Val::Own(match item {
        Value::List(items) => Value::List(items[range].into()),
        // Bytes may be cut within a character; what is left of it cannot be text.
        Value::Js(text) => Value::Js(String::from_utf8_lossy(&text.as_bytes()[range]).into()),
        other => {
            let text = other.as_str().unwrap_or_default();
            Value::String(String::from_utf8_lossy(&text.as_bytes()[range]).into())
        }
    }))
}

/// The length of a map, list or string.
pub(super) fn len(item: &Val<'_>) -> Result<Value, String> {
    let length = match item.value() {
        Value::Nil if item.is_missing() => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        Value::String(text) | Value::Js(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(map) | Value::StringMap(map) => map.len(),
        other => {
            debug_assert!(other.kind() != Kind::String, "strings have a length");
            return Err(format!("len of type {}", other.type_name()));
        }
    };
    Ok(Value::Number(length as i64))
}
