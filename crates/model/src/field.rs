//! A field that a node reads or writes, its place looked up only when the shape is not the last one.

use crate::{FieldType, Frame, Name, Row, Schema, ShapeId, Value};

/// A field read by name.
#[derive(Debug, Clone)]
pub struct Field {
    name: Name,
    shape: ShapeId,
    found: Option<(usize, FieldType)>,
}

impl Field {
    pub fn new(name: Name) -> Field {
        // Shape 0 has no fields, so the first look finds nothing, rightly.
        Field { name, shape: ShapeId(0), found: None }
    }

    pub fn name(&self) -> Name {
        self.name
    }

    /// Where the field is in rows of this shape, and its type.
    #[inline]
    pub fn find(&mut self, schema: &Schema, shape: ShapeId) -> Option<(usize, FieldType)> {
        if shape != self.shape {
            self.shape = shape;
            self.found = schema.shape(shape).find(self.name);
        }
        self.found
    }

    /// The field's word and type.
    #[inline]
    pub fn read(&mut self, schema: &Schema, frame: &Frame, row: &Row) -> Option<(u64, FieldType)> {
        let (index, field_type) = self.find(schema, row.shape)?;
        Some((frame.word(row, index), field_type))
    }

    /// A float, or an integer as a float.
    #[inline]
    pub fn number(&mut self, schema: &Schema, frame: &Frame, row: &Row) -> Option<f64> {
        match self.read(schema, frame, row)? {
            (word, FieldType::Float) => Some(f64::from_bits(word)),
            (word, FieldType::Int) => Some(word as i64 as f64),
            _ => None,
        }
    }

    pub fn value(&mut self, schema: &Schema, frame: &Frame, row: &Row) -> Option<Value> {
        let (word, field_type) = self.read(schema, frame, row)?;
        Some(frame.value(word, field_type))
    }
}

/// A field written by name.
#[derive(Debug, Clone)]
pub struct Put {
    name: Name,
    from: (ShapeId, FieldType),
    to: Option<(ShapeId, usize)>,
}

impl Put {
    pub fn new(name: Name) -> Put {
        Put { name, from: (ShapeId(0), FieldType::Null), to: None }
    }

    pub fn name(&self) -> Name {
        self.name
    }

    /// The row with the field set; its words are copied, the row given stays as it was.
    #[inline]
    pub fn set(&mut self, schema: &Schema, frame: &mut Frame, row: &Row, field_type: FieldType, word: u64) -> Row {
        let (shape, index) = match self.to {
            Some(to) if self.from == (row.shape, field_type) => to,
            _ => {
                let to = schema.shape_with(row.shape, self.name, field_type);
                self.from = (row.shape, field_type);
                self.to = Some(to);
                to
            }
        };
        let len = schema.shape(row.shape).len();
        let at = frame.copy_run(row, len);
        if index == len {
            frame.push_word(word)
        } else {
            frame.set_word(at, index, word)
        }
        Row { shape, at, ..*row }
    }

    pub fn float(&mut self, schema: &Schema, frame: &mut Frame, row: &Row, value: f64) -> Row {
        self.set(schema, frame, row, FieldType::Float, value.to_bits())
    }

    pub fn int(&mut self, schema: &Schema, frame: &mut Frame, row: &Row, value: i64) -> Row {
        self.set(schema, frame, row, FieldType::Int, value as u64)
    }

    pub fn value(&mut self, schema: &Schema, frame: &mut Frame, row: &Row, value: &Value) -> Row {
        let word = frame.word_of(value);
        self.set(schema, frame, row, value.field_type(), word)
    }
}
