//! Rows and batches as messages to a function, written straight into bytes.

use std::collections::HashMap;

use model::{BatchHead, FieldType, Frame, GroupId, Name, Row, Schema, SeriesId, Tags};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::{Ask, BeginBatch, EndBatch, Request, TextEntry, write_frame};

/// What is the same for all points of a series is written once for so many series.
const KNOWN: usize = 50_000;

/// Fields of a point, and the point in a request: see `message.rs`.
mod tag {
    pub(super) const TIME: u32 = 1;
    pub(super) const NAME: u32 = 2;
    pub(super) const DATABASE: u32 = 3;
    pub(super) const RETENTION_POLICY: u32 = 4;
    pub(super) const GROUP: u32 = 5;
    pub(super) const DIMENSIONS: u32 = 6;
    pub(super) const TAGS: u32 = 7;
    pub(super) const DOUBLE: u32 = 8;
    pub(super) const INT: u32 = 9;
    pub(super) const STRING: u32 = 10;
    pub(super) const BY_NAME: u32 = 11;
    pub(super) const BOOL: u32 = 12;
    pub(super) const POINT: u32 = 17;
    pub(super) const KEY: u32 = 1;
    pub(super) const VALUE: u32 = 2;
}

/// Writes rows. What it remembers belongs to one schema.
#[derive(Default)]
pub struct Encoder {
    /// Name, group, dimensions and tags of a series in a group, as they stand in each of its points.
    streams: HashMap<(SeriesId, GroupId), Box<[u8]>>,
    /// Group and tags of a series in a batch.
    batches: HashMap<(SeriesId, GroupId), Box<[u8]>>,
    point: Vec<u8>,
}

impl Encoder {
    /// Append a point of a stream.
    pub fn point(
        &mut self,
        out: &mut Vec<u8>,
        (schema, frame): (&Schema, &Frame),
        row: &Row,
        (database, retention_policy): (&str, &str),
    ) {
        self.point.clear();
        number(tag::TIME, row.time, &mut self.point);
        text(tag::DATABASE, database, &mut self.point);
        text(tag::RETENTION_POLICY, retention_policy, &mut self.point);
        self.point.extend_from_slice(known(&mut self.streams, row, || of_stream(schema, row)));
        self.finish(out, (schema, frame), row);
    }

    /// Append a batch, from its begin to its end.
    pub fn batch(&mut self, out: &mut Vec<u8>, (schema, frame): (&Schema, &Frame), head: &BatchHead, rows: &[Row]) {
        let (name, group) = (schema.text(head.name).to_string(), schema.group_text(head.group));
        let tags: Vec<TextEntry> = schema.group(head.group).tags().iter().map(|tag| entry(schema, *tag)).collect();
        let begin = BeginBatch {
            name: name.clone(),
            group: group.clone(),
            tags: tags.clone(),
            size: i64::try_from(rows.len()).unwrap_or(0),
            by_name: schema.dimensions(head.group).by_name,
        };
        write_frame(&Request::from(Ask::Begin(begin)), out);
        for row in rows {
            self.point.clear();
            number(tag::TIME, row.time, &mut self.point);
            // A row of a batch may carry another group than the batch: the batch's counts.
            let row = Row { group: head.group, ..*row };
            self.point.extend_from_slice(known(&mut self.batches, &row, || of_batch(schema, &row)));
            self.finish(out, (schema, frame), &row);
        }
        let end = EndBatch { name, group, tmax: head.tmax, tags, by_name: false };
        write_frame(&Request::from(Ask::End(end)), out);
    }

    /// The fields, and all of it as a request.
    fn finish(&mut self, out: &mut Vec<u8>, (schema, frame): (&Schema, &Frame), row: &Row) {
        let shape = schema.shape(row.shape);
        for (index, name, field_type) in shape.sorted() {
            field(schema.text(name), field_type, frame.word(row, index), frame, &mut self.point);
        }
        let length = self.point.len() as u64;
        encode_varint(key_len(tag::POINT) as u64 + encoded_len_varint(length) as u64 + length, out);
        encode_key(tag::POINT, WireType::LengthDelimited, out);
        encode_varint(length, out);
        out.extend_from_slice(&self.point);
    }
}

fn known<'a>(
    all: &'a mut HashMap<(SeriesId, GroupId), Box<[u8]>>,
    row: &Row,
    make: impl FnOnce() -> Vec<u8>,
) -> &'a [u8] {
    let key = (row.series, row.group);
    if all.len() >= KNOWN && !all.contains_key(&key) {
        all.clear();
    }
    all.entry(key).or_insert_with(|| make().into())
}

fn of_stream(schema: &Schema, row: &Row) -> Vec<u8> {
    let mut out = Vec::new();
    let (series, dimensions) = (schema.series(row.series), schema.dimensions(row.group));
    text(tag::NAME, schema.text(series.name()), &mut out);
    text(tag::GROUP, &schema.group_text(row.group), &mut out);
    for &name in &dimensions.names {
        // An element of a list is written even if it is empty.
        bytes(tag::DIMENSIONS, schema.text(name).as_bytes(), &mut out);
    }
    tags(schema, series.tags(), &mut out);
    number(tag::BY_NAME, i64::from(dimensions.by_name), &mut out);
    out
}

fn of_batch(schema: &Schema, row: &Row) -> Vec<u8> {
    let mut out = Vec::new();
    text(tag::GROUP, &schema.group_text(row.group), &mut out);
    tags(schema, schema.series(row.series).tags(), &mut out);
    out
}

fn tags(schema: &Schema, tags: &Tags, out: &mut Vec<u8>) {
    for &(key, value) in tags {
        let value = schema.text(value);
        map_entry(tag::TAGS, schema.text(key), value.len() + 1 + encoded_len_varint(value.len() as u64), out);
        bytes(tag::VALUE, value.as_bytes(), out);
    }
}

fn entry(schema: &Schema, (key, value): (Name, Name)) -> TextEntry {
    TextEntry { key: schema.text(key).to_string(), value: schema.text(value).to_string() }
}

/// One field. What has no place in the protocol: durations and times go as integers, in nanoseconds, and a field that is
/// there without a value is left out.
fn field(key: &str, field_type: FieldType, word: u64, frame: &Frame, out: &mut Vec<u8>) {
    match field_type {
        FieldType::Float => {
            map_entry(tag::DOUBLE, key, 9, out);
            encode_key(tag::VALUE, WireType::SixtyFourBit, out);
            out.extend_from_slice(&word.to_le_bytes());
        }
        FieldType::Int | FieldType::Duration | FieldType::Time => {
            map_entry(tag::INT, key, 1 + encoded_len_varint(word), out);
            encode_key(tag::VALUE, WireType::Varint, out);
            encode_varint(word, out);
        }
        FieldType::String => {
            let value = frame.text(word);
            map_entry(tag::STRING, key, value.len() + 1 + encoded_len_varint(value.len() as u64), out);
            bytes(tag::VALUE, value.as_bytes(), out);
        }
        FieldType::Bool => {
            map_entry(tag::BOOL, key, 2, out);
            encode_key(tag::VALUE, WireType::Varint, out);
            encode_varint(u64::from(word != 0), out);
        }
        FieldType::Null => {}
    }
}

/// The beginning of a map's entry, whose value with its key takes so many bytes.
fn map_entry(map: u32, key: &str, value: usize, out: &mut Vec<u8>) {
    encode_key(map, WireType::LengthDelimited, out);
    encode_varint((1 + encoded_len_varint(key.len() as u64) + key.len() + value) as u64, out);
    bytes(tag::KEY, key.as_bytes(), out);
}

fn bytes(tag: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// What is empty or zero is not written: readers take it for the default.
fn text(tag: u32, value: &str, out: &mut Vec<u8>) {
    if !value.is_empty() {
        bytes(tag, value.as_bytes(), out);
    }
}

fn number(tag: u32, value: i64, out: &mut Vec<u8>) {
    if value != 0 {
        encode_key(tag, WireType::Varint, out);
        encode_varint(value as u64, out);
    }
}
