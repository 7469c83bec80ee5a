//! Rows that outlive the sweep they came with: a copy of their words.

use std::{collections::VecDeque, ops::Range};

use crate::{
    Damaged, FieldType, Frame, Name, Row, Saved, Saver, Schema,
    save::{NOTHING, restore_head, restore_word, save_head, save_notes, save_word},
};

/// One row with its own words.
#[derive(Debug, Clone)]
pub struct Kept {
    row: Row,
    words: Box<[u64]>,
    text: Box<str>,
}

impl Kept {
    pub fn new(schema: &Schema, frame: &Frame, row: &Row) -> Kept {
        let fields = schema.shape(row.shape).fields();
        let mut words: Box<[u64]> = frame.words(row, fields.len()).into();
        let mut text = String::new();
        for (word, field) in words.iter_mut().zip(fields) {
            if field.1 == FieldType::String {
                let start = text.len() as u64;
                text.push_str(frame.text(*word));
                *word = (start << 32) | (text.len() as u64 - start);
            }
        }
        Kept { row: *row, words, text: text.into() }
    }

    /// The row as it came; its words are in this value, so only time, series, shape and group may be read.
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Put the row into a frame, to be handed on in this sweep.
    pub fn load(&self, schema: &Schema, frame: &mut Frame) -> Row {
        let at = frame.next_at();
        for (word, field) in self.words.iter().zip(schema.shape(self.row.shape).fields()) {
            let word = if field.1 == FieldType::String {
                let start = (word >> 32) as usize;
                frame.push_text(self.text.get(start..start + (*word as u32) as usize).unwrap_or(""))
            } else {
                *word
            };
            frame.push_word(word);
        }
        Row { at, ..self.row }
    }

    pub fn set_time(&mut self, time: i64) {
        self.row.time = time;
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.words.len() * 8 + self.text.len()
    }

    pub(crate) fn save_to(&self, out: &mut Saver<'_>) {
        save_head(&self.row, &NOTHING, out);
        if out.wants_only_notes() {
            return;
        }
        let text = |word: u64| text_of(&self.text, (word >> 32) as usize, word);
        for (word, field) in self.words.iter().zip(out.schema.shape(self.row.shape).fields()) {
            save_word(*word, field.1, text, out);
        }
    }

    pub(crate) fn restore_from(from: &mut Saved<'_>) -> Result<Kept, Damaged> {
        let row = restore_head(&NOTHING, from)?;
        let mut text = String::new();
        let mut keep = |found: &str| {
            let start = text.len() as u64;
            text.push_str(found);
            (start << 32) | found.len() as u64
        };
        let fields = from.schema.shape(row.shape).fields();
        let words: Result<Box<[u64]>, Damaged> =
            fields.iter().map(|field| restore_word(field.1, &mut keep, from)).collect();
        Ok(Kept { row, words: words?, text: text.into() })
    }
}

/// The part of a text that begins at `start` and is as long as the word says.
fn text_of(text: &str, start: usize, word: u64) -> &str {
    text.get(start..start + (word as u32) as usize).unwrap_or("")
}

fn has_text(fields: &[(Name, FieldType)]) -> bool {
    fields.iter().any(|field| field.1 == FieldType::String)
}

/// Make room for more by a quarter: doubled queues would be half empty.
fn grow<T>(queue: &mut VecDeque<T>, more: usize) {
    const SMALL: usize = 64;
    let len = queue.len();
    if len + more > queue.capacity() && len >= SMALL {
        queue.reserve_exact(more.max(len / 4));
    }
}

/// A queue of rows: in at the back, out at the front, as windows hold them.
#[derive(Debug, Default, Clone)]
pub struct KeptRows {
    /// `at` counts words from the queue's beginning and wraps.
    rows: VecDeque<Row>,
    words: VecDeque<u64>,
    text: String,
    /// Words and bytes of text that were dropped from the front so far.
    words_gone: u32,
    text_gone: u32,
}

impl KeptRows {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows; only time, series, shape and group may be read of them.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> + ExactSizeIterator {
        self.rows.iter()
    }

    pub fn front(&self) -> Option<&Row> {
        self.rows.front()
    }

    pub fn back(&self) -> Option<&Row> {
        self.rows.back()
    }

    pub fn push(&mut self, schema: &Schema, frame: &Frame, row: &Row) {
        let fields = schema.shape(row.shape).fields();
        let at = self.words_gone.wrapping_add(self.words.len() as u32);
        grow(&mut self.rows, 1);
        grow(&mut self.words, fields.len());
        let words = frame.words(row, fields.len());
        if has_text(fields) {
            for (word, field) in words.iter().zip(fields) {
                let word = if field.1 == FieldType::String {
                    let text = frame.text(*word);
                    let start = self.text_gone.wrapping_add(self.text.len() as u32);
                    self.text.push_str(text);
                    (u64::from(start) << 32) | text.len() as u64
                } else {
                    *word
                };
                self.words.push_back(word);
            }
        } else {
            self.words.extend(words);
        }
        self.rows.push_back(Row { at, ..*row });
    }

    /// Drop the first `count` rows.
    pub fn drop_front(&mut self, schema: &Schema, count: usize) {
        let count = count.min(self.rows.len());
        let words = match self.rows.get(count) {
            Some(next) => next.at.wrapping_sub(self.words_gone) as usize,
            None => self.words.len(),
        };
        self.rows.drain(..count);
        self.words.drain(..words);
        self.words_gone = self.words_gone.wrapping_add(words as u32);
        if self.rows.is_empty() {
            self.text_gone = self.text_gone.wrapping_add(self.text.len() as u32);
            self.text.clear();
        } else if self.text.len() > 4096 {
            self.drop_text(schema);
        }
        // By halves: what empties at once fills again soon.
        if self.rows.capacity() > 64 && self.rows.len() < self.rows.capacity() / 4 {
            self.rows.shrink_to(self.rows.capacity() / 2);
            self.words.shrink_to(self.words.capacity() / 2);
        }
    }

    /// Give back the room that is not used.
    pub fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.words.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    /// Free the text before the first string that is still held, if it is more than half.
    fn drop_text(&mut self, schema: &Schema) {
        let first = self.rows.iter().find_map(|row| {
            let fields = schema.shape(row.shape).fields();
            let index = fields.iter().position(|field| field.1 == FieldType::String)?;
            Some((self.word(row, index) >> 32) as u32)
        });
        let dead = first.map_or(self.text.len(), |start| start.wrapping_sub(self.text_gone) as usize);
        if dead > self.text.len() / 2 {
            self.text.drain(..dead);
            self.text_gone = self.text_gone.wrapping_add(dead as u32);
        }
    }

    #[inline]
    fn word(&self, row: &Row, index: usize) -> u64 {
        self.words[row.at.wrapping_sub(self.words_gone) as usize + index]
    }

    /// Put a range of rows into a frame, to be handed on in this sweep.
    pub fn load(&self, schema: &Schema, frame: &mut Frame, range: Range<usize>, out: &mut Vec<Row>) {
        let (Some(first), Some(last)) = (self.rows.get(range.start), self.rows.get(range.end.wrapping_sub(1))) else {
            return;
        };
        let fields = schema.shape(first.shape).fields();
        if has_text(fields) || self.rows.range(range.clone()).any(|row| row.shape != first.shape) {
            return self.load_each(schema, frame, range, out);
        }
        // The words of rows that follow each other do so, too.
        let place = |row: &Row| row.at.wrapping_sub(self.words_gone) as usize;
        let (base, words) = (frame.next_at(), place(first)..place(last) + fields.len());
        let (front, back) = self.words.as_slices();
        let middle = front.len();
        frame.push_words(&front[words.start.min(middle)..words.end.min(middle)]);
        frame.push_words(&back[words.start.max(middle) - middle..words.end.max(middle) - middle]);
        let moved = |row: &Row| Row { at: base + row.at.wrapping_sub(first.at), ..*row };
        out.extend(self.rows.range(range).map(moved));
    }

    /// The same for rows of any shape.
    fn load_each(&self, schema: &Schema, frame: &mut Frame, range: Range<usize>, out: &mut Vec<Row>) {
        out.reserve(range.len());
        for row in self.rows.range(range) {
            let at = frame.next_at();
            self.load_texts(schema, frame, row);
            out.push(Row { at, ..*row });
        }
    }

    fn load_texts(&self, schema: &Schema, frame: &mut Frame, row: &Row) {
        for (index, field) in schema.shape(row.shape).fields().iter().enumerate() {
            let mut word = self.word(row, index);
            if field.1 == FieldType::String {
                let start = ((word >> 32) as u32).wrapping_sub(self.text_gone) as usize;
                word = frame.push_text(self.text.get(start..start + (word as u32) as usize).unwrap_or(""));
            }
            frame.push_word(word);
        }
    }

    pub(crate) fn save_to(&self, out: &mut Saver<'_>) {
        out.number(self.rows.len() as u64);
        if out.wants_only_notes() {
            return save_notes(self.rows.iter(), out);
        }
        let mut before = NOTHING;
        let mut fields = out.schema.shape(before.shape).fields();
        for row in &self.rows {
            save_head(row, &before, out);
            if row.shape != before.shape {
                fields = out.schema.shape(row.shape).fields();
            }
            let text = |word: u64| {
                let start = ((word >> 32) as u32).wrapping_sub(self.text_gone) as usize;
                text_of(&self.text, start, word)
            };
            for (index, field) in fields.iter().enumerate() {
                save_word(self.word(row, index), field.1, text, out);
            }
            before = *row;
        }
    }

    pub(crate) fn restore_from(from: &mut Saved<'_>) -> Result<KeptRows, Damaged> {
        let count = from.count()?;
        let mut held = KeptRows::default();
        held.rows.reserve_exact(count);
        let mut before = NOTHING;
        for _ in 0..count {
            let row = Row { at: held.words.len() as u32, ..restore_head(&before, from)? };
            let fields = from.schema.shape(row.shape).fields();
            grow(&mut held.words, fields.len());
            for field in fields {
                let keep = |found: &str| {
                    let start = held.text.len() as u64;
                    held.text.push_str(found);
                    (start << 32) | found.len() as u64
                };
                let word = restore_word(field.1, keep, from)?;
                held.words.push_back(word);
            }
            held.rows.push_back(row);
            before = row;
        }
        Ok(held)
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.words.capacity() * 8 + self.text.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupId, SeriesId, Value};

    /// A row with a float, and a string if there is one.
    fn row(schema: &Schema, frame: &mut Frame, time: i64, text: Option<&str>) -> Row {
        let at = frame.next_at();
        frame.push_word((time as f64).to_bits());
        let mut fields = vec![(schema.name("v"), FieldType::Float)];
        if let Some(text) = text {
            let word = frame.push_text(text);
            frame.push_word(word);
            fields.push((schema.name("s"), FieldType::String));
        }
        Row { time, series: SeriesId(0), shape: schema.shape_of(&fields), at, group: GroupId::NIL }
    }

    #[test]
    fn a_sliding_queue_gives_back_what_it_was_given() {
        let schema = Schema::default();
        let mut frame = Frame::default();
        let mut held = KeptRows::default();
        for time in 0..10_000 {
            let text = (time % 3 == 0).then(|| format!("text {time}"));
            let row = row(&schema, &mut frame, time, text.as_deref());
            held.push(&schema, &frame, &row);
            frame.clear_scratch();
            held.drop_front(&schema, held.len().saturating_sub(100));
        }
        let mut rows = Vec::new();
        held.load(&schema, &mut frame, 0..held.len(), &mut rows);
        assert_eq!(rows.len(), 100);
        for (row, time) in rows.iter().zip(9_900..) {
            assert_eq!((row.time, f64::from_bits(frame.word(row, 0))), (time, time as f64));
            if time % 3 == 0 {
                let value = frame.value(frame.word(row, 1), FieldType::String);
                assert_eq!(value, Value::from(format!("text {time}").as_str()));
            }
        }
        assert!(held.text.len() < 10_000, "dropped texts are freed: {}", held.text.len());
    }

    #[test]
    fn a_part_of_a_queue_is_what_stands_there() {
        let schema = Schema::default();
        let mut frame = Frame::default();
        let mut held = KeptRows::default();
        // Shapes change on the way, and the words go around the end of their queue.
        for time in 0..1_000 {
            let text = (time % 100 > 90).then(|| format!("text {time}"));
            let row = row(&schema, &mut frame, time, text.as_deref());
            held.push(&schema, &frame, &row);
            frame.clear_scratch();
            held.drop_front(&schema, held.len().saturating_sub(70));
            let newest = held.len();
            for range in [0..newest, 0..0, newest / 2..newest, newest - 1..newest] {
                let mut rows = Vec::new();
                held.load(&schema, &mut frame, range.clone(), &mut rows);
                let oldest = time + 1 - newest as i64;
                let got: Vec<(i64, f64)> =
                    rows.iter().map(|row| (row.time, f64::from_bits(frame.word(row, 0)))).collect();
                let wanted = range.map(|i| oldest + i as i64).map(|time| (time, time as f64));
                assert_eq!(got, wanted.collect::<Vec<_>>());
                frame.clear_scratch();
            }
        }
    }

    #[test]
    fn a_float_costs_forty_bytes_at_most() {
        let schema = Schema::default();
        let mut frame = Frame::default();
        let mut held = KeptRows::default();
        for time in 0..100_000 {
            let row = row(&schema, &mut frame, time, None);
            held.push(&schema, &frame, &row);
            frame.clear_scratch();
            let count = held.len();
            assert!(count < 1000 || held.memory() <= count * 40 + 64, "{} bytes for {count}", held.memory());
        }
    }
}
