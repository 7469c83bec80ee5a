//! Changes of a JSON value: a list of operations (RFC 6902), or an object that is merged in (RFC 7396).

use serde::Deserialize;
use serde_json::Value;

/// The change is none, or does not fit the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatchError {
    #[error("invalid patch json: {0}")]
    Json(String),
    #[error("failed to apply patch: operation {number} ({op} {path:?}): {why}")]
    Apply { number: usize, op: String, path: String, why: String },
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    value: Value,
}

/// The value after the change.
///
/// # Errors
/// The body is no JSON of a change, or an operation does not fit the value: which one, counted from 1.
pub(super) fn apply(value: Value, patch: &[u8]) -> Result<Value, PatchError> {
    let bad = |error: serde_json::Error| PatchError::Json(error.to_string());
    let patch: Value = serde_json::from_slice(patch).map_err(bad)?;
    if patch.is_null() {
        return Ok(value);
    }
    if patch.is_object() {
        let mut merged = value;
        merge(&mut merged, patch);
        return Ok(merged);
    }
    let operations: Vec<Operation> = serde_json::from_value(patch).map_err(bad)?;
    let (mut value, mut copied) = (value, 0);
    for (index, operation) in operations.into_iter().enumerate() {
        let (op, path) = (operation.op.clone(), operation.path.clone());
        one(&mut value, operation, &mut copied).map_err(|why| PatchError::Apply {
            number: index + 1,
            op,
            path,
            why,
        })?;
    }
    Ok(value)
}

/// What is null in the change is removed, objects are merged, all else is put in place.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(object) = target else { return };
    for (key, change) in patch {
        if change.is_null() {
            object.remove(&key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), change);
        }
    }
}

/// Copies of copies grow fast: so many values may be made of them.
const MOST_COPIED: usize = 100_000;

/// Deeper nesting could exhaust the stack of whoever walks the value.
const DEEPEST: usize = 100;

fn one(value: &mut Value, operation: Operation, copied: &mut usize) -> Result<(), String> {
    let Operation { op, path, from, value: new } = operation;
    match op.as_str() {
        "add" => add(value, &path, new),
        "remove" => remove(value, &path).map(drop),
        "replace" => replace(value, &path, new),
        "move" => {
            if path.starts_with(&format!("{from}/")) {
                return Err("a value cannot be moved into itself".to_string());
            }
            let moved = remove(value, &from)?;
            add(value, &path, moved)
        }
        "copy" => {
            let parent = from.rsplit_once('/').and_then(|(parent, _)| value.pointer(parent));
            let copy = match value.pointer(&from) {
                Some(original) => {
                    *copied += count(original);
                    if *copied > MOST_COPIED {
                        return Err("too much is copied".to_string());
                    }
                    original.clone()
                }
                // As in Kapacitor: what an object has not got is null.
                None if parent.is_some_and(Value::is_object) => Value::Null,
                None => return Err(format!("there is nothing at {from:?}")),
            };
            add(value, &path, copy)
        }
        "test" if value.pointer(&path) == Some(&new) => Ok(()),
        "test" => Err("the value is another".to_string()),
        _ => Err("the operations are add, remove, replace, move, copy and test".to_string()),
    }
}

/// How many values a value holds, itself included.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

fn add(value: &mut Value, path: &str, new: Value) -> Result<(), String> {
    let Some((parent, key)) = split(value, path)? else {
        *value = new;
        return Ok(());
    };
    match parent {
        Value::Object(object) => {
            object.insert(key, new);
        }
        Value::Array(array) => {
            let at = if key == "-" { array.len() } else { index(&key, array.len())? };
            array.insert(at, new);
        }
        _ => return Err("what it would be part of is neither an object nor a list".to_string()),
    }
    Ok(())
}

/// As in Kapacitor, an object gets a key that it has not got yet; a list must have the place.
fn replace(value: &mut Value, path: &str, new: Value) -> Result<(), String> {
    if let Some(old) = value.pointer_mut(path) {
        *old = new;
        return Ok(());
    }
    match split(value, path)? {
        Some((Value::Object(object), key)) => {
            object.insert(key, new);
            Ok(())
        }
        _ => Err("there is nothing to replace".to_string()),
    }
}

fn remove(value: &mut Value, path: &str) -> Result<Value, String> {
    let Some((parent, key)) = split(value, path)? else {
        return Err("the whole cannot be removed".to_string());
    };
    match parent {
        Value::Object(object) => object.shift_remove(&key).ok_or_else(|| format!("there is no {key:?}")),
        Value::Array(array) if !array.is_empty() => Ok(array.remove(index(&key, array.len() - 1)?)),
        _ => Err(format!("there is no {key:?}")),
    }
}

/// What a path's last part belongs to, and that part; `None` for the path of the whole.
fn split<'a>(value: &'a mut Value, path: &str) -> Result<Option<(&'a mut Value, String)>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    let (parent, key) = path.rsplit_once('/').ok_or("a path begins with a slash")?;
    if parent.matches('/').count() > DEEPEST {
        return Err("the path is too long".to_string());
    }
    let parent = value.pointer_mut(parent).ok_or_else(|| format!("there is nothing at {parent:?}"))?;
    Ok(Some((parent, key.replace("~1", "/").replace("~0", "~"))))
}

/// A place in a list; a negative one counts from the end, with -1 for the last place.
fn index(key: &str, last: usize) -> Result<usize, String> {
    let index: i64 = key.parse().map_err(|_| format!("{key:?} is no place in a list"))?;
    let from_start = if index < 0 { index.saturating_add(last as i64 + 1) } else { index };
    match usize::try_from(from_start) {
        Ok(place) if place <= last => Ok(place),
        _ => Err(format!("the list has no place {index}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_change_a_value() {
        let value = json!({ "match": "", "options": { "to": ["a", "b"], "a/b": 1 } });
        for (patch, want) in [
            (json!([]), value.clone()),
            (
                json!([{ "op": "replace", "path": "/match", "value": "x" }, { "op": "remove", "path": "/options" }]),
                json!({ "match": "x" }),
            ),
            (
                json!([
                    { "op": "replace", "path": "/new", "value": 1 },
                    { "op": "copy", "from": "/none", "path": "/match" },
                    { "op": "add", "path": "/options/to/-1", "value": "z" },
                    { "op": "add", "path": "/options/to/-4", "value": "y" },
                    { "op": "remove", "path": "/options/to/-2" },
                ]),
                json!({ "match": null, "options": { "to": ["y", "a", "z"], "a/b": 1 }, "new": 1 }),
            ),
            (Value::Null, value.clone()),
            (
                json!([
                    { "op": "add", "path": "/options/to/-", "value": "c" },
                    { "op": "add", "path": "/options/to/0", "value": "z" },
                    { "op": "remove", "path": "/options/to/1" },
                    { "op": "move", "from": "/options/a~1b", "path": "/n" },
                    { "op": "copy", "from": "/n", "path": "/m" },
                    { "op": "test", "path": "/m", "value": 1 },
                ]),
                json!({ "match": "", "options": { "to": ["z", "b", "c"] }, "n": 1, "m": 1 }),
            ),
            (
                json!({ "match": null, "options": { "to": "x", "a/b": null, "new": { "y": 1 } } }),
                json!({ "options": { "to": "x", "new": { "y": 1 } } }),
            ),
        ] {
            assert_eq!(apply(value.clone(), patch.to_string().as_bytes()), Ok(want), "{patch}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for patch in [
            "nope",
            "5",
            "[{}]",
            r#"[{"op": "jump", "path": "/a"}]"#,
            r#"[{"op": "remove", "path": "/none"}]"#,
            r#"[{"op": "remove", "path": ""}]"#,
            r#"[{"op": "remove", "path": "/l/1"}]"#,
            r#"[{"op": "remove", "path": "/e/0"}]"#,
            r#"[{"op": "replace", "path": "/none/x", "value": 1}]"#,
            r#"[{"op": "add", "path": "/s/x", "value": 1}]"#,
            r#"[{"op": "add", "path": "/l/2", "value": 1}]"#,
            r#"[{"op": "add", "path": "x", "value": 1}]"#,
            r#"[{"op": "move", "from": "/l", "path": "/l/0"}]"#,
            r#"[{"op": "copy", "from": "/none/x", "path": "/x"}]"#,
            r#"[{"op": "copy", "from": "/l/1", "path": "/x"}]"#,
            r#"[{"op": "replace", "path": "/l/1", "value": 1}]"#,
            r#"[{"op": "remove", "path": "/l/-2"}]"#,
            r#"[{"op": "remove", "path": "/e/-1"}]"#,
            r#"[{"op": "test", "path": "/s", "value": 2}]"#,
        ] {
            let value = json!({ "l": [1], "e": [], "s": "s" });
            assert!(apply(value, patch.as_bytes()).is_err(), "{patch}");
        }
        let doubled = vec![r#"{"op": "copy", "from": "/a", "path": "/a/-"}"#; 40].join(",");
        let error = apply(json!({ "a": [1] }), format!("[{doubled}]").as_bytes()).unwrap_err();
        assert!(error.to_string().ends_with("too much is copied"), "{error}");
        let error = apply(json!({}), br#"[{"op": "remove", "path": "/a"}]"#).unwrap_err();
        assert_eq!(error.to_string(), "failed to apply patch: operation 1 (remove \"/a\"): there is no \"a\"");
    }
}
