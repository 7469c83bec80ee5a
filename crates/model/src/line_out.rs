//! Line protocol written: rows to text.

use crate::{FieldType, Frame, Row, Schema, Tags};

/// Write a row as one line, with a newline; fields without a value are left out. False if it has no fields to write.
pub fn write_line(
    schema: &Schema,
    frame: &Frame,
    row: &Row,
    name: &str,
    tags: &Tags,
    unit: i64,
    out: &mut String,
) -> bool {
    use std::fmt::Write;
    let begin = out.len();
    escape(name, |c| matches!(c, ',' | ' '), out);
    for (key, value) in tags {
        if value.is_empty() {
            continue;
        }
        out.push(',');
        escape(schema.text(*key), |c| matches!(c, ',' | '=' | ' '), out);
        out.push('=');
        escape(schema.text(*value), |c| matches!(c, ',' | '=' | ' '), out);
    }
    let mut separator = ' ';
    for (index, name, field_type) in schema.shape(row.shape).sorted() {
        let word = frame.word(row, index);
        if field_type == FieldType::Null || (field_type == FieldType::Float && !f64::from_bits(word).is_finite()) {
            continue;
        }
        out.push(separator);
        separator = ',';
        escape(schema.text(name), |c| matches!(c, ',' | '=' | ' '), out);
        out.push('=');
        match field_type {
            FieldType::Float => crate::write_json_float(f64::from_bits(word), out),
            FieldType::Int | FieldType::Time => {
                let _ = write!(out, "{}i", word as i64);
            }
            // Kapacitor's writer knows no durations and takes their text.
            FieldType::Duration => {
                out.push('"');
                crate::write_go_duration(word as i64, out);
                out.push('"');
            }
            FieldType::Bool => out.push_str(if word != 0 { "true" } else { "false" }),
            FieldType::String | FieldType::Null => {
                out.push('"');
                escape(frame.text(word), |c| matches!(c, '"' | '\\'), out);
                out.push('"');
            }
        }
    }
    if separator == ' ' {
        out.truncate(begin);
        return false;
    }
    let _ = writeln!(out, " {}", row.time.div_euclid(unit));
    true
}

fn escape(text: &str, special: fn(char) -> bool, out: &mut String) {
    if !text.contains(special) {
        return out.push_str(text);
    }
    for c in text.chars() {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
    }
}
