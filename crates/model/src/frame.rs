//! The words behind rows: those of the write or query they came with, and those that nodes made since.

use std::sync::Arc;

use crate::{FieldType, Row, Value};

/// Positions with this bit are in the scratch part of a frame.
const SCRATCH: u32 = 1 << 31;

/// Values of many rows, eight bytes each, and the texts that string values point into.
#[derive(Debug, Default, Clone)]
pub struct Words {
    pub words: Vec<u64>,
    pub text: String,
}

impl Words {
    /// The word of a string that stands in this buffer's text.
    pub fn push_text(&mut self, text: &str) -> u64 {
        let start = self.text.len() as u64;
        self.text.push_str(text);
        (start << 32) | text.len() as u64
    }

    /// The string of a word made by [`Words::push_text`].
    pub fn text(&self, word: u64) -> &str {
        let start = (word >> 32) as usize;
        self.text.get(start..start + (word as u32) as usize).unwrap_or("")
    }

    /// Append a value; its type.
    pub fn push(&mut self, value: &Value) -> FieldType {
        let word = match value {
            Value::Float(v) => v.to_bits(),
            Value::Int(v) | Value::Duration(v) | Value::Time(v) => *v as u64,
            Value::Bool(v) => *v as u64,
            Value::String(v) => self.push_text(v),
            Value::Null => 0,
        };
        self.words.push(word);
        value.field_type()
    }

    pub fn clear(&mut self) {
        self.words.clear();
        self.text.clear();
    }
}

/// What the rows of one sweep point into.
#[derive(Debug, Default)]
pub struct Frame {
    base: Arc<Words>,
    scratch: Words,
}

impl Frame {
    /// A frame over the words of a write or a query's answer.
    pub fn new(base: Arc<Words>) -> Frame {
        Frame { base, scratch: Words::default() }
    }

    /// Start over with other words; what nodes made is forgotten, its memory kept up to a limit.
    pub fn reset(&mut self, base: Arc<Words>) {
        self.base = base;
        self.clear_scratch();
    }

    /// Forget what nodes made.
    pub fn clear_scratch(&mut self) {
        const KEEP: usize = 1 << 20;
        self.scratch.clear();
        if self.scratch.words.capacity() > KEEP {
            self.scratch.words.shrink_to(KEEP);
        }
        if self.scratch.text.capacity() > KEEP {
            self.scratch.text.shrink_to(KEEP);
        }
    }

    /// The bits of a row's value number `index`.
    #[inline]
    pub fn word(&self, row: &Row, index: usize) -> u64 {
        if row.at & SCRATCH == 0 {
            self.base.words[row.at as usize + index]
        } else {
            self.scratch.words[(row.at & !SCRATCH) as usize + index]
        }
    }

    /// All words of a row whose shape has `len` fields.
    #[inline]
    pub fn words(&self, row: &Row, len: usize) -> &[u64] {
        if row.at & SCRATCH == 0 {
            let at = row.at as usize;
            &self.base.words[at..at + len]
        } else {
            let at = (row.at & !SCRATCH) as usize;
            &self.scratch.words[at..at + len]
        }
    }

    /// The text of a string's word.
    #[inline]
    pub fn text(&self, word: u64) -> &str {
        let start = (word >> 32) as u32;
        let len = word as u32 as usize;
        let (text, start) = if start & SCRATCH == 0 {
            (&self.base.text, start as usize)
        } else {
            (&self.scratch.text, (start & !SCRATCH) as usize)
        };
        text.get(start..start + len).unwrap_or("")
    }

    /// A word and its type as a value on its own.
    pub fn value(&self, word: u64, field_type: FieldType) -> Value {
        match field_type {
            FieldType::Float => Value::Float(f64::from_bits(word)),
            FieldType::Int => Value::Int(word as i64),
            FieldType::Duration => Value::Duration(word as i64),
            FieldType::Time => Value::Time(word as i64),
            FieldType::Bool => Value::Bool(word != 0),
            FieldType::String => Value::String(self.text(word).into()),
            FieldType::Null => Value::Null,
        }
    }

    /// Where the next pushed word will be: the `at` of a row made of the words pushed from now on.
    #[inline]
    pub fn next_at(&self) -> u32 {
        debug_assert!(self.scratch.words.len() < SCRATCH as usize);
        self.scratch.words.len() as u32 | SCRATCH
    }

    /// Append a word to the row being made.
    #[inline]
    pub fn push_word(&mut self, word: u64) {
        self.scratch.words.push(word);
    }

    /// Append words to the row being made.
    pub fn push_words(&mut self, words: &[u64]) {
        self.scratch.words.extend_from_slice(words);
    }

    /// Keep a text for this sweep; its word.
    pub fn push_text(&mut self, text: &str) -> u64 {
        self.scratch.push_text(text) | ((SCRATCH as u64) << 32)
    }

    /// The word of a value, its text kept if it is a string.
    pub fn word_of(&mut self, value: &Value) -> u64 {
        match value {
            Value::Float(v) => v.to_bits(),
            Value::Int(v) | Value::Duration(v) | Value::Time(v) => *v as u64,
            Value::Bool(v) => *v as u64,
            Value::String(v) => self.push_text(v),
            Value::Null => 0,
        }
    }

    /// Copy a row's first `len` words to the scratch; the `at` of the copy.
    pub fn copy_run(&mut self, row: &Row, len: usize) -> u32 {
        let at = self.next_at();
        if row.at & SCRATCH == 0 {
            let from = row.at as usize;
            self.scratch.words.extend_from_slice(&self.base.words[from..from + len]);
        } else {
            let from = (row.at & !SCRATCH) as usize;
            self.scratch.words.extend_from_within(from..from + len);
        }
        at
    }

    /// Change a word of a row that this node has just made.
    pub fn set_word(&mut self, at: u32, index: usize, word: u64) {
        debug_assert!(at & SCRATCH != 0, "only a node's own words may change");
        self.scratch.words[(at & !SCRATCH) as usize + index] = word;
    }
}
