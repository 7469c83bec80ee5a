//! Line protocol read: text to rows. <https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/>
//!
//! The parser guesses, then compares: each series remembers which one followed it and the shape its last line had, so
//! that a line like the last time's is read without a hash or a search.

mod digits;
mod value;

use crate::{
    FieldType, GroupId, Name, Row, Schema, Series, SeriesId, ShapeId, Time, Words,
    key::{key_end, series_of_key, unescape_name},
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
    let mut parser = Parser {
        schema,
        text,
        bytes: text.as_bytes(),
        at: 0,
        unit,
        now: now - now.rem_euclid(unit),
        words,
        last: (SeriesId(0), schema.series(SeriesId(0))),
        shape: ShapeId(0),
        fields: Vec::new(),
    };
    while parser.skip_to_line() {
        let begin = parser.at;
        rows.push(parser.line().map_err(|what| error_at(body, begin, what))?);
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

struct Parser<'a> {
    schema: &'a Schema,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    unit: i64,
    now: Time,
    words: &'a mut Words,
    /// The series of the line at hand, and before it is known, of the line before; and the shape of that line.
    last: (SeriesId, &'a Series),
    shape: ShapeId,
    /// The fields of the line, if they are not those that were expected.
    fields: Vec<(Name, FieldType)>,
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
    fn line(&mut self) -> Result<Row, &'static str> {
        self.key()?;
        self.skip_blanks();
        let at = self.words.words.len() as u32;
        let (id, series) = self.last;
        let known = ShapeId(series.guess_shape());
        // A series that is new has the fields of the one before it, most of the time.
        self.shape = self.fields(if known == ShapeId(0) { self.shape } else { known })?;
        if self.shape != known {
            series.remember_shape(self.shape.0);
        }
        let time = self.time()?;
        Ok(Row { time, series: id, shape: self.shape, at, group: GroupId::NIL })
    }

    #[inline]
    fn key(&mut self) -> Result<(), &'static str> {
        let (before, series) = self.last;
        let guess = SeriesId(series.guess_next());
        let rest = &self.bytes[self.at..];
        if let Some(next) = self.schema.series_table().meet_key(guess, rest) {
            self.at += next.raw().len();
            self.last = (guess, next);
            return Ok(());
        }
        let key = &rest[..key_end(rest)?];
        let found = series_of_key(self.schema, key, before)?;
        series.remember_next(found.0);
        self.at += key.len();
        self.last = (found, self.schema.series(found));
        Ok(())
    }

    /// All fields; their shape.
    #[inline]
    fn fields(&mut self, guess: ShapeId) -> Result<ShapeId, &'static str> {
        let shape = self.schema.shape(guess);
        let mut matched = 0;
        for (key, field_type) in shape.guess() {
            if !begins_with(&self.bytes[self.at..], key.as_bytes()) {
                break;
            }
            self.at += key.len();
            let found = self.value()?;
            if found != *field_type {
                self.begin_fields(&shape.fields()[..matched]);
                self.fields.push((shape.fields()[matched].0, found));
                return self.other_fields();
            }
            matched += 1;
            if self.peek() != b',' {
                self.end_of_fields()?;
                let all = matched == shape.len();
                return if all { Ok(guess) } else { self.shape(&shape.fields()[..matched]) };
            }
            self.at += 1;
        }
        self.begin_fields(&shape.fields()[..matched]);
        self.field()?;
        self.other_fields()
    }

    /// The first fields are those, whatever comes now.
    fn begin_fields(&mut self, fields: &[(Name, FieldType)]) {
        self.fields.clear();
        self.fields.extend_from_slice(fields);
    }

    fn other_fields(&mut self) -> Result<ShapeId, &'static str> {
        while self.peek() == b',' {
            self.at += 1;
            self.field()?;
        }
        self.end_of_fields()?;
        self.shape(&self.fields)
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

    fn field(&mut self) -> Result<(), &'static str> {
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
        let name = unescape_name(&self.text[self.at..self.at + end]);
        let name = match self.schema.names().find(&name) {
            Some(name) => name,
            None if self.schema.is_full() => return Err(FULL),
            None => self.schema.name(&name),
        };
        self.at += end + 1;
        let found = self.value()?;
        self.fields.push((name, found));
        Ok(())
    }
}

/// Keys are short, mostly: they are compared in two words, which costs less than calling for it.
#[inline]
fn begins_with(rest: &[u8], key: &[u8]) -> bool {
    let Some(begin) = rest.get(..key.len()) else { return false };
    match (begin.first_chunk::<8>(), key.first_chunk::<8>()) {
        (Some(a), Some(b)) if key.len() <= 16 => a == b && begin.last_chunk::<8>() == key.last_chunk::<8>(),
        (Some(_), _) => begin == key,
        _ => begin.iter().zip(key).all(|(a, b)| a == b),
    }
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
