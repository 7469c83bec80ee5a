//! The key of a line: where it ends, and the series it names.

use std::borrow::Cow;

use crate::{
    Name, Schema, SeriesId,
    line::{FULL, unescape_where},
    series::sort_tags,
};

/// Where the key ends: at the first space that is not escaped.
pub(crate) fn key_end(rest: &[u8]) -> Result<usize, &'static str> {
    let mut end = 0;
    loop {
        let Some(found) = memchr::memchr2(b' ', b'\n', &rest[end..]) else { return Err("missing fields") };
        end += found;
        if rest[end] == b'\n' {
            return Err("missing fields");
        }
        if end == 0 || rest[end - 1] != b'\\' {
            return Ok(end);
        }
        end += 1;
    }
}

/// Longest key, as in InfluxDB.
const MAX_KEY: usize = 65_535;

/// The series of a key as it stands in line protocol, added if it is new; `before` is the one before it, whose texts are
/// often the same.
#[inline]
pub(crate) fn series_of_key(schema: &Schema, key: &[u8], before: SeriesId) -> Result<SeriesId, &'static str> {
    let table = schema.series_table();
    let hash = table.hash_raw(key);
    match table.find_raw(hash, key) {
        Some(series) => Ok(series),
        None => new_series(schema, (hash, key), before),
    }
}

#[cold]
fn new_series(schema: &Schema, (hash, key): (u32, &[u8]), before: SeriesId) -> Result<SeriesId, &'static str> {
    if key.len() > MAX_KEY {
        return Err("max key length exceeded");
    }
    if schema.is_full() {
        return Err(FULL);
    }
    let text = std::str::from_utf8(key).map_err(|_| "the key is not valid UTF-8")?;
    let mut parts = split(text, b',');
    let measurement = parts.next().unwrap_or("");
    if measurement.is_empty() {
        return Err("missing measurement");
    }
    let before = schema.series(before);
    let mut guesses = before.tags().iter().copied();
    let mut tags = Vec::with_capacity(before.tags().len());
    for part in parts {
        let mut sides = split(part, b'=');
        let key = sides.next().unwrap_or("");
        if key.is_empty() {
            return Err("missing tag key");
        }
        match (sides.next(), sides.next()) {
            (Some(value), None) if !value.is_empty() => {
                let guess = guesses.next().unwrap_or_default();
                tags.push((name_of(schema, &unescape(key), guess.0), value_of(schema, value, guess.1)));
            }
            (Some(_), Some(_)) => return Err("invalid tag format"),
            _ => return Err("missing tag value"),
        }
    }
    sort_tags(schema.names(), &mut tags);
    if tags.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("duplicate tags");
    }
    let name = name_of(schema, &unescape_name(measurement), before.name());
    Ok(schema.series_table().add_raw(hash, key, name, tags.into()))
}

/// The number of a text, which may be this one.
fn name_of(schema: &Schema, text: &str, guess: Name) -> Name {
    if schema.text(guess) == text { guess } else { schema.name(text) }
}

/// The same for the value of a tag, which may be forgotten if nobody uses it.
fn value_of(schema: &Schema, text: &str, guess: Name) -> Name {
    let text = unescape(text);
    if schema.text(guess) == text && schema.names().meet(guess) { guess } else { schema.tag_value(&text) }
}

/// Parts between separators that are not escaped.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let begin = at?;
        let mut from = begin;
        let end = loop {
            let Some(found) = memchr::memchr(separator, &bytes[from..]) else { break None };
            let end = from + found;
            if end == begin || bytes[end - 1] != b'\\' {
                break Some(end);
            }
            from = end + 1;
        };
        at = end.map(|i| i + 1);
        Some(&text[begin..end.unwrap_or(text.len())])
    })
}

/// The text of a measurement or the name of a field.
pub(crate) fn unescape_name(text: &str) -> Cow<'_, str> {
    unescape_where(text, |c| matches!(c, b',' | b'=' | b' ' | b'"'))
}

/// The text of a tag: a quote is as any other character there.
fn unescape(text: &str) -> Cow<'_, str> {
    unescape_where(text, |c| matches!(c, b',' | b'=' | b' '))
}
