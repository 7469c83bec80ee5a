//! What differs between what was recorded and what came out.

use serde_json::{Map, Value as Json};

use crate::case::Order;

/// Order holds within a group, not between groups, unless the case says otherwise.
pub(crate) fn ordered(order: Order, items: &mut [Json]) {
    match order {
        Order::Total => {}
        Order::Group => items.sort_by_cached_key(group_of),
        Order::None => items.sort_by_cached_key(text_of),
    }
}

/// What the order of an item is within: an alert's id, a series, a mail's subject.
fn group_of(item: &Json) -> String {
    let body = item.get("body").filter(|body| body.is_object()).unwrap_or(item);
    let series = body.pointer("/data/series/0").unwrap_or(&Json::Null);
    let parts =
        [&item["path"], &body["id"], &series["name"], &series["tags"], &item["name"], &item["tags"], &item["subject"]];
    parts.map(text_of).join("\n")
}

/// A text that is the same for equal values, whatever the order of their keys.
pub(crate) fn text_of(value: &Json) -> String {
    match value {
        Json::Object(object) => {
            let mut items: Vec<_> = object.iter().map(|(key, value)| format!("{key:?}:{}", text_of(value))).collect();
            items.sort();
            format!("{{{}}}", items.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(text_of).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Both values with only the keys of objects that both have.
pub(crate) fn in_both(want: &Json, got: &Json) -> (Json, Json) {
    match (want, got) {
        (Json::Object(want), Json::Object(got)) => {
            let (mut left, mut right) = (Map::new(), Map::new());
            for (key, value) in want {
                if let Some(other) = got.get(key) {
                    let (value, other) = in_both(value, other);
                    left.insert(key.clone(), value);
                    right.insert(key.clone(), other);
                }
            }
            (left.into(), right.into())
        }
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => {
            let (left, right): (Vec<_>, Vec<_>) = left.iter().zip(right).map(|(a, b)| in_both(a, b)).unzip();
            (left.into(), right.into())
        }
        _ => (want.clone(), got.clone()),
    }
}

/// The places in which two recorded values differ, a line each: `.sink[0].body: want .., got ..`.
pub(crate) fn differences(want: &Json, got: &Json) -> Vec<String> {
    let mut out = Vec::new();
    differ(want, got, "", &mut out);
    out
}

fn differ(want: &Json, got: &Json, at: &str, out: &mut Vec<String>) {
    match (want, got) {
        (Json::Object(want), Json::Object(got)) => differ_objects(want, got, at, out),
        (Json::Array(want), Json::Array(got)) => {
            if want.len() != got.len() {
                out.push(format!("{at}: want {} items, got {}", want.len(), got.len()));
            }
            for (i, (want, got)) in want.iter().zip(got).enumerate() {
                differ(want, got, &format!("{at}[{i}]"), out);
            }
        }
        (Json::Number(a), Json::Number(b)) if a.is_f64() || b.is_f64() => {
            if !is_close(a.as_f64(), b.as_f64()) {
                out.push(format!("{at}: want {}, got {}", short(want), short(got)));
            }
        }
        _ if want == got => {}
        _ => out.push(format!("{at}: want {}, got {}", short(want), short(got))),
    }
}

fn is_close(a: Option<f64>, b: Option<f64>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    a == b || (a - b).abs() <= (1e-9 * a.abs().max(b.abs())).max(1e-12)
}

fn differ_objects(want: &Map<String, Json>, got: &Map<String, Json>, at: &str, out: &mut Vec<String>) {
    let loose = worded(want);
    for &key in &loose {
        let (mut a, mut b) = (want.get(key), got.get(key));
        if key == "body" {
            a = a.and_then(|body| body.get("error"));
            b = b.map(|body| body.get("error").unwrap_or(body));
        }
        if key != "dot" {
            differ_error(a.unwrap_or(&Json::Null), b.unwrap_or(&Json::Null), &format!("{at}.{key}"), out);
        }
    }
    for (key, value) in want.iter().filter(|(key, _)| !loose.contains(&key.as_str())) {
        match got.get(key) {
            Some(other) => differ(value, other, &format!("{at}.{key}"), out),
            None => out.push(format!("{at}.{key}: want {}, got nothing", short(value))),
        }
    }
    for (key, value) in got.iter().filter(|(key, _)| !want.contains_key(*key) && !loose.contains(&key.as_str())) {
        out.push(format!("{at}.{key}: want nothing, got {}", short(value)));
    }
}

/// The keys of an answer that tell an error, whose words may be better than those recorded.
fn worded(want: &Map<String, Json>) -> Vec<&'static str> {
    let error = want.get("error").and_then(Json::as_str).unwrap_or_default();
    let refused = want.get("status").and_then(Json::as_i64).is_some_and(|status| status >= 400);
    if refused && want.get("body").is_some_and(|body| body.get("error").is_some()) {
        vec!["body"]
    } else if !error.is_empty() && want.contains_key("script") {
        vec!["error", "dot"]
    } else {
        Vec::new()
    }
}

/// That it is an error, and the line it names, may not differ.
fn differ_error(want: &Json, got: &Json, at: &str, out: &mut Vec<String>) {
    let (want_text, got_text) = (words(want), words(got));
    if want_text.trim().is_empty() != got_text.trim().is_empty() {
        out.push(format!("{at}: want {}, got {}", short(want), short(got)));
    } else if let Some(line) = line_named(&want_text)
        && ![format!("line {line}"), format!(":{line}")].iter().any(|text| names(&got_text, text))
    {
        out.push(format!("{at}: want an error that names line {line} ({}), got {}", short(want), short(got)));
    }
}

fn words(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(words).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

/// The number in the first `line 3` of a text.
fn line_named(text: &str) -> Option<&str> {
    text.match_indices("line ").find_map(|(at, word)| {
        let rest = &text[at + word.len()..];
        let number = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
        (!number.is_empty()).then_some(number)
    })
}

/// Whether the text has this, not followed by another digit.
fn names(text: &str, what: &str) -> bool {
    text.match_indices(what).any(|(at, _)| !text[at + what.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(157) {
        Some((end, _)) if text.chars().count() > 160 => format!("{}...", &text[..end]),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_their_place() {
        for (want, got, lines) in [
            (json!({"a": [1, 2.0]}), json!({"a": [1, 2.000_000_000_1]}), vec![]),
            (json!({"a": [1, 2]}), json!({"a": [1, 2.5]}), vec![".a[1]: want 2, got 2.5"]),
            (json!({"a": 1}), json!({"b": 1}), vec![".a: want 1, got nothing", ".b: want nothing, got 1"]),
            (json!([1, 2]), json!([1]), vec![": want 2 items, got 1"]),
            (json!("1"), json!(1), vec![": want \"1\", got 1"]),
        ] {
            assert_eq!(differences(&want, &got), lines, "{want} {got}");
        }
    }

    #[test]
    fn errors_may_be_worded_better() {
        let answer = |text: &str| json!({"status": 400, "body": {"error": text, "message": text}});
        let want = answer("invalid TICKscript: line 12 char 3: no");
        assert_eq!(differences(&want, &answer("line 12 char 3: not at all")), Vec::<String>::new());
        assert_eq!(differences(&want, &answer("line 1 char 3: not at all")).len(), 1);
        assert_eq!(differences(&want, &json!({"status": 200, "body": {}})).len(), 2);
        assert_eq!(differences(&answer("x"), &answer("")).len(), 1);
    }

    #[test]
    fn order_holds_within_a_group() {
        let item = |id: &str, n: i64| json!({"path": "/", "body": {"id": id, "n": n}});
        let mut items = [item("b", 2), item("a", 9), item("b", 1)];
        ordered(Order::Group, &mut items);
        assert_eq!(items, [item("a", 9), item("b", 2), item("b", 1)]);
        ordered(Order::None, &mut items);
        assert_eq!(items, [item("a", 9), item("b", 1), item("b", 2)]);
    }

    #[test]
    fn a_part_is_what_both_have() {
        let (want, got) = in_both(&json!({"a": {"b": 1, "c": 2}, "l": [{"x": 1}]}), &json!({"a": {"b": 3}, "l": [{}]}));
        assert_eq!((want, got), (json!({"a": {"b": 1}, "l": [{}]}), json!({"a": {"b": 3}, "l": [{}]})));
    }
}
