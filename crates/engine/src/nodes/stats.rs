//! `|stats(10s)`: how many points a node has given, group by group, as a stream of its own.

use declare::{Declaration, Nanos};
use model::{Damaged, Edge, FieldType, GroupId, Name, Row, Save, ShapeId, Slab, Time, Walk, round, truncate};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, NodeSaved, NodeSaver, Plan};

#[derive(Debug, Clone, Default)]
pub struct Stats {
    interval: Nanos,
    align: bool,
}

impl Definition for Stats {
    const NAME: &'static str = "stats";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Tell every so often how many points a node has given so far: points named stats with the field emitted, one for each of its groups.")
            .argument("interval", "How often.", |s| &mut s.interval)
            .flag("align", "At multiples of the interval.", |s| &mut s.align)
            .method("interval", "value duration", "", |s, args| {
                s.interval = declare::Setting::from_argument(&args[0])?;
                Ok(())
            })
            .hidden()
            .example("var cpu = stream |from().measurement('cpu') cpu |stats(10s) |derivative('emitted').unit(10s) |httpOut('rate')")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        if self.interval.0 <= 0 {
            return Err(BuildError::new("stats node must have positive interval"));
        }
        Ok(Box::new(StatsNode {
            interval: self.interval.0,
            align: self.align,
            next: 0,
            stamp: None,
            resumed: None,
            counts: Slab::default(),
            name: plan.schema.name("stats"),
            shape: plan.schema.shape_of(&[(plan.schema.name("emitted"), FieldType::Int)]),
        }))
    }
}

struct StatsNode {
    interval: i64,
    align: bool,
    /// When it speaks next.
    next: Time,
    /// The time that the first aligned points get: that of the start.
    stamp: Option<Time>,
    /// When it would have spoken next before the task stopped.
    resumed: Option<Time>,
    /// Points given by the parent, by group.
    counts: Slab<i64>,
    name: Name,
    shape: ShapeId,
}

impl StatsNode {
    fn count(&mut self, group: GroupId, by: usize) {
        *self.counts.get_or_insert_with(group, || 0) += by as i64;
    }

    fn emit(&self, group: GroupId, count: i64, time: Time, cx: &mut Cx<'_>) {
        let schema = cx.schema;
        let group = match schema.dimensions(group).by_name {
            true => schema.group_of_tags(true, self.name, schema.group(group).tags()),
            false => group,
        };
        let at = cx.frame.next_at();
        cx.frame.push_word(count as u64);
        cx.emit(Row { time, series: schema.series_of_group(self.name, group), shape: self.shape, at, group });
    }
}

impl Node for StatsNode {
    fn makes_points(&self) -> bool {
        true
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        if let Some(resumed) = self.resumed.take() {
            if resumed >= cx.now {
                self.next = resumed;
                return;
            }
            // That nothing came while the daemon was down says nothing of the groups. What was told of them before is no
            // measure for what comes now, so the nodes below begin anew with them.
            for (group, _) in self.counts.iter() {
                cx.emit_delete_group(group);
            }
        }
        self.next = if self.align {
            self.stamp = Some(cx.now);
            truncate(cx.now, self.interval).saturating_add(self.interval)
        } else {
            cx.now.saturating_add(self.interval)
        };
        cx.wake_at(self.next);
    }

    fn receive(&mut self, _input: usize, edge: &Edge, _cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => rows.iter().for_each(|row| self.count(row.group, 1)),
                Walk::Batch(head, rows) => self.count(head.group, rows.len()),
                Walk::Barrier(..) => {}
                Walk::DeleteGroup(group) => {
                    self.counts.remove(group);
                }
            }
        }
    }

    fn watches(&self) -> bool {
        true
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| (self.next, self.stamp).save(out));
        out.groups(&mut self.counts, |_, count, out| count.save(out));
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let counts = saved.groups(|_, from| i64::restore(from))?;
        let Some((next, stamp)) = saved.own(<(Time, Option<Time>)>::restore)? else { return Ok(()) };
        (self.counts, self.resumed, self.stamp) = (counts, Some(next), stamp);
        Ok(())
    }

    fn memory(&self) -> usize {
        self.counts.memory()
    }

    fn wake(&mut self, now: Time, cx: &mut Cx<'_>) {
        if now < self.next {
            return;
        }
        let time = self.stamp.take().unwrap_or(now);
        let time = if self.align { round(time, self.interval) } else { time };
        if self.counts.is_empty() {
            self.emit(GroupId::NIL, 0, time, cx);
        }
        for (group, &count) in self.counts.iter() {
            self.emit(group, count, time, cx);
        }
        let missed = (now - self.next) / self.interval;
        self.next = self.next.saturating_add(self.interval.saturating_mul(missed + 1));
        cx.wake_at(self.next);
    }
}
