//! How rows are saved: what a row has in common with the one before takes a bit.

use super::{Damaged, Save, Saved, Saver};
use crate::{FieldType, GroupId, Kept, KeptRows, Row, SeriesId, ShapeId};

const SAME_SERIES: u8 = 1;
const SAME_SHAPE: u8 = 2;
const SAME_GROUP: u8 = 4;

/// The row before the first one.
pub(crate) const NOTHING: Row = Row { time: 0, series: SeriesId(0), shape: ShapeId(0), at: 0, group: GroupId::NIL };

/// All of a row but its values.
pub(crate) fn save_head(row: &Row, before: &Row, out: &mut Saver<'_>) {
    let bit = |same: bool, bit: u8| if same { bit } else { 0 };
    let flags = bit(row.series == before.series, SAME_SERIES)
        | bit(row.shape == before.shape, SAME_SHAPE)
        | bit(row.group == before.group, SAME_GROUP);
    out.byte(flags);
    out.signed(row.time.wrapping_sub(before.time));
    if flags & SAME_SERIES == 0 {
        out.series(row.series);
    }
    if flags & SAME_SHAPE == 0 {
        out.shape(row.shape);
    }
    if flags & SAME_GROUP == 0 {
        out.group(row.group);
    }
}

/// The numbers of rows alone.
pub(crate) fn save_notes<'r>(rows: impl Iterator<Item = &'r Row>, out: &mut Saver<'_>) {
    let mut before = (NOTHING.series, NOTHING.group);
    for row in rows.filter(|row| std::mem::replace(&mut before, (row.series, row.group)) != (row.series, row.group)) {
        out.series(row.series);
        out.group(row.group);
    }
}

/// The row has no place for its words yet.
pub(crate) fn restore_head(before: &Row, from: &mut Saved<'_>) -> Result<Row, Damaged> {
    let flags = from.byte()?;
    let time = before.time.wrapping_add(from.signed()?);
    let series = if flags & SAME_SERIES == 0 { from.series()? } else { before.series };
    let shape = if flags & SAME_SHAPE == 0 { from.shape()? } else { before.shape };
    let group = if flags & SAME_GROUP == 0 { from.group()? } else { before.group };
    Ok(Row { time, series, shape, at: 0, group })
}

/// One value; `text` is what a string's word stands for.
#[inline]
pub(crate) fn save_word<'t>(word: u64, field_type: FieldType, text: impl FnOnce(u64) -> &'t str, out: &mut Saver<'_>) {
    match field_type {
        FieldType::Float => out.word(word),
        FieldType::Int | FieldType::Duration | FieldType::Time => out.signed(word as i64),
        FieldType::Bool => out.byte(u8::from(word != 0)),
        FieldType::String => out.text(text(word)),
        FieldType::Null => {}
    }
}

/// One value; `keep` gives a text its word.
#[inline]
pub(crate) fn restore_word(
    field_type: FieldType,
    keep: impl FnOnce(&str) -> u64,
    from: &mut Saved<'_>,
) -> Result<u64, Damaged> {
    Ok(match field_type {
        FieldType::Float => from.word()?,
        FieldType::Int | FieldType::Duration | FieldType::Time => from.signed()? as u64,
        FieldType::Bool => u64::from(bool::restore(from)?),
        FieldType::String => keep(from.text()?),
        FieldType::Null => 0,
    })
}

impl Save for Kept {
    fn save(&self, out: &mut Saver<'_>) {
        self.save_to(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<Kept, Damaged> {
        Kept::restore_from(from)
    }

    fn owned(&self) -> usize {
        self.memory()
    }
}

impl Save for KeptRows {
    fn save(&self, out: &mut Saver<'_>) {
        self.save_to(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<KeptRows, Damaged> {
        KeptRows::restore_from(from)
    }

    fn owned(&self) -> usize {
        self.memory()
    }
}
