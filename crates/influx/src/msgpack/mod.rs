//! An answer to InfluxQL in MessagePack to series and rows, while it arrives.
//!
//! The maps of an answer are those of its JSON. What is held of it is a value that has not arrived whole: a row at most.

mod token;

use crate::Error;
use crate::rows::{Cell, Rows};
use crate::teller::{Head, Teller};
use token::{Input, Stop};

/// A longer row, or list of names, is refused.
const LONGEST_VALUE: usize = 64 * 1024 * 1024;
/// Of a longer value that is not whole, a quarter more has to come before it is looked at again.
const LONG_VALUE: usize = 64 * 1024;

/// Reads an answer as it arrives.
pub(crate) struct MessagePackReader<'r> {
    /// What is not read yet.
    held: Vec<u8>,
    /// How much has to be held before reading goes on.
    wanted: usize,
    answer: Answer<'r>,
}

impl<'r> MessagePackReader<'r> {
    pub(crate) fn new(rows: &'r mut (dyn Rows + Send)) -> MessagePackReader<'r> {
        let answer = Answer {
            teller: Teller::new(rows),
            levels: Vec::new(),
            head: Head::default(),
            is_time: Vec::new(),
            begun: false,
            partial: false,
            documents: 0,
        };
        MessagePackReader { held: Vec::new(), wanted: 0, answer }
    }

    /// More of the body.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), Error> {
        if self.held.is_empty() {
            let read = self.read(part)?;
            self.held.extend_from_slice(&part[read..]);
            return Ok(());
        }
        self.held.extend_from_slice(part);
        if self.held.len() < self.wanted {
            return Ok(());
        }
        self.read_held()
    }

    /// The end of the body.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.read_held()?;
        if !self.held.is_empty() || !self.answer.levels.is_empty() {
            return Err(Error::Decode("the answer breaks off".to_owned()));
        }
        if self.answer.documents == 0 {
            return Err(Error::empty());
        }
        self.answer.teller.finish().map_err(Error::Unwanted)
    }

    fn read_held(&mut self) -> Result<(), Error> {
        let mut held = std::mem::take(&mut self.held);
        let read = self.read(&held)?;
        held.drain(..read);
        self.held = held;
        Ok(())
    }

    /// Reads all that is whole, and says how much that was.
    fn read(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut input = Input::new(bytes);
        let mut cells = Vec::new();
        loop {
            let read = input.at;
            match self.answer.step(&mut input, &mut cells) {
                Ok(true) => {}
                Ok(false) => return Ok(read),
                Err(Stop::More(missing)) => {
                    let there = bytes.len() - read;
                    let missing = if there > LONG_VALUE { missing.max(there / 4) } else { missing };
                    self.wanted = there + missing;
                    if there > LONGEST_VALUE {
                        return Err(Error::Decode(format!("a row of the answer is longer than {LONGEST_VALUE} bytes")));
                    }
                    return Ok(read);
                }
                Err(Stop::Wrong(text)) => return Err(Error::Decode(text)),
                Err(Stop::Told(text)) => return Err(Error::Query(text)),
                Err(Stop::Unwanted(text)) => return Err(Error::Unwanted(text)),
            }
        }
    }
}

/// What has been read of an answer.
struct Answer<'r> {
    teller: Teller<'r>,
    /// The maps and lists around what comes next, from the outside.
    levels: Vec<Level>,
    /// What is known of the series at hand.
    head: Head,
    /// Which of its columns are times.
    is_time: Vec<bool>,
    begun: bool,
    partial: bool,
    documents: usize,
}

struct Level {
    kind: Kind,
    /// Entries or elements that are still to come.
    left: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `{"results": [...], "error": "..."}`
    Document,
    Results,
    /// `{"statement_id": 0, "series": [...], "error": "..."}`
    Result,
    SeriesList,
    /// `{"name": ..., "tags": {...}, "columns": [...], "values": [[...], ...], "partial": true}`
    Series,
    Rows,
}

impl Answer<'_> {
    /// Reads the next value that is of use as a whole. False if there is none.
    ///
    /// Nothing is changed by what is not read whole, so that it can be read again.
    fn step<'b>(&mut self, input: &mut Input<'b>, cells: &mut Vec<Cell<'b>>) -> Result<bool, Stop> {
        let Some(level) = self.levels.last() else {
            if input.is_at_end() {
                return Ok(false);
            }
            let left = input.map()?;
            self.documents += 1;
            self.levels.push(Level { kind: Kind::Document, left });
            return Ok(true);
        };
        let kind = level.kind;
        if level.left == 0 {
            self.levels.pop();
            if kind == Kind::Series {
                self.end_series()?;
            }
            return Ok(true);
        }
        let inner = match kind {
            Kind::Rows => {
                self.row(input, cells)?;
                None
            }
            Kind::Results => Some(Level { kind: Kind::Result, left: input.map()? }),
            Kind::SeriesList => {
                let left = input.map()?;
                (self.begun, self.partial, self.head) = (false, false, Head::default());
                Some(Level { kind: Kind::Series, left })
            }
            Kind::Document | Kind::Result | Kind::Series => self.entry(kind, input)?,
        };
        if let Some(level) = self.levels.last_mut() {
            level.left -= 1;
        }
        self.levels.extend(inner);
        Ok(true)
    }

    /// An entry of a map; the list whose elements are to be read one by one, if it holds one.
    fn entry(&mut self, kind: Kind, input: &mut Input<'_>) -> Result<Option<Level>, Stop> {
        let key = input.text()?;
        match (kind, &*key) {
            (Kind::Document, "results") => return Ok(Some(Level { kind: Kind::Results, left: input.list()? })),
            (Kind::Result, "series") => return Ok(Some(Level { kind: Kind::SeriesList, left: input.list()? })),
            (Kind::Document | Kind::Result, "error") => {
                let text = input.text()?;
                if !text.is_empty() {
                    return Err(Stop::Told(text.into_owned()));
                }
            }
            (Kind::Series, "values") => {
                let left = input.list()?;
                self.begin()?;
                return Ok(Some(Level { kind: Kind::Rows, left }));
            }
            (Kind::Series, "partial") => self.partial = input.flag()?,
            (Kind::Series, "name" | "tags" | "columns") if self.begun => {
                return Err(Stop::Wrong(format!("the {key} of a series come after its values")));
            }
            (Kind::Series, "name") => self.head.name = input.text()?.into_owned(),
            (Kind::Series, "tags") => self.head.tags = tags(input)?,
            (Kind::Series, "columns") => self.head.columns = columns(input)?,
            _ => input.skip()?,
        }
        Ok(None)
    }

    fn begin(&mut self) -> Result<(), Stop> {
        if std::mem::replace(&mut self.begun, true) {
            return Err(Stop::Wrong("a series has values twice".to_owned()));
        }
        let Head { name, tags, columns } = &self.head;
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (&**key, &**value)).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.is_time.clear();
        self.is_time.extend(columns.iter().map(|column| *column == "time"));
        self.teller.begin(name, &tags, &columns).map_err(Stop::Unwanted)
    }

    fn row<'b>(&mut self, input: &mut Input<'b>, cells: &mut Vec<Cell<'b>>) -> Result<(), Stop> {
        let (found, wanted) = (input.list()?, self.is_time.len());
        if found as usize != wanted {
            return Err(Stop::Wrong(format!("a row has {found} values for {wanted} columns")));
        }
        cells.clear();
        for is_time in &self.is_time {
            cells.push(input.cell(*is_time)?);
        }
        self.teller.row(cells).map_err(Stop::Unwanted)
    }

    fn end_series(&mut self) -> Result<(), Stop> {
        if !self.begun {
            self.begin()?;
        }
        if self.partial {
            self.teller.pause(std::mem::take(&mut self.head));
            return Ok(());
        }
        self.teller.end().map_err(Stop::Unwanted)
    }
}

/// InfluxDB writes them in any order.
fn tags(input: &mut Input<'_>) -> Result<Vec<(String, String)>, Stop> {
    let mut tags = Vec::new();
    for _ in 0..input.names(true)? {
        tags.push((input.text()?.into_owned(), input.text()?.into_owned()));
    }
    tags.sort_unstable();
    Ok(tags)
}

fn columns(input: &mut Input<'_>) -> Result<Vec<String>, Stop> {
    let mut columns = Vec::new();
    for _ in 0..input.names(false)? {
        columns.push(input.text()?.into_owned());
    }
    Ok(columns)
}

#[cfg(test)]
mod tests;
