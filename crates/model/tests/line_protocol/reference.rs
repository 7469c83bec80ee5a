//! What line protocol means, read the slow and plain way: what the fast reader is held against.

use std::collections::BTreeMap;

use model::{FieldType, Frame, Row, Schema, Value, Words};

/// A point, its names and values as texts and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub fields: BTreeMap<String, Value>,
    pub time: i64,
}

/// The points of a body, or the number of the line that is wrong. `unit` is that of timestamps, in nanoseconds.
pub fn read(body: &[u8], unit: i64, now: i64) -> Result<Vec<Point>, usize> {
    let line_of = |at: usize| 1 + body[..at].iter().filter(|&&byte| byte == b'\n').count();
    let text = std::str::from_utf8(body).map_err(|error| line_of(error.valid_up_to()))?;
    let mut rest = text;
    let mut points = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\0', '\n']);
        if rest.is_empty() {
            return Ok(points);
        }
        if rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        let (point, after) = point(rest, unit, now).ok_or_else(|| line_of(text.len() - rest.len()))?;
        points.push(point);
        rest = after;
    }
}

/// What was read, in the same words.
pub fn points(schema: &Schema, rows: &[Row], words: Words) -> Vec<Point> {
    let frame = Frame::new(words.into());
    let point = |row: &Row| {
        let series = schema.series(row.series);
        let text = |name| schema.text(name).to_string();
        Point {
            name: text(series.name()),
            tags: series.tags().iter().map(|&(key, value)| (text(key), text(value))).collect(),
            fields: (schema.shape(row.shape).sorted())
                .map(|(index, name, kind): (usize, _, FieldType)| {
                    (text(name), frame.value(frame.word(row, index), kind))
                })
                .collect(),
            time: row.time,
        }
    };
    rows.iter().map(point).collect()
}

fn point(text: &str, unit: i64, now: i64) -> Option<(Point, &str)> {
    let end = unescaped(text, &[' ', '\n'], &[' '])?;
    let key = &text[..end];
    if text[end..].starts_with('\n') || key.len() > 65_535 {
        return None;
    }
    let mut parts = split(key, ',').into_iter();
    let name = quotable(parts.next()?);
    let mut tags = BTreeMap::new();
    for part in parts {
        let sides = split(part, '=');
        let [key, value] = sides[..] else { return None };
        if key.is_empty() || value.is_empty() || tags.insert(self::name(key), self::name(value)).is_some() {
            return None;
        }
    }
    let (fields, rest) = fields(blanks(&text[end..]))?;
    let line = rest.split_once('\n').map_or(rest, |(line, _)| line);
    let word = blanks(line);
    // What follows the digits at once is part of the timestamp, even if it is a blank elsewhere.
    let (word, after) = word.split_at(word.find([' ', '\t']).unwrap_or(word.len()));
    if !blanks(after).is_empty() {
        return None;
    }
    let time = time(word, unit, now)?;
    (!name.is_empty()).then_some((Point { name, tags, fields, time }, &rest[line.len()..]))
}

fn fields(mut text: &str) -> Option<(BTreeMap<String, Value>, &str)> {
    let mut fields = BTreeMap::new();
    loop {
        let end = field_name_end(text)?;
        let (value, rest) = value(&text[end + 1..])?;
        fields.insert(quotable(&text[..end]), value);
        match rest.chars().next() {
            Some(',') => text = &rest[1..],
            None | Some(' ' | '\t' | '\n') => return Some((fields, rest)),
            Some(_) => return None,
        }
    }
}

/// A backslash in a field's name holds what follows it if that is special there, another backslash included.
fn field_name_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '=' if at > 0 => return Some(at),
            '=' | ' ' | ',' | '\n' => return None,
            '\\' => {
                chars.next_if(|&(_, next)| matches!(next, ',' | '=' | ' ' | '\\'));
            }
            _ => {}
        }
    }
    None
}

fn value(text: &str) -> Option<(Value, &str)> {
    if let Some(inner) = text.strip_prefix('"') {
        return string(inner);
    }
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    let ends: &[char] = if is_number { &[',', ' ', '\n', '\t'] } else { &[',', ' ', '\n'] };
    let (token, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    let value = match token {
        "t" | "T" | "true" | "True" | "TRUE" => Value::Bool(true),
        "f" | "F" | "false" | "False" | "FALSE" => Value::Bool(false),
        _ if !is_number => return None,
        _ => match token.strip_suffix('i') {
            Some(digits) => Value::Int(digits.parse().ok()?),
            None => Value::Float(float(token)?),
        },
    };
    Some((value, rest))
}

fn float(token: &str) -> Option<f64> {
    // The standard library also reads words such as `inf`.
    let plain = token.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    token.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

fn string(text: &str) -> Option<(Value, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((Value::String(value.as_str().into()), &text[at + 1..])),
            (_, '\\') => match chars.next()?.1 {
                held @ ('"' | '\\') => value.push(held),
                other => value.extend(['\\', other]),
            },
            (_, c) => value.push(c),
        }
    }
}

fn time(text: &str, unit: i64, now: i64) -> Option<i64> {
    if text.is_empty() {
        return Some(now.div_euclid(unit) * unit);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let time = text.parse::<i128>().ok()?.checked_mul(i128::from(unit))?;
    // The smallest and the largest number are not taken for times.
    i64::try_from(time).ok().filter(|time| time.unsigned_abs() < i64::MAX as u64)
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\0'])
}

/// Where the first of `ends` is that is not held by a backslash before it; only those of `held` can be.
fn unescaped(text: &str, ends: &[char], held: &[char]) -> Option<usize> {
    let is_end = |&(at, c): &(usize, char)| ends.contains(&c) && !(held.contains(&c) && text[..at].ends_with('\\'));
    text.char_indices().find(is_end).map(|(at, _)| at)
}

fn split(mut text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some(end) = unescaped(text, &[separator], &[separator]) {
        parts.push(&text[..end]);
        text = &text[end + 1..];
    }
    parts.push(text);
    parts
}

/// A tag without its backslashes before what is special in names.
fn name(text: &str) -> String {
    without_backslashes(text, &[',', '=', ' '])
}

/// A measurement or the name of a field: quotes are special there, too.
fn quotable(text: &str) -> String {
    without_backslashes(text, &[',', '=', ' ', '"'])
}

fn without_backslashes(text: &str, special: &[char]) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.next_if(|next| c == '\\' && special.contains(next)) {
            Some(held) => out.push(held),
            None => out.push(c),
        }
    }
    out
}
