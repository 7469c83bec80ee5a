//! The middle shape of a node: points and batches of one group in, anything out.

use model::{BatchHead, Damaged, Edge, GroupId, Row, Save, Saved, Saver, Schema, Slab, Time, Walk};

use crate::{Cx, Dropped, Node, NodeSaved, NodeSaver, Reply, Shed, Sieve, StatName};

/// A node that handles each group for itself and may emit whatever it likes.
pub trait PerGroup: Send + 'static {
    /// What is remembered of a group.
    type Group: Save + Send + 'static;

    /// A group is met for the first time (or again after it was deleted).
    fn open(&mut self, group: GroupId, cx: &mut Cx<'_>) -> Self::Group;

    fn point(&mut self, group: &mut Self::Group, row: Row, cx: &mut Cx<'_>);

    fn batch(&mut self, group: &mut Self::Group, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>);

    /// No older point of the group will come. Handed on unless the node says otherwise.
    fn barrier(&mut self, group: &mut Self::Group, id: GroupId, time: Time, cx: &mut Cx<'_>) {
        let _ = group;
        cx.emit_barrier(id, time);
    }

    /// The group has ended. Handed on unless the node says otherwise.
    fn delete(&mut self, group: Option<Self::Group>, id: GroupId, cx: &mut Cx<'_>) {
        drop(group);
        cx.emit_delete_group(id);
    }

    /// A time asked for with `cx.wake_at` has come.
    fn wake(&mut self, groups: &mut Slab<Self::Group>, now: Time, cx: &mut Cx<'_>) {
        let _ = (groups, now, cx);
    }

    /// The task starts; there are groups already if it goes on where it was.
    fn start(&mut self, groups: &mut Slab<Self::Group>, cx: &mut Cx<'_>) {
        let _ = (groups, cx);
    }

    /// Write down what it remembers of a group.
    fn save_group(&self, id: GroupId, group: &Self::Group, out: &mut Saver<'_>) {
        let _ = id;
        group.save(out);
    }

    /// Read what was written of a group.
    ///
    /// # Errors
    /// It is damaged.
    fn restore_group(&mut self, id: GroupId, from: &mut Saved<'_>, cx: &mut Cx<'_>) -> Result<Self::Group, Damaged> {
        let _ = (id, cx);
        Self::Group::restore(from)
    }

    /// Write down what it remembers beside its groups.
    fn save_own(&mut self, out: &mut NodeSaver<'_>) {
        let _ = out;
    }

    /// Read what was written beside the groups.
    ///
    /// # Errors
    /// It is damaged.
    fn restore_own(&mut self, saved: &NodeSaved<'_>, cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let _ = (saved, cx);
        Ok(())
    }

    /// Bytes that it holds beside its groups.
    fn memory(&self) -> usize {
        0
    }

    /// See [`Node::shed`].
    fn shed(&mut self, groups: &mut Slab<Self::Group>, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        let _ = (groups, how, cx);
        Dropped::default()
    }

    fn reply(&mut self, groups: &mut Slab<Self::Group>, reply: Reply, cx: &mut Cx<'_>) {
        let _ = (groups, reply, cx);
    }

    /// No more input will come.
    fn finish(&mut self, groups: &mut Slab<Self::Group>, cx: &mut Cx<'_>) {
        let _ = (groups, cx);
    }

    /// See [`Node::sieve`].
    fn sieve(&self) -> Option<Sieve> {
        None
    }

    /// See [`Node::is_quiet`].
    fn is_quiet(&self, group: &Self::Group) -> bool {
        let _ = group;
        false
    }

    /// See [`Node::begins_quiet`].
    fn begins_quiet(&self) -> bool {
        false
    }

    /// A group as a first point leaves it that does nothing else: asked for only if it begins quiet.
    fn quiet_group(&self) -> Option<Self::Group> {
        None
    }

    /// See [`Node::makes_points`].
    fn makes_points(&self) -> bool {
        false
    }

    /// See [`Node::one_by_one`].
    fn one_by_one(&self) -> bool {
        false
    }

    /// How many rows it wants to get at once at most: few, if it gives much for each.
    fn longest_chunk(&self) -> usize {
        usize::MAX
    }

    fn stats(&self) -> &'static [StatName] {
        &[]
    }

    /// The name under which HTTP clients see it.
    fn endpoint(&self) -> Option<&str> {
        None
    }

    /// What HTTP clients see of it is forgotten.
    fn show_anew(&mut self, groups: &mut Slab<Self::Group>) {
        let _ = groups;
    }

    /// What an HTTP client sees of it now, as JSON.
    fn show(&mut self, groups: &mut Slab<Self::Group>, schema: &Schema) -> Option<String> {
        let _ = (groups, schema);
        None
    }
}

struct PerGroupNode<N: PerGroup> {
    node: N,
    groups: Slab<N::Group>,
}

/// As a node of a pipeline.
pub fn boxed_per_group<N: PerGroup>(node: N) -> Box<dyn Node> {
    Box::new(PerGroupNode { node, groups: Slab::default() })
}

impl<N: PerGroup> PerGroupNode<N> {
    /// The group's state; opened if it is new.
    #[inline]
    fn with<R>(
        &mut self,
        id: GroupId,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut N, &mut N::Group, &mut Cx<'_>) -> R,
    ) -> R {
        let PerGroupNode { node, groups } = self;
        if let Some(group) = groups.get_mut(id) {
            return act(node, group, cx);
        }
        let mut opened = Some(node.open(id, cx));
        let group = groups.get_or_insert_with(id, || opened.take().expect("it is asked for once"));
        act(node, group, cx)
    }
}

impl<N: PerGroup> Node for PerGroupNode<N> {
    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => {
                    for row in rows {
                        self.with(row.group, cx, |node, group, cx| node.point(group, *row, cx));
                    }
                }
                Walk::Batch(head, rows) => {
                    self.with(head.group, cx, |node, group, cx| node.batch(group, head, rows, cx));
                }
                Walk::Barrier(id, time) => {
                    self.with(id, cx, |node, group, cx| node.barrier(group, id, time, cx));
                }
                Walk::DeleteGroup(id) => {
                    let group = self.groups.remove(id);
                    self.node.delete(group, id, cx);
                }
            }
        }
    }

    fn wake(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.node.wake(&mut self.groups, now, cx);
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        self.node.start(&mut self.groups, cx);
    }

    fn reply(&mut self, reply: Reply, cx: &mut Cx<'_>) {
        self.node.reply(&mut self.groups, reply, cx);
    }

    fn finish(&mut self, cx: &mut Cx<'_>) {
        self.node.finish(&mut self.groups, cx);
    }

    fn one_by_one(&self) -> bool {
        self.node.one_by_one()
    }

    fn sieve(&self) -> Option<Sieve> {
        self.node.sieve()
    }

    fn is_quiet(&self, group: GroupId) -> Option<bool> {
        self.groups.get(group).map(|group| self.node.is_quiet(group))
    }

    fn begins_quiet(&self) -> bool {
        self.node.begins_quiet()
    }

    fn meet(&mut self, group: GroupId) -> bool {
        if self.groups.get(group).is_some() {
            return false;
        }
        let Some(quiet) = self.node.quiet_group() else { return false };
        self.groups.insert(group, quiet);
        true
    }

    fn stats(&self) -> &'static [StatName] {
        self.node.stats()
    }

    fn makes_points(&self) -> bool {
        self.node.makes_points()
    }

    fn longest_chunk(&self) -> usize {
        self.node.longest_chunk()
    }

    fn cardinality(&self) -> Option<usize> {
        Some(self.groups.len())
    }

    fn endpoint(&self) -> Option<&str> {
        self.node.endpoint()
    }

    fn show_anew(&mut self) {
        self.node.show_anew(&mut self.groups);
    }

    fn show(&mut self, schema: &Schema) -> Option<String> {
        self.node.show(&mut self.groups, schema)
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        let PerGroupNode { node, groups } = self;
        out.groups(groups, |id, group, out| node.save_group(id, group, out));
        node.save_own(out);
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let groups = saved.groups(|id, from| self.node.restore_group(id, from, cx))?;
        self.node.restore_own(saved, cx)?;
        self.groups = groups;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.groups.memory() + self.node.memory()
    }

    fn shed(&mut self, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        self.node.shed(&mut self.groups, how, cx)
    }
}
