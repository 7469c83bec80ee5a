//! `|union(other)`: several streams or batches as one, in the order of time.

use std::collections::VecDeque;

use declare::{Argument, Declaration};
use model::{
    BatchHead, Damaged, Edge, GroupId, KeptRows, Name, Row, Save, Saved, Saver, Schema, Time, Walk, save_fields,
};

use crate::{BuildError, Cx, Definition, LogLevel, Node, NodeSaved, NodeSaver, Place, Plan};

/// How many rows and barriers a parent may have waiting for another one that gives nothing.
const MOST_WAITING: usize = 1 << 20;

#[derive(Debug, Clone, Default)]
pub(super) struct Union {
    nodes: Vec<Argument>,
    rename: String,
}

impl Definition for Union {
    const NAME: &'static str = "union";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Merge what this node and others give, in the order of time: nothing is handed on before all of them have come to its time.")
            .variadic("node", "The other nodes.", |u| &mut u.nodes)
            .property("rename", "The measurement that all points get.", |u| &mut u.rename)
            .example("var cpu = stream |from().measurement('cpu') var mem = stream |from().measurement('mem') cpu |union(mem) |httpOut('all')")
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        match self.nodes.first() {
            Some(other) => Err(format!("union: expected a node, got {}", other.describe())),
            None => Ok(()),
        }
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Ok(Box::new(UnionNode {
            rename: plan.schema.name(&self.rename),
            sources: (0..plan.parents.max(1)).map(|_| Source::default()).collect(),
            rows: Vec::new(),
        }))
    }
}

struct UnionNode {
    /// Empty keeps the names.
    rename: Name,
    /// What each parent gave and waits: the other nodes first, the one chained to last, as Kapacitor links them.
    sources: Vec<Source>,
    rows: Vec<Row>,
}

#[derive(Default)]
struct Source {
    waiting: VecDeque<Waiting>,
    /// Rows of what is waiting.
    rows: KeptRows,
    /// The time it has come to, once it has given anything.
    mark: Option<Time>,
}

enum Waiting {
    Point(Time),
    Batch(BatchHead, usize),
    Barrier(GroupId, Time),
    /// The end of a group, behind what came of it before.
    DeleteGroup(GroupId, Time),
}

save_fields!(Source { waiting, rows, mark });

impl Save for Waiting {
    fn save(&self, out: &mut Saver<'_>) {
        match self {
            Waiting::Point(time) => (0u64, *time).save(out),
            Waiting::Batch(head, count) => (1u64, *head, *count).save(out),
            Waiting::Barrier(group, time) => (2u64, *group, *time).save(out),
            Waiting::DeleteGroup(group, time) => (3u64, *group, *time).save(out),
        }
    }

    fn restore(from: &mut Saved<'_>) -> Result<Waiting, Damaged> {
        Ok(match u64::restore(from)? {
            0 => Waiting::Point(Time::restore(from)?),
            1 => Waiting::Batch(BatchHead::restore(from)?, usize::restore(from)?),
            2 => Waiting::Barrier(GroupId::restore(from)?, Time::restore(from)?),
            3 => Waiting::DeleteGroup(GroupId::restore(from)?, Time::restore(from)?),
            _ => return Err(Damaged("what waits is of no known kind")),
        })
    }
}

impl Waiting {
    fn time(&self) -> Time {
        match self {
            Waiting::Point(time) | Waiting::Barrier(_, time) | Waiting::DeleteGroup(_, time) => *time,
            Waiting::Batch(head, _) => head.tmax,
        }
    }
}

impl Source {
    /// Whether there are as many rows as what is waiting says.
    fn is_sound(&self) -> bool {
        let rows = self.waiting.iter().map(|waiting| match waiting {
            Waiting::Point(_) => 1,
            Waiting::Batch(_, count) => *count,
            Waiting::Barrier(..) | Waiting::DeleteGroup(..) => 0,
        });
        rows.fold(0usize, usize::saturating_add) == self.rows.len()
    }

    fn is_too_long(&self) -> bool {
        self.waiting.len() > MOST_WAITING || self.rows.len() > MOST_WAITING
    }
}

impl UnionNode {
    fn renamed(&self, schema: &Schema, row: &Row) -> Row {
        if self.rename.is_empty() {
            return *row;
        }
        let series = schema.series_renamed(row.series, self.rename);
        let group = if schema.dimensions(row.group).by_name { schema.regroup(row.group, series) } else { row.group };
        Row { series, group, ..*row }
    }

    fn renamed_head(&self, schema: &Schema, mut head: BatchHead) -> BatchHead {
        if !self.rename.is_empty() {
            head.name = self.rename;
        }
        head.group = self.renamed_group(schema, head.group);
        head
    }

    fn renamed_group(&self, schema: &Schema, group: GroupId) -> GroupId {
        if self.rename.is_empty() || !schema.dimensions(group).by_name {
            return group;
        }
        schema.group_of_tags(true, self.rename, schema.group(group).tags())
    }

    /// The time up to which everything has come; `None` if some parent has not given anything yet.
    fn mark(&mut self, all: bool) -> Option<Time> {
        let mut mark: Option<Time> = None;
        for source in &mut self.sources {
            let first = source.waiting.front().map(Waiting::time);
            source.mark = first.or(source.mark);
            let time = if all { first } else { Some(source.mark?) };
            mark = match (mark, time) {
                (Some(mark), Some(time)) => Some(mark.min(time)),
                (mark, time) => mark.or(time),
            };
        }
        mark
    }

    /// Hand on what is due; with `all` what is waiting for other parents, too.
    fn release(&mut self, all: bool, cx: &mut Cx<'_>) {
        while let Some(mark) = self.mark(all) {
            let mut any = false;
            for index in 0..self.sources.len() {
                while self.sources[index].waiting.front().is_some_and(|first| first.time() <= mark) {
                    self.give_first(index, cx);
                    any = true;
                }
            }
            if !any {
                return;
            }
        }
    }

    fn give_first(&mut self, index: usize, cx: &mut Cx<'_>) {
        let UnionNode { sources, rows, .. } = self;
        let source = &mut sources[index];
        let mut load = |count: usize, cx: &mut Cx<'_>| {
            rows.clear();
            source.rows.load(cx.schema, cx.frame, 0..count, rows);
            source.rows.drop_front(cx.schema, count);
        };
        match source.waiting.pop_front() {
            Some(Waiting::Point(_)) => {
                load(1, cx);
                cx.out.points(rows);
            }
            Some(Waiting::Batch(head, count)) => {
                load(count, cx);
                cx.emit_batch(head, rows);
            }
            Some(Waiting::Barrier(group, time)) => cx.emit_barrier(group, time),
            Some(Waiting::DeleteGroup(group, _)) => cx.emit_delete_group(group),
            None => {}
        }
    }

    /// A parent that gives nothing must not let the others grow for ever: they go on without it.
    #[cold]
    fn overflow(&mut self, index: usize, cx: &mut Cx<'_>) {
        cx.log(LogLevel::Warn, "a parent of the union gives nothing: the others go on without waiting for it");
        while self.sources[index].waiting.len() > MOST_WAITING / 2 || self.sources[index].rows.len() > MOST_WAITING / 2
        {
            let earliest = (0..self.sources.len())
                .filter_map(|index| Some((self.sources[index].waiting.front()?.time(), index)))
                .min();
            let Some((_, index)) = earliest else { return };
            self.give_first(index, cx);
        }
    }
}

impl Node for UnionNode {
    fn receive(&mut self, input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        let index = (input + self.sources.len() - 1) % self.sources.len();
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => {
                    for row in rows {
                        let row = self.renamed(cx.schema, row);
                        let source = &mut self.sources[index];
                        source.rows.push(cx.schema, cx.frame, &row);
                        source.waiting.push_back(Waiting::Point(row.time));
                    }
                }
                Walk::Batch(head, rows) => {
                    let head = self.renamed_head(cx.schema, head);
                    let source = &mut self.sources[index];
                    for row in rows {
                        source.rows.push(cx.schema, cx.frame, row);
                    }
                    source.waiting.push_back(Waiting::Batch(head, rows.len()));
                }
                Walk::Barrier(group, time) => {
                    let group = self.renamed_group(cx.schema, group);
                    self.sources[index].waiting.push_back(Waiting::Barrier(group, time));
                }
                Walk::DeleteGroup(group) => {
                    let group = self.renamed_group(cx.schema, group);
                    let waiting = &mut self.sources[index].waiting;
                    match waiting.back().map(Waiting::time) {
                        Some(time) => waiting.push_back(Waiting::DeleteGroup(group, time)),
                        None => cx.emit_delete_group(group),
                    }
                }
            }
            self.release(false, cx);
        }
        if self.sources[index].is_too_long() {
            self.overflow(index, cx);
        }
    }

    fn finish(&mut self, cx: &mut Cx<'_>) {
        self.release(true, cx);
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| self.sources.save(out));
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let Some(sources) = saved.own(Vec::<Source>::restore)? else { return Ok(()) };
        if sources.len() != self.sources.len() || !sources.iter().all(Source::is_sound) {
            return Err(Damaged("what waits does not fit together"));
        }
        self.sources = sources;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.sources.owned()
    }
}
