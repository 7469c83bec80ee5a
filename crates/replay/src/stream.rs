//! `.srpl`: three lines for each point, packed with gzip: database, retention policy, line protocol.

use std::io::{BufRead, BufReader, Read, Write};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use model::{Frame, Precision, Row, Schema, Words, parse_lines, write_line};

use crate::Error;

/// A line that is longer is no line of a recording.
const LONGEST: usize = 16 << 20;
/// Points that are read at once, if they go to the same database and retention policy.
const CHUNK: usize = 512;
/// Bytes that are unpacked at once.
const BUFFER: usize = 64 << 10;

/// Writes points.
pub struct StreamWriter<W: Write> {
    out: GzEncoder<W>,
    text: String,
}

impl<W: Write> StreamWriter<W> {
    pub fn new(out: W) -> StreamWriter<W> {
        StreamWriter { out: GzEncoder::new(out, Compression::default()), text: String::new() }
    }

    /// Add a point; one without fields that can be written is left out.
    pub fn point(
        &mut self,
        schema: &Schema,
        frame: &Frame,
        row: &Row,
        (database, policy): (&str, &str),
    ) -> Result<(), Error> {
        self.text.clear();
        for line in [database, policy] {
            self.text.push_str(line);
            self.text.push('\n');
        }
        let series = schema.series(row.series);
        if write_line(schema, frame, row, schema.text(series.name()), series.tags(), 1, &mut self.text) {
            self.out.write_all(self.text.as_bytes())?;
        }
        Ok(())
    }

    pub fn finish(self) -> Result<W, Error> {
        Ok(self.out.finish()?)
    }
}

/// Points in a row that go to the same database and retention policy.
#[derive(Debug, Default)]
pub struct Points {
    pub database: String,
    pub retention_policy: String,
    pub rows: Vec<Row>,
    pub words: Words,
}

/// Reads points.
pub struct StreamReader<R: Read> {
    input: BufReader<MultiGzDecoder<R>>,
    /// The three lines of the point that is at hand.
    record: [Vec<u8>; 3],
    /// It belongs to the next run.
    kept: bool,
    /// The points of a run, a line each.
    lines: Vec<u8>,
}

impl<R: Read> StreamReader<R> {
    pub fn new(input: R) -> StreamReader<R> {
        let input = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input));
        StreamReader { input, record: Default::default(), kept: false, lines: Vec::new() }
    }

    /// The next points; `None` at the end.
    ///
    /// # Errors
    /// The file is damaged; what was read before is good.
    pub fn read(&mut self, schema: &Schema) -> Result<Option<Points>, Error> {
        if !std::mem::take(&mut self.kept) && !self.next()? {
            return Ok(None);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let [database, policy, _] = &self.record;
        let mut points = Points { database: text(database), retention_policy: text(policy), ..Points::default() };
        let origin = [database.clone(), policy.clone()];
        self.lines.clear();
        for count in 1.. {
            self.lines.extend_from_slice(&self.record[2]);
            self.lines.push(b'\n');
            if count == CHUNK || self.lines.len() > LONGEST || !self.next()? {
                break;
            }
            if self.record[..2] != origin {
                self.kept = true;
                break;
            }
        }
        // A line without a time has the time zero.
        parse_lines(schema, &self.lines, Precision::Nanoseconds, 0, &mut points.rows, &mut points.words)?;
        Ok(Some(points))
    }

    /// Reads the three lines of a point; false at the end.
    fn next(&mut self) -> Result<bool, Error> {
        for (index, line) in self.record.iter_mut().enumerate() {
            line.clear();
            loop {
                let left = (LONGEST + 1 - line.len()) as u64;
                let count = (&mut self.input).take(left).read_until(b'\n', line)?;
                if count == 0 && line.is_empty() {
                    return if index == 0 { Ok(false) } else { Err(Error::Cut) };
                }
                if line.len() > LONGEST {
                    return Err(Error::LongLine(LONGEST));
                }
                // A text in a point may go on in the next line.
                if count == 0 || index < 2 || !ends_in_text(line) {
                    break;
                }
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
        }
        Ok(true)
    }
}

/// Whether a point ends within the text of a field. Quotes in names and tags open none.
fn ends_in_text(line: &[u8]) -> bool {
    let (mut in_fields, mut in_text, mut escaped) = (false, false, false);
    for &byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b' ' if !in_fields => in_fields = true,
            b'"' if in_fields => in_text = !in_text,
            _ => {}
        }
    }
    in_text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_text_of_several_lines_is_one_text() {
        let schema = Schema::new();
        let (mut rows, mut words) = (Vec::new(), Words::default());
        let text = b"log,q=\"x s=\"one\ntwo \\\" three\n\",v=1 1000000000\nlog v=2 2000000000\n";
        parse_lines(&schema, text, Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
        let frame = Frame::new(Arc::new(words));
        let mut writer = StreamWriter::new(Vec::new());
        for row in &rows {
            writer.point(&schema, &frame, row, ("d", "r")).unwrap();
        }
        let packed = writer.finish().unwrap();
        let points = StreamReader::new(&packed[..]).read(&schema).unwrap().unwrap();
        let frame = Frame::new(Arc::new(points.words));
        let mut lines = String::new();
        for row in &points.rows {
            let series = schema.series(row.series);
            assert!(write_line(&schema, &frame, row, schema.text(series.name()), series.tags(), 1, &mut lines));
        }
        assert_eq!(lines.as_bytes(), text);
    }

    #[test]
    fn points_come_back_as_they_were() {
        let schema = Schema::new();
        let (mut rows, mut words) = (Vec::new(), Words::default());
        let text = b"cpu,dc=x,host=a\\ b b=true,i=3i,s=\"x y\",value=1 1000000000\nmem used=2.5 2000000000\n";
        parse_lines(&schema, text, Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
        let frame = Frame::new(Arc::new(words));
        let mut writer = StreamWriter::new(Vec::new());
        writer.point(&schema, &frame, &rows[0], ("d", "r")).unwrap();
        writer.point(&schema, &frame, &rows[1], ("d", "r")).unwrap();
        writer.point(&schema, &frame, &rows[1], ("e", "r")).unwrap();
        let file = writer.finish().unwrap();
        let mut unpacked = String::new();
        MultiGzDecoder::new(&file[..]).read_to_string(&mut unpacked).unwrap();
        assert!(
            unpacked.starts_with("d\nr\ncpu,dc=x,host=a\\ b b=true,i=3i,s=\"x y\",value=1 1000000000\n"),
            "{unpacked}"
        );
        let mut reader = StreamReader::new(&file[..]);
        let first = reader.read(&schema).unwrap().unwrap();
        assert_eq!((first.database.as_str(), first.rows.len(), first.rows[1].time), ("d", 2, 2_000_000_000));
        assert_eq!(first.rows[0].series, rows[0].series);
        assert_eq!(reader.read(&schema).unwrap().unwrap().database, "e");
        assert!(reader.read(&schema).unwrap().is_none());
    }

    /// Tabs and zeros are passed over where the fields begin, so a name that begins with one does not stand there.
    #[test]
    fn names_that_begin_blank_come_back() {
        let schema = Schema::new();
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&schema, b"m v=1,\0\0=2,\ta=3 6", Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
        let frame = Frame::new(Arc::new(words));
        let mut writer = StreamWriter::new(Vec::new());
        writer.point(&schema, &frame, &rows[0], ("d", "r")).unwrap();
        let packed = writer.finish().unwrap();
        let points = StreamReader::new(&packed[..]).read(&schema).unwrap().unwrap();
        let (before, after) = (schema.shape(rows[0].shape), schema.shape(points.rows[0].shape));
        assert!(before.sorted().map(|field| field.1).eq(after.sorted().map(|field| field.1)));
    }

    #[test]
    fn a_cut_or_foreign_file_is_an_error() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(b"d\nr\n").unwrap();
        let file = packed.finish().unwrap();
        let schema = Schema::new();
        let error = StreamReader::new(&file[..]).read(&schema).unwrap_err();
        assert_eq!(error.to_string(), "invalid replay file format, expected another line");
        assert!(StreamReader::new(&b"PK\x03\x04 no gzip"[..]).read(&schema).is_err());
    }
}
