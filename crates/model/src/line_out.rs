//! Line protocol written: rows to text.

use crate::{FieldType, Frame, Name, Row, Schema, Tags, Time, json::write_integer, shape::BLANK};

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
    let begin = out.len();
    write_key(schema, name, tags, out);
    if !write_fields(schema, frame, row, out) {
        out.truncate(begin);
        return false;
    }
    out.push(' ');
    write_integer(row.time.div_euclid(unit), out);
    out.push('\n');
    true
}

/// Write what a line begins with: the measurement and the tags.
pub fn write_key(schema: &Schema, name: &str, tags: &Tags, out: &mut String) {
    write_name(name, out);
    for (key, value) in tags {
        if value.is_empty() {
            continue;
        }
        out.push(',');
        escape(schema.text(*key), |c| matches!(c, b',' | b'=' | b' '), out);
        out.push('=');
        escape(schema.text(*value), |c| matches!(c, b',' | b'=' | b' '), out);
    }
}

/// Writes many lines whose keys are written already. Lines that follow each other have the same time, mostly.
pub struct LineWriter {
    unit: i64,
    time: Time,
    /// The time as it stands at the end of a line; empty at first.
    end: String,
}

impl LineWriter {
    /// With times in units of so many nanoseconds.
    pub fn new(unit: i64) -> LineWriter {
        LineWriter { unit, time: 0, end: String::new() }
    }

    /// As [`write_line`], with a key from [`write_key`].
    pub fn write(&mut self, schema: &Schema, frame: &Frame, row: &Row, key: &str, out: &mut String) -> bool {
        let begin = out.len();
        out.push_str(key);
        if !write_fields(schema, frame, row, out) {
            out.truncate(begin);
            return false;
        }
        if self.end.is_empty() || self.time != row.time {
            self.time = row.time;
            self.end.clear();
            self.end.push(' ');
            write_integer(row.time.div_euclid(self.unit), &mut self.end);
            self.end.push('\n');
        }
        out.push_str(&self.end);
        true
    }
}

/// The fields of a row after its key, with the space before them. False if there are none to write.
fn write_fields(schema: &Schema, frame: &Frame, row: &Row, out: &mut String) -> bool {
    let shape = schema.shape(row.shape);
    let mut separator = ' ';
    // A name that would be cut where the fields begin stands behind one that would not.
    let is_cut = |field: &(usize, Name, FieldType)| schema.text(field.1).starts_with(BLANK);
    let cut = if shape.guess().is_empty() { shape.sorted().take_while(is_cut).count() } else { 0 };
    for (index, name, field_type) in shape.sorted().skip(cut).chain(shape.sorted().take(cut)) {
        let word = frame.word(row, index);
        if field_type == FieldType::Null || (field_type == FieldType::Float && !f64::from_bits(word).is_finite()) {
            continue;
        }
        out.push(separator);
        separator = ',';
        match shape.plain_key(index) {
            Some(key) => out.push_str(key),
            None => {
                escape(schema.text(name), |c| matches!(c, b',' | b'=' | b' ' | b'"'), out);
                out.push('=');
            }
        }
        match field_type {
            FieldType::Float => crate::write_json_float(f64::from_bits(word), out),
            FieldType::Int | FieldType::Time => {
                write_integer(word as i64, out);
                out.push('i');
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
                escape(frame.text(word), |c| matches!(c, b'"' | b'\\'), out);
                out.push('"');
            }
        }
    }
    separator == ','
}

/// A measurement. Its equals signs and quotes need no backslash, but a backslash that stands before one would be taken
/// for such.
#[inline]
fn write_name(name: &str, out: &mut String) {
    let special = |c| matches!(c, b',' | b' ');
    if name.contains('\\') {
        let name = name.replace("\\=", "\\\\=").replace("\\\"", "\\\\\"");
        escape(&name, special, out);
    } else {
        escape(name, special, out);
    }
}

/// All that is special is ASCII.
#[inline]
fn escape(text: &str, special: impl Fn(u8) -> bool, out: &mut String) {
    // Without a way out at the first hit, several bytes are looked at together.
    if !text.bytes().fold(false, |found, byte| found | special(byte)) {
        return out.push_str(text);
    }
    for c in text.chars() {
        if u8::try_from(c).is_ok_and(&special) {
            out.push('\\');
        }
        out.push(c);
    }
}
