//! Which numbers of the schema a task uses, so that the others can be forgotten: see [`model::LiveSchema`].

use std::sync::Arc;

use model::{Marks, Schema};

use super::{Letter, Task};
use crate::{Selection, saving::NodeSaver};

impl Task {
    /// Mark what is in its state, and in what waits for it.
    pub(crate) fn mark(&mut self, marks: &mut Marks) {
        for place in &mut self.places {
            place.node.save(&mut NodeSaver::marking(&self.schema, marks, self.told));
        }
        for letter in self.waiting.letters() {
            match letter {
                Letter::Write(write, Selection::All) => write.rows.iter().for_each(|row| marks.series(row.series)),
                Letter::Write(write, Selection::Some(indexes)) => {
                    indexes.iter().for_each(|index| marks.series(write.rows[*index as usize].series));
                }
                Letter::Reply { reply, .. } => reply.answer.mark(marks),
                _ => {}
            }
        }
    }

    /// Go on with the newest schema.
    pub(crate) fn renew(&mut self, schema: &Arc<Schema>) {
        self.schema = Arc::clone(schema);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{LiveSchema, Marks, Precision};

    use crate::testing::Bench;

    /// Let hosts come and go, a hundred a minute, and forget between two minutes what no state has.
    fn churn(script: &str, minutes: i64) -> (Bench, Vec<usize>) {
        const MINUTE: i64 = 60_000_000_000;
        let mut bench = Bench::new(script).unwrap();
        let live = LiveSchema::from(Arc::clone(&bench.schema));
        let mut sizes = Vec::new();
        for minute in 0..minutes {
            bench.advance_to(minute * MINUTE);
            let host = |host: i64| format!("cpu,host=h{host} used={}i {}\n", host % 100, minute * 60);
            let lines: String = (minute * 100..minute * 100 + 150).map(host).collect();
            bench.write(&lines, Precision::Seconds);
            bench.schema = Arc::default();
            let mut marks = Marks::default();
            bench.task.mark(&mut marks);
            live.forget(live.settled().expect("the task has the newest version"), &marks);
            bench.task.renew(&live.now());
            bench.schema = live.now();
            let [names, shapes, series, groups] = bench.schema.sizes();
            sizes.push(names + shapes + series + groups);
        }
        (bench, sizes)
    }

    #[test]
    fn tables_are_level_while_hosts_come_and_go() {
        for below in [
            "|window().period(2m).every(1m) |mean('used') |httpOut('x')",
            "|stateCount(lambda: \"used\" > 5) |default().tag('dc', 'a') |httpOut('x')",
            "|eval(lambda: string(\"used\")).as('t').tags('t') |derivative('used') |httpOut('x')",
            "|flatten().on('host').tolerance(1s).dropOriginalFieldName() |httpOut('x')",
            "|delete().tag('host') |max('used') |httpOut('x')",
        ] {
            let script = format!("stream |from().measurement('cpu').groupBy('host').expireGroups(2m) {below}");
            let (_, sizes) = churn(&script, 40);
            let most = |sizes: &[usize]| sizes.iter().copied().max().unwrap_or_default();
            let flatten = below.contains("flatten");
            assert!(flatten || most(&sizes[30..]) <= most(&sizes[5..15]), "{below}: {sizes:?}");
        }
    }
}
