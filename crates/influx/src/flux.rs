//! Flux: how it is asked, and its answer in annotated CSV to series and rows.
//!
//! A table is a series. Its tags are the columns of the group key, its fields the others; `_measurement` names it,
//! `_time` is its time, `_start` and `_stop` are left out.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::records::Records;
use crate::rows::{Cell, Rows};
use crate::{Error, parse_time};

/// Columns before those of a table: annotation, result, table.
const BEFORE: usize = 3;

/// The body of a request.
pub(crate) fn request(text: &str, now: Option<&str>) -> Bytes {
    #[derive(Serialize)]
    struct Dialect {
        annotations: [&'static str; 3],
        delimiter: &'static str,
        header: bool,
    }
    #[derive(Serialize)]
    struct Body<'t> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        now: Option<&'t str>,
        query: &'t str,
        dialect: Dialect,
    }
    let dialect = Dialect { annotations: ["datatype", "default", "group"], delimiter: ",", header: true };
    let body = serde_json::to_vec(&Body { r#type: "flux", now, query: text, dialect });
    body.expect("texts become JSON").into()
}

/// Reads an answer as it arrives.
#[derive(Default)]
pub(crate) struct FluxReader {
    records: Records,
    table: Table,
}

impl FluxReader {
    /// More of the body.
    pub(crate) fn push(&mut self, part: &[u8], rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        self.records.push(part)?;
        loop {
            let mut fields = Vec::new();
            if !self.records.next(&mut fields)? {
                return Ok(());
            }
            self.table.record(&fields, rows)?;
        }
    }

    /// The end of the body.
    pub(crate) fn finish(mut self, rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        loop {
            let mut fields = Vec::new();
            if !self.records.rest(&mut fields)? {
                return self.table.close(rows);
            }
            self.table.record(&fields, rows)?;
        }
    }
}

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Float,
    Integer,
    Bool,
    Time,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    r#type: Type,
    /// Whether it is part of the group key.
    group: bool,
    /// Stands for an empty value.
    default: String,
}

/// What is known of the table at hand.
#[derive(Default)]
struct Table {
    types: Vec<Type>,
    groups: Vec<bool>,
    defaults: Vec<String>,
    columns: Vec<Column>,
    /// The next record names the columns.
    heading: bool,
    /// The header of a table of errors has come.
    failing: bool,
    /// Result and number of the table whose rows come.
    open: Option<(String, String)>,
}

impl Table {
    fn record(&mut self, fields: &[Cow<'_, str>], rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        if self.failing {
            let text = fields.get(1).map_or("no reason given", |text| &**text);
            return Err(Error::Query(format!("flux query error: {text}")));
        }
        let [annotation, ..] = fields else { return Ok(()) };
        if fields.len() < BEFORE {
            // An empty line stands between tables of different columns.
            return Ok(());
        }
        match &**annotation {
            "" if fields[1] == "error" => {
                self.failing = true;
                Ok(())
            }
            "" if self.heading => {
                self.close(rows)?;
                self.heading = false;
                self.head(&fields[BEFORE..]);
                Ok(())
            }
            "" => self.row(fields, rows),
            name => {
                self.annotation(name, &fields[BEFORE..]);
                Ok(())
            }
        }
    }

    fn annotation(&mut self, name: &str, values: &[Cow<'_, str>]) {
        match name {
            "#datatype" => self.types = values.iter().map(|value| type_of(value)).collect(),
            "#group" => self.groups = values.iter().map(|value| value == "true").collect(),
            "#default" => self.defaults = values.iter().map(|value| value.to_string()).collect(),
            _ => return,
        }
        self.heading = true;
    }

    fn head(&mut self, names: &[Cow<'_, str>]) {
        let columns = names.iter().enumerate().map(|(index, name)| Column {
            name: name.to_string(),
            r#type: self.types.get(index).copied().unwrap_or(Type::Text),
            group: self.groups.get(index).copied().unwrap_or(false),
            default: self.defaults.get(index).cloned().unwrap_or_default(),
        });
        self.columns = columns.collect();
    }

    fn row(&mut self, fields: &[Cow<'_, str>], rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        let values = &fields[BEFORE..];
        if values.len() != self.columns.len() {
            let (found, wanted) = (values.len(), self.columns.len());
            return Err(Error::Decode(format!("a row of a table has {found} values for {wanted} columns")));
        }
        let is_open = |(result, table): &(String, String)| *result == fields[1] && *table == fields[2];
        if !self.open.as_ref().is_some_and(is_open) {
            self.close(rows)?;
            self.open = Some((fields[1].to_string(), fields[2].to_string()));
            self.begin(values, rows)?;
        }
        let mut cells = Vec::with_capacity(values.len());
        for (column, value) in self.columns.iter().zip(values).filter(|(column, _)| column.is_field()) {
            cells.push(column.cell(value)?);
        }
        rows.row(&cells).map_err(Error::Unwanted)
    }

    /// Tell of a table whose first row this is.
    fn begin(&self, values: &[Cow<'_, str>], rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        let both = || self.columns.iter().zip(values);
        let value = |(column, value): (&Column, &'_ Cow<'_, str>)| column.or_default(value).to_owned();
        let name = both().find(|(column, _)| column.name == "_measurement").map(value).unwrap_or_default();
        let columns: Vec<&str> =
            self.columns.iter().filter(|column| column.is_field()).map(Column::told_name).collect();
        let tags = both().filter(|(column, _)| column.group && !column.is_left_out());
        let mut tags = tags.map(|(column, value)| (column.told_name(), column.or_default(value)));
        rows.series(&name, &mut tags, &columns).map_err(Error::Unwanted)
    }

    fn close(&mut self, rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        match self.open.take() {
            Some(_) => rows.end_series().map_err(Error::Unwanted),
            None => Ok(()),
        }
    }
}

impl Column {
    fn is_left_out(&self) -> bool {
        matches!(self.name.as_str(), "_measurement" | "_start" | "_stop")
    }

    fn is_field(&self) -> bool {
        !self.group && !self.is_left_out()
    }

    fn told_name(&self) -> &str {
        if self.name == "_time" { "time" } else { &self.name }
    }

    fn or_default<'v>(&'v self, value: &'v str) -> &'v str {
        if value.is_empty() { &self.default } else { value }
    }

    fn cell<'v>(&'v self, value: &'v str) -> Result<Cell<'v>, Error> {
        let value = self.or_default(value);
        if value.is_empty() && self.r#type != Type::Text {
            return Ok(Cell::Null);
        }
        let read = match self.r#type {
            Type::Text => Some(Cell::Text(Cow::Borrowed(value))),
            Type::Float => number(value).map(Cell::Number),
            // What is too large for 64 bits with a sign keeps its size, if not its last digits.
            Type::Integer => value.parse().map(Cell::Integer).ok().or_else(|| number(value).map(Cell::Number)),
            Type::Bool => Some(Cell::Bool(value != "false")),
            Type::Time => parse_time(value).map(Cell::Time),
        };
        read.ok_or_else(|| Error::Decode(format!("the value {value:?} of column {:?} is not of its type", self.name)))
    }
}

/// Kinds of values that a point cannot hold are texts.
fn type_of(name: &str) -> Type {
    match name {
        "double" => Type::Float,
        "long" | "unsignedLong" => Type::Integer,
        "boolean" => Type::Bool,
        name if name.starts_with("dateTime") => Type::Time,
        _ => Type::Text,
    }
}

/// Flux writes `+Inf`, `-Inf` and `NaN`.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Collector;

    fn read(body: &str, size: usize) -> Result<Vec<crate::Series>, Error> {
        let mut collector = Collector { series: Vec::new(), rows_left: 1000 };
        let mut reader = FluxReader::default();
        for part in body.as_bytes().chunks(size) {
            reader.push(part, &mut collector)?;
        }
        reader.finish(&mut collector)?;
        Ok(collector.series)
    }

    const TWO_TABLES: &str =
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\r
#group,false,false,true,true,false,false,true,true\r
#default,_result,,,,,,,\r
,result,table,_start,_stop,_time,_value,_measurement,host\r
,,0,2022-12-31T05:00:00Z,2022-12-31T06:00:00Z,2022-12-31T05:10:00Z,15.5,cpu,\"a,b\"\r
,,0,2022-12-31T05:00:00Z,2022-12-31T06:00:00Z,2022-12-31T05:20:00Z,,cpu,\"a,b\"\r
,,1,2022-12-31T05:00:00Z,2022-12-31T06:00:00Z,2022-12-31T05:10:00.5Z,-2,cpu,c\r
\r
#datatype,string,long,dateTime:RFC3339,long,unsignedLong,boolean,string,duration\r
#group,false,false,false,false,false,false,false,false\r
#default,other,,,7,,,,\r
,result,table,_time,n,u,b,s,d\r
,,0,2022-12-31T05:10:00Z,,18446744073709551615,true,,1h\r
\r
";

    #[test]
    fn tables_become_series() {
        for size in [1, 7, 64, 4096] {
            let series = read(TWO_TABLES, size).unwrap();
            let heads: Vec<_> =
                series.iter().map(|one| (one.name.as_str(), one.tags.clone(), one.columns.join(","))).collect();
            let host = |value: &str| vec![("host".to_owned(), value.to_owned())];
            assert_eq!(
                heads,
                [
                    ("cpu", host("a,b"), "time,_value".to_owned()),
                    ("cpu", host("c"), "time,_value".to_owned()),
                    ("", vec![], "time,n,u,b,s,d".to_owned())
                ]
            );
            let time = 1_672_463_400_000_000_000;
            assert_eq!(series[0].rows[0], [Cell::Time(time), Cell::Number(15.5)]);
            assert_eq!(series[0].rows[1], [Cell::Time(time + 600_000_000_000), Cell::Null]);
            assert_eq!(series[1].rows, [[Cell::Time(time + 500_000_000), Cell::Number(-2.0)]]);
            let text = |text: &'static str| Cell::Text(text.into());
            let large = Cell::Number(18_446_744_073_709_551_615.0);
            assert_eq!(
                series[2].rows[0],
                [Cell::Time(time), Cell::Integer(7), large, Cell::Bool(true), text(""), text("1h")]
            );
        }
    }

    #[test]
    fn errors_of_flux_and_of_the_answer() {
        let failed = "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,\"no, not \"\"that\"\"\",897\r\n";
        assert_eq!(read(failed, 5).unwrap_err(), Error::Query("flux query error: no, not \"that\"".to_owned()));
        let late = format!(
            "{TWO_TABLES}\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,late,\r\n"
        );
        assert_eq!(read(&late, 9).unwrap_err(), Error::Query("flux query error: late".to_owned()));
        for (from, to) in [(",15.5,", ",much,"), (",15.5,", ","), ("T05:20:00Z", "")] {
            let broken = TWO_TABLES.replace(from, to);
            let result = read(&broken, 100);
            if to.is_empty() {
                // A row whose time is a date alone.
                assert!(matches!(result, Err(Error::Decode(_))), "{result:?}");
            } else {
                assert!(matches!(result, Err(Error::Decode(_))), "{from}: {result:?}");
            }
        }
        assert_eq!(read("", 1).unwrap(), []);
        assert_eq!(read("\r\n", 1).unwrap(), []);
    }

    #[test]
    fn a_request_names_its_dialect() {
        let body = request("from(bucket: \"b\")", Some("2021-01-01T00:00:00Z"));
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"type":"flux","now":"2021-01-01T00:00:00Z","query":"from(bucket: \"b\")","dialect":{"annotations":["datatype","default","group"],"delimiter":",","header":true}}"#
        );
    }
}
