//! What an edge carries during one sweep: rows, and in which order they are points, batches, barriers and ends of groups.

use crate::{GroupId, Name, Row, Time};

/// What is said of a batch besides its rows; its tags are those of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHead {
    pub name: Name,
    pub group: GroupId,
    /// The end of the time it stands for.
    pub tmax: Time,
}

/// One entry of an edge; a count says how many of the edge's rows belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    Points(u32),
    Batch(BatchHead, u32),
    /// No point of the group older than this will follow.
    Barrier(GroupId, Time),
    /// The group has ended; its state may go.
    DeleteGroup(GroupId),
}

/// The output of one node, read by all of its children.
#[derive(Debug, Default)]
pub struct Edge {
    rows: Vec<Row>,
    items: Vec<Item>,
}

impl Edge {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.items.clear();
    }

    #[inline]
    pub fn point(&mut self, row: Row) {
        self.rows.push(row);
        if let Some(Item::Points(n)) = self.items.last_mut() {
            *n += 1;
        } else {
            self.items.push(Item::Points(1));
        }
    }

    pub fn points(&mut self, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        self.rows.extend_from_slice(rows);
        if let Some(Item::Points(n)) = self.items.last_mut() {
            *n += rows.len() as u32;
        } else {
            self.items.push(Item::Points(rows.len() as u32));
        }
    }

    pub fn batch(&mut self, head: BatchHead, rows: &[Row]) {
        self.rows.extend_from_slice(rows);
        self.items.push(Item::Batch(head, rows.len() as u32));
    }

    /// Begin a batch whose rows follow by [`Edge::batch_row`].
    pub fn begin_batch(&mut self, head: BatchHead) {
        self.items.push(Item::Batch(head, 0));
    }

    /// A row of the batch begun last.
    #[inline]
    pub fn batch_row(&mut self, row: Row) {
        self.rows.push(row);
        match self.items.last_mut() {
            Some(Item::Batch(_, n)) => *n += 1,
            _ => debug_assert!(false, "a batch was begun"),
        }
    }

    pub fn barrier(&mut self, group: GroupId, time: Time) {
        self.items.push(Item::Barrier(group, time));
    }

    pub fn delete_group(&mut self, group: GroupId) {
        self.items.push(Item::DeleteGroup(group));
    }

    /// How many points and batches' rows are on it.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// How many messages are on it, as Kapacitor counts them: points, and batches as one each.
    pub fn message_count(&self) -> u64 {
        self.items
            .iter()
            .map(|item| match item {
                Item::Points(n) => u64::from(*n),
                Item::Batch(..) => 1,
                _ => 0,
            })
            .sum()
    }

    /// Go through it in order.
    pub fn walk(&self) -> impl Iterator<Item = Walk<'_>> {
        let mut at = 0usize;
        self.items.iter().map(move |item| {
            let mut take = |n: u32| {
                let from = at;
                at += n as usize;
                &self.rows[from..at]
            };
            match *item {
                Item::Points(n) => Walk::Points(take(n)),
                Item::Batch(head, n) => Walk::Batch(head, take(n)),
                Item::Barrier(group, time) => Walk::Barrier(group, time),
                Item::DeleteGroup(group) => Walk::DeleteGroup(group),
            }
        })
    }
}

/// An entry of an edge with its rows.
#[derive(Debug, Clone, Copy)]
pub enum Walk<'a> {
    Points(&'a [Row]),
    Batch(BatchHead, &'a [Row]),
    Barrier(GroupId, Time),
    DeleteGroup(GroupId),
}
