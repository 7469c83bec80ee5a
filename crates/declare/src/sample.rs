//! Writes sections as a config file with a comment for each key: the sample config, and a loaded one shown back.

use serde_json::Value as Json;

use crate::item::Item;
use crate::section::Slot;
use crate::table::Shown;

/// The whole config as TOML that loads to the same config. Keys that are unset, those of ours with
/// their defaults, and sections without elements stand as comments.
pub fn write_sample(slots: &mut [Slot<'_>]) -> String {
    let mut out = String::new();
    for slot in slots {
        if slot.is_empty() {
            let fresh = slot.table.fresh();
            let values = slot.table.values(&*fresh);
            write_about(&mut out, slot);
            out.push_str(&format!("# {}\n", slot.heading()));
            write_keys(&mut out, slot, &values, "# ");
            continue;
        }
        for index in 0..slot.len() {
            let table = slot.table.clone();
            let Some(object) = slot.element(index) else { continue };
            let values = table.values(object);
            if index == 0 {
                write_about(&mut out, slot);
            } else {
                out.push('\n');
            }
            let heading = if slot.name.is_empty() { String::new() } else { slot.heading() };
            let is_off = table.items().iter().zip(&values).all(|(item, shown)| item.ours && shown.is_default);
            out.push_str(&format!("{}{heading}\n", if is_off { "# " } else { "" }));
            write_keys(&mut out, slot, &values, "");
        }
    }
    out
}

fn write_about(out: &mut String, slot: &Slot<'_>) {
    if !out.is_empty() {
        out.push('\n');
    }
    write_comment(out, "", slot.table.about());
}

/// Keys first, then the tables among them, which would else swallow the keys after them.
fn write_keys(out: &mut String, slot: &Slot<'_>, values: &[Shown], comment: &str) {
    let indent = if slot.name.is_empty() { "" } else { "  " };
    let items: Vec<(&Item, &Shown)> = slot.table.items().iter().zip(values).filter(|(item, _)| !item.hidden).collect();
    for (item, shown) in items.iter().filter(|(item, shown)| is_plain(item, &shown.json)) {
        write_item(out, indent, item);
        let is_off = shown.json.is_null() || item.ours && shown.is_default;
        let off = if is_off { "# " } else { comment };
        out.push_str(&format!("{indent}{off}{} = {}\n", bare_key(&item.name), toml_value(item, &shown.json)));
    }
    let mut last_group = "";
    for (item, shown) in items.iter().filter(|(item, shown)| !is_plain(item, &shown.json)) {
        if let Some((group, key)) = item.name.split_once('.') {
            if group != last_group {
                out.push_str(&format!("{indent}{comment}[{}.{group}]\n", slot.name));
                last_group = group;
            }
            write_item(out, &format!("{indent}  "), item);
            out.push_str(&format!("{indent}  {comment}{} = {}\n", bare_key(key), toml_value(item, &shown.json)));
        } else {
            write_item(out, indent, item);
            out.push_str(&format!("{indent}{comment}[{}.{}]\n", slot.name, bare_key(&item.name)));
            write_table(
                out,
                &format!("{}.{}", slot.name, bare_key(&item.name)),
                &format!("{indent}  {comment}"),
                &shown.json,
            );
        }
    }
}

/// The entries of a table, those that are tables themselves with a heading of their own.
fn write_table(out: &mut String, path: &str, indent: &str, json: &Json) {
    let Json::Object(entries) = json else { return };
    for (key, value) in entries.iter().filter(|(_, value)| !value.is_object() && !value.is_null()) {
        out.push_str(&format!("{indent}{} = {}\n", bare_key(key), toml_text(value)));
    }
    for (key, value) in entries.iter().filter(|(_, value)| value.is_object()) {
        let path = format!("{path}.{}", bare_key(key));
        out.push_str(&format!("{indent}[{path}]\n"));
        write_table(out, &path, &format!("{indent}  "), value);
    }
}

fn write_item(out: &mut String, indent: &str, item: &Item) {
    write_comment(out, indent, &item.about);
    if !item.choices.is_empty() {
        let choices: Vec<String> = item.choices.iter().map(|choice| format!("{choice:?}")).collect();
        write_comment(out, indent, &format!("One of {}.", choices.join(", ")));
    }
}

/// Comment lines of a readable width.
fn write_comment(out: &mut String, indent: &str, text: &str) {
    const WIDTH: usize = 100;
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            out.push_str(&format!("{indent}# {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        out.push_str(&format!("{indent}# {line}\n"));
    }
}

/// Whether it fits on a line behind its name.
fn is_plain(item: &Item, json: &Json) -> bool {
    !item.name.contains('.') && !matches!(json, Json::Object(_))
}

fn toml_value(item: &Item, json: &Json) -> String {
    match json {
        Json::Null => example(item),
        Json::Number(number) if item.kind == crate::Kind::Float => {
            toml::Value::Float(number.as_f64().unwrap_or_default()).to_string()
        }
        other => toml_text(other),
    }
}

/// What stands behind the name of an unset key.
fn example(item: &Item) -> String {
    match &item.kind {
        crate::Kind::List(_) => "[]".to_string(),
        crate::Kind::Map(of) if matches!(**of, crate::Kind::List(_)) => "{ name = [\"value\"] }".to_string(),
        crate::Kind::Map(_) => "{ name = \"value\" }".to_string(),
        crate::Kind::Int => "0".to_string(),
        crate::Kind::Float => "0.0".to_string(),
        crate::Kind::Bool => "false".to_string(),
        _ => "\"\"".to_string(),
    }
}

fn toml_text(json: &Json) -> String {
    match json {
        Json::Null => "\"\"".to_string(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => match number.as_i64() {
            Some(value) => value.to_string(),
            None => toml::Value::Float(number.as_f64().unwrap_or_default()).to_string(),
        },
        Json::String(text) => toml::Value::String(text.clone()).to_string(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_text).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{} = {}", bare_key(key), toml_text(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A key as it is, or in quotes if TOML wants them.
fn bare_key(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { key.to_string() } else { toml::Value::String(key.to_string()).to_string() }
}
