//! Who receives the rows of an answer, and small answers as values.

use std::borrow::Cow;

/// A value of a row. In an answer to InfluxQL every number is a float, as everywhere in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    Null,
    Number(f64),
    /// In answers to Flux and SQL alone.
    Integer(i64),
    /// Nanoseconds since 1970; in answers to InfluxQL the column `time` alone, if it is no text.
    Time(i64),
    Bool(bool),
    Text(Cow<'a, str>),
    /// As in `SHOW SUBSCRIPTIONS`.
    List(Vec<Cell<'a>>),
}

/// Receives an answer while it arrives: for each series `series`, its rows, `end_series`.
///
/// A series that arrives in several parts is told once, except in answers to SQL: their rows are in no order, so that a
/// series is told again as often as it goes on, perhaps with other columns. The error of any method ends the query, which then fails
/// with that text. If the query fails, what was received before is not the whole answer.
pub trait Rows {
    /// A series begins. The first column of a stored measurement is `time`.
    fn series(
        &mut self,
        name: &str,
        tags: &mut dyn Iterator<Item = (&str, &str)>,
        columns: &[&str],
    ) -> Result<(), String>;

    /// The next row: as many cells as columns.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String>;

    /// The series has no more rows.
    fn end_series(&mut self) -> Result<(), String>;
}

/// A value that outlives its answer.
pub type OwnedCell = Cell<'static>;

impl Cell<'_> {
    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> OwnedCell {
        match self {
            Cell::Null => Cell::Null,
            Cell::Number(value) => Cell::Number(value),
            Cell::Integer(value) => Cell::Integer(value),
            Cell::Time(time) => Cell::Time(time),
            Cell::Bool(value) => Cell::Bool(value),
            Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Cell::List(cells) => Cell::List(cells.into_iter().map(Cell::into_owned).collect()),
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A series of a small answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub name: String,
    pub tags: Vec<(String, String)>,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<OwnedCell>>,
}

impl Series {
    /// The cells of `column` in all rows; none if there is no such column.
    pub fn column<'s>(&'s self, column: &str) -> impl Iterator<Item = &'s OwnedCell> + 's {
        let index = self.columns.iter().position(|name| name == column);
        self.rows.iter().filter_map(move |row| row.get(index?))
    }
}

/// Collects an answer of at most so many rows.
pub(crate) struct Collector {
    pub(crate) series: Vec<Series>,
    pub(crate) rows_left: usize,
}

impl Rows for Collector {
    fn series(
        &mut self,
        name: &str,
        tags: &mut dyn Iterator<Item = (&str, &str)>,
        columns: &[&str],
    ) -> Result<(), String> {
        self.series.push(Series {
            name: name.to_owned(),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        });
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        self.rows_left =
            self.rows_left.checked_sub(1).ok_or("the answer of InfluxDB has more rows than can be collected")?;
        let series = self.series.last_mut().expect("rows come after their series");
        series.rows.push(cells.iter().cloned().map(Cell::into_owned).collect());
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        Ok(())
    }
}
