//! Reads a config file into sections: unknown names are warnings, wrong types errors, both with their line.

use std::fmt;

use thiserror::Error;
use toml::Spanned;
use toml::Value as Toml;
use toml::de::{DeTable, DeValue};

use crate::error::Mismatch;
use crate::section::Slot;
use crate::suggest::{did_you_mean, nearest};
use crate::table::Table;

/// What a user should know, though the config is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line in the file, from 1; none if it is about the environment.
    pub line: Option<usize>,
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Why a config file or the environment was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    #[error("toml: line {line} column {column}: {message}: {text}")]
    Syntax { line: usize, column: usize, message: String, text: String },
    /// `key` is a path: `http.bind-address`.
    #[error("toml: line {line}: {key}: {mismatch}")]
    Value { line: usize, key: String, mismatch: Box<Mismatch> },
    #[error("{variable}: {mismatch}")]
    Environment { variable: String, mismatch: Box<Mismatch> },
}

/// Reads the text of a file into the sections; those that it does not name keep their values. The slot of the keys
/// before the first section has the empty name. `obsolete` are unknown names, `section`, `section.key` or `key`, that do
/// not deserve a warning, unless it is a section that is enabled.
pub fn load_toml(text: &str, slots: &mut [Slot<'_>], obsolete: &[&str]) -> Result<Vec<Warning>, LoadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let spans = DeTable::parse(text).map_err(|error| syntax_error(text, &error))?;
    let values: toml::Table = toml::from_str(text).map_err(|error| syntax_error(text, &error))?;
    let mut loader = Loader { text, obsolete, warnings: Vec::new() };
    for (key, span) in spans.get_ref() {
        if let Some(value) = values.get(key.get_ref().as_ref()) {
            loader.top(slots, &Place { key, span }, value)?;
        }
    }
    loader.warnings.sort_by_key(|warning| warning.line);
    Ok(loader.warnings)
}

/// A key in the file, with where it and its value stand.
struct Place<'a, 'i> {
    key: &'a Spanned<std::borrow::Cow<'i, str>>,
    span: &'a Spanned<DeValue<'i>>,
}

struct Loader<'t> {
    text: &'t str,
    obsolete: &'t [&'t str],
    warnings: Vec<Warning>,
}

impl Loader<'_> {
    /// A section, or a key before the first of them.
    fn top(&mut self, slots: &mut [Slot<'_>], place: &Place<'_, '_>, value: &Toml) -> Result<(), LoadError> {
        let name: &str = place.key.get_ref();
        let exact = slots.iter().position(|slot| !slot.name.is_empty() && slot.name == name);
        let found = exact.or_else(|| slots.iter().position(|slot| slot.name.eq_ignore_ascii_case(name)));
        if let Some(slot) = found.and_then(|index| slots.get_mut(index)) {
            return self.section(slot, place, value);
        }
        let top = slots.iter_mut().find(|slot| slot.name.is_empty());
        if let Some(slot) = top {
            let table = slot.table.clone();
            if let (Some(item), Some(object)) = (table.find_name(name), slot.element(0)) {
                let set = item.set_toml(object, value);
                return set.map_err(|mismatch| self.value_error(place, name, mismatch));
            }
        }
        if self.obsolete.contains(&name) && !is_enabled(value) {
            return Ok(());
        }
        let is_section = matches!(value, Toml::Table(_)) || is_array_of_tables(value);
        self.unknown_top(slots, place, is_section);
        Ok(())
    }

    fn unknown_top(&mut self, slots: &[Slot<'_>], place: &Place<'_, '_>, is_section: bool) {
        let name: &str = place.key.get_ref();
        let text = if is_section {
            let near = nearest(name, slots.iter().map(|slot| slot.name).filter(|name| !name.is_empty()));
            format!("there is no section [{name}]{}", did_you_mean(&near))
        } else {
            let top = slots.iter().find(|slot| slot.name.is_empty());
            let near = top.map(|slot| near_name(&slot.table, name)).unwrap_or_default();
            format!("there is no key {name:?} before the first section{}", did_you_mean(&near))
        };
        self.warn(place.key.span().start, text);
    }

    /// One table, or an array of them.
    fn section(&mut self, slot: &mut Slot<'_>, place: &Place<'_, '_>, value: &Toml) -> Result<(), LoadError> {
        let name = slot.name;
        let elements: Vec<(&Toml, &DeValue<'_>)> = match (value, place.span.get_ref()) {
            (Toml::Table(_), span) => vec![(value, span)],
            (Toml::Array(values), DeValue::Array(spans)) if slot.shape.is_array() => {
                values.iter().zip(spans.iter().map(Spanned::get_ref)).collect()
            }
            _ => Vec::new(),
        };
        let is_empty_array = matches!(value, Toml::Array(values) if values.is_empty()) && slot.shape.is_array();
        if (elements.is_empty() && !is_empty_array) || elements.iter().any(|(value, _)| !value.is_table()) {
            let expected = format!("a section {}", slot.heading());
            let got = if is_array_of_tables(value) { format!("several [[{name}]]") } else { describe(value) };
            return Err(self.value_error(place, name, Mismatch::new(expected, got)));
        }
        let table = slot.table.clone();
        slot.begin(elements.len());
        for (index, (value, span)) in elements.into_iter().enumerate() {
            if let (Some(object), Toml::Table(values), DeValue::Table(spans)) = (slot.element(index), value, span) {
                self.keys(&table, object, name, "", spans, values)?;
            }
        }
        slot.refill();
        Ok(())
    }

    /// The keys of a table; `prefix` is the path of a table within the section, with a point at its end.
    fn keys(
        &mut self,
        table: &Table,
        object: &mut dyn std::any::Any,
        section: &str,
        prefix: &str,
        spans: &DeTable<'_>,
        values: &toml::Table,
    ) -> Result<(), LoadError> {
        for (key, span) in spans {
            let place = Place { key, span };
            let Some(value) = values.get(key.get_ref().as_ref()) else { continue };
            let name = format!("{prefix}{}", key.get_ref());
            if let Some(item) = table.find_name(&name) {
                if let (Some(nested), Toml::Table(values), DeValue::Table(spans)) =
                    (&item.nested, value, span.get_ref())
                {
                    self.nested(nested, &format!("{section}.{name}"), spans, values)?;
                }
                item.set_toml(object, value)
                    .map_err(|mismatch| self.value_error(&place, &format!("{section}.{name}"), mismatch))?;
                continue;
            }
            let inner = format!("{name}.");
            let is_table_of_keys = table.items().iter().any(|item| starts_with(&item.name, &inner));
            match (is_table_of_keys, value, span.get_ref()) {
                (true, Toml::Table(values), DeValue::Table(spans)) => {
                    self.keys(table, object, section, &inner, spans, values)?;
                }
                (true, _, _) => {
                    let mismatch = Mismatch::new("a table", describe(value));
                    return Err(self.value_error(&place, &format!("{section}.{name}"), mismatch));
                }
                (false, _, _) if self.obsolete.contains(&format!("{section}.{name}").as_str()) => {}
                (false, _, _) => {
                    let near = did_you_mean(&near_name(table, &name));
                    let text = format!("section [{section}] has no key {name:?}{near}");
                    self.warn(key.span().start, text);
                }
            }
        }
        Ok(())
    }

    /// Looks at the tables of a table of them, for what is wrong in one of them and where.
    fn nested(
        &mut self,
        table: &Table,
        path: &str,
        spans: &DeTable<'_>,
        values: &toml::Table,
    ) -> Result<(), LoadError> {
        for (key, span) in spans {
            let name: &str = key.get_ref();
            if let (DeValue::Table(spans), Some(Toml::Table(values))) = (span.get_ref(), values.get(name)) {
                self.keys(table, &mut *table.fresh(), &format!("{path}.{name}"), "", spans, values)?;
            }
        }
        Ok(())
    }

    fn warn(&mut self, at: usize, text: String) {
        self.warnings.push(Warning { line: Some(line_of(self.text, at)), text });
    }

    fn value_error(&self, place: &Place<'_, '_>, key: &str, mismatch: Mismatch) -> LoadError {
        LoadError::Value {
            line: line_of(self.text, place.key.span().start),
            key: key.to_string(),
            mismatch: Box::new(mismatch),
        }
    }
}

fn near_name(table: &Table, name: &str) -> Vec<String> {
    nearest(name, table.items().iter().filter(|item| !item.hidden).map(|item| item.name.as_ref()))
}

fn is_array_of_tables(value: &Toml) -> bool {
    matches!(value, Toml::Array(items) if items.iter().any(Toml::is_table))
}

/// Whether an unknown section says `enabled = true`.
fn is_enabled(value: &Toml) -> bool {
    match value {
        Toml::Array(items) => items.iter().any(is_enabled),
        _ => value.get("enabled").and_then(Toml::as_bool).unwrap_or_default(),
    }
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn describe(value: &Toml) -> String {
    match value {
        Toml::String(text) => format!("the string {text:?}"),
        Toml::Integer(value) => format!("the integer {value}"),
        Toml::Float(value) => format!("the float {value}"),
        Toml::Boolean(value) => format!("the boolean {value}"),
        Toml::Datetime(value) => format!("the date {value}"),
        Toml::Array(_) => "a list".to_string(),
        Toml::Table(_) => "a table".to_string(),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

fn syntax_error(text: &str, error: &toml::de::Error) -> LoadError {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let line = line_of(text, at);
    let line_text = text.lines().nth(line - 1).unwrap_or_default();
    let start = text.as_bytes().iter().take(at).rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    LoadError::Syntax {
        line,
        column: at - start + 1,
        message: error.message().replace('\n', ", "),
        text: line_text.trim().to_string(),
    }
}

#[cfg(test)]
mod tests;
