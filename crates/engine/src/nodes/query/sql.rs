//! `batch|querySQL('SELECT ..')`: SQL of an InfluxDB 3, asked again and again, its rows handed on as batches.

use declare::{Argument, Declaration, Nanos};
use lambda::Zone;
use model::{Time, write_rfc3339};

use super::{Ask, Asks, Queries, Schedule, Span, asking::Asking, influxql::flatten, within};
use crate::{BuildError, Definition, EdgeKind, InfluxQuery, Node, Plan, QueryLanguage};

/// What a script says of a query in SQL.
#[derive(Debug, Clone, Default)]
pub struct QuerySql {
    text: String,
    period: Nanos,
    every: Nanos,
    align: bool,
    cron: String,
    offset: Nanos,
    group_by: Vec<Argument>,
    cluster: String,
    database: String,
    retention_policy: String,
    measurement: String,
}

impl Definition for QuerySql {
    const NAME: &'static str = "querySQL";
    const WANTS: Option<EdgeKind> = Some(EdgeKind::Batch);

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Ask an InfluxDB 3 in SQL again and again. The column `time` is the time of a row; the columns of groupBy are \
             tags, and make the batches; the others are fields.",
        )
        .argument("q", "A SELECT. $start and $stop in it stand for the bounds of the period.", |q| &mut q.text)
        .property("period", "How much time $start and $stop enclose.", |q| &mut q.period)
        .property("every", "The time from one query to the next.", |q| &mut q.every)
        .flag("align", "Ask at multiples of `every`.", |q| &mut q.align)
        .property("cron", "When to ask, as a cron expression, instead of `every`.", |q| &mut q.cron)
        .property("offset", "How long before the time at which it is asked the period ends.", |q| &mut q.offset)
        .method_shown(
            "groupBy",
            "columns ...any",
            "Columns that are tags; * for all that hold texts.",
            |q, args| {
                q.group_by.clear();
                flatten(args, &mut q.group_by);
                Ok(())
            },
            |q| if q.group_by.is_empty() { Vec::new() } else { vec![q.group_by.clone()] },
        )
        .property("cluster", "The name of a configured InfluxDB; the default one if not given.", |q| &mut q.cluster)
        .property("database", "The database; that of the task if not given.", |q| &mut q.database)
        .property("retentionPolicy", "The retention policy; that of the task if not given.", |q| {
            &mut q.retention_policy
        })
        .property("measurement", "What the batches are called; the table after FROM if not given.", |q| {
            &mut q.measurement
        })
        .example(
            "batch |querySQL('SELECT host, time, usage_idle FROM cpu WHERE time >= $start AND time < \
             $stop').period(5m).every(1m).groupBy('host')",
        )
    }

    fn grouping(&self) -> Option<String> {
        Some(format!("{:?}", self.group_by))
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Batch
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let schedule = self.schedule(*plan.host.zone())?;
        let ask = self.ask(&plan.task.dbrps)?;
        Ok(Box::new(Asking::new(ask, schedule)))
    }
}

impl QuerySql {
    fn schedule(&self, zone: Zone) -> Result<Schedule, BuildError> {
        Schedule::new(self.every, self.align, &self.cron, zone)
    }

    fn ask(&self, allowed: &[(String, String)]) -> Result<AskSql, BuildError> {
        let template = Template::of(&self.text);
        match (template.has_bounds(), self.period.0 > 0) {
            (true, true) | (false, false) => {}
            (true, false) => {
                return Err(BuildError::new("the query says $start or $stop, so it needs a period: add .period(5m)"));
            }
            (false, true) => {
                return Err(BuildError::new(
                    "the period has no effect: say WHERE time >= $start AND time < $stop in the query, or leave .period out",
                ));
            }
        }
        let tags = self.group_by.iter().map(|column| match column {
            Argument::String(column) => Ok(column.clone()),
            Argument::Star => Ok("*".to_string()),
            other => Err(BuildError::new(format!(
                "querySQL is grouped by names of columns in single quotes or *, not by {}; intervals of time are made in \
                 SQL, by date_bin",
                other.describe()
            ))),
        });
        let (database, retention_policy) = self.place(allowed)?;
        let measurement = if self.measurement.is_empty() { template.table.clone() } else { self.measurement.clone() };
        let language =
            QueryLanguage::Sql { database, retention_policy, measurement, tags: tags.collect::<Result<_, _>>()? };
        Ok(AskSql { template, period: self.period.0, offset: self.offset.0, cluster: self.cluster.clone(), language })
    }

    /// The database and retention policy, which must be one of the task's.
    fn place(&self, allowed: &[(String, String)]) -> Result<(String, String), BuildError> {
        let own = (&self.database, &self.retention_policy);
        if let Some(exact) = allowed.iter().find(|(database, policy)| (database, policy) == own) {
            return Ok(exact.clone());
        }
        let fits = |own: &str, given: &str| own.is_empty() || own == given;
        let mut fitting = allowed
            .iter()
            .filter(|(database, policy)| fits(&self.database, database) && fits(&self.retention_policy, policy));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(one.clone()),
            (Some(_), Some(_)) => Err(BuildError::new(
                "the task has several databases and retention policies: say .database('name') and \
                 .retentionPolicy('name') of the one to ask",
            )),
            (None, _) => Err(BuildError::new(format!(
                "batch query is not allowed to request data from {:?}.{:?}, which is none of the task's databases and \
                 retention policies",
                self.database, self.retention_policy
            ))),
        }
    }
}

impl Asks for QuerySql {
    fn queries(&self, span: &Span<'_>) -> Result<Queries, BuildError> {
        Ok(within(span, self.schedule(span.zone)?, self.ask(span.dbrps)?))
    }

    fn reads(&self) -> Vec<(String, String)> {
        vec![(self.database.clone(), self.retention_policy.clone())]
    }
}

struct AskSql {
    template: Template,
    /// Nanoseconds.
    period: i64,
    offset: i64,
    cluster: String,
    language: QueryLanguage,
}

impl Ask for AskSql {
    fn at(&mut self, tick: Time) -> InfluxQuery {
        let stop = tick.saturating_sub(self.offset);
        InfluxQuery {
            cluster: self.cluster.clone(),
            text: self.template.between(stop.saturating_sub(self.period), stop),
            by_name: false,
            stop,
            grouped_by_time: false,
            language: self.language.clone(),
        }
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn cluster(&self) -> &str {
        &self.cluster
    }
}

/// A query with places for the bounds of a period.
#[derive(Debug, Clone, PartialEq)]
struct Template {
    pieces: Vec<Piece>,
    /// The first table that it reads, if that has a simple name.
    table: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Start,
    Stop,
}

impl Template {
    /// Cuts a query at its places. In texts, quoted names and comments there are none.
    fn of(text: &str) -> Template {
        let (mut pieces, mut own) = (Vec::new(), String::new());
        let (mut table, mut after_from) = (String::new(), false);
        let mut rest = text;
        while let Some(token) = token(rest) {
            rest = &rest[token.len()..];
            match token {
                "$start" | "$stop" => {
                    pieces.push(Piece::Text(std::mem::take(&mut own)));
                    pieces.push(if token == "$start" { Piece::Start } else { Piece::Stop });
                    continue;
                }
                _ => own.push_str(token),
            }
            if token.trim().is_empty() || token.starts_with("--") || token.starts_with("/*") {
                continue;
            }
            if after_from && table.is_empty() && token.starts_with(|c: char| c.is_alphanumeric() || "_\"".contains(c)) {
                table = token.trim_matches('"').replace("\"\"", "\"");
            }
            after_from = token.eq_ignore_ascii_case("from");
        }
        pieces.push(Piece::Text(own));
        Template { pieces, table }
    }

    fn has_bounds(&self) -> bool {
        self.pieces.len() > 1
    }

    fn between(&self, start: Time, stop: Time) -> String {
        let mut out = String::new();
        let bound = |time: Time, out: &mut String| {
            out.push('\'');
            write_rfc3339(time, out);
            out.push('\'');
        };
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Start => bound(start, &mut out),
                Piece::Stop => bound(stop, &mut out),
            }
        }
        out
    }
}

/// The first token of a text: something quoted, a comment, a word, or a single sign.
fn token(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let up_to = |end: Option<usize>| end.map_or(text, |end| &text[..end]);
    Some(match first {
        '\'' | '"' => up_to(text[1..].find(first).map(|at| at + 2)),
        '-' if text.starts_with("--") => up_to(text.find('\n')),
        '/' if text.starts_with("/*") => up_to(text[2..].find("*/").map(|at| at + 4)),
        c if c.is_alphanumeric() || c == '_' || c == '$' => {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            up_to(text[first.len_utf8()..].find(|c| !word(c)).map(|at| at + first.len_utf8()))
        }
        c => &text[..c.len_utf8()],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn bounds_stand_where_the_query_says() {
        let text = "SELECT '$start', \"$stop\", a$b FROM -- $start\n /* $stop */ \"cpu x\" WHERE time >= $start AND time<$stop";
        let template = Template::of(text);
        assert_eq!(template.table, "cpu x");
        let between = template.between(0, SECOND);
        let (head, _) = text.split_once(">= $start").unwrap();
        assert_eq!(between, format!("{head}>= '1970-01-01T00:00:00Z' AND time<'1970-01-01T00:00:01Z'"));
        for text in ["", "'", "\"a", "/* ", "--", "SELECT 1", "ä$", "$startx"] {
            let template = Template::of(text);
            assert!(!template.has_bounds());
            assert_eq!((template.between(0, 0).as_str(), template.table.as_str()), (text, ""));
        }
    }

    #[test]
    fn a_query_is_asked_on_time() {
        let script = "batch|querySQL('SELECT * FROM cpu WHERE time >= $start AND time < $stop').period(1m).every(10s)
            .align().offset(1s).groupBy('host', 'dc')|httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.advance_to(10 * SECOND);
        let query = bench.host.seen().queries[0].0.clone();
        assert_eq!(
            query.text,
            "SELECT * FROM cpu WHERE time >= '1969-12-31T23:59:09Z' AND time < '1970-01-01T00:00:09Z'"
        );
        let language = QueryLanguage::Sql {
            database: "d".to_string(),
            retention_policy: "r".to_string(),
            measurement: "cpu".to_string(),
            tags: vec!["host".to_string(), "dc".to_string()],
        };
        assert_eq!((query.stop, query.language), (9 * SECOND, language));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (call, why) in [
            ("querySQL('SELECT 1')", "must define one of 'every' or 'cron'"),
            ("querySQL('SELECT 1').every(1m).period(1m)", "the period has no effect"),
            ("querySQL('SELECT $start').every(1m)", "needs a period"),
            ("querySQL('SELECT 1').every(1m).groupBy(time(1m))", "date_bin"),
            ("querySQL('SELECT 1').every(1m).database('other')", "not allowed to request data from \"other\""),
        ] {
            let error = Bench::new(&format!("batch|{call}|httpOut('x')")).err().expect("an error");
            assert!(error.contains(why), "{call}: {error}");
        }
    }
}
