//! The bytes of a record of the log: writes that were committed together, their lines as they came or compressed.
//!
//! A record is: version, whether the lines are compressed, the log's id, the number of its first write, how many there
//! are, the size of the table, the size of the lines, the table (for each write: time of arrival, precision, database,
//! retention policy, size of its lines), the lines. Numbers are little-endian.

use engine::Origin;
use model::Precision;

/// The version of the format.
const VERSION: u8 = 1;
/// Bytes before the table.
pub(super) const HEAD: usize = 1 + 1 + 8 + 8 + 4 + 4 + 8;
/// Fewer bytes are not worth being compressed.
const SMALL: usize = 128;
const PRECISIONS: [Precision; 6] = [
    Precision::Nanoseconds,
    Precision::Microseconds,
    Precision::Milliseconds,
    Precision::Seconds,
    Precision::Minutes,
    Precision::Hours,
];

/// What a record begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Of the log that it belongs to.
    pub(super) log: u64,
    /// The number of the first write.
    pub(super) first: u64,
    pub(super) count: u32,
}

impl Head {
    /// The number of the last write.
    pub(super) fn last(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count.saturating_sub(1)))
    }
}

/// A write, as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item<'a> {
    /// When it came, nanoseconds since 1970: lines without a time have this one.
    pub(super) now: i64,
    pub(super) precision: Precision,
    pub(super) origin: &'a Origin,
    pub(super) lines: &'a [u8],
}

/// Buffers that are used again for each record.
#[derive(Default)]
pub(super) struct Encoder {
    table: Vec<u8>,
    lines: Vec<u8>,
    record: Vec<u8>,
}

impl Encoder {
    /// A record of these writes, in parts; smaller, at some cost, if it is to be compressed.
    pub(super) fn encode<'a>(
        &'a mut self,
        head: Head,
        items: impl Iterator<Item = Item<'a>> + Clone,
        packs: bool,
    ) -> Vec<&'a [u8]> {
        let Encoder { table, lines, record } = self;
        table.clear();
        for item in items.clone() {
            table.extend_from_slice(&item.now.to_le_bytes());
            let precision = PRECISIONS.iter().position(|known| *known == item.precision).unwrap_or_default();
            table.push(precision as u8);
            put_text(table, &item.origin.database);
            put_text(table, &item.origin.retention_policy);
            table.extend_from_slice(&(item.lines.len() as u64).to_le_bytes());
        }
        let size: usize = items.clone().map(|item| item.lines.len()).sum();
        let packs = packs && size >= SMALL;
        record.clear();
        record.push(VERSION);
        record.push(u8::from(packs));
        record.extend_from_slice(&head.log.to_le_bytes());
        record.extend_from_slice(&head.first.to_le_bytes());
        record.extend_from_slice(&head.count.to_le_bytes());
        record.extend_from_slice(&(table.len() as u32).to_le_bytes());
        record.extend_from_slice(&(size as u64).to_le_bytes());
        record.extend_from_slice(table);
        if !packs {
            return std::iter::once(&**record).chain(items.map(|item| item.lines)).collect();
        }
        lines.clear();
        items.for_each(|item| lines.extend_from_slice(item.lines));
        let begin = record.len();
        record.resize(begin + lz4_flex::block::get_maximum_output_size(size), 0);
        // The output has the room that it may need at most.
        let written = lz4_flex::block::compress_into(lines, &mut record[begin..]).unwrap_or_default();
        record.truncate(begin + written);
        vec![record]
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Why a record says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it was written by another version of the program")]
    Version,
    #[error("it makes no sense")]
    Nonsense,
}

/// What a record begins with.
pub(super) fn head(record: &[u8]) -> Result<Head, Unreadable> {
    let mut from = Cursor(record);
    if from.take(1)? != [VERSION] {
        return Err(Unreadable::Version);
    }
    from.take(1)?;
    Ok(Head { log: from.word()?, first: from.word()?, count: from.four()? })
}

/// Shows all writes of a record, with their numbers.
pub(super) fn each(record: &[u8], mut visit: impl FnMut(u64, Item<'_>)) -> Result<(), Unreadable> {
    const MOST: u64 = super::LONGEST as u64 * 2;
    let Head { first, count, .. } = head(record)?;
    let mut from = Cursor(record.get(HEAD - 12..).ok_or(Unreadable::Nonsense)?);
    let (table, size) = (from.four()? as usize, from.word()?);
    if size > MOST {
        return Err(Unreadable::Nonsense);
    }
    let mut table = Cursor(from.take(table)?);
    let unpacked;
    let mut lines = match record[1] {
        0 => Cursor(from.0),
        _ => {
            let size = usize::try_from(size).map_err(|_| Unreadable::Nonsense)?;
            unpacked = lz4_flex::block::decompress(from.0, size).map_err(|_| Unreadable::Nonsense)?;
            Cursor(&unpacked)
        }
    };
    for number in first..first.saturating_add(u64::from(count)) {
        let now = table.word()? as i64;
        let precision = *PRECISIONS.get(usize::from(table.take(1)?[0])).ok_or(Unreadable::Nonsense)?;
        let origin = Origin { database: table.text()?, retention_policy: table.text()? };
        let size = usize::try_from(table.word()?).map_err(|_| Unreadable::Nonsense)?;
        visit(number, Item { now, precision, origin: &origin, lines: lines.take(size)? });
    }
    Ok(())
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Nonsense)?;
        self.0 = rest;
        Ok(taken)
    }

    fn four(&mut self) -> Result<u32, Unreadable> {
        self.take(4)?.try_into().map(u32::from_le_bytes).map_err(|_| Unreadable::Nonsense)
    }

    fn word(&mut self) -> Result<u64, Unreadable> {
        self.take(8)?.try_into().map(u64::from_le_bytes).map_err(|_| Unreadable::Nonsense)
    }

    fn text(&mut self) -> Result<String, Unreadable> {
        let length = self.four()? as usize;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| Unreadable::Nonsense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(database: &str) -> Origin {
        Origin { database: database.to_string(), retention_policy: "autogen".to_string() }
    }

    fn record(lines: &[&str], packs: bool) -> Vec<u8> {
        let places: Vec<Origin> = (0..lines.len()).map(|number| origin(&format!("d{number}"))).collect();
        let items = lines.iter().zip(&places).enumerate().map(|(number, (lines, origin))| Item {
            now: -(number as i64),
            precision: PRECISIONS[number % PRECISIONS.len()],
            origin,
            lines: lines.as_bytes(),
        });
        Encoder::default().encode(Head { log: 9, first: 5, count: lines.len() as u32 }, items, packs).concat()
    }

    /// Number, database, time, precision and lines of a write.
    type Read = (u64, String, i64, Precision, String);

    fn read(record: &[u8]) -> Result<Vec<Read>, Unreadable> {
        let mut read = Vec::new();
        each(record, |number, item| {
            let lines = String::from_utf8_lossy(item.lines).into_owned();
            read.push((number, item.origin.database.clone(), item.now, item.precision, lines));
        })?;
        Ok(read)
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "cpu,host=a v=1 1\n".repeat(1000);
        let all = [vec!["m v=1 1"], vec![long.as_str()], vec!["m v=1 1", "", &long, "m v=2 2"]];
        for (lines, packs) in all.iter().flat_map(|lines| [(lines, false), (lines, true)]) {
            let record = record(lines, packs);
            assert_eq!(head(&record), Ok(Head { log: 9, first: 5, count: lines.len() as u32 }));
            let read = read(&record).unwrap();
            assert_eq!(read.iter().map(|read| read.4.as_str()).collect::<Vec<_>>(), *lines);
            let (number, database, now, precision, _) = &read[lines.len() - 1];
            let last = lines.len() - 1;
            assert_eq!((*number, database.as_str(), *now), (5 + last as u64, &*format!("d{last}"), -(last as i64)));
            assert_eq!(*precision, PRECISIONS[last]);
            let bodies: usize = lines.iter().map(|lines| lines.len()).sum();
            assert!(!packs || bodies < 1000 || record.len() < bodies / 10, "{} of {bodies}", record.len());
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for packs in [false, true] {
            let record = record(&["m v=1 1", &"cpu,host=a v=1 1\n".repeat(20)], packs);
            for cut in 0..record.len() {
                assert!(read(&record[..cut]).is_err(), "cut at {cut}");
            }
            for at in 0..record.len() {
                let mut changed = record.clone();
                changed[at] ^= 0x41;
                // It need not be noticed, but nothing breaks.
                let _ = read(&changed);
            }
        }
        assert_eq!(read(&[7; 100]), Err(Unreadable::Version));
    }
}
