//! The values of MessagePack, read from a part of a body that may end anywhere.

use std::borrow::Cow;

use crate::rows::Cell;
use crate::time::format_time;

/// A longer list within a row, or of names, is refused.
const MOST_ELEMENTS: u32 = 100_000;
/// Lists within lists beyond these are refused.
const DEEPEST: usize = 16;

/// Why a value could not be read.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    /// So many bytes, at least, are still to come.
    More(usize),
    /// It is not what it should be.
    Wrong(String),
    /// The error that InfluxDB tells in its answer.
    Told(String),
    /// Whoever receives the rows does not want them.
    Unwanted(String),
}

/// Bytes that have arrived, and how far they are read.
pub(super) struct Input<'b> {
    bytes: &'b [u8],
    pub(super) at: usize,
}

/// Time as `tinylib/msgp` writes it: seconds in 8 bytes, nanoseconds in 4.
const TIME_OF_MSGP: i8 = 5;
/// Timestamps of the specification, in 4, 8 or 12 bytes.
const TIMESTAMP: i8 = -1;

impl<'b> Input<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Input<'b> {
        Input { bytes, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::More(1))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'b [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| Stop::More(length - rest.len()))?;
        self.at += length;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        Ok(*self.take(N)?.first_chunk().expect("as many bytes as were taken"))
    }

    /// A length of so many bytes.
    fn length(&mut self, width: u8) -> Result<u32, Stop> {
        Ok(match width {
            1 => u32::from(self.byte()?),
            2 => u32::from(u16::from_be_bytes(self.array()?)),
            _ => u32::from_be_bytes(self.array()?),
        })
    }

    /// The number of entries of a map.
    pub(super) fn map(&mut self) -> Result<u32, Stop> {
        match self.byte()? {
            marker @ 0x80..=0x8f => Ok(u32::from(marker & 0x0f)),
            0xde => self.length(2),
            0xdf => self.length(4),
            marker => Err(unexpected("a map", marker)),
        }
    }

    /// The number of elements of a list; nothing has none.
    pub(super) fn list(&mut self) -> Result<u32, Stop> {
        match self.byte()? {
            marker @ 0x90..=0x9f => Ok(u32::from(marker & 0x0f)),
            0xdc => self.length(2),
            0xdd => self.length(4),
            NIL => Ok(0),
            marker => Err(unexpected("a list", marker)),
        }
    }

    /// A list, or a map by `map`, of names: there are never many.
    pub(super) fn names(&mut self, map: bool) -> Result<u32, Stop> {
        let length = match self.bytes.get(self.at) {
            Some(&NIL) => self.list()?,
            _ if map => self.map()?,
            _ => self.list()?,
        };
        bounded(length)
    }

    /// A text; nothing is the empty one.
    pub(super) fn text(&mut self) -> Result<Cow<'b, str>, Stop> {
        match self.byte()? {
            marker @ 0xa0..=0xbf => self.text_of(u32::from(marker & 0x1f)),
            marker @ 0xd9..=0xdb => {
                let length = self.length(1 << (marker - 0xd9))?;
                self.text_of(length)
            }
            NIL => Ok(Cow::Borrowed("")),
            marker => Err(unexpected("a text", marker)),
        }
    }

    #[inline]
    fn text_of(&mut self, length: u32) -> Result<Cow<'b, str>, Stop> {
        let bytes = self.take(length as usize)?;
        Ok(std::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(replaced(bytes)), Cow::Borrowed))
    }

    /// Yes or no; nothing is no.
    pub(super) fn flag(&mut self) -> Result<bool, Stop> {
        match self.byte()? {
            NIL | 0xc2 => Ok(false),
            0xc3 => Ok(true),
            marker => Err(unexpected("true or false", marker)),
        }
    }

    /// A value of a row. A time is one if `as_time` says so and it fits, else its text.
    #[inline]
    pub(super) fn cell(&mut self, as_time: bool) -> Result<Cell<'b>, Stop> {
        let marker = self.byte()?;
        Ok(match marker {
            NIL => Cell::Null,
            0xcb => Cell::Number(f64::from_be_bytes(self.array()?)),
            0xa0..=0xbf => Cell::Text(self.text_of(u32::from(marker & 0x1f))?),
            0xc7 => {
                let length = self.byte()?;
                self.extension(u32::from(length), as_time)?
            }
            0x00..=0x7f => Cell::Number(f64::from(marker)),
            0xe0..=0xff => Cell::Number(f64::from(marker as i8)),
            0xc2 => Cell::Bool(false),
            0xc3 => Cell::Bool(true),
            _ => self.rarer_cell(marker, as_time)?,
        })
    }

    fn rarer_cell(&mut self, marker: u8, as_time: bool) -> Result<Cell<'b>, Stop> {
        Ok(match marker {
            0xca => Cell::Number(f64::from(f32::from_be_bytes(self.array()?))),
            0xcc => Cell::Number(f64::from(self.byte()?)),
            0xcd => Cell::Number(f64::from(u16::from_be_bytes(self.array()?))),
            0xce => Cell::Number(f64::from(u32::from_be_bytes(self.array()?))),
            0xcf => Cell::Number(u64::from_be_bytes(self.array()?) as f64),
            0xd0 => Cell::Number(f64::from(self.byte()? as i8)),
            0xd1 => Cell::Number(f64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => Cell::Number(f64::from(i32::from_be_bytes(self.array()?))),
            0xd3 => Cell::Number(i64::from_be_bytes(self.array()?) as f64),
            0xd9..=0xdb => {
                let length = self.length(1 << (marker - 0xd9))?;
                Cell::Text(self.text_of(length)?)
            }
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4), as_time)?,
            0x90..=0x9f | 0xdc | 0xdd => {
                self.at -= 1;
                self.cells(1)?
            }
            _ => return Err(unexpected("a value", marker)),
        })
    }

    /// A list within a row.
    fn cells(&mut self, depth: usize) -> Result<Cell<'b>, Stop> {
        if depth > DEEPEST {
            return Err(Stop::Wrong(format!("lists are nested more than {DEEPEST} deep")));
        }
        let mut cells = Vec::new();
        for _ in 0..bounded(self.list()?)? {
            let is_list = matches!(self.bytes.get(self.at), Some(0x90..=0x9f | 0xdc | 0xdd));
            cells.push(if is_list { self.cells(depth + 1)? } else { self.cell(false)? });
        }
        Ok(Cell::List(cells))
    }

    fn extension(&mut self, length: u32, as_time: bool) -> Result<Cell<'b>, Stop> {
        let kind = self.byte()? as i8;
        let (seconds, nanoseconds) = match (kind, length) {
            (TIME_OF_MSGP, 12) => {
                let seconds = i64::from_be_bytes(self.array()?);
                (seconds, u32::from_be_bytes(self.array()?))
            }
            (TIMESTAMP, 12) => {
                let nanoseconds = u32::from_be_bytes(self.array()?);
                (i64::from_be_bytes(self.array()?), nanoseconds)
            }
            (TIMESTAMP, 8) => {
                let both = u64::from_be_bytes(self.array()?);
                ((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32)
            }
            (TIMESTAMP, 4) => (i64::from(u32::from_be_bytes(self.array()?)), 0),
            _ => {
                return Err(Stop::Wrong(format!(
                    "a value is an extension of kind {kind} in {length} bytes, not a time"
                )));
            }
        };
        if nanoseconds > 999_999_999 {
            return Err(Stop::Wrong(format!("a time has {nanoseconds} nanoseconds in its second")));
        }
        let time = seconds.checked_mul(1_000_000_000).and_then(|time| time.checked_add(i64::from(nanoseconds)));
        Ok(match time.filter(|_| as_time) {
            Some(time) => Cell::Time(time),
            None => Cell::Text(Cow::Owned(format_time(seconds, nanoseconds))),
        })
    }

    /// Passes over a value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), Stop> {
        let mut left = 1u64;
        while left > 0 {
            left -= 1;
            let marker = self.byte()?;
            let bytes = match marker {
                0x80..=0x8f => {
                    left += 2 * u64::from(marker & 0x0f);
                    0
                }
                0x90..=0x9f => {
                    left += u64::from(marker & 0x0f);
                    0
                }
                0xa0..=0xbf => u32::from(marker & 0x1f),
                0xc4..=0xc6 => self.length(1 << (marker - 0xc4))?,
                0xc7..=0xc9 => self.length(1 << (marker - 0xc7))?.saturating_add(1),
                0xca..=0xcb => 4 << (marker - 0xca),
                0xcc..=0xcf => 1 << (marker - 0xcc),
                0xd0..=0xd3 => 1 << (marker - 0xd0),
                0xd4..=0xd8 => 1 + (1 << (marker - 0xd4)),
                0xd9..=0xdb => self.length(1 << (marker - 0xd9))?,
                0xdc | 0xdd => {
                    left += u64::from(self.length(2 << (marker - 0xdc))?);
                    0
                }
                0xde | 0xdf => {
                    left += 2 * u64::from(self.length(2 << (marker - 0xde))?);
                    0
                }
                0xc1 => return Err(unexpected("a value", marker)),
                _ => 0,
            };
            self.take(bytes as usize)?;
        }
        Ok(())
    }
}

const NIL: u8 = 0xc0;

fn bounded(length: u32) -> Result<u32, Stop> {
    if length > MOST_ELEMENTS {
        return Err(Stop::Wrong(format!("a list has {length} elements, more than {MOST_ELEMENTS}")));
    }
    Ok(length)
}

fn unexpected(expected: &str, marker: u8) -> Stop {
    let found = match marker {
        0x00..=0x7f | 0xca..=0xd3 | 0xe0..=0xff => "a number",
        0x80..=0x8f | 0xde | 0xdf => "a map",
        0x90..=0x9f | 0xdc | 0xdd => "a list",
        0xa0..=0xbf | 0xd9..=0xdb => "a text",
        NIL => "nothing",
        0xc2 | 0xc3 => "true or false",
        0xc4..=0xc6 => "binary data",
        0xc7..=0xc9 | 0xd4..=0xd8 => "an extension",
        0xc1 => "a byte that MessagePack does not use",
    };
    Stop::Wrong(format!("there is {found} where {expected} should be"))
}

/// The text in bytes that are not all UTF-8, as InfluxDB writes it in JSON: each bad byte becomes U+FFFD.
fn replaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
