//! `|join(other)`: what several nodes give for one time and group, as one row.
//!
//! `group.rs` holds what waits for its partners, `on.rs` finds partners in less specific groups, `merge.rs` makes the
//! rows, `patience.rs` knows who keeps the others waiting.

mod group;
mod merge;
mod on;
mod patience;

use declare::{Argument, Declaration};
use model::{
    BatchHead, Damaged, Edge, GroupId, Kept, KeptRows, Name, Row, Save, Saved, Saver, Slab, Time, Walk, round,
    save_fields,
};

use self::{
    group::{JoinGroup, Round},
    merge::{Fill, Merger},
    on::Matcher,
    patience::{Census, Patience},
};
use crate::{
    BuildError, Cx, Definition, EdgeKind, Node, NodeSaved, NodeSaver, Place, Plan, Reach, nodes::prefix::check_prefixes,
};

#[derive(Debug, Clone)]
pub(super) struct Join {
    others: Vec<Argument>,
    names: Vec<String>,
    delimiter: String,
    on: Vec<String>,
    stream_name: String,
    tolerance: std::time::Duration,
    fill: Option<Argument>,
    max_wait: std::time::Duration,
    delete_all: bool,
}

impl Default for Join {
    fn default() -> Self {
        Join {
            others: Vec::new(),
            names: Vec::new(),
            delimiter: ".".to_string(),
            on: Vec::new(),
            stream_name: String::new(),
            tolerance: std::time::Duration::ZERO,
            fill: None,
            max_wait: std::time::Duration::ZERO,
            delete_all: false,
        }
    }
}

impl Definition for Join {
    const NAME: &'static str = "join";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Make one row of what this node and others give for the same time and group. A row waits for its partners until all of them have passed its time.")
            .variadic("others", "The other nodes.", |j| &mut j.others)
            .property("as", "The prefixes of fields: of this node first, then of the others.", |j| &mut j.names)
            .property("on", "Tags to join by: groups with more tags join those that have these alone.", |j| &mut j.on)
            .property("delimiter", "What stands between a prefix and a field's name.", |j| &mut j.delimiter)
            .property("streamName", "The measurement of the result; that of the first partner if not given.", |j| {
                &mut j.stream_name
            })
            .property("tolerance", "Times are rounded to a multiple of this first.", |j| &mut j.tolerance)
            .property(
                "fill",
                "What stands for a missing partner: 'null', a number, or 'none' for no row at all.",
                |j| &mut j.fill,
            )
            .default_text("'none'")
            .property(
                "maxWait",
                "How long a row waits for its partners at most, by the clock; then it goes on as if they were missing. It waits for as long as it takes if not given.",
                |j| &mut j.max_wait,
            )
            .property("deleteAll", "Forget all groups when one of them ends.", |j| &mut j.delete_all)
            .example("var cpu = stream |from().measurement('cpu') var mem = stream |from().measurement('mem') cpu |join(mem).as('cpu', 'mem').tolerance(1s) |httpOut('both')")
    }

    fn check(&self, place: &Place<'_>) -> Result<(), String> {
        if let Some(other) = self.others.first() {
            return Err(format!("join: expected a node, got {}", other.describe()));
        }
        check_prefixes("join", &self.names, place.parents, "joined nodes", &self.delimiter)
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        if self.on.is_empty() && !self.delete_all { Reach::Group } else { Reach::All }
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let fill = match &self.fill {
            Some(Argument::String(word)) if word == "none" => Fill::None,
            Some(Argument::String(word)) if word == "null" => Fill::Null,
            Some(Argument::Int(value)) => Fill::Int(*value),
            Some(Argument::Float(value)) => Fill::Float(*value),
            Some(Argument::String(word)) => return Err(BuildError::new(format!("unexpected fill option {word}"))),
            // Kapacitor takes anything else for 'none'. Case: join/define_errors.
            _ => Fill::None,
        };
        let prefixes = self.names.iter().map(|name| format!("{name}{}", self.delimiter)).collect();
        let stream_name = plan.schema.name(&self.stream_name);
        let on = self.on.iter().map(|tag| plan.schema.name(tag)).collect();
        Ok(Box::new(JoinNode {
            parents: plan.parents,
            tolerance: i64::try_from(self.tolerance.as_nanos()).unwrap_or(i64::MAX),
            patience: Patience::new(self.names, i64::try_from(self.max_wait.as_nanos()).unwrap_or(i64::MAX)),
            delete_all: self.delete_all,
            groups: Slab::default(),
            matcher: (!self.on.is_empty()).then(|| Matcher::new(on, plan.parents)),
            merger: Merger::new(prefixes, stream_name, fill),
        }))
    }
}

/// A row or batch that waits.
#[derive(Clone)]
struct Waiting {
    /// Rounded to the tolerance.
    time: Time,
    /// When it came, by the task's clock.
    since: Time,
    group: GroupId,
    name: Name,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Point(Kept),
    Batch(Box<KeptRows>),
}

save_fields!(Waiting { time, since, group, name, body });

impl Save for Body {
    fn save(&self, out: &mut Saver<'_>) {
        match self {
            Body::Point(kept) => {
                out.byte(0);
                kept.save(out);
            }
            Body::Batch(rows) => {
                out.byte(1);
                rows.save(out);
            }
        }
    }

    fn restore(from: &mut Saved<'_>) -> Result<Body, Damaged> {
        Ok(match from.byte()? {
            0 => Body::Point(Save::restore(from)?),
            1 => Body::Batch(Save::restore(from)?),
            _ => return Err(Damaged("what waits is of no known kind")),
        })
    }

    fn owned(&self) -> usize {
        match self {
            Body::Point(kept) => kept.owned(),
            Body::Batch(rows) => rows.owned(),
        }
    }
}

struct JoinNode {
    parents: usize,
    tolerance: i64,
    delete_all: bool,
    groups: Slab<JoinGroup>,
    matcher: Option<Matcher>,
    merger: Merger,
    patience: Patience,
}

impl JoinNode {
    fn point(&mut self, input: usize, row: &Row, cx: &mut Cx<'_>) {
        let waiting = Waiting {
            time: round(row.time, self.tolerance),
            since: cx.now,
            group: row.group,
            name: cx.schema.series(row.series).name(),
            body: Body::Point(Kept::new(cx.schema, cx.frame, row)),
        };
        self.take(input, waiting, cx);
    }

    fn batch(&mut self, input: usize, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        let mut kept = KeptRows::default();
        for row in rows {
            kept.push(cx.schema, cx.frame, row);
        }
        let waiting = Waiting {
            time: round(head.tmax, self.tolerance),
            since: cx.now,
            group: head.group,
            name: head.name,
            body: Body::Batch(Box::new(kept)),
        };
        self.take(input, waiting, cx);
    }

    fn take(&mut self, input: usize, waiting: Waiting, cx: &mut Cx<'_>) {
        match &mut self.matcher {
            None => self.collect(waiting.group, input, waiting, cx),
            Some(matcher) => {
                for (group, input, waiting) in matcher.take(input, waiting, cx.schema) {
                    self.collect(group, input, waiting, cx);
                }
            }
        }
    }

    /// Something has come for a group; hand on what is complete by it.
    fn collect(&mut self, id: GroupId, input: usize, waiting: Waiting, cx: &mut Cx<'_>) {
        let group = self.groups.get_or_insert_with(id, || JoinGroup::new(self.parents));
        group.add(input, waiting);
        release(&mut self.merger, group, id, self.tolerance, cx);
    }

    /// Hand on what came before this, though partners are missing.
    fn give_overdue(&mut self, limit: Time, cx: &mut Cx<'_>) {
        let sent = self.matcher.as_mut().map_or_else(Vec::new, |matcher| matcher.take_since_before(limit));
        for (group, input, waiting) in sent {
            self.collect(group, input, waiting, cx);
        }
        let overdue = self.groups.iter().filter(|(_, group)| group.has_since_before(limit));
        for id in overdue.map(|(id, _)| id).collect::<Vec<_>>() {
            let group = self.groups.get_or_insert_with(id, || JoinGroup::new(self.parents));
            while let Some(set) = group.next_since_before(limit) {
                self.merger.give(&set, group, id, self.tolerance, cx);
                group.recycle(set);
            }
            release(&mut self.merger, group, id, self.tolerance, cx);
        }
    }

    fn barrier(&mut self, input: usize, id: GroupId, time: Time, cx: &mut Cx<'_>) {
        let group = self.groups.get_or_insert_with(id, || JoinGroup::new(self.parents));
        group.pass(input, round(time, self.tolerance));
        release(&mut self.merger, group, id, self.tolerance, cx);
        cx.emit_barrier(id, time);
    }

    fn delete(&mut self, input: usize, id: GroupId, cx: &mut Cx<'_>) {
        // Results may be of a group of another name.
        let called = self.groups.remove(id).and_then(|group| group.called);
        if let Some(matcher) = &mut self.matcher {
            matcher.delete(input, id, self.delete_all, cx.schema);
        }
        cx.emit_delete_group(called.map_or(id, |called| called.1));
    }
}

/// Hand on what is complete, and what all parents have passed.
fn release(merger: &mut Merger, group: &mut JoinGroup, id: GroupId, tolerance: i64, cx: &mut Cx<'_>) {
    let mut round = Round::default();
    while let Some(set) = group.next(&mut round) {
        merger.give(&set, group, id, tolerance, cx);
        group.recycle(set);
    }
}

impl Node for JoinNode {
    fn makes_points(&self) -> bool {
        true
    }

    fn receive(&mut self, input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => rows.iter().for_each(|row| self.point(input, row, cx)),
                Walk::Batch(head, rows) => self.batch(input, head, rows, cx),
                Walk::Barrier(group, time) => self.barrier(input, group, time, cx),
                Walk::DeleteGroup(group) => self.delete(input, group, cx),
            }
        }
        self.patience.watch(cx);
    }

    fn wake(&mut self, now: Time, cx: &mut Cx<'_>) {
        let Some(limit) = self.patience.look(now) else { return };
        if limit > Time::MIN {
            self.give_overdue(limit, cx);
        }
        let mut census = Census::new(self.parents);
        self.groups.iter().for_each(|(_, group)| group.count(&mut census));
        if let Some(matcher) = &self.matcher {
            matcher.count(&mut census);
        }
        self.patience.judge(&census, now, cx);
    }

    fn passing_stats(&self) -> &[(String, i64)] {
        self.patience.stats()
    }

    fn finish(&mut self, cx: &mut Cx<'_>) {
        let JoinNode { groups, merger, tolerance, .. } = self;
        for (id, group) in groups.iter_mut() {
            while let Some(set) = group.next_left() {
                merger.give(&set, group, id, *tolerance, cx);
            }
        }
    }

    fn cardinality(&self) -> Option<usize> {
        Some(self.groups.len())
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.groups(&mut self.groups, |_, group, out| group.save(out));
        if let Some(matcher) = &self.matcher {
            out.own(|out| matcher.save(out));
        }
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let parents = self.parents;
        let groups = saved.groups(|_, from| JoinGroup::restore(from)?.of(parents))?;
        let places = saved.own(|from| Matcher::restore(from, parents))?;
        if let (Some(matcher), Some((reported, places))) = (&mut self.matcher, places) {
            matcher.take_up(reported, places);
        }
        self.groups = groups;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.groups.memory() + self.matcher.as_ref().map_or(0, Matcher::memory)
    }
}
