//! An answer to InfluxQL in any of its formats to series and rows, while it arrives.

use crate::csv::CsvReader;
use crate::json::JsonReader;
use crate::msgpack::MessagePackReader;
use crate::rows::{Cell, Rows};
use crate::{Error, Format};

/// Reads the body of an answer as it arrives. Of the body no more is held than its current document in JSON, and than a
/// row in the other formats.
pub struct AnswerReader<'r>(Reader<'r>);

enum Reader<'r> {
    Json(JsonReader<'r>),
    MessagePack(MessagePackReader<'r>),
    Csv(CsvReader<'r>),
}

impl<'r> AnswerReader<'r> {
    /// Hands the rows of an answer in `format` to `rows`.
    pub fn new(format: Format, rows: &'r mut (dyn Rows + Send)) -> AnswerReader<'r> {
        AnswerReader(match format {
            Format::Json => Reader::Json(JsonReader::new(rows)),
            Format::MessagePack => Reader::MessagePack(MessagePackReader::new(rows)),
            Format::Csv => Reader::Csv(CsvReader::new(rows)),
        })
    }

    /// More of the body.
    ///
    /// # Errors
    /// It is no answer, it tells an error of InfluxDB's, or who receives the rows does not want them.
    pub fn push(&mut self, part: &[u8]) -> Result<(), Error> {
        match &mut self.0 {
            Reader::Json(reader) => reader.push(part),
            Reader::MessagePack(reader) => reader.push(part),
            Reader::Csv(reader) => reader.push(part),
        }
    }

    /// The end of the body.
    ///
    /// # Errors
    /// As [`AnswerReader::push`]; or the answer breaks off.
    pub fn finish(self) -> Result<(), Error> {
        match self.0 {
            Reader::Json(reader) => reader.finish(),
            Reader::MessagePack(reader) => reader.finish(),
            Reader::Csv(reader) => reader.finish(),
        }
    }
}

/// The error that a body tells; none if it is something else.
pub(crate) fn told_error(format: Format, body: &[u8]) -> Option<String> {
    let mut nobody = Nobody;
    let mut reader = AnswerReader::new(format, &mut nobody);
    match reader.push(body).and_then(|()| reader.finish()) {
        Err(Error::Query(text)) => Some(text),
        _ => None,
    }
}

/// Receives no rows.
struct Nobody;

impl Rows for Nobody {
    fn series(&mut self, _: &str, _: &mut dyn Iterator<Item = (&str, &str)>, _: &[&str]) -> Result<(), String> {
        Err("no rows".to_owned())
    }

    fn row(&mut self, _: &[Cell<'_>]) -> Result<(), String> {
        Err("no rows".to_owned())
    }

    fn end_series(&mut self) -> Result<(), String> {
        Ok(())
    }
}
