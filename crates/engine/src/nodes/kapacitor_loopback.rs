//! `|kapacitorLoopback()`: points written back into the daemon, for other tasks to read.

use declare::Declaration;
use model::{Edge, FieldType, GroupId, Name, Row, SeriesId, Walk, Words};

use super::relabel::{Relabel, set_tag, tags_shown};
use crate::{BuildError, Cx, Definition, EdgeKind, Node, Origin, Place, Plan, Reach, StatName};

#[derive(Debug, Clone, Default)]
pub(super) struct KapacitorLoopback {
    database: String,
    retention_policy: String,
    measurement: String,
    tags: Vec<(String, String)>,
}

impl Definition for KapacitorLoopback {
    const NAME: &'static str = "kapacitorLoopback";
    const ID: &'static str = "kapacitor_loopback";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Write all points back into the daemon, as if they had been received. The task itself must not read them.",
        )
        .property("database", "The database they are written to.", |k| &mut k.database)
        .property("retentionPolicy", "The retention policy they are written to.", |k| &mut k.retention_policy)
        .property("measurement", "Another measurement; points of batches keep theirs.", |k| &mut k.measurement)
        .method_shown(
            "tag",
            "key string, value string",
            "A tag that each point gets.",
            |k, args| {
                set_tag(&mut k.tags, args);
                Ok(())
            },
            |k| tags_shown(&k.tags),
        )
        .example(
            "stream |from().measurement('cpu') |kapacitorLoopback().database('derived').retentionPolicy('autogen')",
        )
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::None
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        if self.database.is_empty() {
            return Err("must specify a database".to_string());
        }
        if self.retention_policy.is_empty() {
            return Err("must specify a retention policy".to_string());
        }
        Ok(())
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        if plan.task.dbrps.iter().any(|(db, rp)| *db == self.database && *rp == self.retention_policy) {
            return Err(BuildError::new(format!(
                "loop detected on dbrp: \"{}\".\"{}\"",
                self.database, self.retention_policy
            )));
        }
        Ok(Box::new(LoopbackNode {
            measurement: plan.schema.name(&self.measurement),
            relabel: Relabel::new(plan.schema, &self.tags),
            origin: Origin { database: self.database, retention_policy: self.retention_policy },
        }))
    }
}

struct LoopbackNode {
    origin: Origin,
    /// Empty keeps it.
    measurement: Name,
    relabel: Relabel,
}

impl LoopbackNode {
    /// A copy of a row that owns its words.
    fn copy(&mut self, row: &Row, name: Name, words: &mut Words, cx: &Cx<'_>) -> Row {
        let at = words.words.len() as u32;
        let fields = cx.schema.shape(row.shape).fields();
        for (word, (_, field_type)) in cx.frame.words(row, fields.len()).iter().zip(fields) {
            let word = match field_type {
                FieldType::String => words.push_text(cx.frame.text(*word)),
                _ => *word,
            };
            words.words.push(word);
        }
        let series: SeriesId = self.relabel.series(cx.schema, row.series, name);
        Row { series, at, group: GroupId::NIL, ..*row }
    }
}

impl Node for LoopbackNode {
    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        let (mut out, mut words) = (Vec::with_capacity(edge.row_count()), Words::default());
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => {
                    for row in rows {
                        let own = cx.schema.series(row.series).name();
                        let name = if self.measurement.is_empty() { own } else { self.measurement };
                        out.push(self.copy(row, name, &mut words, cx));
                    }
                }
                // Kapacitor leaves points of batches in their measurement. Case: misc/loopback.
                Walk::Batch(head, rows) => {
                    out.extend(rows.iter().map(|row| self.copy(row, head.name, &mut words, cx)));
                }
                Walk::Barrier(..) | Walk::DeleteGroup(_) => {}
            }
        }
        if !out.is_empty() {
            cx.stat("points_written", out.len() as i64);
            cx.host.loopback(self.origin.clone(), out, words);
        }
    }

    fn stats(&self) -> &'static [StatName] {
        &["points_written"]
    }
}

#[cfg(test)]
mod tests {
    use model::{Frame, Precision, write_line};

    use crate::testing::Bench;

    #[test]
    fn points_go_back_under_other_names() {
        let script = "var s = stream |from().groupBy('h')
            s |kapacitorLoopback().database('o').retentionPolicy('p').measurement('n').tag('k', 'v').tag('h', 'x')
            s |window().periodCount(1).everyCount(1)
              |kapacitorLoopback().database('o').retentionPolicy('p').measurement('n').tag('k', 'v')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=a x=1,s=\"t\" 1", Precision::Seconds);
        assert_eq!(bench.stat("kapacitor_loopback2", "points_written"), 1);
        let mut seen = bench.host.seen();
        let mut lines = String::new();
        for (origin, rows, words) in seen.loopbacks.drain(..) {
            assert_eq!((origin.database.as_str(), origin.retention_policy.as_str()), ("o", "p"));
            let frame = Frame::new(words.into());
            for row in rows {
                let series = bench.schema.series(row.series);
                write_line(&bench.schema, &frame, &row, bench.schema.text(series.name()), series.tags(), 1, &mut lines);
            }
        }
        assert_eq!(lines, "n,h=x,k=v s=\"t\",x=1 1000000000\nm,h=a,k=v s=\"t\",x=1 1000000000\n");
    }

    #[test]
    fn loops_and_gaps_are_refused() {
        for (call, why) in [
            ("kapacitorLoopback()", "must specify a database"),
            ("kapacitorLoopback().database('x')", "must specify a retention policy"),
            ("kapacitorLoopback().database('d').retentionPolicy('r')", "loop detected on dbrp: \"d\".\"r\""),
            ("kapacitorLoopback().database('x').retentionPolicy('r')|httpOut('x')", "nothing"),
        ] {
            let error = Bench::new(&format!("stream|from()|{call}")).err().expect("an error");
            assert!(error.contains(why), "{error}");
        }
    }
}
