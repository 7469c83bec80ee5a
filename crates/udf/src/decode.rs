//! Points and batches of a function as rows.

use std::sync::Arc;

use model::{BatchHead, Edge, FieldType, GroupId, LiveSchema, Name, Row, Schema, ShapeId, Time, Words};

use crate::{BeginBatch, EndBatch, MOST, Point, TextEntry};

/// What a function gave, ready to be handed on.
#[derive(Debug, Default)]
pub struct Output {
    pub database: String,
    pub retention_policy: String,
    /// What the edge's rows point into.
    pub words: Words,
    pub edge: Edge,
    /// How long its messages were.
    pub bytes: usize,
    /// What its numbers mean; to be held until somebody has taken them up.
    pub schema: Option<Arc<Schema>>,
}

/// Why what a function says makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    #[error("the end of a batch that was not begun")]
    NotBegun,
    #[error("a batch begins before the one before it has ended")]
    NotEnded,
    #[error("a batch of more than {MOST} bytes")]
    TooLong,
    #[error("points of a stream, though the function says that it provides batches")]
    NoStream,
    #[error("batches, though the function says that it provides a stream")]
    NoBatches,
}

/// Puts together what a function gives, message by message.
pub struct Collector {
    live: LiveSchema,
    /// As long as something is not taken, or a batch is open.
    schema: Option<Arc<Schema>>,
    /// Whether it gives batches.
    batches: bool,
    now: Output,
    done: Vec<Output>,
    open: Option<Open>,
    fields: Vec<(Name, FieldType, u64)>,
    /// The fields of the last row, and their shape.
    last: (Vec<(Name, FieldType)>, ShapeId),
}

/// A batch that was begun. Its name and tags come with its end.
#[derive(Default)]
struct Open {
    by_name: bool,
    rows: Vec<OpenRow>,
    words: Words,
    bytes: usize,
}

struct OpenRow {
    time: Time,
    tags: Vec<(Name, Name)>,
    shape: ShapeId,
    at: u32,
}

impl Collector {
    pub fn new(schema: impl Into<LiveSchema>, batches: bool) -> Collector {
        Collector {
            live: schema.into(),
            schema: None,
            batches,
            now: Output::default(),
            done: Vec::new(),
            open: None,
            fields: Vec::new(),
            last: (Vec::new(), ShapeId(0)),
        }
    }

    /// What came so far; what belongs to a batch that has not ended stays.
    pub fn take(&mut self) -> Vec<Output> {
        self.close();
        if self.open.is_none() {
            self.schema = None;
        }
        std::mem::take(&mut self.done)
    }

    fn schema(&mut self) -> Arc<Schema> {
        Arc::clone(self.schema.get_or_insert_with(|| self.live.now()))
    }

    /// A point of a stream, or of the batch that is open. `bytes` is the length of its message.
    ///
    /// # Errors
    /// It was not to come now.
    pub fn point(&mut self, point: Point, bytes: usize) -> Result<(), OrderError> {
        let schema = self.schema();
        match &mut self.open {
            Some(open) => {
                open.bytes += bytes;
                if open.bytes > MOST {
                    return Err(OrderError::TooLong);
                }
                let mut words = std::mem::take(&mut open.words);
                let (shape, at) = self.fields(&schema, &point, &mut words);
                let row = OpenRow { time: point.time, tags: tags(&schema, &point.tags), shape, at };
                if let Some(open) = &mut self.open {
                    open.words = words;
                    open.rows.push(row);
                }
                Ok(())
            }
            None if self.batches => Err(OrderError::NoStream),
            None => {
                self.stream_point(&schema, &point);
                self.now.bytes += bytes;
                Ok(())
            }
        }
    }

    fn stream_point(&mut self, schema: &Schema, point: &Point) {
        if self.now.database != point.database || self.now.retention_policy != point.retention_policy {
            self.close();
            self.now.database.clone_from(&point.database);
            self.now.retention_policy.clone_from(&point.retention_policy);
        }
        let mut words = std::mem::take(&mut self.now.words);
        let (shape, at) = self.fields(schema, point, &mut words);
        self.now.words = words;
        let name = schema.name(&point.name);
        let series = schema.series_of(name, &tags(schema, &point.tags));
        let group = group_of(schema, point, name);
        self.now.edge.point(Row { time: point.time, series, shape, at, group });
    }

    /// # Errors
    /// A batch is not to begin now.
    pub fn begin(&mut self, begin: &BeginBatch) -> Result<(), OrderError> {
        if !self.batches {
            return Err(OrderError::NoBatches);
        }
        if self.open.is_some() {
            return Err(OrderError::NotEnded);
        }
        self.open = Some(Open { by_name: begin.by_name, ..Open::default() });
        Ok(())
    }

    /// # Errors
    /// No batch was begun.
    pub fn end(&mut self, end: &EndBatch) -> Result<(), OrderError> {
        let open = self.open.take().ok_or(OrderError::NotBegun)?;
        self.close();
        let schema = &self.schema();
        let name = schema.name(&end.name);
        let group = schema.group_of_tags(open.by_name, name, &tags(schema, &end.tags));
        let head = BatchHead { name, group, tmax: end.tmax };
        let held = Some(Arc::clone(schema));
        let mut output = Output { words: open.words, bytes: open.bytes, schema: held, ..Output::default() };
        output.edge.begin_batch(head);
        for row in open.rows {
            let series = schema.series_of(name, &row.tags);
            output.edge.batch_row(Row { time: row.time, series, shape: row.shape, at: row.at, group });
        }
        self.done.push(output);
        Ok(())
    }

    fn close(&mut self) {
        if !self.now.edge.is_empty() {
            let next = Output {
                database: self.now.database.clone(),
                retention_policy: self.now.retention_policy.clone(),
                ..Output::default()
            };
            let schema = self.schema.clone();
            self.done.push(Output { schema, ..std::mem::replace(&mut self.now, next) });
        }
    }

    /// Append the fields of a point to these words: their shape, and where they begin. Of fields of one name in several
    /// types one counts, as in Kapacitor: booleans before floats, integers and strings.
    fn fields(&mut self, schema: &Schema, point: &Point, words: &mut Words) -> (ShapeId, u32) {
        self.fields.clear();
        for field in &point.fields_string {
            let word = words.push_text(&field.value);
            self.fields.push((schema.name(&field.key), FieldType::String, word));
        }
        for field in &point.fields_int {
            self.fields.push((schema.name(&field.key), FieldType::Int, field.value as u64));
        }
        for field in &point.fields_double {
            self.fields.push((schema.name(&field.key), FieldType::Float, field.value.to_bits()));
        }
        for field in &point.fields_bool {
            self.fields.push((schema.name(&field.key), FieldType::Bool, u64::from(field.value)));
        }
        // Maps have no order: by their names, rows that are alike get the same shape.
        self.fields.sort_by(|a, b| schema.text(a.0).cmp(schema.text(b.0)));
        let at = words.words.len() as u32;
        self.last_wins();
        let same = self.last.0.len() == self.fields.len()
            && self.last.0.iter().zip(&self.fields).all(|(known, field)| *known == (field.0, field.1));
        if !same {
            self.last.0 = self.fields.iter().map(|field| (field.0, field.1)).collect();
            self.last.1 = schema.shape_of(&self.last.0);
        }
        words.words.extend(self.fields.iter().map(|field| field.2));
        (self.last.1, at)
    }

    /// Of neighbours with the same name only the last one stays.
    fn last_wins(&mut self) {
        if self.fields.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            self.fields.reverse();
            self.fields.dedup_by_key(|field| field.0);
            self.fields.reverse();
        }
    }
}

/// Sorted by the texts of their keys, each key once: the last value counts.
fn tags(schema: &Schema, entries: &[TextEntry]) -> Vec<(Name, Name)> {
    let mut tags: Vec<_> =
        entries.iter().map(|entry| (schema.name(&entry.key), schema.tag_value(&entry.value))).collect();
    tags.sort_by(|a, b| schema.text(a.0).cmp(schema.text(b.0)));
    tags.reverse();
    tags.dedup_by_key(|tag| tag.0);
    tags.reverse();
    tags
}

/// The group that a point's dimensions and tags make; what the function says of it is not asked.
fn group_of(schema: &Schema, point: &Point, name: Name) -> GroupId {
    let value = |key: &str| {
        let found = point.tags.iter().rev().find(|tag| tag.key == key);
        found.map_or(Name::EMPTY, |tag| schema.tag_value(&tag.value))
    };
    let mut keys: Vec<&str> = point.dimensions.iter().map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    let tags: Vec<(Name, Name)> = keys.into_iter().map(|key| (schema.name(key), value(key))).collect();
    schema.group_of_tags(point.by_name, name, &tags)
}

#[cfg(test)]
mod tests;
