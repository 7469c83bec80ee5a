//! SQL of InfluxDB 3: how it is asked, and its answer, a JSON object for each row, to series and rows.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::cell::Text;
use crate::documents::Documents;
use crate::rows::{Cell, Rows};
use crate::time::parse_time_of_sql;

/// The body of a request: an object for each row comes back, while it is found.
pub(crate) fn request(database: &str, text: &str) -> Bytes {
    #[derive(Serialize)]
    struct Body<'t> {
        db: &'t str,
        q: &'t str,
        format: &'static str,
    }
    serde_json::to_vec(&Body { db: database, q: text, format: "jsonl" }).expect("texts become JSON").into()
}

type Tags = Vec<(String, String)>;
type Columns = Vec<String>;

/// Reads an answer as it arrives.
pub(crate) struct SqlReader<'q> {
    documents: Documents,
    table: Table<'q>,
}

/// What is known of the rows.
struct Table<'q> {
    measurement: &'q str,
    /// The columns that are tags.
    tags: Vec<String>,
    /// All columns are tags that hold texts.
    all_tags: bool,
    /// Tags and columns of the series that was told last.
    open: Option<(Tags, Columns)>,
}

impl<'q> SqlReader<'q> {
    /// Columns of the names in `tags` make the series; `*` stands for all that hold texts.
    pub(crate) fn new(measurement: &'q str, tags: &[String]) -> SqlReader<'q> {
        let all_tags = tags.iter().any(|tag| tag == "*");
        let mut tags: Vec<String> = tags.iter().filter(|tag| *tag != "*").cloned().collect();
        tags.sort_unstable();
        tags.dedup();
        SqlReader { documents: Documents::default(), table: Table { measurement, tags, all_tags, open: None } }
    }

    /// More of the body.
    pub(crate) fn push(&mut self, part: &[u8], rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        self.documents.push(part)?;
        while let Some(document) = self.documents.next() {
            self.table.row(document, rows)?;
        }
        Ok(())
    }

    /// The end of the body.
    pub(crate) fn finish(mut self, rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        if let Some(rest) = self.documents.rest() {
            self.table.row(rest, rows)?;
        }
        if self.table.open.is_some() { rows.end_series().map_err(Error::Unwanted) } else { Ok(()) }
    }
}

impl Table<'_> {
    fn row(&mut self, document: &[u8], rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        let Row(pairs) = serde_json::from_slice(document).map_err(|error| Error::Decode(error.to_string()))?;
        let is_tag = |name: &str, cell: &Cell<'_>| {
            name != "time"
                && (self.tags.iter().any(|tag| tag == name) || (self.all_tags && matches!(cell, Cell::Text(_))))
        };
        let (tags, fields): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, cell)| is_tag(name, cell));
        let same = self.open.as_ref().is_some_and(|(known, columns)| {
            known.len() == tags.len()
                && known.iter().zip(&tags).all(|(known, (name, cell))| known.0 == **name && is_text(cell, &known.1))
                && columns.len() == fields.len()
                && columns.iter().zip(&fields).all(|(column, (name, _))| column == name)
        });
        if !same {
            let tags: Vec<(String, String)> =
                tags.into_iter().map(|(name, cell)| (name.into_owned(), tag_text(cell))).collect();
            let columns: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
            let mut told = tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            rows.series(self.measurement, &mut told, &columns).map_err(Error::Unwanted)?;
            let columns = columns.into_iter().map(str::to_owned).collect();
            self.open = Some((tags, columns));
        }
        let mut cells = Vec::with_capacity(fields.len());
        for (name, cell) in fields {
            cells.push(if name == "time" { time(cell)? } else { cell });
        }
        rows.row(&cells).map_err(Error::Unwanted)
    }
}

fn is_text(cell: &Cell<'_>, text: &str) -> bool {
    match cell {
        Cell::Text(own) => own == text,
        _ => false,
    }
}

/// A tag is a text, whatever the column holds.
fn tag_text(cell: Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => text.into_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Integer(number) | Cell::Time(number) => number.to_string(),
        Cell::Bool(value) => value.to_string(),
        Cell::Null | Cell::List(_) => String::new(),
    }
}

fn time(cell: Cell<'_>) -> Result<Cell<'_>, Error> {
    match cell {
        Cell::Text(text) => parse_time_of_sql(&text)
            .map(Cell::Time)
            .ok_or_else(|| Error::Decode(format!("the column \"time\" holds {text:?}, which is no time"))),
        Cell::Integer(nanoseconds) => Ok(Cell::Time(nanoseconds)),
        Cell::Null => Ok(Cell::Null),
        _ => Err(Error::Decode("the column \"time\" holds no times".to_owned())),
    }
}

/// The columns of a row; null ones are left out, as InfluxDB mostly does itself.
struct Row<'de>(Vec<(Cow<'de, str>, Cell<'de>)>);

impl<'de> Deserialize<'de> for Row<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        let mut columns = Vec::new();
        while let Some(Text(name)) = map.next_key()? {
            let Typed(cell) = map.next_value()?;
            if cell != Cell::Null {
                columns.push((name, cell));
            }
        }
        Ok(Row(columns))
    }
}

/// A value that keeps the difference between whole numbers and others.
struct Typed<'de>(Cell<'de>);

impl<'de> Deserialize<'de> for Typed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TypedVisitor)
    }
}

struct TypedVisitor;

impl<'de> Visitor<'de> for TypedVisitor {
    type Value = Typed<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Typed<'de>, E> {
        Ok(Typed(Cell::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Typed<'de>, E> {
        Ok(Typed(Cell::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Typed<'de>, E> {
        Ok(Typed(Cell::Integer(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Typed<'de>, E> {
        Ok(Typed(i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Integer)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Typed<'de>, E> {
        Ok(Typed(Cell::Number(value)))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Typed<'de>, E> {
        Ok(Typed(Cell::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Typed<'de>, E> {
        Ok(Typed(Cell::Text(Cow::Owned(text.to_owned()))))
    }

    /// Lists and structs have no place in a point.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Typed<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Typed(Cell::Null))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Typed<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Typed(Cell::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Collector;

    fn read(body: &str, tags: &[&str], size: usize) -> Result<Vec<crate::Series>, Error> {
        let mut collector = Collector { series: Vec::new(), rows_left: 1000 };
        let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
        let mut reader = SqlReader::new("m", &tags);
        for part in body.as_bytes().chunks(size) {
            reader.push(part, &mut collector)?;
        }
        reader.finish(&mut collector)?;
        Ok(collector.series)
    }

    const ROWS: &str = "{\"host\":\"a\",\"time\":\"2025-01-01T00:00:00\",\"n\":3,\"v\":2.0}\n\
        {\"host\":\"a\",\"time\":\"2025-01-01T00:00:01.5Z\",\"n\":4,\"v\":1e3}\n\
        {\"host\":\"b\",\"time\":\"2025-01-01T00:00:02\",\"b\":true,\"n\":null,\"s\":\"x\",\"l\":[1,{\"a\":2}]}\n";

    #[test]
    fn rows_become_series_by_their_tags() {
        let time = 1_735_689_600_000_000_000;
        for size in [1, 10, 4096] {
            let series = read(ROWS, &["host", "host"], size).unwrap();
            assert_eq!(series.len(), 2);
            assert_eq!((series[0].name.as_str(), series[0].columns.join(",")), ("m", "time,n,v".to_owned()));
            assert_eq!(series[0].tags, [("host".to_owned(), "a".to_owned())]);
            assert_eq!(series[0].rows[0], [Cell::Time(time), Cell::Integer(3), Cell::Number(2.0)]);
            assert_eq!(series[0].rows[1][0], Cell::Time(time + 1_500_000_000));
            assert_eq!(series[1].columns.join(","), "time,b,s");
            assert_eq!(series[1].rows[0][2], Cell::Text("x".into()));
        }
        let all = read(ROWS, &["*"], 50).unwrap();
        assert_eq!(all[1].tags, [("host".to_owned(), "b".to_owned()), ("s".to_owned(), "x".to_owned())]);
        assert_eq!(read(ROWS, &[], 50).unwrap()[0].columns.join(","), "host,time,n,v");
        assert_eq!(read("", &[], 1).unwrap(), []);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for body in ["{\"time\":\"soon\"}", "{\"time\":true}", "[1]", "{\"a\":", "{\"a\":1}x{\n"] {
            assert!(matches!(read(body, &[], 3), Err(Error::Decode(_))), "{body}");
        }
    }

    #[test]
    fn a_request_names_database_and_query() {
        let body = request("plant", "SELECT \"a\" FROM m");
        let expected = r#"{"db":"plant","q":"SELECT \"a\" FROM m","format":"jsonl"}"#;
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    }
}
