//! Any answer of InfluxDB, in any format, is read or refused, and says the same however it arrives.
#![no_main]

use influx::{AnswerReader, Cell, Error, Format, Rows};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, body) = input;
    let format = [Format::Json, Format::MessagePack, Format::Csv][usize::from(choice) % 3];
    let whole = read(format, body, body.len().max(1));
    let parts = read(format, body, 1 + usize::from(choice) / 3);
    // A part that is refused ends the reading: what comes after it is not looked at.
    assert_eq!(parts, whole);
});

fn read(format: Format, body: &[u8], size: usize) -> Result<Told, Error> {
    let mut told = Told::default();
    let mut reader = AnswerReader::new(format, &mut told);
    body.chunks(size).try_for_each(|part| reader.push(part))?;
    reader.finish()?;
    assert!(!told.open, "a series has no end");
    Ok(told)
}

/// What was told, in short.
#[derive(Debug, Default, PartialEq)]
struct Told {
    series: usize,
    columns: usize,
    open: bool,
    rows: usize,
    cells: String,
}

impl Rows for Told {
    fn series(
        &mut self,
        name: &str,
        tags: &mut dyn Iterator<Item = (&str, &str)>,
        columns: &[&str],
    ) -> Result<(), String> {
        assert!(!std::mem::replace(&mut self.open, true), "a series within a series");
        self.series += 1;
        self.columns = columns.len();
        self.cells.push_str(name);
        tags.for_each(|(key, value)| self.cells.extend([key, value]));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        assert!(self.open, "a row of no series");
        assert_eq!(cells.len(), self.columns);
        self.rows += 1;
        // Neither a number nor its absence equals itself otherwise.
        self.cells.push_str(&format!("{cells:?}"));
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        assert!(std::mem::replace(&mut self.open, false), "the end of no series");
        Ok(())
    }
}
