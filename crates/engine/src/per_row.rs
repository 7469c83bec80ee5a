//! The smallest shape of a node: a row in, a row or nothing out, alike for streams and batches.

use model::{BatchHead, Damaged, Edge, GroupId, Row, Save, Slab, Time, Walk};

use crate::{Cx, Node, NodeSaved, NodeSaver, Reply, Sieve, StatName};

/// A node that looks at one row at a time, with a state per group.
pub trait PerRow: Send + 'static {
    /// What is remembered of a group.
    type Group: Default + Save + Send + 'static;

    /// A batch of the group begins; its head may be changed.
    fn begin_batch(&mut self, group: &mut Self::Group, head: &mut BatchHead, cx: &mut Cx<'_>) {
        let _ = (group, head, cx);
    }

    /// The row to hand on, if any.
    fn row(&mut self, group: &mut Self::Group, row: Row, cx: &mut Cx<'_>) -> Option<Row>;

    /// The time of a barrier, as it is handed on.
    fn barrier(&mut self, time: Time) -> Time {
        time
    }

    fn stats(&self) -> &'static [StatName] {
        &[]
    }

    /// See [`Node::makes_points`].
    fn makes_points(&self) -> bool {
        false
    }

    /// See [`Node::sieve`].
    fn sieve(&self) -> Option<Sieve> {
        None
    }

    /// Whether its statistics say how many groups it has met.
    fn counts_groups(&self) -> bool {
        true
    }

    /// Whether a group's state ever differs from that of a new one; else only that there is the group is saved.
    fn remembers(&self) -> bool {
        true
    }

    fn reply(&mut self, reply: Reply, cx: &mut Cx<'_>) {
        let _ = (reply, cx);
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }
}

struct PerRowNode<N: PerRow> {
    node: N,
    remembers: bool,
    groups: Slab<N::Group>,
}

/// As a node of a pipeline.
pub fn boxed_per_row<N: PerRow>(node: N) -> Box<dyn Node> {
    Box::new(PerRowNode { remembers: node.remembers(), node, groups: Slab::default() })
}

impl<N: PerRow> Node for PerRowNode<N> {
    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => {
                    for row in rows {
                        let group = self.groups.meet(row.group, self.remembers, N::Group::default);
                        if let Some(row) = self.node.row(group, *row, cx) {
                            cx.out.point(row);
                        }
                    }
                }
                Walk::Batch(mut head, rows) => {
                    let group = self.groups.meet(head.group, self.remembers, N::Group::default);
                    self.node.begin_batch(group, &mut head, cx);
                    cx.out.begin_batch(head);
                    for row in rows {
                        if let Some(row) = self.node.row(group, *row, cx) {
                            cx.out.batch_row(row);
                        }
                    }
                }
                Walk::Barrier(group, time) => cx.out.barrier(group, self.node.barrier(time)),
                Walk::DeleteGroup(group) => {
                    self.groups.remove(group);
                    cx.out.delete_group(group);
                }
            }
        }
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        self.node.start(cx);
    }

    fn reply(&mut self, reply: Reply, cx: &mut Cx<'_>) {
        self.node.reply(reply, cx);
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.groups(&mut self.groups, |_, group, out| group.save(out));
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        self.groups = saved.groups(|_, from| N::Group::restore(from))?;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.groups.memory()
    }

    fn stats(&self) -> &'static [StatName] {
        self.node.stats()
    }

    fn makes_points(&self) -> bool {
        self.node.makes_points()
    }

    fn sieve(&self) -> Option<Sieve> {
        self.node.sieve()
    }

    fn is_quiet(&self, group: GroupId) -> Option<bool> {
        self.groups.get(group).map(|_| !self.remembers)
    }

    fn begins_quiet(&self) -> bool {
        !self.remembers
    }

    fn meet(&mut self, group: GroupId) -> bool {
        let known = self.groups.len();
        self.groups.meet(group, self.remembers, N::Group::default);
        self.groups.len() > known
    }

    fn cardinality(&self) -> Option<usize> {
        self.node.counts_groups().then(|| self.groups.len())
    }
}
