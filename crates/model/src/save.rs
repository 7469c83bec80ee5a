//! Values written down as bytes that a later process can read: numbers of this process's schema are explained along with
//! them.
//!
//! [`Saver`] writes and only takes notes of the numbers it meets, so that it is quick. [`seal`] then explains them, and
//! may do so on another thread. [`Saved`] reads, giving everything the numbers of the schema at hand.

mod explain;
mod rows;
mod values;

use std::fmt;

pub use explain::{group_key, group_of_key, seal};
pub(crate) use rows::{NOTHING, restore_head, restore_word, save_head, save_notes, save_word};

use crate::{FieldType, GroupId, Marks, Name, Schema, SeriesId, ShapeId};

/// What was saved cannot be read: it is cut short, or was never written by this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged(pub &'static str);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the saved state is damaged: {}", self.0)
    }
}

impl std::error::Error for Damaged {}

/// A value that can be written down and read back.
pub trait Save: Sized {
    fn save(&self, out: &mut Saver<'_>);

    /// # Errors
    /// The bytes are not what [`Save::save`] wrote.
    fn restore(from: &mut Saved<'_>) -> Result<Self, Damaged>;

    /// Bytes that it holds beyond its own size. Those without a destructor hold none, and are not asked.
    fn owned(&self) -> usize {
        0
    }
}

/// Fields of a structure, saved in the order given.
#[macro_export]
macro_rules! save_fields {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::Save for $type {
            fn save(&self, out: &mut $crate::Saver<'_>) {
                $($crate::Save::save(&self.$field, out);)*
            }

            fn restore(from: &mut $crate::Saved<'_>) -> Result<Self, $crate::Damaged> {
                Ok(Self { $($field: $crate::Save::restore(from)?),* })
            }

            fn owned(&self) -> usize {
                0 $(+ $crate::Save::owned(&self.$field))*
            }
        }
    };
}

/// A number of the schema that a saved value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ref {
    Name(u32),
    Shape(u32),
    Series(u32),
    Group(u32),
}

/// Takes values down.
pub struct Saver<'a> {
    pub(crate) schema: &'a Schema,
    bytes: Vec<u8>,
    refs: Vec<Ref>,
    /// Where the notes of the value at hand begin.
    begun: usize,
    /// The bytes are of no interest.
    only_notes: bool,
}

impl<'a> Saver<'a> {
    pub fn new(schema: &'a Schema) -> Saver<'a> {
        Saver { schema, bytes: Vec::new(), refs: Vec::new(), begun: 0, only_notes: false }
    }

    /// One that is asked for [`Saver::take_notes`] alone.
    pub fn only_notes(schema: &'a Schema) -> Saver<'a> {
        Saver { only_notes: true, ..Saver::new(schema) }
    }

    /// Whether only the numbers of what is saved matter: the values of rows need not be written.
    pub(crate) fn wants_only_notes(&self) -> bool {
        self.only_notes
    }

    /// Add the numbers of what was saved since the last call to those that are in use.
    pub fn take_notes(&mut self, marks: &mut Marks) {
        self.bytes.clear();
        self.refs.drain(..).for_each(|note| marks.add(note));
        self.begun = 0;
    }

    /// How many bytes and notes there are: what comes next is a value of its own.
    pub fn end(&mut self) -> (usize, usize) {
        self.begun = self.refs.len();
        (self.bytes.len(), self.refs.len())
    }

    /// Bytes and notes so far; what comes next begins anew.
    pub fn cut(&mut self) -> (Vec<u8>, Vec<Ref>) {
        self.begun = 0;
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.refs))
    }

    /// All bytes and notes.
    pub fn finish(self) -> (Vec<u8>, Vec<Ref>) {
        (self.bytes, self.refs)
    }

    /// A number in as few bytes as it needs.
    #[inline]
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A number of either sign; small ones are short.
    #[inline]
    pub fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    #[inline]
    pub fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Eight bytes as they are.
    #[inline]
    pub fn word(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Numbers of nothing (0 of every kind) need no explanation.
    #[inline]
    fn note(&mut self, number: u32, note: Ref) {
        self.number(u64::from(number));
        const LOOKED_AT: usize = 8;
        let known = &self.refs[self.begun.max(self.refs.len().saturating_sub(LOOKED_AT))..];
        if number != 0 && !known.contains(&note) {
            self.refs.push(note);
        }
    }

    pub fn name(&mut self, name: Name) {
        self.note(name.0, Ref::Name(name.0));
    }

    pub fn shape(&mut self, shape: ShapeId) {
        self.note(shape.0, Ref::Shape(shape.0));
    }

    pub fn series(&mut self, series: SeriesId) {
        self.note(series.0, Ref::Series(series.0));
    }

    pub fn group(&mut self, group: GroupId) {
        self.note(group.0, Ref::Group(group.0));
    }
}

/// Reads what a [`Saver`] wrote.
pub struct Saved<'a> {
    pub(crate) schema: &'a Schema,
    bytes: &'a [u8],
    /// Numbers as they were, sorted, and as they are.
    known: Vec<(Ref, u32)>,
}

impl<'a> Saved<'a> {
    /// Read a sealed value.
    ///
    /// # Errors
    /// Its explanations are damaged.
    pub fn open(schema: &'a Schema, sealed: &'a [u8]) -> Result<Saved<'a>, Damaged> {
        let mut saved = Saved { schema, bytes: sealed, known: Vec::new() };
        saved.known = explain::read(&mut saved)?;
        Ok(saved)
    }

    /// Bytes without explanations.
    pub fn plain(schema: &'a Schema, bytes: &'a [u8]) -> Saved<'a> {
        Saved { schema, bytes, known: Vec::new() }
    }

    /// Read one value, and make sure that nothing follows it.
    ///
    /// # Errors
    /// It is damaged.
    pub fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> Result<T, Damaged>) -> Result<T, Damaged> {
        let value = read(&mut self)?;
        if self.bytes.is_empty() { Ok(value) } else { Err(Damaged("something follows its end")) }
    }

    /// How many bytes are left: no list is longer.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let (&byte, rest) = self.bytes.split_first().ok_or(CUT)?;
        self.bytes = rest;
        Ok(byte)
    }

    pub fn number(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged("a number is too long"))
    }

    pub fn signed(&mut self) -> Result<i64, Damaged> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub fn word(&mut self) -> Result<u64, Damaged> {
        let (word, rest) = self.bytes.split_first_chunk().ok_or(CUT)?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*word))
    }

    /// The length of a list whose items take at least a byte each.
    pub fn count(&mut self) -> Result<usize, Damaged> {
        let count = usize::try_from(self.number()?).map_err(|_| CUT)?;
        if count <= self.bytes.len() { Ok(count) } else { Err(CUT) }
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let count = self.count()?;
        let (bytes, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        Ok(bytes)
    }

    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damaged("a text is not UTF-8"))
    }

    pub fn name(&mut self) -> Result<Name, Damaged> {
        self.explained(Ref::Name).map(Name)
    }

    pub fn shape(&mut self) -> Result<ShapeId, Damaged> {
        self.explained(Ref::Shape).map(ShapeId)
    }

    pub fn series(&mut self) -> Result<SeriesId, Damaged> {
        self.explained(Ref::Series).map(SeriesId)
    }

    pub fn group(&mut self) -> Result<GroupId, Damaged> {
        self.explained(Ref::Group).map(GroupId)
    }

    fn explained(&mut self, kind: impl FnOnce(u32) -> Ref) -> Result<u32, Damaged> {
        let number = u32::try_from(self.number()?).map_err(|_| Damaged("a number is too large"))?;
        if number == 0 {
            return Ok(0);
        }
        let kind = kind(number);
        match self.known.binary_search_by_key(&kind, |known| known.0) {
            Ok(at) => Ok(self.known[at].1),
            Err(_) => Err(Damaged("a number is not explained")),
        }
    }

    pub fn field_type(&mut self) -> Result<FieldType, Damaged> {
        Ok(match self.byte()? {
            0 => FieldType::Float,
            1 => FieldType::Int,
            2 => FieldType::String,
            3 => FieldType::Bool,
            4 => FieldType::Duration,
            5 => FieldType::Time,
            6 => FieldType::Null,
            _ => return Err(Damaged("a type is unknown")),
        })
    }
}

const CUT: Damaged = Damaged("it is cut short");

#[cfg(test)]
mod tests;
