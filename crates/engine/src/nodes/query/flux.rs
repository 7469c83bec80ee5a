//! `batch|queryFlux('from(..) ..')`: a script in Flux, run again and again, its tables handed on as batches.

use declare::{Declaration, Nanos};
use lambda::Zone;
use model::Time;

use super::{Ask, Asks, Queries, Schedule, Span, asking::Asking, within};
use crate::{BuildError, Definition, EdgeKind, InfluxQuery, Node, Plan, QueryLanguage};

/// What a script says of a query in Flux.
#[derive(Debug, Clone, Default)]
pub struct QueryFlux {
    text: String,
    period: Nanos,
    every: Nanos,
    align: bool,
    cron: String,
    offset: Nanos,
    cluster: String,
    organization: String,
    organization_id: String,
}

impl Definition for QueryFlux {
    const NAME: &'static str = "queryFlux";
    const WANTS: Option<EdgeKind> = Some(EdgeKind::Batch);

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Run a Flux script on an InfluxDB 2 again and again. Each table is a batch: its group key gives the tags, \
             _measurement the name, _time the time, and the other columns the fields.",
        )
        .argument("q", "The script. Its now() is the time at which it is run, less the offset.", |q| &mut q.text)
        .property("period", "Of no effect: a Flux script says its range itself.", |q| &mut q.period)
        .property("every", "The time from one run to the next.", |q| &mut q.every)
        .flag("align", "Run at multiples of `every`.", |q| &mut q.align)
        .property("cron", "When to run, as a cron expression, instead of `every`.", |q| &mut q.cron)
        .property("offset", "How long before the time at which it is run now() lies.", |q| &mut q.offset)
        .property("cluster", "The name of a configured InfluxDB; the default one if not given.", |q| &mut q.cluster)
        .property("org", "The organisation, by name; that of the config if not given.", |q| &mut q.organization)
        .property("orgID", "The organisation, by id, in place of its name.", |q| &mut q.organization_id)
        .property("queryStr", "The script, in another place.", |q| &mut q.text)
        .hidden()
        .example(
            "batch |queryFlux('from(bucket: \"telegraf/autogen\") |> range(start: -5m) |> filter(fn: (r) => \
             r._measurement == \"cpu\")').every(5m)",
        )
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Batch
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let schedule = self.schedule(*plan.host.zone())?;
        Ok(Box::new(Asking::new(self.ask(), schedule)))
    }
}

impl QueryFlux {
    fn schedule(&self, zone: Zone) -> Result<Schedule, BuildError> {
        Schedule::new(self.every, self.align, &self.cron, zone)
    }

    fn ask(&self) -> AskFlux {
        AskFlux(self.clone())
    }
}

impl Asks for QueryFlux {
    fn queries(&self, span: &Span<'_>) -> Result<Queries, BuildError> {
        Ok(within(span, self.schedule(span.zone)?, self.ask()))
    }

    /// Buckets are within the script.
    fn reads(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

struct AskFlux(QueryFlux);

impl Ask for AskFlux {
    fn at(&mut self, tick: Time) -> InfluxQuery {
        let query = &self.0;
        InfluxQuery {
            cluster: query.cluster.clone(),
            text: query.text.clone(),
            by_name: false,
            stop: tick,
            // The time of a batch is that of its last row.
            grouped_by_time: true,
            language: QueryLanguage::Flux {
                organization: query.organization.clone(),
                organization_id: query.organization_id.clone(),
                now: tick.saturating_sub(query.offset.0),
            },
        }
    }

    fn offset(&self) -> i64 {
        self.0.offset.0
    }

    fn cluster(&self) -> &str {
        &self.0.cluster
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_script_is_run_with_its_own_now() {
        let script =
            "batch|queryFlux('from(bucket: \"b\")').every(10s).align().offset(3s).org('o').cluster('c')|httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.advance_to(10 * SECOND);
        let query = bench.host.seen().queries[0].0.clone();
        assert_eq!(
            (query.text.as_str(), query.cluster.as_str(), query.stop),
            ("from(bucket: \"b\")", "c", 10 * SECOND)
        );
        let language =
            QueryLanguage::Flux { organization: "o".to_string(), organization_id: String::new(), now: 7 * SECOND };
        assert_eq!(query.language, language);
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        for (call, why) in [
            ("batch|queryFlux('x').period(1m)", "must define one of 'every' or 'cron'"),
            ("batch|queryFlux('x').every(1m).cron('* * * * *')", "must not set both"),
            ("batch|queryFlux('x').every(-1m)", "non-negative"),
            ("batch|queryFlux('x').every(1m).groupBy('a')", "groupBy"),
            ("stream|queryFlux('x').every(1m)", "queryFlux"),
        ] {
            let error = Bench::new(&format!("{call}|httpOut('x')")).err().expect("an error");
            assert!(error.contains(why), "{call}: {error}");
        }
    }
}
