//! What our own daemon gives where it differs on purpose: `known/AREA__CASE.json`, which `golden.py --record-known` writes.

use std::{fs, path::PathBuf};

use serde_json::{Map, Value as Json};

use crate::case::CaseError;

/// Put our own results into what was recorded of this case, in the places that differ on purpose.
///
/// # Errors
/// The file is there, but is not JSON of the right form.
pub(crate) fn deviate(name: &str, expected: &mut Json) -> Result<(), CaseError> {
    let file = format!("known/{}.json", name.replace('/', "__"));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let changes: Map<String, Json> =
        serde_json::from_str(&text).map_err(|why| CaseError { path, why: why.to_string() })?;
    for (place, ours) in changes {
        put(expected, &place, ours);
    }
    Ok(())
}

/// `place` is `KIND/NAME`: a step by its number and verb, a file by its path, a sink without a name. Null takes away.
fn put(expected: &mut Json, place: &str, ours: Json) {
    match place.split_once('/') {
        Some(("steps", step)) => put_step(expected, step, ours),
        Some(("files", file)) => put_in(&mut expected["files"], file, ours),
        Some((sink, _)) => put_in(expected, sink, ours),
        None => {}
    }
}

fn put_in(map: &mut Json, key: &str, ours: Json) {
    if ours.is_null() {
        map.as_object_mut().map(|map| map.remove(key));
    } else {
        map[key] = ours;
    }
}

fn put_step(expected: &mut Json, step: &str, ours: Json) {
    let number = |step: &str| step.split(' ').next().and_then(|number| number.parse::<usize>().ok());
    let Some(steps) = expected["steps"].as_array_mut() else { return };
    steps.retain(|known| known["step"] != step);
    if !ours.is_null() {
        let at = steps.partition_point(|known| number(known["step"].as_str().unwrap_or_default()) < number(step));
        steps.insert(at, ours);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_files_and_sinks_are_replaced_added_and_taken_away() {
        let step = |step: &str, body: i32| json!({"step": step, "body": body});
        let mut expected = json!({
            "steps": [step("1 http", 1), step("2 http", 2), step("10 http", 10)],
            "files": {"a.log": [1], "b.log": [2]}, "sink": [1],
        });
        put(&mut expected, "steps/2 http", step("2 http", 22));
        put(&mut expected, "steps/1 http", Json::Null);
        put(&mut expected, "steps/3 http", step("3 http", 3));
        put(&mut expected, "files/a.log", json!([11]));
        put(&mut expected, "files/b.log", Json::Null);
        put(&mut expected, "sink/", Json::Null);
        put(&mut expected, "influx_writes/", json!([4]));
        let wanted = json!({
            "steps": [step("2 http", 22), step("3 http", 3), step("10 http", 10)],
            "files": {"a.log": [11]}, "influx_writes": [4],
        });
        assert_eq!(expected, wanted);
    }
}
