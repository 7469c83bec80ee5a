//! Rows as the JSON of InfluxDB's series, which httpOut, httpPost and alerts show; numbers and texts as Go writes them.

use std::fmt::Write;

use crate::{FieldType, Frame, Name, Row, Schema, Tags, write_rfc3339};

/// A value that JSON cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("json: unsupported value: {0}")]
pub struct JsonError(pub f64);

/// Go's `encoding/json` text of a string, quotes included; `<`, `>` and `&` are escaped.
pub fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (i, c) in text.char_indices() {
        let plain = !matches!(c, '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}') && c >= ' ';
        if plain {
            continue;
        }
        out.push_str(&text[from..i]);
        from = i + c.len_utf8();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Go's `encoding/json` text of a finite float.
pub fn write_json_float(value: f64, out: &mut String) {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let from = out.len();
        let _ = write!(out, "{value:e}");
        if size >= 1e21
            && let Some(e) = out[from..].find('e')
        {
            out.insert(from + e + 1, '+');
        }
    } else {
        let _ = write!(out, "{value}");
    }
}

/// Rows of one series: name, tags, columns and values. Columns are the fields of the first row, in the order of their
/// names; a row that lacks one has `null` there.
pub fn write_series(
    schema: &Schema,
    frame: &Frame,
    name: Name,
    tags: &Tags,
    rows: &[Row],
    out: &mut String,
) -> Result<(), JsonError> {
    let columns: Vec<Name> =
        rows.first().map_or_else(Vec::new, |row| schema.shape(row.shape).sorted().map(|(_, name, _)| name).collect());
    out.push_str("{\"name\":");
    write_json_string(schema.text(name), out);
    if !tags.is_empty() {
        out.push_str(",\"tags\":{");
        for (i, (key, value)) in tags.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_json_string(schema.text(*key), out);
            out.push(':');
            write_json_string(schema.text(*value), out);
        }
        out.push('}');
    }
    if !rows.is_empty() {
        out.push_str(",\"columns\":[\"time\"");
        for column in &columns {
            out.push(',');
            write_json_string(schema.text(*column), out);
        }
        out.push_str("],\"values\":[");
        for (i, row) in rows.iter().enumerate() {
            out.push_str(if i > 0 { ",[\"" } else { "[\"" });
            write_rfc3339(row.time, out);
            out.push('"');
            for column in &columns {
                out.push(',');
                write_value(schema, frame, row, *column, out)?;
            }
            out.push(']');
        }
        out.push(']');
    }
    out.push('}');
    Ok(())
}

fn write_value(schema: &Schema, frame: &Frame, row: &Row, name: Name, out: &mut String) -> Result<(), JsonError> {
    let Some((index, field_type)) = schema.shape(row.shape).find(name) else {
        out.push_str("null");
        return Ok(());
    };
    let word = frame.word(row, index);
    match field_type {
        FieldType::Float => {
            let value = f64::from_bits(word);
            if !value.is_finite() {
                return Err(JsonError(value));
            }
            write_json_float(value, out);
        }
        FieldType::Int | FieldType::Duration => {
            let _ = write!(out, "{}", word as i64);
        }
        FieldType::Bool => out.push_str(if word != 0 { "true" } else { "false" }),
        FieldType::String => write_json_string(frame.text(word), out),
        FieldType::Time => {
            out.push('"');
            write_rfc3339(word as i64, out);
            out.push('"');
        }
        FieldType::Null => out.push_str("null"),
    }
    Ok(())
}
