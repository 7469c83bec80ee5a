//! `|httpOut('name')`: the latest data of each group, for HTTP clients to fetch.

use declare::Declaration;
use model::{
    BatchHead, Damaged, FieldType, Frame, GroupId, KeptRows, Name, Put, Row, Save, Saved, Saver, Schema, Slab,
    save_fields, write_series,
};

use crate::{BuildError, Cx, Definition, Node, NodeSaved, NodeSaver, PerGroup, Plan, boxed_per_group};

#[derive(Debug, Clone, Default)]
pub(super) struct HttpOut {
    endpoint: String,
}

impl Definition for HttpOut {
    const NAME: &'static str = "httpOut";
    const ID: &'static str = "http_out";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Keep the latest point or batch of each group for HTTP clients, and hand all on.")
            .argument("endpoint", "The last part of the path: `/kapacitor/v1/tasks/TASK/ENDPOINT`.", |h| {
                &mut h.endpoint
            })
            .property("endpoint", "Another name than that given first.", |h| &mut h.endpoint)
            .hidden()
            .example("stream |from().measurement('cpu').groupBy('host') |httpOut('latest')")
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Ok(boxed_per_group(HttpOutNode { endpoint: self.endpoint, opened: 0 }))
    }
}

struct HttpOutNode {
    endpoint: String,
    /// How many groups there have been.
    opened: u64,
}

/// The latest data of a group.
struct Latest {
    /// The place of the group among all: they are shown in the order in which they came.
    number: u64,
    /// What the rows are; nothing came yet if it is `None`.
    head: Option<Head>,
    rows: KeptRows,
}

enum Head {
    /// One row, named and tagged by its series.
    Point,
    Batch(Name, GroupId),
}

save_fields!(Latest { number, head, rows });

impl Save for Head {
    fn save(&self, out: &mut Saver<'_>) {
        let batch = match self {
            Head::Point => None,
            Head::Batch(name, group) => Some((*name, *group)),
        };
        batch.save(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<Head, Damaged> {
        let batch = Option::restore(from)?;
        Ok(batch.map_or(Head::Point, |(name, group)| Head::Batch(name, group)))
    }
}

impl PerGroup for HttpOutNode {
    type Group = Latest;

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) -> Latest {
        self.opened += 1;
        Latest { number: self.opened, head: None, rows: KeptRows::default() }
    }

    fn point(&mut self, latest: &mut Latest, row: Row, cx: &mut Cx<'_>) {
        latest.head = Some(Head::Point);
        latest.keep(&[row], cx);
        cx.emit(row);
    }

    fn batch(&mut self, latest: &mut Latest, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        latest.head = Some(Head::Batch(head.name, head.group));
        latest.keep(rows, cx);
        cx.emit_batch(head, rows);
    }

    fn save_own(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| self.opened.save(out));
    }

    fn restore_own(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        self.opened = saved.own(u64::restore)?.unwrap_or_default();
        Ok(())
    }

    fn endpoint(&self) -> Option<&str> {
        Some(&self.endpoint)
    }

    fn show_anew(&mut self, groups: &mut Slab<Latest>) {
        self.opened = 0;
        *groups = Slab::default();
    }

    fn show(&mut self, groups: &mut Slab<Latest>, schema: &Schema) -> Option<String> {
        if self.opened == 0 {
            return Some("{\"series\":null}".to_string());
        }
        let mut latest: Vec<&Latest> = groups.iter().map(|(_, latest)| latest).collect();
        latest.sort_unstable_by_key(|latest| latest.number);
        let mut out = "{\"series\":[".to_string();
        for latest in latest {
            let before = out.len();
            if !out.ends_with('[') {
                out.push(',');
            }
            if !latest.show(schema, &mut out) {
                out.truncate(before);
            }
        }
        out.push_str("]}");
        Some(out)
    }
}

impl Latest {
    fn keep(&mut self, rows: &[Row], cx: &Cx<'_>) {
        self.rows.drop_front(cx.schema, self.rows.len());
        for row in rows {
            self.rows.push(cx.schema, cx.frame, row);
        }
    }

    /// Write it as a series. False if there is nothing to show.
    fn show(&self, schema: &Schema, out: &mut String) -> bool {
        let (mut frame, mut rows) = (Frame::default(), Vec::new());
        self.rows.load(schema, &mut frame, 0..self.rows.len(), &mut rows);
        let (name, tags) = match (&self.head, rows.first()) {
            (Some(Head::Point), Some(row)) => {
                let series = schema.series(row.series);
                (series.name(), series.tags())
            }
            (Some(Head::Batch(name, group)), _) => (*name, schema.group(*group).tags()),
            _ => return false,
        };
        let before = out.len();
        if write_series(schema, &frame, name, tags, &rows, out).is_err() {
            out.truncate(before);
            // JSON has no NaN and no infinity: they are shown as null.
            for row in &mut rows {
                *row = without_infinities(schema, &mut frame, row);
            }
            return write_series(schema, &frame, name, tags, &rows, out).is_ok();
        }
        true
    }
}

/// The row with null in the place of floats that are no numbers.
fn without_infinities(schema: &Schema, frame: &mut Frame, row: &Row) -> Row {
    let mut row = *row;
    for (index, &(name, field_type)) in schema.shape(row.shape).fields().iter().enumerate() {
        if field_type == FieldType::Float && !f64::from_bits(frame.word(&row, index)).is_finite() {
            row = Put::new(name).set(schema, frame, &row, FieldType::Null, 0);
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use model::Precision;

    use crate::{Letter, testing::Bench};

    fn shown(bench: &mut Bench, node: &str) -> String {
        let cell = Arc::new(Mutex::new(None));
        let answer = Arc::clone(&cell);
        let letter =
            Letter::Show { node: node.to_string(), answer: Box::new(move |text| *answer.lock().unwrap() = text) };
        bench.task.step(letter);
        cell.lock().unwrap().take().expect("the node shows something")
    }

    #[test]
    fn groups_are_shown_in_the_order_they_came() {
        let mut bench = Bench::new("stream |from().groupBy('h') |httpOut('x')").unwrap();
        assert_eq!(shown(&mut bench, "http_out2"), "{\"series\":null}");
        bench.write("m,h=b x=1 1\nm,h=a s=\"u\" 2\nm,h=b x=3 3", Precision::Seconds);
        assert_eq!(
            shown(&mut bench, "http_out2"),
            "{\"series\":[{\"name\":\"m\",\"tags\":{\"h\":\"b\"},\"columns\":[\"time\",\"x\"],\"values\":[[\"1970-01-01T00:00:03Z\",3]]},{\"name\":\"m\",\"tags\":{\"h\":\"a\"},\"columns\":[\"time\",\"s\"],\"values\":[[\"1970-01-01T00:00:02Z\",\"u\"]]}]}"
        );
    }

    #[test]
    fn batches_are_shown_whole_and_nan_is_null() {
        let script = "stream |from().groupBy('h') |eval(lambda: sqrt(\"x\")).as('x') \
                      |window().period(10s).every(10s) |httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=b x=-1 1\nm,h=b x=4 2\nm,h=b x=4 12", Precision::Seconds);
        assert_eq!(
            shown(&mut bench, "http_out4"),
            "{\"series\":[{\"name\":\"m\",\"tags\":{\"h\":\"b\"},\"columns\":[\"time\",\"x\"],\"values\":[[\"1970-01-01T00:00:01Z\",null],[\"1970-01-01T00:00:02Z\",2]]}]}"
        );
    }
}
