//! Sets keys of sections from environment variables: `KAPACITOR_HTTP_BIND_ADDRESS`, `KAPACITOR_INFLUXDB_0_URLS_0`.

use crate::error::TextError;
use crate::item::Item;
use crate::kind::Kind;
use crate::section::Slot;
use crate::suggest::{did_you_mean, nearest};
use crate::toml::{LoadError, Warning};

/// Applies all variables that start with the prefix and `_`. Names that mean nothing, and places that do not exist, are
/// warnings; texts that are no value of the key's type are errors. `is_other` knows the names (without prefix) that mean
/// something elsewhere.
pub fn apply_environment(
    prefix: &str,
    variables: impl IntoIterator<Item = (String, String)>,
    is_other: fn(&str) -> bool,
    slots: &mut [Slot<'_>],
) -> Result<Vec<Warning>, LoadError> {
    let start = format!("{prefix}_");
    // A variable may be the only thing that makes another one's place: sorted, so that the outcome is always the same.
    let mut variables: Vec<(String, String)> = variables
        .into_iter()
        .filter(|(name, value)| name.starts_with(&start) && !value.is_empty())
        .filter(|(name, _)| !is_other(&name[start.len()..]))
        .collect();
    variables.sort();
    let mut warnings = Vec::new();
    for (name, value) in variables {
        match apply_one(&name[start.len()..], &value, slots) {
            Ok(()) => {}
            Err(Failure::Nothing(near)) => {
                let near: Vec<String> = near.iter().map(|near| format!("{start}{near}")).collect();
                let text = format!("the environment variable {name} names no key{}", did_you_mean(&near));
                warnings.push(Warning { line: None, text });
            }
            Err(Failure::NoPlace(why)) => {
                let text = format!("the environment variable {name} sets nothing: {why}");
                warnings.push(Warning { line: None, text });
            }
            Err(Failure::Value(mismatch)) => {
                return Err(LoadError::Environment { variable: name, mismatch: Box::new(mismatch) });
            }
        }
    }
    Ok(warnings)
}

enum Failure {
    /// No such key; these are near.
    Nothing(Vec<String>),
    NoPlace(String),
    Value(crate::Mismatch),
}

/// `name` is without the prefix.
fn apply_one(name: &str, value: &str, slots: &mut [Slot<'_>]) -> Result<(), Failure> {
    let mut failure = None;
    for slot in slots.iter_mut() {
        let section = env_part(slot.name);
        let rest = if section.is_empty() { Some(name) } else { after(name, &section) };
        let Some(rest) = rest else { continue };
        match apply_in(slot, rest, value) {
            Ok(()) => return Ok(()),
            Err(Failure::Nothing(near)) if section.is_empty() => {
                failure.get_or_insert(Failure::Nothing(near));
            }
            Err(Failure::Nothing(near)) => {
                let near = near.iter().map(|near| format!("{section}_{near}")).collect();
                failure = Some(Failure::Nothing(near));
            }
            Err(other) => return Err(other),
        }
    }
    match failure {
        Some(Failure::Nothing(near)) if near.is_empty() => Err(Failure::Nothing(near_section(name, slots))),
        Some(failure) => Err(failure),
        None => Err(Failure::Nothing(near_section(name, slots))),
    }
}

/// `rest` is what follows the section's name.
fn apply_in(slot: &mut Slot<'_>, rest: &str, value: &str) -> Result<(), Failure> {
    if !slot.shape.is_array() {
        return apply_to(slot, 0, rest, value);
    }
    let (index, key) = rest.split_once('_').unwrap_or((rest, ""));
    match index.parse::<usize>() {
        Ok(index) if index < slot.len() => apply_to(slot, index, key, value),
        Ok(_) => Err(Failure::NoPlace(format!(
            "there are {} sections {}; the environment cannot add one",
            slot.len(),
            slot.heading()
        ))),
        Err(_) if slot.implicit_index && slot.len() == 1 => apply_to(slot, 0, rest, value),
        Err(_) => {
            let has_key = slot.table.items().iter().any(|item| path_after(item, rest).is_some());
            if has_key {
                let text =
                    format!("{} is an array: write its index first, {}_0_{rest}", slot.heading(), env_part(slot.name));
                return Err(Failure::NoPlace(text));
            }
            Err(Failure::Nothing(Vec::new()))
        }
    }
}

fn apply_to(slot: &mut Slot<'_>, index: usize, key: &str, value: &str) -> Result<(), Failure> {
    let table = slot.table.clone();
    let found =
        table.items().iter().filter_map(|item| Some((item, path_after(item, key)?))).min_by_key(|(_, path)| path.len());
    let Some((item, path)) = found else {
        let names: Vec<String> = table.items().iter().map(env_name).collect();
        let index = if slot.shape.is_array() { format!("{index}_") } else { String::new() };
        let near = nearest(key, names.iter().map(String::as_str));
        return Err(Failure::Nothing(near.iter().map(|near| format!("{index}{near}")).collect()));
    };
    let Some(object) = slot.element(index) else { return Err(Failure::Nothing(Vec::new())) };
    item.set_text(object, path, value).map_err(|error| match error {
        TextError::NoPlace(mismatch) => Failure::NoPlace(mismatch.to_string()),
        TextError::Value(mismatch) => Failure::Value(mismatch),
    })
}

/// The part of the value that `key` names, if it names this item: empty for all of it.
fn path_after<'a>(item: &Item, key: &'a str) -> Option<&'a str> {
    let name = env_name(item);
    if key == name {
        return Some("");
    }
    let has_parts = matches!(item.kind, Kind::List(_) | Kind::Map(_));
    after(key, &name).filter(|_| has_parts)
}

/// What a variable calls the item.
fn env_name(item: &Item) -> String {
    if item.env_name.is_empty() { env_part(&item.name) } else { item.env_name.to_string() }
}

fn env_part(name: &str) -> String {
    name.to_uppercase().replace(['-', '.'], "_")
}

fn after<'a>(name: &'a str, start: &str) -> Option<&'a str> {
    name.strip_prefix(start)?.strip_prefix('_')
}

fn near_section(name: &str, slots: &[Slot<'_>]) -> Vec<String> {
    let mut names = Vec::new();
    for slot in slots {
        let index = if slot.shape.is_array() { "_0" } else { "" };
        let separator = if slot.name.is_empty() { "" } else { "_" };
        let section = env_part(slot.name);
        names.extend(slot.table.items().iter().map(|item| format!("{section}{index}{separator}{}", env_name(item))));
    }
    nearest(name, names.iter().map(String::as_str))
}
