//! The rows of a join: fields of all parts under their prefixes, and what fills a missing part.

use std::collections::HashMap;

use model::{BatchHead, FieldType, GroupId, Name, Row, Schema, SeriesId, ShapeId, round};

use super::{
    Body, Waiting,
    group::{JoinGroup, Set},
};
use crate::Cx;

/// What stands for a missing part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fill {
    /// There is no row then.
    None,
    Null,
    Int(i64),
    Float(f64),
}

impl Fill {
    fn word(self) -> (FieldType, u64) {
        match self {
            Fill::None | Fill::Null => (FieldType::Null, 0),
            Fill::Int(value) => (FieldType::Int, value as u64),
            Fill::Float(value) => (FieldType::Float, value.to_bits()),
        }
    }
}

/// So many shapes of results are remembered: writers may make up as many as they like.
const MOST_SHAPES: usize = 1000;

/// The shape of a missing part in the key of a result's shape.
const MISSING: ShapeId = ShapeId(u32::MAX);

pub(super) struct Merger {
    /// With their delimiter.
    prefixes: Vec<String>,
    /// Empty: the name of the first part.
    stream_name: Name,
    fill: Fill,
    /// Shapes of results by those of the parts and that which names missing fields.
    shapes: HashMap<Box<[ShapeId]>, ShapeId>,
    key: Vec<ShapeId>,
    /// The last entry.
    last: (Vec<ShapeId>, ShapeId),
    parts: Vec<Option<Row>>,
}

impl Merger {
    pub(super) fn new(prefixes: Vec<String>, stream_name: Name, fill: Fill) -> Merger {
        Merger {
            prefixes,
            stream_name,
            fill,
            shapes: HashMap::new(),
            key: Vec::new(),
            last: (Vec::new(), ShapeId(0)),
            parts: Vec::new(),
        }
    }

    /// Hand on the row or batch of a set.
    pub(super) fn give(&mut self, set: &Set, called: &mut JoinGroup, id: GroupId, tolerance: i64, cx: &mut Cx<'_>) {
        let Some(first) = set.parts.iter().flatten().next() else { return };
        let name = if self.stream_name.is_empty() { first.name } else { self.stream_name };
        let (_, group, series) = match called.called {
            Some(called) if called.0 == name => called,
            _ => {
                let group = named_group(cx.schema, id, name);
                *called.called.insert((name, group, cx.schema.series_of_group(name, group)))
            }
        };
        match first.body {
            Body::Point(_) => self.give_point(set, series, group, cx),
            Body::Batch(_) => {
                let head = BatchHead { name, group, tmax: set.time };
                self.give_batch(set, series, head, tolerance, cx);
            }
        }
    }

    fn give_point(&mut self, set: &Set, series: SeriesId, group: GroupId, cx: &mut Cx<'_>) {
        if self.fill == Fill::None && set.parts.iter().any(Option::is_none) {
            return;
        }
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        parts.extend(set.parts.iter().map(|part| match part.as_ref().map(|waiting| &waiting.body) {
            Some(Body::Point(kept)) => Some(kept.load(cx.schema, cx.frame)),
            _ => None,
        }));
        if let Some(first) = parts.iter().flatten().next() {
            let like = first.shape;
            let row = self.merge(&parts, like, Row { time: set.time, series, group, ..*first }, cx);
            cx.emit(row);
        }
        self.parts = parts;
    }

    fn give_batch(&mut self, set: &Set, series: SeriesId, head: BatchHead, tolerance: i64, cx: &mut Cx<'_>) {
        let mut left: Vec<std::vec::IntoIter<Row>> =
            set.parts.iter().map(|part| rows_of(part.as_ref(), cx).into_iter()).collect();
        // The first row of the first part that has any names the fields that are missing anywhere.
        let like = left.iter().find_map(|rows| rows.as_slice().first()).map_or(MISSING, |row| row.shape);
        let mut rows = Vec::new();
        let mut parts = std::mem::take(&mut self.parts);
        loop {
            let next = |rows: &std::vec::IntoIter<Row>| rows.as_slice().first().map(|row| round(row.time, tolerance));
            let Some(time) = left.iter().filter_map(next).min() else { break };
            parts.clear();
            parts.extend(left.iter_mut().map(|rows| if next(rows) == Some(time) { rows.next() } else { None }));
            if self.fill == Fill::None && parts.iter().any(Option::is_none) {
                continue;
            }
            if let Some(first) = parts.iter().flatten().next() {
                let row = self.merge(&parts, like, Row { time, series, group: head.group, ..*first }, cx);
                rows.push(row);
            }
        }
        self.parts = parts;
        cx.emit_batch(head, &rows);
    }

    /// The row with the fields of all parts; a missing part has the fields of the shape `like`.
    fn merge(&mut self, parts: &[Option<Row>], like: ShapeId, row: Row, cx: &mut Cx<'_>) -> Row {
        self.key.clear();
        self.key.extend(parts.iter().map(|part| part.map_or(MISSING, |row| row.shape)));
        self.key.push(like);
        if self.key != self.last.0 {
            let shape = match self.shapes.get(self.key.as_slice()) {
                Some(&shape) => shape,
                None => {
                    let shape = self.shape(parts, like, cx.schema);
                    if self.shapes.len() >= MOST_SHAPES {
                        self.shapes.clear();
                    }
                    self.shapes.insert(self.key.as_slice().into(), shape);
                    shape
                }
            };
            self.last.0.clone_from(&self.key);
            self.last.1 = shape;
        }
        let shape = self.last.1;
        let at = cx.frame.next_at();
        for part in parts {
            match part {
                Some(row) => {
                    let len = cx.schema.shape(row.shape).len();
                    cx.frame.copy_run(row, len);
                }
                None => {
                    for _ in 0..cx.schema.shape(like).len() {
                        cx.frame.push_word(self.fill.word().1);
                    }
                }
            }
        }
        Row { shape, at, ..row }
    }

    #[cold]
    fn shape(&self, parts: &[Option<Row>], like: ShapeId, schema: &Schema) -> ShapeId {
        let mut fields = Vec::new();
        for (prefix, part) in self.prefixes.iter().zip(parts) {
            let shape = part.map_or(like, |row| row.shape);
            for &(name, field_type) in schema.shape(shape).fields() {
                let field_type = if part.is_some() { field_type } else { self.fill.word().0 };
                fields.push((schema.name(&format!("{prefix}{}", schema.text(name))), field_type));
            }
        }
        schema.shape_of(&fields)
    }
}

/// The group, if it is one of a measurement under the new name.
fn named_group(schema: &Schema, id: GroupId, name: Name) -> GroupId {
    let group = schema.group(id);
    if schema.dimensions(id).by_name && group.name() != name {
        schema.group_of_tags(true, name, group.tags())
    } else {
        id
    }
}

fn rows_of(part: Option<&Waiting>, cx: &mut Cx<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(Waiting { body: Body::Batch(kept), .. }) = part {
        kept.load(cx.schema, cx.frame, 0..kept.len(), &mut rows);
    }
    rows
}
