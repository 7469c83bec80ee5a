//! `|log()`: every point and batch, written to the daemon's log.

use declare::Declaration;
use model::{BatchHead, Edge, Row, SeriesId, Tags, Time, Walk, write_rfc3339};
use serde_json::{Map, Value as Json};

use crate::{BuildError, Cx, Definition, EdgeKind, LogLevel, LogRecord, Node, Plan, Reach};

#[derive(Debug, Clone)]
pub(super) struct Log {
    level: String,
    prefix: String,
}

impl Default for Log {
    fn default() -> Self {
        Log { level: "INFO".to_string(), prefix: String::new() }
    }
}

impl Definition for Log {
    const NAME: &'static str = "log";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Write each point or batch to the daemon's log, and hand it on.")
            .property("level", "How important the lines are.", |l| &mut l.level)
            .choices(&["DEBUG", "INFO", "WARN", "ERROR"])
            .property("prefix", "What tells these lines from others.", |l| &mut l.prefix)
            .example("stream |from().measurement('cpu') |log().prefix('cpu')")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        // Kapacitor takes any word, and means INFO if it does not know it.
        let level = match self.level.to_ascii_uppercase().as_str() {
            "DEBUG" => LogLevel::Debug,
            "WARN" => LogLevel::Warn,
            "ERROR" => LogLevel::Error,
            _ => LogLevel::Info,
        };
        Ok(Box::new(LogNode { level, prefix: self.prefix }))
    }
}

struct LogNode {
    level: LogLevel,
    prefix: String,
}

type Fields = Vec<(&'static str, Json)>;

impl LogNode {
    fn write(&self, message: &str, fields: &Fields, cx: &Cx<'_>) {
        cx.host.log(&LogRecord { level: self.level, task: &cx.task.id, node: cx.name, message, fields });
    }

    fn begin(&self, name: &str, group: String) -> Fields {
        vec![("prefix", Json::from(self.prefix.as_str())), ("name", Json::from(name)), ("group", Json::from(group))]
    }

    fn point(&self, row: &Row, cx: &Cx<'_>) {
        let name = cx.schema.text(cx.schema.series(row.series).name());
        let mut fields = self.begin(name, cx.schema.group_text(row.group));
        // Between the name and the group, as Kapacitor has them.
        fields.insert(2, ("db", Json::from(cx.origin.database.as_str())));
        fields.insert(3, ("rp", Json::from(cx.origin.retention_policy.as_str())));
        let dimensions = &cx.schema.dimensions(row.group).names;
        let mut names = Map::new();
        for (index, dimension) in dimensions.iter().enumerate() {
            names.insert(index.to_string(), Json::from(cx.schema.text(*dimension)));
        }
        fields.push(("dimension", Json::Object(names)));
        push_row(&mut fields, row.series, row, cx);
        self.write("point", &fields, cx);
    }

    fn batch(&self, head: BatchHead, rows: &[Row], cx: &Cx<'_>) {
        let begin = self.begin(cx.schema.text(head.name), cx.schema.group_text(head.group));
        let mut whole = begin.clone();
        push_tags(&mut whole, cx.schema.group(head.group).tags(), cx);
        whole.push(("time", time_json(head.tmax)));
        self.write("begin batch", &whole, cx);
        for row in rows {
            let mut fields = begin.clone();
            push_row(&mut fields, row.series, row, cx);
            self.write("batch point", &fields, cx);
        }
        self.write("end batch", &whole, cx);
    }
}

fn push_row(fields: &mut Fields, series: SeriesId, row: &Row, cx: &Cx<'_>) {
    push_tags(fields, cx.schema.series(series).tags(), cx);
    let mut values = Map::new();
    for (index, name, field_type) in cx.schema.shape(row.shape).sorted() {
        let value = match cx.frame.value(cx.frame.word(row, index), field_type) {
            model::Value::Float(value) => Json::from(value),
            model::Value::Int(value) => Json::from(value),
            model::Value::Bool(value) => Json::from(value),
            model::Value::String(value) => Json::from(&*value),
            model::Value::Duration(value) => Json::from(declare::format_go_duration(value)),
            model::Value::Time(value) => time_json(value),
            model::Value::Null => Json::Null,
        };
        values.insert(cx.schema.text(name).to_string(), value);
    }
    fields.push(("field", Json::Object(values)));
    fields.push(("time", time_json(row.time)));
}

fn push_tags(fields: &mut Fields, tags: &Tags, cx: &Cx<'_>) {
    let tags = tags.iter().map(|(key, value)| (cx.schema.text(*key).to_string(), Json::from(cx.schema.text(*value))));
    fields.push(("tag", Json::Object(tags.collect())));
}

fn time_json(time: Time) -> Json {
    let mut text = String::new();
    write_rfc3339(time, &mut text);
    Json::from(text)
}

impl Node for LogNode {
    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => {
                    for row in rows {
                        self.point(row, cx);
                    }
                    cx.out.points(rows);
                }
                Walk::Batch(head, rows) => {
                    self.batch(head, rows, cx);
                    cx.out.batch(head, rows);
                }
                Walk::Barrier(group, time) => cx.out.barrier(group, time),
                Walk::DeleteGroup(group) => cx.out.delete_group(group),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use crate::testing::Bench;

    #[test]
    fn points_and_batches_are_logged_and_go_on() {
        let script = "stream |from() |log().level('debug').prefix('p') |window().periodCount(2).everyCount(2) |log() |httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=a x=1 1\nm,h=a x=2 2", Precision::Seconds);
        assert_eq!(
            bench.host.seen().logs,
            [
                "Debug test log2: point",
                "Debug test log2: point",
                "Info test log4: begin batch",
                "Info test log4: batch point",
                "Info test log4: batch point",
                "Info test log4: end batch",
            ]
        );
        assert_eq!(bench.stat("http_out5", "collected"), 1);
    }
}
