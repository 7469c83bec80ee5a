//! `|log()`: every point and batch, written to the daemon's log.

use declare::Declaration;
use model::{BatchHead, Edge, Row, SeriesId, Tags, Time, Walk, write_rfc3339};

use crate::{BuildError, Cx, Definition, LogLevel, LogRecord, Node, Plan};

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

type Fields = Vec<(String, String)>;

impl LogNode {
    fn write(&self, message: &str, fields: &Fields, cx: &Cx<'_>) {
        let fields: Vec<(&str, String)> = fields.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        cx.host.log(&LogRecord { level: self.level, task: &cx.task.id, node: cx.name, message, fields: &fields });
    }

    fn begin(&self, name: &str, group: String) -> Fields {
        vec![
            ("prefix".to_string(), self.prefix.clone()),
            ("name".to_string(), name.to_string()),
            ("group".to_string(), group),
        ]
    }

    fn point(&self, row: &Row, cx: &Cx<'_>) {
        let name = cx.schema.text(cx.schema.series(row.series).name());
        let mut fields = self.begin(name, cx.schema.group_text(row.group));
        fields.insert(2, ("db".to_string(), cx.origin.database.clone()));
        fields.insert(3, ("rp".to_string(), cx.origin.retention_policy.clone()));
        for (index, dimension) in cx.schema.dimensions(row.group).names.iter().enumerate() {
            fields.push((format!("dimension_{index}"), cx.schema.text(*dimension).to_string()));
        }
        push_row(&mut fields, row.series, row, cx);
        self.write("point", &fields, cx);
    }

    fn batch(&self, head: BatchHead, rows: &[Row], cx: &Cx<'_>) {
        let begin = self.begin(cx.schema.text(head.name), cx.schema.group_text(head.group));
        let mut fields = begin.clone();
        push_tags(&mut fields, cx.schema.group(head.group).tags(), cx);
        push_time(&mut fields, head.tmax);
        self.write("begin batch", &fields, cx);
        for row in rows {
            let mut fields = begin.clone();
            push_row(&mut fields, row.series, row, cx);
            self.write("batch point", &fields, cx);
        }
        self.write("end batch", &begin, cx);
    }
}

fn push_row(fields: &mut Fields, series: SeriesId, row: &Row, cx: &Cx<'_>) {
    push_tags(fields, cx.schema.series(series).tags(), cx);
    for (index, name, field_type) in cx.schema.shape(row.shape).sorted() {
        let value = match cx.frame.value(cx.frame.word(row, index), field_type) {
            model::Value::Float(value) => value.to_string(),
            model::Value::Int(value) => value.to_string(),
            model::Value::Bool(value) => value.to_string(),
            model::Value::String(value) => value.to_string(),
            model::Value::Duration(value) => declare::format_go_duration(value),
            model::Value::Time(value) => time_text(value),
            model::Value::Null => String::new(),
        };
        fields.push((format!("field_{}", cx.schema.text(name)), value));
    }
    push_time(fields, row.time);
}

fn push_tags(fields: &mut Fields, tags: &Tags, cx: &Cx<'_>) {
    fields.extend(
        tags.iter().map(|(key, value)| (format!("tag_{}", cx.schema.text(*key)), cx.schema.text(*value).to_string())),
    );
}

fn push_time(fields: &mut Fields, time: Time) {
    fields.push(("time".to_string(), time_text(time)));
}

fn time_text(time: Time) -> String {
    let mut text = String::new();
    write_rfc3339(time, &mut text);
    text
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
