//! Tells the series of an answer to whoever receives its rows; a series that comes in parts is told once.

use crate::rows::{Cell, Rows};

/// What makes a series the same series.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) name: String,
    /// Ordered by their keys.
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) columns: Vec<String>,
}

impl Head {
    fn is(&self, name: &str, tags: &[(&str, &str)], columns: &[&str]) -> bool {
        self.name == name
            && self.tags.iter().map(|(key, value)| (&**key, &**value)).eq(tags.iter().copied())
            && self.columns.iter().map(String::as_str).eq(columns.iter().copied())
    }
}

/// The errors of all methods are those of the receiver.
pub(crate) struct Teller<'r> {
    rows: &'r mut (dyn Rows + Send),
    /// A series whose rows go on in the next part.
    open: Option<Head>,
}

impl<'r> Teller<'r> {
    pub(crate) fn new(rows: &'r mut (dyn Rows + Send)) -> Teller<'r> {
        Teller { rows, open: None }
    }

    /// A series begins, unless it goes on from the part before.
    pub(crate) fn begin(&mut self, name: &str, tags: &[(&str, &str)], columns: &[&str]) -> Result<(), String> {
        if let Some(open) = self.open.take() {
            if open.is(name, tags, columns) {
                return Ok(());
            }
            self.rows.end_series()?;
        }
        self.rows.series(name, &mut tags.iter().copied(), columns)
    }

    pub(crate) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        self.rows.row(cells)
    }

    /// The series has no more rows.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        self.rows.end_series()
    }

    /// The series may go on in the next part.
    pub(crate) fn pause(&mut self, head: Head) {
        self.open = Some(head);
    }

    /// The answer has no more series.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        if self.open.take().is_some() { self.rows.end_series() } else { Ok(()) }
    }
}
