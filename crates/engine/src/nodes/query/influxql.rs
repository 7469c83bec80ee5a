//! `batch|query('SELECT ..')`: a query of InfluxDB, asked again and again, its results handed on as batches.

use declare::{Argument, Declaration, Nanos};
use influxql::{Fill, Select};
use lambda::Zone;
use model::Time;

use super::{Asks, Queries, Schedule, Span, asking::Asking, within};
use crate::{BuildError, Definition, EdgeKind, InfluxQuery, Node, Plan, QueryLanguage, TaskInfo};

/// What a script says of a query.
#[derive(Debug, Clone, Default)]
pub struct Query {
    text: String,
    period: Nanos,
    every: Nanos,
    align: bool,
    cron: String,
    offset: Nanos,
    align_group: bool,
    group_by: Vec<Argument>,
    by_measurement: bool,
    fill: Option<Argument>,
    cluster: String,
}

impl Definition for Query {
    const NAME: &'static str = "query";
    const WANTS: Option<EdgeKind> = Some(EdgeKind::Batch);

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Ask InfluxDB again and again. Bounds of the time and the groups are added to the query.")
            .argument("q", "A SELECT without bounds of the time and without GROUP BY.", |q| &mut q.text)
            .property("period", "How much time is asked for.", |q| &mut q.period)
            .property("every", "The time from one query to the next.", |q| &mut q.every)
            .flag("align", "Ask at multiples of `every`.", |q| &mut q.align)
            .property("cron", "When to ask, as a cron expression, instead of `every`.", |q| &mut q.cron)
            .property("offset", "How long before the time at which it is asked the period ends.", |q| &mut q.offset)
            .flag("alignGroup", "Let intervals of the groups begin where the period begins.", |q| &mut q.align_group)
            .method_shown(
                "groupBy",
                "dimensions ...any",
                "Tag names, * for all of them, and at most one time(interval, offset).",
                |q, args| {
                    q.group_by.clear();
                    flatten(args, &mut q.group_by);
                    Ok(())
                },
                |q| if q.group_by.is_empty() { Vec::new() } else { vec![q.group_by.clone()] },
            )
            .flag("groupByMeasurement", "Group by measurement, too.", |q| &mut q.by_measurement)
            .property(
                "fill",
                "What stands for intervals without data: a number, 'null', 'none', 'previous', 'linear'.",
                |q| &mut q.fill,
            )
            .property("cluster", "The name of a configured InfluxDB; the default one if not given.", |q| &mut q.cluster)
            .property("queryStr", "The query, in another place.", |q| &mut q.text)
            .hidden()
            .example("batch |query('SELECT usage_idle FROM telegraf.autogen.cpu').period(5m).every(1m).groupBy('host')")
    }

    fn grouping(&self) -> Option<String> {
        Some(format!("{:?} {}", self.group_by, self.by_measurement))
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Batch
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let schedule = self.schedule(*plan.host.zone())?;
        let ask = self.ask()?;
        check_sources(&ask.select, plan.task)?;
        Ok(Box::new(Asking::new(ask, schedule)))
    }
}

/// The arguments with those of lists among them.
pub(super) fn flatten(args: &[Argument], out: &mut Vec<Argument>) {
    for arg in args {
        match arg {
            Argument::List(items) => flatten(items, out),
            other => out.push(other.clone()),
        }
    }
}

impl Query {
    fn schedule(&self, zone: Zone) -> Result<Schedule, BuildError> {
        Schedule::new(self.every, self.align, &self.cron, zone)
    }

    fn ask(&self) -> Result<Ask, BuildError> {
        let refused = |error: influxql::Error| {
            let what = if error.position().is_some() { "failed to parse InfluxQL query: " } else { "" };
            BuildError::new(format!("{what}{error}"))
        };
        let mut select = Select::parse(&self.text).map_err(refused)?;
        let dimensions = self.group_by.iter().map(dimension).collect::<Result<Vec<_>, _>>()?;
        select.set_group_by(&dimensions).map_err(refused)?;
        match &self.fill {
            Some(Argument::String(word)) => select.set_fill(Fill::named(word).map_err(refused)?),
            Some(Argument::Int(value)) => select.set_fill(Fill::Integer(*value)),
            Some(Argument::Float(value)) => select.set_fill(Fill::Number(*value)),
            // Kapacitor takes other values and does nothing with them.
            _ => {}
        }
        Ok(Ask {
            select,
            period: self.period.0,
            offset: self.offset.0,
            align_group: self.align_group,
            by_name: self.by_measurement,
            cluster: self.cluster.clone(),
        })
    }
}

impl Asks for Query {
    fn queries(&self, span: &Span<'_>) -> Result<Queries, BuildError> {
        // Kapacitor does not align groups in recordings. Case: batch/group_by_time_align_group.
        let ask = Ask { align_group: false, ..self.ask()? };
        Ok(within(span, self.schedule(span.zone)?, ask))
    }

    fn reads(&self) -> Vec<(String, String)> {
        let Ok(select) = Select::parse(&self.text) else { return Vec::new() };
        select.measurements().iter().map(|found| (found.database.clone(), found.policy.clone())).collect()
    }
}

fn dimension(arg: &Argument) -> Result<influxql::Dimension, BuildError> {
    Ok(match arg {
        Argument::String(tag) => influxql::Dimension::Tag(tag.clone()),
        Argument::Regex(pattern) => influxql::Dimension::Regex(pattern.clone()),
        Argument::Star => influxql::Dimension::Star,
        Argument::Duration(every) => influxql::Dimension::Time { every: *every, offset: 0 },
        Argument::Time { length, offset } => influxql::Dimension::Time { every: *length, offset: *offset },
        other => {
            return Err(BuildError::new(format!(
                "invalid dimension type: a query is grouped by tag names in single quotes, * or time(..), not by {}",
                other.describe()
            )));
        }
    })
}

/// A task may query only what it is allowed to read.
fn check_sources(select: &Select, task: &TaskInfo) -> Result<(), BuildError> {
    let allowed = |measurement: &&influxql::Measurement| {
        task.dbrps.iter().any(|(db, rp)| *db == measurement.database && *rp == measurement.policy)
    };
    match select.measurements().into_iter().find(|measurement| !allowed(measurement)) {
        None => Ok(()),
        Some(measurement) => Err(BuildError::new(format!(
            "batch query is not allowed to request data from \"{}\".\"{}\", which is none of the task's databases and \
             retention policies",
            measurement.database, measurement.policy
        ))),
    }
}

/// How a query is made for the time at which it is asked.
struct Ask {
    select: Select,
    /// Nanoseconds.
    period: i64,
    offset: i64,
    align_group: bool,
    by_name: bool,
    cluster: String,
}

impl super::Ask for Ask {
    fn at(&mut self, tick: Time) -> InfluxQuery {
        let stop = tick.saturating_sub(self.offset);
        self.select.set_times(stop.saturating_sub(self.period), stop);
        if self.align_group {
            self.select.align_group();
        }
        InfluxQuery {
            cluster: self.cluster.clone(),
            text: self.select.to_string(),
            by_name: self.by_name,
            stop,
            grouped_by_time: self.select.group_time().is_some(),
            language: QueryLanguage::InfluxQl,
        }
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn cluster(&self) -> &str {
        &self.cluster
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{BatchHead, FieldType, GroupId, Row, Words};

    use super::*;
    use crate::{Answer, Letter, Reply, testing::Bench};

    const SECOND: i64 = 1_000_000_000;

    fn texts(bench: &Bench) -> Vec<String> {
        bench.host.seen().queries.iter().map(|(query, _)| query.text.clone()).collect()
    }

    fn answer(bench: &mut Bench, answer: Answer) {
        let ticket = bench.host.seen().queries.last().expect("a query was asked").1.clone();
        bench.task.step(Letter::Reply { node: ticket.node, reply: Reply { ticket: ticket.ticket, answer } });
        bench.settle();
    }

    #[test]
    fn queries_are_asked_on_time_and_one_at_a_time() {
        let script =
            "batch |query('SELECT v FROM d.r.m').period(1m).every(10s).offset(1s).align() |httpPost('http://x')";
        let mut bench = Bench::new(script).unwrap();
        bench.advance_to(35 * SECOND);
        assert_eq!(
            texts(&bench),
            ["SELECT v FROM d.r.m WHERE time >= '1969-12-31T23:59:09Z' AND time < '1970-01-01T00:00:09Z'"]
        );
        answer(&mut bench, Answer::Failed("no".to_string()));
        assert_eq!(bench.stat("query1", "errors"), 1);
        // The first of the times that were missed.
        assert!(texts(&bench)[1].ends_with("time < '1970-01-01T00:00:19Z'"), "{}", texts(&bench)[1]);
        let shape = bench.schema.shape_of(&[(bench.schema.name("v"), FieldType::Float)]);
        let series = bench.schema.series_of_texts("m", []);
        let row = Row { time: 0, series, shape, at: 0, group: GroupId::NIL };
        let head = BatchHead { name: bench.schema.name("m"), group: GroupId::NIL, tmax: 19 * SECOND };
        let words = Arc::new(Words { words: vec![1.5f64.to_bits()], text: String::new() });
        answer(&mut bench, Answer::Batches { words, batches: vec![(head, vec![row])] });
        assert_eq!(bench.host.seen().posts.len(), 1);
        assert_eq!((bench.stat("query1", "batches_queried"), bench.stat("query1", "points_queried")), (1, 1));
        // Of 20 s and 30 s, which came while the first query was out, one was left out.
        assert_eq!(bench.stat("query1", "ticks_left_out"), 1);
        bench.advance_to(40 * SECOND);
        assert!(texts(&bench)[2].ends_with("time < '1970-01-01T00:00:39Z'"), "{}", texts(&bench)[2]);
    }

    #[test]
    fn groups_and_fill_are_written_into_the_query() {
        let script = "batch |query('SELECT mean(v) FROM d.r.m GROUP BY x').period(5m).every(30s).align().alignGroup()
            .groupBy(time(1m), 'a', 'b c').fill(0) |httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.advance_to(30 * SECOND);
        assert!(texts(&bench)[0].ends_with(" GROUP BY time(1m, -30s), a, \"b c\" fill(0)"), "{}", texts(&bench)[0]);
        assert!(bench.host.seen().queries[0].0.grouped_by_time);
    }

    #[test]
    fn what_cannot_be_asked_is_refused_at_the_start() {
        for (query, why) in [
            ("query('SELECT v FROM d.r.m')", "must define one of 'every' or 'cron'"),
            ("query('SELECT v FROM d.r.m').every(1m).cron('* * * * *')", "must not set both"),
            ("query('SELECT v FROM d.r.m').every(-1m)", "non-negative"),
            ("query('SELECT v FROM d.r.m').cron('every monday')", "has 2 fields"),
            ("query('SELECT v FROM d.r.m').every(1m).fill('some')", "unexpected fill option some"),
            ("query('SELECT v FROM d.r.m').every(1m).groupBy(time(1m), time(2m))", "more than one time"),
            ("query('SELECT v FROM d.r.m').every(1m).groupBy(5)", "invalid dimension type"),
            ("query('SHOW DATABASES').every(1m)", "not a select"),
            ("query('SELECT v FROM').every(1m)", "failed to parse InfluxQL query: found EOF"),
            ("query('').every(1m)", "got 0 statements"),
            ("query('SELECT v FROM other.r.m').every(1m)", "data from \"other\".\"r\""),
            ("query('SELECT v FROM m').every(1m)", "data from \"\".\"\""),
            ("query('SELECT v FROM (SELECT v FROM other.r.m)').every(1m)", "data from \"other\".\"r\""),
        ] {
            let error = Bench::new(&format!("batch|{query}|httpOut('x')")).err().expect("an error");
            assert!(error.contains(why), "{query}: {error}");
        }
    }

    #[test]
    fn recordings_ask_what_would_have_been_asked() {
        let query = Query {
            text: "SELECT v FROM d.r.m".to_string(),
            period: Nanos(60 * SECOND),
            every: Nanos(10 * SECOND),
            ..Query::default()
        };
        let stops = |stop: Time, now: Time| -> Vec<Time> {
            let span = Span { start: 5 * SECOND, stop, now, zone: Zone::Utc, dbrps: &[] };
            query.queries(&span).unwrap().map(|query| query.stop / SECOND).collect()
        };
        assert_eq!(stops(40 * SECOND, 1000 * SECOND), [15, 25, 35]);
        assert_eq!(stops(40 * SECOND, 30 * SECOND), [15, 25]);
    }
}
