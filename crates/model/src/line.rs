//! Line protocol read: text to rows. <https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/>
//!
//! The parser guesses, then compares: each series remembers which one followed it and the shape its last line had, so
//! that a line like the last time's is read without a hash or a search.

use crate::{
    FieldType, GroupId, Name, Row, Schema, SeriesId, ShapeId, Time, Words,
    key::{key_end, series_of_key, unescape},
};

/// The unit of a write's timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Precision {
    /// The `precision` parameter of a write; words it does not know mean nanoseconds, as in Kapacitor.
    pub fn parse(text: &str) -> Precision {
        match text {
            "u" => Precision::Microseconds,
            "ms" => Precision::Milliseconds,
            "s" => Precision::Seconds,
            "m" => Precision::Minutes,
            "h" => Precision::Hours,
            _ => Precision::Nanoseconds,
        }
    }

    /// Nanoseconds of one unit.
    pub fn nanos(self) -> i64 {
        match self {
            Precision::Nanoseconds => 1,
            Precision::Microseconds => 1_000,
            Precision::Milliseconds => 1_000_000,
            Precision::Seconds => 1_000_000_000,
            Precision::Minutes => 60_000_000_000,
            Precision::Hours => 3_600_000_000_000,
        }
    }
}

/// A line that can't be read. The whole write is refused, so that it can be mended and sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse '{text}': {what}")]
pub struct LineError {
    /// Counted from 1.
    pub line: usize,
    /// The line, cut if it is very long.
    pub text: String,
    pub what: &'static str,
}

impl LineError {
    /// Nothing is wrong with the line, but there is no room for its series or field now.
    pub fn is_full(&self) -> bool {
        self.what == FULL
    }
}

/// What is said of a line that is new in tables that are full.
pub(crate) const FULL: &str = "there is no room for another series, tag or field: see series-limit in [memory]";

/// Read all lines of a body into rows, ungrouped, and their words. On an error nothing may be used of `rows` and `words`.
pub fn parse_lines(
    schema: &Schema,
    body: &[u8],
    precision: Precision,
    now: Time,
    rows: &mut Vec<Row>,
    words: &mut Words,
) -> Result<(), LineError> {
    let text = std::str::from_utf8(body).map_err(|e| error_at(body, e.valid_up_to(), "the line is not valid UTF-8"))?;
    let unit = precision.nanos();
    let mut parser =
        Parser { schema, text, bytes: text.as_bytes(), at: 0, unit, now: now - now.rem_euclid(unit), words };
    let mut fields = Vec::new();
    let (mut last, mut shape) = (SeriesId(0), ShapeId(0));
    while parser.skip_to_line() {
        let begin = parser.at;
        match parser.line(&mut last, shape, &mut fields) {
            Ok(row) => {
                shape = row.shape;
                rows.push(row);
            }
            Err(what) => return Err(error_at(body, begin, what)),
        }
    }
    Ok(())
}

fn error_at(body: &[u8], at: usize, what: &'static str) -> LineError {
    const LONGEST: usize = 500;
    let line = body[..at].iter().filter(|&&b| b == b'\n').count() + 1;
    let rest = &body[at..];
    let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    let mut text = String::from_utf8_lossy(&rest[..end.min(LONGEST)]).into_owned();
    if end > LONGEST {
        text.push_str("...");
    }
    LineError { line, text, what }
}

type Fields = Vec<(Name, FieldType)>;

struct Parser<'a> {
    schema: &'a Schema,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    unit: i64,
    now: Time,
    words: &'a mut Words,
}

impl Parser<'_> {
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(b'\n')
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | 0)) {
            self.at += 1;
        }
    }

    /// To the next line that holds a point; false at the end.
    #[inline]
    fn skip_to_line(&mut self) -> bool {
        loop {
            self.skip_blanks();
            match self.bytes.get(self.at) {
                None => return false,
                Some(b'\n') => self.at += 1,
                Some(b'#') => {
                    self.at += memchr::memchr(b'\n', &self.bytes[self.at..]).unwrap_or(self.bytes.len() - self.at)
                }
                Some(_) => return true,
            }
        }
    }

    #[inline]
    fn line(&mut self, last: &mut SeriesId, shape: ShapeId, fields: &mut Fields) -> Result<Row, &'static str> {
        let series = self.key(*last)?;
        let entry = self.schema.series(series);
        *last = series;
        self.skip_blanks();
        let at = self.words.words.len() as u32;
        let known = ShapeId(entry.guess_shape());
        // A series that is new has the fields of the one before it, most of the time.
        let shape = self.fields(if known == ShapeId(0) { shape } else { known }, fields)?;
        if shape != known {
            entry.remember_shape(shape.0);
        }
        let time = self.time()?;
        Ok(Row { time, series, shape, at, group: GroupId::NIL })
    }

    #[inline]
    fn key(&mut self, last: SeriesId) -> Result<SeriesId, &'static str> {
        let before = self.schema.series(last);
        let guess = SeriesId(before.guess_next());
        let raw = self.schema.series(guess).raw();
        let rest = &self.bytes[self.at..];
        if !raw.is_empty()
            && rest.len() > raw.len()
            && rest[raw.len()] == b' '
            && rest[..raw.len()] == *raw
            && self.schema.series_table().meet(guess)
        {
            self.at += raw.len();
            return Ok(guess);
        }
        let key = &rest[..key_end(rest)?];
        let series = series_of_key(self.schema, key, last)?;
        before.remember_next(series.0);
        self.at += key.len();
        Ok(series)
    }

    /// All fields; their shape.
    #[inline]
    fn fields(&mut self, guess: ShapeId, fields: &mut Fields) -> Result<ShapeId, &'static str> {
        let expected = self.schema.shape(guess).guess();
        let mut matched = 0;
        while let Some(&(name, field_type)) = expected.get(matched) {
            if !self.skip_name(self.schema.text(name)) {
                break;
            }
            let found = self.value()?;
            if found != field_type {
                fields.clear();
                fields.extend_from_slice(&expected[..matched]);
                fields.push((name, found));
                return self.other_fields(fields);
            }
            matched += 1;
            if self.peek() != b',' {
                self.end_of_fields()?;
                return Ok(if matched == expected.len() { guess } else { self.shape(&expected[..matched])? });
            }
            self.at += 1;
        }
        fields.clear();
        fields.extend_from_slice(&expected[..matched]);
        self.field(fields)?;
        self.other_fields(fields)
    }

    fn other_fields(&mut self, fields: &mut Fields) -> Result<ShapeId, &'static str> {
        while self.peek() == b',' {
            self.at += 1;
            self.field(fields)?;
        }
        self.end_of_fields()?;
        self.shape(fields)
    }

    /// The shape of these fields, if there is room for it.
    fn shape(&self, fields: &[(Name, FieldType)]) -> Result<ShapeId, &'static str> {
        if self.schema.is_full() {
            return self.schema.known_shape(fields).ok_or(FULL);
        }
        Ok(self.schema.shape_of(fields))
    }

    #[inline]
    fn end_of_fields(&self) -> Result<(), &'static str> {
        if matches!(self.peek(), b' ' | b'\n' | b'\t') { Ok(()) } else { Err("invalid field format") }
    }

    #[inline]
    fn skip_name(&mut self, name: &str) -> bool {
        let rest = &self.bytes[self.at..];
        let hit = rest.len() > name.len() && rest[name.len()] == b'=' && rest[..name.len()] == *name.as_bytes();
        if hit {
            self.at += name.len() + 1;
        }
        hit
    }

    fn field(&mut self, fields: &mut Fields) -> Result<(), &'static str> {
        let rest = &self.bytes[self.at..];
        let mut end = 0;
        loop {
            match rest.get(end) {
                Some(b'=') => break,
                Some(b'\\') if matches!(rest.get(end + 1), Some(b',' | b'=' | b' ' | b'\\')) => end += 2,
                Some(b' ' | b',' | b'\n') | None => return Err("invalid field format"),
                Some(_) => end += 1,
            }
        }
        if end == 0 {
            return Err("missing field key");
        }
        let name = unescape(&self.text[self.at..self.at + end]);
        let name = match self.schema.names().find(&name) {
            Some(name) => name,
            None if self.schema.is_full() => return Err(FULL),
            None => self.schema.name(&name),
        };
        self.at += end + 1;
        let found = self.value()?;
        fields.push((name, found));
        Ok(())
    }

    /// One value; its word is pushed.
    #[inline]
    fn value(&mut self) -> Result<FieldType, &'static str> {
        match self.peek() {
            b'0'..=b'9' | b'-' | b'.' => self.number(),
            b'"' => self.string(),
            b' ' | b',' | b'\n' => Err("missing field value"),
            _ => self.boolean(),
        }
    }

    #[inline]
    fn number(&mut self) -> Result<FieldType, &'static str> {
        let begin = self.at;
        let negative = self.peek() == b'-';
        let mut at = begin + usize::from(negative);
        let bytes = self.bytes;
        let (mut mantissa, mut digits) = (0u64, 0u32);
        let first = at;
        while let Some(d) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(d));
            at += 1;
        }
        digits += (at - first) as u32;
        if bytes.get(at) == Some(&b'i') {
            self.at = at + 1;
            return self.integer(&bytes[begin..at], mantissa, digits, negative);
        }
        let mut fraction = 0;
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            let first = at;
            while let Some(d) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(d));
                at += 1;
            }
            fraction = at - first;
            digits += fraction as u32;
        }
        if digits == 0 || digits > 15 || matches!(bytes.get(at), Some(b'e' | b'E')) {
            return self.long_float(begin, at);
        }
        self.at = at;
        // Exact: both are below 2^53, so the division rounds once.
        let value = mantissa as f64 / POWERS[fraction];
        self.words.words.push(if negative { -value } else { value }.to_bits());
        self.number_ends()
    }

    fn long_float(&mut self, begin: usize, mut at: usize) -> Result<FieldType, &'static str> {
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(self.bytes.get(at), Some(b'+' | b'-')) {
                at += 1;
            }
            while matches!(self.bytes.get(at), Some(b'0'..=b'9')) {
                at += 1;
            }
        }
        let value: f64 = self.text[begin..at].parse().map_err(|_| "invalid float")?;
        if !value.is_finite() {
            return Err("invalid float: value out of range");
        }
        self.at = at;
        self.words.words.push(value.to_bits());
        self.number_ends()
    }

    #[inline]
    fn number_ends(&self) -> Result<FieldType, &'static str> {
        if matches!(self.peek(), b',' | b' ' | b'\n' | b'\t') { Ok(FieldType::Float) } else { Err("invalid number") }
    }

    fn integer(&mut self, text: &[u8], mantissa: u64, digits: u32, negative: bool) -> Result<FieldType, &'static str> {
        let value = if digits <= 18 && digits > 0 {
            if negative { -(mantissa as i64) } else { mantissa as i64 }
        } else {
            let text = std::str::from_utf8(text).unwrap_or("");
            text.parse::<i64>().map_err(|_| "unable to parse integer: value out of range")?
        };
        self.words.words.push(value as u64);
        if matches!(self.peek(), b',' | b' ' | b'\n' | b'\t') { Ok(FieldType::Int) } else { Err("invalid number") }
    }

    fn string(&mut self) -> Result<FieldType, &'static str> {
        let begin = self.at + 1;
        let mut end = begin;
        let mut escaped = false;
        loop {
            end += memchr::memchr2(b'"', b'\\', &self.bytes[end..]).ok_or("unbalanced quotes")?;
            if self.bytes[end] == b'"' {
                break;
            }
            escaped = true;
            end += 2;
            if end > self.bytes.len() {
                return Err("unbalanced quotes");
            }
        }
        let text = &self.text[begin..end];
        let word = if escaped { self.words.push_text(&unescape_string(text)) } else { self.words.push_text(text) };
        self.words.words.push(word);
        self.at = end + 1;
        Ok(FieldType::String)
    }

    fn boolean(&mut self) -> Result<FieldType, &'static str> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| matches!(b, b',' | b' ' | b'\n')).unwrap_or(rest.len());
        let value = match &rest[..end] {
            b"t" | b"T" | b"true" | b"True" | b"TRUE" => true,
            b"f" | b"F" | b"false" | b"False" | b"FALSE" => false,
            b"NaN" => return Err("invalid number"),
            _ => return Err("invalid boolean"),
        };
        self.words.words.push(u64::from(value));
        self.at += end;
        Ok(FieldType::Bool)
    }

    #[inline]
    fn time(&mut self) -> Result<Time, &'static str> {
        self.skip_blanks();
        if self.peek() == b'\n' {
            return Ok(self.now);
        }
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let first = self.at;
        let mut value = 0i64;
        while let Some(d) = self.bytes.get(self.at).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
            value = value.checked_mul(10).and_then(|v| v.checked_add(i64::from(d))).ok_or("timestamp out of range")?;
            self.at += 1;
        }
        if self.at == first {
            return Err("bad timestamp");
        }
        // What follows the digits at once is part of the timestamp; what follows a blank is another word.
        if !matches!(self.peek(), b' ' | b'\t' | b'\n') {
            return Err("bad timestamp");
        }
        self.skip_blanks();
        if self.peek() != b'\n' {
            return Err("point is invalid");
        }
        let value = if negative { -value } else { value };
        // The word for word text of Kapacitor. Case: api/write_precision.
        const OUTSIDE: &str = "time outside range -9223372036854775806 - 9223372036854775806";
        let time = value.checked_mul(self.unit).ok_or(OUTSIDE)?;
        if time.unsigned_abs() > i64::MAX as u64 - 1 { Err(OUTSIDE) } else { Ok(time) }
    }
}

const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

fn unescape_string(text: &str) -> std::borrow::Cow<'_, str> {
    unescape_where(text, |c| matches!(c, b'"' | b'\\'))
}

pub(crate) fn unescape_where(text: &str, special: fn(u8) -> bool) -> std::borrow::Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next)) if next.is_ascii() && special(next as u8) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, write_line};

    fn parse(schema: &Schema, body: &str) -> Result<(Vec<Row>, Words), LineError> {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(schema, body.as_bytes(), Precision::Nanoseconds, 7, &mut rows, &mut words)?;
        Ok((rows, words))
    }

    fn again(body: &str) -> String {
        let schema = Schema::default();
        let (rows, words) = parse(&schema, body).unwrap();
        let frame = Frame::new(words.into());
        let mut out = String::new();
        for row in &rows {
            let series = schema.series(row.series);
            write_line(&schema, &frame, row, schema.text(series.name()), series.tags(), 1, &mut out);
        }
        out
    }

    #[test]
    fn tables_that_are_full_take_only_what_they_know() {
        let schema = Schema::default();
        parse(&schema, "cpu,host=a v=1\ncpu,host=b v=1,w=2").unwrap();
        schema.set_limit(schema.memory());
        let sizes = schema.sizes();
        assert!(parse(&schema, "cpu,host=b w=3,v=2\ncpu,host=a v=2").unwrap_err().is_full(), "another shape");
        assert!(parse(&schema, "cpu,host=a v=2\ncpu,host=b v=1,w=2").is_ok());
        for new in ["cpu,host=c v=1", "cpu,host=a x=1", "cpu,host=a v=1i", "cpu,host=b v=1,w=2,x=3"] {
            let error = parse(&schema, &format!("cpu,host=a v=1\n{new}")).unwrap_err();
            assert!(error.is_full() && error.line == 2, "{error}");
        }
        assert_eq!(schema.sizes(), sizes);
        schema.set_limit(0);
        assert!(parse(&schema, "cpu,host=c v=1").is_ok());
    }

    #[test]
    fn lines_come_back_as_written() {
        for line in [
            "cpu,host=a v=1.5 10\n",
            "c\\ pu,a\\,b=c\\=d v\\ x=1i 3\n",
            "m b=true,s=\"a\\\"b\\\\c\",t=\"\" -5\n",
            "m v=9223372036854775807i,w=-9223372036854775808i 1\n",
            "m a=0.1,b=1e-7,c=1.0000000000000002,d=-0 1\n",
        ] {
            assert_eq!(again(line), line);
        }
        assert_eq!(again("cpu,b=1,a=2 v=1"), "cpu,a=2,b=1 v=1 7\n");
        assert_eq!(again("cpu v=1,v=2i 1\n# no\n\n  cpu v=.5  2\t\n"), "cpu v=2i 1\ncpu v=0.5 2\n");
    }

    #[test]
    fn guesses_are_compared() {
        let schema = Schema::default();
        let body = "a,t=1 x=1,y=2 1\nb x=1 1\na,t=1 x=1i,y=2 2\nb x=1,z=3 2\na,t=1 x=1 3\nb y=1 3\na,t=1 y=1,x=1 4\n";
        for _ in 0..3 {
            let (rows, words) = parse(&schema, body).unwrap();
            let frame = Frame::new(words.into());
            let mut out = String::new();
            for row in &rows {
                let series = schema.series(row.series);
                write_line(&schema, &frame, row, schema.text(series.name()), series.tags(), 1, &mut out);
            }
            assert_eq!(
                out,
                "a,t=1 x=1,y=2 1\nb x=1 1\na,t=1 x=1i,y=2 2\nb x=1,z=3 2\na,t=1 x=1 3\nb y=1 3\na,t=1 x=1,y=1 4\n"
            );
        }
    }

    #[test]
    fn timestamps_have_the_unit_of_the_write() {
        let schema = Schema::default();
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../tests/data/precisions.json")).unwrap();
        for vector in vectors.as_array().unwrap() {
            let (mut rows, mut words) = (Vec::new(), Words::default());
            let precision = Precision::parse(vector["precision"].as_str().unwrap());
            let line = format!("cpu v=1 {}", vector["timestamp"]);
            parse_lines(&schema, line.as_bytes(), precision, 0, &mut rows, &mut words).unwrap();
            let mut time = String::new();
            crate::write_rfc3339(rows[0].time, &mut time);
            assert_eq!(time, vector["time"].as_str().unwrap(), "{vector}");
        }
    }

    #[test]
    fn values_are_shown_as_recorded() {
        let schema = Schema::default();
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../tests/data/values.json")).unwrap();
        for vector in vectors.as_array().unwrap() {
            let (rows, words) = parse(&schema, vector["line"].as_str().unwrap()).unwrap();
            let frame = Frame::new(words.into());
            let series = schema.series(rows[0].series);
            let mut out = String::from("{\"series\":[");
            crate::write_series(&schema, &frame, series.name(), series.tags(), &rows, &mut out).unwrap();
            out.push_str("]}");
            assert_eq!(out, vector["httpOut"].as_str().unwrap());
        }
    }

    #[test]
    fn bad_lines_are_named() {
        let schema = Schema::default();
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/data/line_protocol.json")).unwrap();
        for vector in vectors.as_array().unwrap() {
            let body = vector["body"].as_str().unwrap();
            // Twice: the second time with guesses at hand.
            for _ in 0..2 {
                let got = parse(&schema, body);
                assert_eq!(got.is_ok(), vector["status"] == 204, "{body:?}: {got:?}");
            }
        }
        let error = parse(&schema, "cpu v=1\n\ncpu v=x 5\n").unwrap_err();
        assert_eq!((error.line, error.text.as_str()), (3, "cpu v=x 5"));
    }
}
