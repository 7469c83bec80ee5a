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
    if write_short_decimal(value, out) {
        return;
    }
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

/// Most floats were decimals of few digits once, and these are found faster than by trying for the shortest text. False
/// if this is none of them.
fn write_short_decimal(value: f64, out: &mut String) -> bool {
    // Numbers of up to 15 digits have one decimal of so few digits, so no shorter one is missed.
    const TENS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
    let size = value.abs();
    if !(1e-3..1e9).contains(&size) {
        return false;
    }
    // The greatest product is below 2^53.
    let whole = |ten: &f64| {
        let digits = (size * ten) as i64;
        (digits as f64 / ten == size).then_some(digits as u64)
    };
    let Some((places, mut digits)) = TENS.iter().enumerate().find_map(|(i, ten)| Some((i, whole(ten)?))) else {
        return false;
    };
    if value < 0.0 {
        out.push('-');
    }
    let mut ten = TENS[places] as u64;
    // The product with a lesser power may have been rounded.
    while ten > 1 && digits % 10 == 0 {
        (digits, ten) = (digits / 10, ten / 10);
    }
    // The digits, the point and a zero before it, from the back.
    let mut text = [b'0'; 20];
    let mut from = text.len();
    while ten > 1 {
        from -= 1;
        text[from] = b'0' + (digits % 10) as u8;
        (digits, ten) = (digits / 10, ten / 10);
        if ten == 1 {
            from -= 1;
            text[from] = b'.';
        }
    }
    from = put_digits(digits, &mut text, from);
    out.push_str(ascii(&text[from..]));
    true
}

/// An integer in decimal digits.
pub fn write_integer(value: i64, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    write_unsigned(value.unsigned_abs(), out);
}

fn write_unsigned(value: u64, out: &mut String) {
    let mut text = [b'0'; 20];
    let from = put_digits(value, &mut text, 20);
    out.push_str(ascii(&text[from..]));
}

/// Puts decimal digits before a place; where they begin.
#[inline]
fn put_digits(mut value: u64, text: &mut [u8; 20], mut from: usize) -> usize {
    loop {
        from -= 1;
        text[from] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return from;
        }
    }
}

fn ascii(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).expect("digits are text")
}

/// Rows of one series: name, tags, columns and values. Columns are the fields of the first row and those of its tags
/// that the series as a whole does not have, in the order of their names; a row that lacks one has `null` there.
///
/// # Errors
/// A float that is no number; what was written until then stays.
pub fn write_series(
    schema: &Schema,
    frame: &Frame,
    name: Name,
    tags: &Tags,
    rows: &[Row],
    out: &mut String,
) -> Result<(), JsonError> {
    Writer { schema, frame, out }.series(name, tags, rows, false)
}

/// As [`write_series`], with `null` for floats that are no numbers.
pub fn write_series_lossy(schema: &Schema, frame: &Frame, name: Name, tags: &Tags, rows: &[Row], out: &mut String) {
    let written = Writer { schema, frame, out }.series(name, tags, rows, true);
    debug_assert!(written.is_ok(), "nothing else is refused");
}

struct Writer<'a> {
    schema: &'a Schema,
    frame: &'a Frame,
    out: &'a mut String,
}

impl Writer<'_> {
    fn series(&mut self, name: Name, tags: &Tags, rows: &[Row], lossy: bool) -> Result<(), JsonError> {
        let columns = rows.first().map_or_else(Vec::new, |row| self.columns(row, tags));
        self.out.push('{');
        let mut separator = "";
        if !self.schema.text(name).is_empty() {
            self.out.push_str("\"name\":");
            self.text(name);
            separator = ",";
        }
        if !tags.is_empty() {
            self.out.push_str(separator);
            self.out.push_str("\"tags\":{");
            separator = ",";
            for (i, (key, value)) in tags.iter().enumerate() {
                if i > 0 {
                    self.out.push(',');
                }
                self.text(*key);
                self.out.push(':');
                self.text(*value);
            }
            self.out.push('}');
        }
        if !rows.is_empty() {
            self.out.push_str(separator);
            self.out.push_str("\"columns\":[\"time\"");
            for column in &columns {
                self.out.push(',');
                self.text(*column);
            }
            self.out.push_str("],\"values\":[");
            for (i, row) in rows.iter().enumerate() {
                self.out.push_str(if i > 0 { ",[\"" } else { "[\"" });
                write_rfc3339(row.time, self.out);
                self.out.push('"');
                for column in &columns {
                    self.out.push(',');
                    self.value(row, *column, lossy)?;
                }
                self.out.push(']');
            }
            self.out.push(']');
        }
        self.out.push('}');
        Ok(())
    }

    fn columns(&self, first: &Row, tags: &Tags) -> Vec<Name> {
        let mut columns: Vec<Name> = self.schema.shape(first.shape).sorted().map(|(_, name, _)| name).collect();
        let fields = columns.len();
        let own = self.schema.series(first.series).tags();
        if own != tags {
            columns.extend(own.iter().map(|tag| tag.0).filter(|key| !tags.iter().any(|tag| tag.0 == *key)));
        }
        if columns.len() > fields {
            columns.sort_by(|a, b| self.schema.text(*a).cmp(self.schema.text(*b)));
        }
        columns
    }

    fn text(&mut self, name: Name) {
        write_json_string(self.schema.text(name), self.out);
    }

    fn value(&mut self, row: &Row, name: Name, lossy: bool) -> Result<(), JsonError> {
        let Some((index, field_type)) = self.schema.shape(row.shape).find(name) else {
            match self.schema.series(row.series).tag(name) {
                Some(value) => self.text(value),
                None => self.out.push_str("null"),
            }
            return Ok(());
        };
        let word = self.frame.word(row, index);
        match field_type {
            FieldType::Float => match f64::from_bits(word) {
                value if value.is_finite() => write_json_float(value, self.out),
                _ if lossy => self.out.push_str("null"),
                value => return Err(JsonError(value)),
            },
            FieldType::Int | FieldType::Duration => {
                let _ = write!(self.out, "{}", word as i64);
            }
            FieldType::Bool => self.out.push_str(if word != 0 { "true" } else { "false" }),
            FieldType::String => write_json_string(self.frame.text(word), self.out),
            FieldType::Time => {
                self.out.push('"');
                write_rfc3339(word as i64, self.out);
                self.out.push('"');
            }
            FieldType::Null => self.out.push_str("null"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Precision, Words, parse_lines};

    #[test]
    fn columns_are_the_fields_of_the_first_row_and_its_other_tags() {
        let schema = Schema::default();
        let (mut rows, mut words) = (Vec::new(), Words::default());
        let lines = b"m,g=a,x=1 p=1 1\nm,g=a p=3,q=\"t\" 2\nm,g=a,x=4 q=\"u\" 3";
        parse_lines(&schema, lines, Precision::Seconds, 0, &mut rows, &mut words).unwrap();
        let frame = Frame::new(Arc::new(words));
        let tags = [(schema.name("g"), schema.name("a"))];
        let mut out = String::new();
        write_series(&schema, &frame, schema.name("m"), &tags, &rows, &mut out).unwrap();
        assert_eq!(
            out,
            concat!(
                r#"{"name":"m","tags":{"g":"a"},"columns":["time","p","x"],"values":["#,
                r#"["1970-01-01T00:00:01Z",1,"1"],["1970-01-01T00:00:02Z",3,null],["1970-01-01T00:00:03Z",null,"4"]]}"#
            )
        );
    }

    proptest::proptest! {
        #[test]
        fn short_decimals_are_what_the_standard_library_writes(
            digits in 0u64..1_000_000_000_000_000, places in 0..8i32, noise in 0u64..3, any: f64,
        ) {
            let decimal = digits as f64 / 10f64.powi(places);
            for value in [decimal, -decimal, f64::from_bits(decimal.to_bits() + noise), any] {
                let mut out = String::new();
                if write_short_decimal(value, &mut out) {
                    proptest::prop_assert_eq!(out, value.to_string());
                }
            }
        }

        #[test]
        fn integers_are_what_the_standard_library_writes(value: i64) {
            let mut out = String::new();
            write_integer(value, &mut out);
            proptest::prop_assert_eq!(out, value.to_string());
        }
    }

    #[test]
    fn floats_that_are_no_numbers_are_refused_or_null() {
        let schema = Schema::default();
        let shape = schema.shape_of(&[(schema.name("x"), FieldType::Float)]);
        let mut frame = Frame::default();
        let at = frame.next_at();
        frame.push_word(f64::NAN.to_bits());
        let series = schema.series_of(schema.name("m"), &[]);
        let row = Row { time: 0, series, shape, at, group: crate::GroupId::NIL };
        let mut out = String::new();
        assert!(write_series(&schema, &frame, schema.name("m"), &[], &[row], &mut out).is_err());
        out.clear();
        write_series_lossy(&schema, &frame, schema.name("m"), &[], &[row], &mut out);
        assert_eq!(out, r#"{"name":"m","columns":["time","x"],"values":[["1970-01-01T00:00:00Z",null]]}"#);
    }
}
