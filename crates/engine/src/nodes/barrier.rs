//! `|barrier()`: tells the nodes below that time has passed, also where no points come.

use std::{cmp::Reverse, collections::BinaryHeap};

use declare::{Declaration, Nanos};
use model::{BatchHead, GroupId, Row, Slab, Time, save_fields};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerGroup, Place, Plan, Reach, boxed_per_group};

#[derive(Debug, Clone, Default)]
pub(super) struct Barrier {
    idle: Nanos,
    period: Nanos,
    delete: bool,
}

impl Definition for Barrier {
    const NAME: &'static str = "barrier";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Tell the nodes below that time has passed: windows and joins then go on without waiting for points. Points older than that are dropped.")
            .property("idle", "Do so when a group had no point for this long; its time is then that much after its last point.", |b| {
                &mut b.idle
            })
            .property("period", "Do so every so often; the time is the clock's.", |b| &mut b.period)
            .property("delete", "Let the group end each time.", |b| &mut b.delete)
            .example("stream |from().measurement('cpu').groupBy('host') |barrier().idle(10s) |window().period(10s).every(5s) |mean('usage_idle')")
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        let wrong = match (self.idle.0, self.period.0) {
            (0, 0) => "barrier: idle or period must be given, and greater than zero",
            (0, period) if period < 0 => "barrier: period must be greater than zero",
            (idle, 0) if idle < 0 => "barrier: idle must be greater than zero",
            (0, _) | (_, 0) => return Ok(()),
            _ => "barrier: cannot specify both idle and period",
        };
        Err(wrong.to_string())
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let every = if self.idle.0 > 0 { self.idle.0 } else { self.period.0 };
        if every <= 0 {
            return Err(BuildError::new("barrier node must have either a non zero idle or a non zero period"));
        }
        Ok(boxed_per_group(BarrierNode { every, idle: self.idle.0 > 0, delete: self.delete, due: BinaryHeap::new() }))
    }
}

struct BarrierNode {
    /// Nanoseconds without a point, or from one barrier to the next.
    every: i64,
    idle: bool,
    delete: bool,
    /// When groups are to be looked at, the earliest first; one entry is valid for each.
    due: BinaryHeap<Reverse<(Time, GroupId)>>,
}

struct Group {
    /// The time of its last point; the clock's before there is one.
    last: Time,
    /// The time of its last barrier: what is older is dropped.
    barrier: Time,
    /// When a barrier is due if nothing comes.
    deadline: Time,
    /// Its entry among those due.
    entry: Time,
}

save_fields!(Group { last, barrier, deadline, entry });

impl BarrierNode {
    /// Whether something of this time may pass.
    fn passes(&self, group: &mut Group, time: Time, cx: &Cx<'_>) -> bool {
        if time < group.barrier {
            return false;
        }
        group.last = time;
        if self.idle {
            group.deadline = cx.now.saturating_add(self.every);
        }
        true
    }

    fn schedule(&mut self, id: GroupId, group: &mut Group, cx: &mut Cx<'_>) {
        group.entry = group.deadline;
        self.due.push(Reverse((group.entry, id)));
        cx.wake_at(group.entry);
    }

    /// The barrier of a group is due.
    fn emit(&mut self, id: GroupId, group: &mut Group, now: Time, cx: &mut Cx<'_>) {
        let time = if self.idle { group.last.saturating_add(self.every) } else { now };
        group.last = time;
        group.barrier = time;
        cx.emit_barrier(id, time);
        group.deadline = if self.idle {
            now.saturating_add(self.every)
        } else {
            // At the pace of the first one; what was slept over is left out.
            let missed = now.saturating_sub(group.deadline) / self.every;
            group.deadline.saturating_add(self.every.saturating_mul(missed + 1))
        };
    }
}

impl PerGroup for BarrierNode {
    type Group = Group;

    fn open(&mut self, id: GroupId, cx: &mut Cx<'_>) -> Group {
        let deadline = cx.now.saturating_add(self.every);
        let mut group = Group { last: cx.now, barrier: Time::MIN, deadline, entry: deadline };
        self.schedule(id, &mut group, cx);
        group
    }

    // That nothing came while the daemon was down says nothing of the group.
    fn start(&mut self, groups: &mut Slab<Group>, cx: &mut Cx<'_>) {
        for (id, group) in groups.iter_mut() {
            if self.idle && group.deadline < cx.now {
                group.deadline = cx.now.saturating_add(self.every);
            }
            self.schedule(id, group, cx);
        }
    }

    fn memory(&self) -> usize {
        self.due.capacity() * size_of::<Reverse<(Time, GroupId)>>()
    }

    fn point(&mut self, group: &mut Group, row: Row, cx: &mut Cx<'_>) {
        if self.passes(group, row.time, cx) {
            cx.emit(row);
        }
    }

    fn batch(&mut self, group: &mut Group, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        cx.out.begin_batch(head);
        for row in rows {
            if self.passes(group, row.time, cx) {
                cx.out.batch_row(*row);
            }
        }
    }

    fn barrier(&mut self, group: &mut Group, id: GroupId, time: Time, cx: &mut Cx<'_>) {
        if self.passes(group, time, cx) {
            if self.idle {
                group.barrier = time;
            }
            cx.emit_barrier(id, time);
        }
    }

    fn wake(&mut self, groups: &mut Slab<Group>, now: Time, cx: &mut Cx<'_>) {
        while let Some(&Reverse((time, id))) = self.due.peek() {
            if time > now {
                return;
            }
            self.due.pop();
            // An entry of a group that ended, or ended and began again, is void.
            let Some(group) = groups.get_mut(id).filter(|group| group.entry == time) else { continue };
            if group.deadline <= now {
                self.emit(id, group, now, cx);
                if self.delete {
                    groups.remove(id);
                    cx.emit_delete_group(id);
                    continue;
                }
            }
            self.schedule(id, group, cx);
        }
    }
}
