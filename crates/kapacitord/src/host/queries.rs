//! The answers to queries: rows typed straight into the words of batches, while they arrive.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use engine::{InfluxQuery, QueryLanguage};
use influx::{Cell, Cluster, Language, Query, Rows, parse_time};
use model::{BatchHead, FieldType, GroupId, Name, Row, Schema, SeriesId, ShapeId, Words, write_rfc3339};

use super::posts::text_of;

/// Batches, and the words behind their rows.
pub(crate) type Found = (Words, Vec<(BatchHead, Vec<Row>)>);

pub(super) async fn find(cluster: &Cluster, schema: &Arc<Schema>, query: &InfluxQuery) -> Result<Found, String> {
    let mut batches = Batches::new(Arc::clone(schema), query);
    let mut now_text = String::new();
    let asked = Query::new(&query.text);
    let asked = match &query.language {
        QueryLanguage::InfluxQl => asked,
        QueryLanguage::Flux { organization, organization_id, now } => {
            write_rfc3339(*now, &mut now_text);
            Query { language: Language::Flux { organization, organization_id, now: Some(&now_text) }, ..asked }
        }
        QueryLanguage::Sql { database, retention_policy, measurement, tags } => Query {
            text: &query.text,
            database,
            policy: retention_policy,
            language: Language::Sql { measurement, tags },
        },
    };
    cluster.query(&asked, &mut batches).await.map_err(|error| text_of(&error))?;
    Ok(batches.finish())
}

/// Rows of an answer on their way to batches, one batch a series.
struct Batches {
    schema: Arc<Schema>,
    by_name: bool,
    stop: i64,
    by_time: bool,
    /// Of rows without a time.
    no_time: i64,
    /// Rows come in no order: those of a group are put together, and sorted by time.
    loose: Option<HashMap<GroupId, usize>>,
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
            // InfluxQL gives a time to all but what is no data, which has Go's zero time.
            no_time: if query.language == QueryLanguage::InfluxQl { i64::MIN } else { query.stop },
            loose: matches!(query.language, QueryLanguage::Sql { .. }).then(HashMap::new),
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
                && let Some(last) = self.rows.iter().map(|row| row.time).max().filter(|last| *last != i64::MIN)
            {
                head.tmax = last;
            }
            let rows = std::mem::take(&mut self.rows);
            let known = self.loose.as_mut().and_then(|places| match places.entry(head.group) {
                Entry::Occupied(place) => Some(*place.get()),
                Entry::Vacant(place) => {
                    place.insert(self.done.len());
                    None
                }
            });
            match known {
                Some(place) => self.done[place].1.extend(rows),
                None => self.done.push((head, rows)),
            }
        }
    }

    fn finish(mut self) -> Found {
        self.close();
        if self.loose.is_some() {
            self.done.iter_mut().for_each(|(_, rows)| rows.sort_by_key(|row| row.time));
        }
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
        let mut tags: Vec<(Name, Name)> =
            tags.map(|(key, value)| (schema.name(key), schema.tag_value(value))).collect();
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
        let at = u32::try_from(self.words.words.len())
            .map_err(|_| "the answer has more than 4294967295 values; ask for less at a time".to_string())?;
        self.fields.clear();
        let mut time = self.no_time;
        for (cell, column) in cells.iter().zip(&self.columns) {
            let Some(name) = column else {
                if *cell != Cell::Null || self.no_time == i64::MIN {
                    time = time_of(cell)?;
                }
                continue;
            };
            let (field_type, word) = match cell {
                Cell::Null | Cell::List(_) => continue,
                Cell::Number(number) => (FieldType::Float, number.to_bits()),
                Cell::Integer(number) => (FieldType::Int, *number as u64),
                Cell::Time(time) => (FieldType::Time, *time as u64),
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
        self.rows.push(Row { time, series: self.series, shape, at, group: head.group });
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        self.close();
        Ok(())
    }
}

/// # Errors
/// It is no time, told as Kapacitor tells it.
fn time_of(cell: &Cell<'_>) -> Result<i64, String> {
    match cell {
        Cell::Text(text) => parse_time(text).ok_or_else(|| {
            format!(
                "unexpected time format: parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \
                 \"2006\""
            )
        }),
        Cell::Number(number) => Ok(*number as i64),
        Cell::Time(time) | Cell::Integer(time) => Ok(*time),
        Cell::Null => Err("unexpected time value: null".to_string()),
        Cell::Bool(_) | Cell::List(_) => Err("unexpected time value: neither a text nor a number".to_string()),
    }
}
