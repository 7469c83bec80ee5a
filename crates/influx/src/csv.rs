//! An answer to InfluxQL in CSV to series and rows, while it arrives.
//!
//! A table begins with `name,tags,` and its columns; an empty line ends it. CSV tells neither texts from numbers nor
//! empty texts from nothing, so values are what they look like; and it has no errors of queries that were begun.

use std::borrow::Cow;

use crate::Error;
use crate::records::Records;
use crate::rows::{Cell, Rows};
use crate::teller::Teller;

/// Columns before those of a table: name and tags of a row's series.
const BEFORE: usize = 2;

/// Reads an answer as it arrives.
pub(crate) struct CsvReader<'r> {
    records: Records,
    table: Table<'r>,
}

impl<'r> CsvReader<'r> {
    pub(crate) fn new(rows: &'r mut (dyn Rows + Send)) -> CsvReader<'r> {
        let table = Table { teller: Teller::new(rows), place: Place::Between, columns: Vec::new(), open: None };
        CsvReader { records: Records::default(), table }
    }

    /// More of the body.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), Error> {
        self.records.push(part)?;
        loop {
            let mut fields = Vec::new();
            if !self.records.next(&mut fields)? {
                return Ok(());
            }
            self.table.record(&fields)?;
        }
    }

    /// The end of the body.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        loop {
            let mut fields = Vec::new();
            if !self.records.rest(&mut fields)? {
                return self.table.close();
            }
            self.table.record(&fields)?;
        }
    }
}

/// What is known of the rows.
struct Table<'r> {
    teller: Teller<'r>,
    place: Place,
    columns: Vec<String>,
    /// Name and tags of the series whose rows come, as they stand there.
    open: Option<(String, String)>,
}

/// What the next record is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The columns of a table, or the word `error`.
    Between,
    /// The text of an error.
    Failing,
    Rows,
}

impl Table<'_> {
    fn record(&mut self, fields: &[Cow<'_, str>]) -> Result<(), Error> {
        match (self.place, fields) {
            (Place::Failing, [text, ..]) => Err(Error::Query(text.clone().into_owned())),
            (_, [empty]) if empty.is_empty() => {
                self.place = Place::Between;
                Ok(())
            }
            (Place::Between, [error]) if error == "error" => {
                self.place = Place::Failing;
                Ok(())
            }
            (Place::Between, [name, tags, columns @ ..]) if name == "name" && tags == "tags" => {
                self.close()?;
                self.place = Place::Rows;
                self.columns = columns.iter().map(|column| column.clone().into_owned()).collect();
                Ok(())
            }
            (Place::Rows, _) => self.row(fields),
            _ => {
                let start: String = fields.join(",").chars().take(100).collect();
                Err(Error::Decode(format!("a table of CSV begins with name,tags and not with {start:?}")))
            }
        }
    }

    fn row(&mut self, fields: &[Cow<'_, str>]) -> Result<(), Error> {
        let (found, wanted) = (fields.len(), self.columns.len() + BEFORE);
        if found != wanted {
            return Err(Error::Decode(format!("a row of CSV has {found} values for {wanted} columns")));
        }
        if !self.open.as_ref().is_some_and(|(name, tags)| *name == fields[0] && *tags == fields[1]) {
            self.close()?;
            let tags = tags(&fields[1])?;
            let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (&**key, &**value)).collect();
            let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
            self.open = Some((fields[0].clone().into_owned(), fields[1].clone().into_owned()));
            self.teller.begin(&fields[0], &tags, &columns).map_err(Error::Unwanted)?;
        }
        let cells: Vec<Cell<'_>> =
            self.columns.iter().zip(&fields[BEFORE..]).map(|(column, field)| cell(column, field)).collect();
        self.teller.row(&cells).map_err(Error::Unwanted)
    }

    fn close(&mut self) -> Result<(), Error> {
        if self.open.take().is_some() { self.teller.end().map_err(Error::Unwanted) } else { Ok(()) }
    }
}

/// A value is what it looks like.
fn cell<'f>(column: &str, field: &'f str) -> Cell<'f> {
    match field {
        "" => Cell::Null,
        "true" => Cell::Bool(true),
        "false" => Cell::Bool(false),
        _ if column == "time" => field.parse().map_or(Cell::Text(Cow::Borrowed(field)), Cell::Time),
        _ if is_number(field) => field.parse().map_or(Cell::Text(Cow::Borrowed(field)), Cell::Number),
        _ => Cell::Text(Cow::Borrowed(field)),
    }
}

/// Whether InfluxDB could have written a number so: all digits, none of them needless.
fn is_number(field: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let positive = field.strip_prefix('-').unwrap_or(field);
    let (whole, fraction) = positive.split_once('.').map_or((positive, None), |(whole, rest)| (whole, Some(rest)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|fraction| digits(fraction) && !fraction.ends_with('0'))
}

type Tags<'f> = Vec<(Cow<'f, str>, Cow<'f, str>)>;

/// `a=b,c=d`, where a backslash stands before commas, spaces and equals signs of keys and values.
fn tags(text: &str) -> Result<Tags<'_>, Error> {
    let (mut tags, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (tag, after) = cut(rest, b',');
        let (key, Some(value)) = cut(tag, b'=') else {
            return Err(Error::Decode(format!("the tag {tag:?} of a row of CSV has no value")));
        };
        tags.push((unescaped(key), unescaped(value)));
        rest = after.unwrap_or_default();
    }
    Ok(tags)
}

/// What is before the first `separator` without a backslash, and what is after it.
fn cut(text: &str, separator: u8) -> (&str, Option<&str>) {
    let bytes = text.as_bytes();
    let found = memchr::memchr_iter(separator, bytes).find(|at| *at == 0 || bytes[at - 1] != b'\\');
    found.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])))
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\\,", ",").replace("\\=", "=").replace("\\ ", " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Collector;

    fn read(body: &str, size: usize) -> Result<Vec<crate::Series>, Error> {
        let mut collector = Collector { series: Vec::new(), rows_left: 1000 };
        let mut reader = CsvReader::new(&mut collector);
        for part in body.as_bytes().chunks(size) {
            reader.push(part)?;
        }
        reader.finish()?;
        Ok(collector.series)
    }

    const TABLES: &str = "name,tags,time,i,f,s,b\n\
        m,u=a,2,9007199254740993,1000000000000000000000,,\n\
        m,\"t=sü\\ d,u=a\\,b\\=c\",-1,-3,0.1,\"a\"\"b\\ ä, <x>\",true\n\
        m,\"t=sü\\ d,u=a\\,b\\=c\",3,-0,,line\\nend,false\n\
        \n\
        name,tags,name\n\
        databases,,plant\n";

    #[test]
    fn tables_become_series() {
        let text = |text: &'static str| Cell::Text(text.into());
        for size in [1, 7, 64, 4096] {
            let series = read(TABLES, size).unwrap();
            let heads: Vec<_> = series.iter().map(|one| (one.name.as_str(), one.columns.join(","))).collect();
            let columns = "time,i,f,s,b".to_owned();
            assert_eq!(heads, [("m", columns.clone()), ("m", columns), ("databases", "name".to_owned())]);
            let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            assert_eq!(series[0].tags, [tag("u", "a")]);
            assert_eq!(series[1].tags, [tag("t", "sü d"), tag("u", "a,b=c")]);
            let large = Cell::Number(9_007_199_254_740_992.0);
            assert_eq!(series[0].rows, [[Cell::Time(2), large, Cell::Number(1e21), Cell::Null, Cell::Null]]);
            let first =
                [Cell::Time(-1), Cell::Number(-3.0), Cell::Number(0.1), text("a\"b\\ ä, <x>"), Cell::Bool(true)];
            let second = [Cell::Time(3), Cell::Number(-0.0), Cell::Null, text("line\\nend"), Cell::Bool(false)];
            assert_eq!(series[1].rows, [first, second]);
            assert_eq!(series[2].rows, [[text("plant")]]);
        }
        assert_eq!(read("", 1).unwrap(), []);
    }

    #[test]
    fn values_are_what_they_look_like() {
        for number in ["0", "-0", "7", "-12.5", "0.001", "100"] {
            assert!(matches!(cell("v", number), Cell::Number(_)), "{number}");
        }
        for word in ["007", "1.50", "1.", ".5", "1e5", "inf", "NaN", "-", "+1", "0x1f", "1 ", "TRUE"] {
            assert!(matches!(cell("v", word), Cell::Text(_)), "{word}");
        }
        assert_eq!(cell("time", "2020-01-01T00:00:00Z"), Cell::Text("2020-01-01T00:00:00Z".into()));
    }

    #[test]
    fn errors_are_the_servers_or_the_forms() {
        let error = read("error\n\"no, not \"\"that\"\"\"\n", 3);
        assert_eq!(error, Err(Error::Query("no, not \"that\"".to_owned())));
        for broken in [
            "{}\n",
            "m,u=a,1\n",
            "name,tags,time\nm,,1,2\n",
            "name,tags,time\nm,u,1\n",
            "name,tags,time\nm,\"u",
            "name,tags,time\n\nm,,1\n",
        ] {
            assert!(matches!(read(broken, 5), Err(Error::Decode(_))), "{broken}");
        }
    }
}
