//! A batch as a line of JSON.

use std::{
    collections::BTreeMap,
    io::{BufReader, Read},
};

use model::{
    BatchHead, FieldType, Frame, Row, Schema, Tags, Time, Words, parse_rfc3339, write_go_duration, write_json_float,
    write_json_string, write_rfc3339,
};
use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// A batch as a recording holds it.
#[derive(Debug)]
pub struct Batch {
    pub head: BatchHead,
    pub rows: Vec<Row>,
    pub words: Words,
}

/// Add a batch to a text, as one line.
pub fn write_batch(schema: &Schema, frame: &Frame, head: &BatchHead, rows: &[Row], out: &mut String) {
    out.push_str("{\"name\":");
    write_json_string(schema.text(head.name), out);
    out.push_str(",\"tmax\":\"");
    write_rfc3339(head.tmax, out);
    out.push('"');
    let dimensions = schema.dimensions(head.group);
    let of_group = schema.series(schema.series_of_group(head.name, head.group));
    if dimensions.by_name || !dimensions.names.is_empty() {
        out.push_str(",\"group\":");
        write_json_string(&schema.group_text(head.group), out);
    }
    if dimensions.by_name {
        out.push_str(",\"byname\":true");
    }
    if !of_group.tags().is_empty() {
        out.push_str(",\"tags\":");
        write_tags(schema, of_group.tags(), out);
    }
    if !rows.is_empty() {
        out.push_str(",\"points\":[");
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_point(schema, frame, row, out);
        }
        out.push(']');
    }
    out.push_str("}\n");
}

fn write_point(schema: &Schema, frame: &Frame, row: &Row, out: &mut String) {
    out.push_str("{\"fields\":{");
    let mut separator = "";
    for (index, name, field_type) in schema.shape(row.shape).sorted() {
        let word = frame.word(row, index);
        if field_type == FieldType::Float && !f64::from_bits(word).is_finite() {
            continue;
        }
        out.push_str(separator);
        separator = ",";
        write_json_string(schema.text(name), out);
        out.push(':');
        write_value(frame, word, field_type, out);
    }
    out.push_str("},\"tags\":");
    write_tags(schema, schema.series(row.series).tags(), out);
    out.push_str(",\"time\":\"");
    write_rfc3339(row.time, out);
    out.push_str("\"}");
}

fn write_value(frame: &Frame, word: u64, field_type: FieldType, out: &mut String) {
    match field_type {
        FieldType::Float => write_json_float(f64::from_bits(word), out),
        FieldType::Int => out.push_str(&(word as i64).to_string()),
        FieldType::Bool => out.push_str(if word != 0 { "true" } else { "false" }),
        FieldType::String => write_json_string(frame.text(word), out),
        FieldType::Duration => {
            let mut text = String::new();
            write_go_duration(word as i64, &mut text);
            write_json_string(&text, out);
        }
        FieldType::Time => {
            out.push('"');
            write_rfc3339(word as i64, out);
            out.push('"');
        }
        FieldType::Null => out.push_str("null"),
    }
}

fn write_tags(schema: &Schema, tags: &Tags, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in tags.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_json_string(schema.text(*key), out);
        out.push(':');
        write_json_string(schema.text(*value), out);
    }
    out.push('}');
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Written {
    name: String,
    tmax: String,
    byname: bool,
    tags: Option<BTreeMap<String, String>>,
    points: Option<Vec<WrittenPoint>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WrittenPoint {
    fields: Option<BTreeMap<String, Value>>,
    tags: Option<BTreeMap<String, String>>,
    time: String,
}

/// Reads batches, one at a time.
pub struct BatchReader<R: Read> {
    input: serde_json::StreamDeserializer<'static, serde_json::de::IoRead<BufReader<R>>, Written>,
}

impl<R: Read> BatchReader<R> {
    pub fn new(input: R) -> BatchReader<R> {
        BatchReader { input: serde_json::Deserializer::from_reader(BufReader::new(input)).into_iter() }
    }

    /// The next batch that has points; `None` at the end.
    ///
    /// # Errors
    /// The recording is damaged.
    pub fn read(&mut self, schema: &Schema) -> Result<Option<Batch>, Error> {
        loop {
            let Some(written) = self.input.next() else { return Ok(None) };
            let batch = written?.batch(schema)?;
            if !batch.rows.is_empty() {
                return Ok(Some(batch));
            }
        }
    }
}

impl Written {
    fn batch(self, schema: &Schema) -> Result<Batch, Error> {
        let name = schema.name(&self.name);
        let tags = self.tags.unwrap_or_default();
        let of_batch = schema.series_of_texts(&self.name, texts(&tags));
        let group = schema.group_of_tags(self.byname, name, schema.series(of_batch).tags());
        let mut words = Words::default();
        let mut rows = Vec::new();
        for point in self.points.unwrap_or_default() {
            let series = match point.tags {
                Some(tags) if !tags.is_empty() => schema.series_of_texts(&self.name, texts(&tags)),
                _ => of_batch,
            };
            let at = words.words.len() as u32;
            let mut fields = Vec::new();
            for (key, value) in point.fields.unwrap_or_default() {
                let (field_type, word) = match value {
                    Value::Bool(value) => (FieldType::Bool, u64::from(value)),
                    Value::Number(value) => (FieldType::Float, value.as_f64().unwrap_or_default().to_bits()),
                    Value::String(value) => (FieldType::String, words.push_text(&value)),
                    // Nothing else can be a field.
                    Value::Null | Value::Array(_) | Value::Object(_) => continue,
                };
                fields.push((schema.name(&key), field_type));
                words.words.push(word);
            }
            rows.push(Row { time: time(&point.time)?, series, shape: schema.shape_of(&fields), at, group });
        }
        Ok(Batch { head: BatchHead { name, group, tmax: time(&self.tmax)? }, rows, words })
    }
}

fn texts(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Times that nanoseconds cannot hold, such as Go's zero, are the nearest that they can.
fn time(text: &str) -> Result<Time, Error> {
    match parse_rfc3339(text) {
        Some(time) => Ok(time),
        None if text.is_empty() || text.starts_with("0001-") => Ok(i64::MIN),
        None => Err(Error::Time(text.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn batches_come_back_as_they_were() {
        let schema = Schema::new();
        let line = r#"{"name":"cpu","tmax":"2021-01-01T00:01:00Z","group":"host=a","tags":{"host":"a"},"points":[{"fields":{"s":"x","v":1.5},"tags":{"host":"a"},"time":"2021-01-01T00:00:10Z"}]}"#;
        let text = format!("{line}\n{{\"name\":\"empty\",\"tmax\":\"2021-01-01T00:01:00Z\"}}\n");
        let mut reader = BatchReader::new(std::io::Cursor::new(text));
        let batch = reader.read(&schema).unwrap().unwrap();
        assert!(reader.read(&schema).unwrap().is_none());
        let mut out = String::new();
        let frame = Frame::new(Arc::new(batch.words));
        write_batch(&schema, &frame, &batch.head, &batch.rows, &mut out);
        assert_eq!(out.trim_end(), line);
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        for text in ["{\"name\":", "[]x", "{\"tmax\":\"soon\"}"] {
            let mut reader = BatchReader::new(std::io::Cursor::new(text));
            assert!(reader.read(&Schema::new()).is_err(), "{text}");
        }
    }
}
