//! `|from()`: which points of the stream a pipeline reads, and how it groups them.

use std::{sync::Arc, time::Duration};

use declare::{Argument, Declaration, Lambda, Nanos, SetError};
use lambda::{Evaluator, State};
use model::{Damaged, Edge, GroupId, Grouping, Name, Numbered, Row, Save, SeriesId, Time, Walk, truncate};

use crate::{
    BuildError, Cx, Definition, Dropped, EdgeKind, FromSieve, Node, NodeSaved, NodeSaver, Place, Plan, Reach, Shed,
    Sieve,
    nodes::{
        Dimension, compiled, dimensions,
        expiry::{self, Expiry},
        group_tags, grouping_of, is_stateful,
    },
};

#[derive(Debug, Clone, Default)]
pub struct From {
    pub(crate) measurement: String,
    database: String,
    retention_policy: String,
    predicate: Option<Lambda>,
    group_by: Vec<Dimension>,
    by_measurement: bool,
    truncate: Duration,
    round: Duration,
    expire_groups: Option<Nanos>,
}

impl Definition for From {
    const NAME: &'static str = "from";
    const WANTS: Option<EdgeKind> = Some(EdgeKind::Stream);

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Select points of the stream by where they come from, and group them.")
            .property("database", "The database; any if not given.", |f| &mut f.database)
            .property("retentionPolicy", "The retention policy; any if not given.", |f| &mut f.retention_policy)
            .property("measurement", "The measurement; any if not given.", |f| &mut f.measurement)
            .method("where", "expression lambda", "What must be true of a point. Several are joined by AND.", and_where)
            .condition()
            .method_shown(
                "groupBy",
                "tags ...any",
                "Tag names to group by, or * for all of them.",
                |f, args| {
                    f.group_by = dimensions(args)?;
                    Ok(())
                },
                |f| Dimension::shown(&f.group_by),
            )
            .flag("groupByMeasurement", "Group by measurement, too.", |f| &mut f.by_measurement)
            .property("truncate", "Cut times down to a multiple of this.", |f| &mut f.truncate)
            .property("round", "Round times to a multiple of this.", |f| &mut f.round)
            .property("expireGroups", expiry::ABOUT, |f| &mut f.expire_groups)
            .example("stream |from().measurement('cpu').where(lambda: \"cpu\" == 'cpu-total').groupBy('host')")
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        expiry::check(self.expire_groups)
    }

    fn grouping(&self) -> Option<String> {
        Some(format!("{:?} {}", self.group_by, self.by_measurement))
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        // What stateful functions remember here is of all groups.
        if self.predicate.as_ref().is_some_and(is_stateful) {
            return Reach::All;
        }
        Reach::Groups(group_tags(&self.group_by, &[]))
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let predicate = match &self.predicate {
            Some(lambda) => Some(Evaluator::new(Arc::new(compiled("from", Some(lambda))?), plan.schema)),
            None => None,
        };
        let grouped = self.by_measurement || !self.group_by.is_empty();
        Ok(Box::new(FromNode {
            measurement: plan.schema.name(&self.measurement),
            database: self.database,
            retention_policy: self.retention_policy,
            predicate_text: self.predicate.map(|lambda| lambda.text.into()),
            predicate,
            state: State::default(),
            grouping: grouped.then(|| grouping_of(plan.schema, &self.group_by, &[], self.by_measurement)),
            truncate: nanos(self.truncate),
            round: nanos(self.round),
            expiry: if grouped { Expiry::new(self.expire_groups, plan) } else { None },
            known: Numbered::default(),
        }))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn and_where(from: &mut From, args: &[Argument]) -> Result<(), SetError> {
    let [Argument::Lambda(lambda)] = args else { return Ok(()) };
    from.predicate = Some(match from.predicate.take() {
        Some(before) => crate::nodes::both(&before, lambda),
        None => lambda.clone(),
    });
    Ok(())
}

struct FromNode {
    /// Empty takes all.
    measurement: Name,
    database: String,
    retention_policy: String,
    predicate: Option<Evaluator>,
    predicate_text: Option<Arc<str>>,
    state: State,
    grouping: Option<Arc<Grouping>>,
    truncate: i64,
    round: i64,
    expiry: Option<Expiry>,
    /// Per series: not looked at yet, refused, or 2 more than its group.
    known: Numbered<u32>,
}

const UNKNOWN: u32 = 0;
const REFUSED: u32 = 1;

impl FromNode {
    /// The group of a series, if its measurement is wanted.
    #[inline]
    fn place(&mut self, series: SeriesId, cx: &Cx<'_>) -> Option<GroupId> {
        match self.known.of(cx.schema).get(series.0) {
            UNKNOWN => self.learn(series, cx),
            REFUSED => None,
            group => Some(GroupId(group - 2)),
        }
    }

    #[cold]
    fn learn(&mut self, series: SeriesId, cx: &Cx<'_>) -> Option<GroupId> {
        let wanted = self.measurement.is_empty() || cx.schema.series(series).name() == self.measurement;
        let group = wanted.then(|| self.grouping.as_ref().map_or(GroupId::NIL, |by| cx.schema.group_of(by, series)));
        self.known.set(series.0, group.map_or(REFUSED, |group| group.0 + 2));
        group
    }

    #[inline]
    fn passes(&mut self, row: &Row, cx: &mut Cx<'_>) -> bool {
        let Some(predicate) = &mut self.predicate else { return true };
        match predicate.eval_bool(&cx.lambda(row), &mut self.state) {
            Ok(passes) => passes,
            Err(error) => {
                cx.row_error(format_args!("failed to evaluate WHERE expression: {error}"));
                false
            }
        }
    }
}

impl Node for FromNode {
    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        let here = (self.database.is_empty() || self.database == cx.origin.database)
            && (self.retention_policy.is_empty() || self.retention_policy == cx.origin.retention_policy);
        for item in edge.walk() {
            match item {
                Walk::Points(rows) if here => {
                    for row in rows {
                        let Some(group) = self.place(row.series, cx) else { continue };
                        if !self.passes(row, cx) {
                            continue;
                        }
                        let mut row = Row { group, ..*row };
                        if self.truncate != 0 {
                            row.time = truncate(row.time, self.truncate);
                        }
                        if self.round != 0 {
                            row.time = model::round(row.time, self.round);
                        }
                        if let Some(expiry) = &mut self.expiry {
                            expiry.see(group, cx);
                        }
                        cx.out.point(row);
                    }
                }
                Walk::Points(_) | Walk::Batch(..) => {}
                Walk::Barrier(group, time) => cx.out.barrier(group, time),
                Walk::DeleteGroup(group) => cx.out.delete_group(group),
            }
        }
    }

    fn measurement(&self) -> Option<Name> {
        (!self.measurement.is_empty()).then_some(self.measurement)
    }

    fn sieve(&self) -> Option<Sieve> {
        let predicate = self.predicate.as_ref().map(|predicate| Arc::clone(predicate.program()));
        let decides = predicate.as_ref().is_none_or(|program| program.tags_only(|_| true));
        if !decides || self.expiry.is_some() {
            return None;
        }
        Some(Sieve::From(FromSieve {
            measurement: self.measurement,
            database: self.database.clone(),
            retention_policy: self.retention_policy.clone(),
            predicate: predicate.zip(self.predicate_text.clone()),
            grouping: self.grouping.clone(),
        }))
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        if !self.state.is_empty() {
            out.own(|out| self.state.save(out));
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.save(out);
        }
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let state = saved.own(State::restore)?.unwrap_or_default();
        if let Some(expiry) = &mut self.expiry {
            expiry.restore(saved, cx)?;
        }
        self.state = state;
        Ok(())
    }

    fn shed(&mut self, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        self.expiry.as_mut().map_or_else(Dropped::default, |expiry| expiry.shed(how, cx))
    }

    fn wake(&mut self, _now: Time, cx: &mut Cx<'_>) {
        if let Some(expiry) = &mut self.expiry {
            expiry.wake(cx);
        }
    }

    fn memory(&self) -> usize {
        let expiry = self.expiry.as_ref().map_or(0, Expiry::memory);
        self.known.memory() + self.state.owned() + expiry
    }
}
