//! Queries of nodes: asked in the background, their rows typed straight into the words of batches.

use std::{collections::HashMap, sync::Arc};

use engine::{Answer, InfluxQuery};
use influx::{Cell, Cluster, Query, Rows, parse_time};
use model::{BatchHead, FieldType, Name, Row, Schema, SeriesId, ShapeId, Words};

use super::{Mail, posts::text_of};

pub(super) async fn ask(cluster: Arc<Cluster>, schema: Arc<Schema>, query: InfluxQuery, mail: Mail) {
    mail.send(match find(&cluster, &schema, &query).await {
        Ok((words, batches)) => Answer::Batches { words: Arc::new(words), batches },
        Err(why) => Answer::Failed(why),
    });
}

/// Batches, and the words behind their rows.
pub(crate) type Found = (Words, Vec<(BatchHead, Vec<Row>)>);

pub(super) async fn find(cluster: &Cluster, schema: &Arc<Schema>, query: &InfluxQuery) -> Result<Found, String> {
    let mut batches = Batches::new(Arc::clone(schema), query);
    cluster.query(&Query::new(&query.text), &mut batches).await.map_err(|error| text_of(&error))?;
    Ok(batches.finish())
}

/// Rows of an answer on their way to batches, one batch a series.
struct Batches {
    schema: Arc<Schema>,
    by_name: bool,
    stop: i64,
    by_time: bool,
    words: Words,
    done: Vec<(BatchHead, Vec<Row>)>,
    head: Option<BatchHead>,
    rows: Vec<Row>,
    series: SeriesId,
    /// The columns' names; the time's is `None`.
    columns: Vec<Option<Name>>,
    fields: Vec<(Name, FieldType)>,
    shapes: HashMap<Vec<(Name, FieldType)>, ShapeId>,
    last: (Vec<(Name, FieldType)>, ShapeId),
}

impl Batches {
    fn new(schema: Arc<Schema>, query: &InfluxQuery) -> Batches {
        Batches {
            schema,
            by_name: query.by_name,
            stop: query.stop,
            by_time: query.grouped_by_time,
            words: Words::default(),
            done: Vec::new(),
            head: None,
            rows: Vec::new(),
            series: SeriesId(0),
            columns: Vec::new(),
            fields: Vec::new(),
            shapes: HashMap::new(),
            last: (Vec::new(), ShapeId(0)),
        }
    }

    fn close(&mut self) {
        if let Some(mut head) = self.head.take() {
            // Rows of a query by time carry the beginning of their interval; the batch ends with the last of them.
            if self.by_time
                && let Some(last) = self.rows.iter().map(|row| row.time).max()
            {
                head.tmax = last;
            }
            self.done.push((head, std::mem::take(&mut self.rows)));
        }
    }

    fn finish(mut self) -> (Words, Vec<(BatchHead, Vec<Row>)>) {
        self.close();
        (self.words, self.done)
    }

    fn shape(&mut self) -> ShapeId {
        if self.last.0 == self.fields {
            return self.last.1;
        }
        let shape = match self.shapes.get(&self.fields) {
            Some(shape) => *shape,
            None => {
                let shape = self.schema.shape_of(&self.fields);
                self.shapes.insert(self.fields.clone(), shape);
                shape
            }
        };
        self.last.0.clone_from(&self.fields);
        self.last.1 = shape;
        shape
    }
}

impl Rows for Batches {
    fn series(
        &mut self,
        name: &str,
        tags: &mut dyn Iterator<Item = (&str, &str)>,
        columns: &[&str],
    ) -> Result<(), String> {
        self.close();
        let schema = &self.schema;
        let mut tags: Vec<(Name, Name)> = tags.map(|(key, value)| (schema.name(key), schema.name(value))).collect();
        tags.sort_by(|a, b| schema.text(a.0).cmp(schema.text(b.0)));
        let name = schema.name(name);
        self.series = schema.series_of(name, &tags);
        let group = schema.group_of_tags(self.by_name, name, &tags);
        self.head = Some(BatchHead { name, group, tmax: self.stop });
        self.columns.clear();
        self.columns.extend(columns.iter().map(|&column| (column != "time").then(|| schema.name(column))));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        let Some(head) = self.head else { return Ok(()) };
        let at = self.words.words.len();
        self.fields.clear();
        let mut time = 0;
        for (cell, column) in cells.iter().zip(&self.columns) {
            let Some(name) = column else {
                time = match cell {
                    Cell::Text(text) => parse_time(text).unwrap_or(0),
                    Cell::Number(number) => *number as i64,
                    Cell::Null | Cell::Bool(_) | Cell::List(_) => 0,
                };
                continue;
            };
            let (field_type, word) = match cell {
                Cell::Null | Cell::List(_) => continue,
                Cell::Number(number) => (FieldType::Float, number.to_bits()),
                Cell::Bool(value) => (FieldType::Bool, u64::from(*value)),
                Cell::Text(text) => (FieldType::String, self.words.push_text(text)),
            };
            self.fields.push((*name, field_type));
            self.words.words.push(word);
        }
        if self.fields.is_empty() {
            return Ok(());
        }
        let shape = self.shape();
        self.rows.push(Row { time, series: self.series, shape, at: at as u32, group: head.group });
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        self.close();
        Ok(())
    }
}
