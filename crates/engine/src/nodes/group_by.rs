//! `|groupBy('host')`: rows divided anew, by other tags.

use declare::{Argument, Declaration, Nanos};
use model::{BatchHead, Damaged, Divider, Edge, GroupId, KeptRows, Row, Save, Schema, SeriesId, Slab, Time, Walk};

use crate::{
    BuildError, Cx, Definition, Dropped, EdgeKind, Node, NodeSaved, NodeSaver, Place, Plan, Reach, Shed,
    nodes::{
        Dimension, dimensions,
        expiry::{self, Expiry},
        group_tags, grouping_of,
    },
};

#[derive(Debug, Clone, Default)]
pub(super) struct GroupBy {
    by: Vec<Argument>,
    exclude: Vec<String>,
    by_measurement: bool,
    expire_groups: Option<Nanos>,
}

impl Definition for GroupBy {
    const NAME: &'static str = "groupBy";
    const ID: &'static str = "groupby";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Group rows by other tags. The rows of batches are divided when a batch of another time comes.")
            .variadic("tag", "Tag names to group by, or * for all of them.", |g| &mut g.by)
            .appends("exclude", "Tags that * does not stand for.", |g| &mut g.exclude)
            .flag("byMeasurement", "Group by measurement, too.", |g| &mut g.by_measurement)
            .property("expireGroups", expiry::ABOUT, |g| &mut g.expire_groups)
            .example("stream |from().measurement('cpu') |groupBy('host', 'cpu')")
    }

    fn grouping(&self) -> Option<String> {
        Some(format!("{:?} {:?} {}", self.by, self.exclude, self.by_measurement))
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        expiry::check(self.expire_groups)?;
        let by = dimensions(&self.by).map_err(|error| error.to_string())?;
        if by.contains(&Dimension::Tag(String::new())) {
            return Err("groupBy: the name of a tag is empty".to_string());
        }
        if !self.exclude.is_empty() && !by.contains(&Dimension::Star) {
            return Err("groupBy: exclude takes tags out of *, so it goes with groupBy(*)".to_string());
        }
        Ok(())
    }

    fn reach(&self, input: EdgeKind) -> Reach {
        // Batches of all groups wait for one another.
        if input == EdgeKind::Batch {
            return Reach::All;
        }
        dimensions(&self.by).map_or(Reach::All, |by| Reach::Groups(group_tags(&by, &self.exclude)))
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let by = dimensions(&self.by).map_err(|error| BuildError::new(error.to_string()))?;
        let grouping = |by_name| grouping_of(plan.schema, &by, &self.exclude, by_name);
        Ok(Box::new(GroupByNode {
            plain: Divider::new(grouping(self.by_measurement)),
            by_name: Divider::new(grouping(true)),
            last: (GroupId::NIL, false),
            time: None,
            held: Vec::new(),
            places: Slab::default(),
            rows: Vec::new(),
            expiry: Expiry::new(self.expire_groups, plan),
        }))
    }
}

struct GroupByNode {
    plain: Divider,
    /// For what comes grouped by measurement: it stays so.
    by_name: Divider,
    /// Whether this group was grouped by measurement.
    last: (GroupId, bool),
    /// The time of the batches held.
    time: Option<Time>,
    /// Batches of that time, divided.
    held: Vec<(BatchHead, KeptRows)>,
    /// Where a group is among them.
    places: Slab<usize>,
    rows: Vec<Row>,
    expiry: Option<Expiry>,
}

impl GroupByNode {
    #[inline]
    fn group_of(&mut self, schema: &Schema, group: GroupId, series: SeriesId) -> GroupId {
        if self.last.0 != group {
            self.last = (group, schema.dimensions(group).by_name);
        }
        let divider = if self.last.1 { &mut self.by_name } else { &mut self.plain };
        divider.group_of(schema, series)
    }

    fn batch(&mut self, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        self.release(head.tmax, cx);
        for row in rows {
            let series = cx.schema.series_renamed(row.series, head.name);
            let group = self.group_of(cx.schema, head.group, series);
            if let Some(expiry) = &mut self.expiry {
                expiry.see(group, cx);
            }
            let next = self.held.len();
            let place = *self.places.get_or_insert_with(group, || next);
            if place == next {
                self.held.push((BatchHead { group, ..head }, KeptRows::default()));
            }
            self.held[place].1.push(cx.schema, cx.frame, &Row { group, ..*row });
        }
    }

    /// Hand on the batches held if they are of another time.
    fn release(&mut self, time: Time, cx: &mut Cx<'_>) {
        if self.time == Some(time) {
            return;
        }
        self.time = Some(time);
        self.places = Slab::default();
        for (head, held) in self.held.drain(..) {
            self.rows.clear();
            held.load(cx.schema, cx.frame, 0..held.len(), &mut self.rows);
            self.rows.sort_by_key(|row| row.time);
            // A group that was deleted meanwhile holds nothing.
            if !self.rows.is_empty() {
                cx.emit_batch(head, &self.rows);
            }
        }
    }
}

impl Node for GroupByNode {
    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => {
                    for row in rows {
                        let group = self.group_of(cx.schema, row.group, row.series);
                        if let Some(expiry) = &mut self.expiry {
                            expiry.see(group, cx);
                        }
                        cx.out.point(Row { group, ..*row });
                    }
                }
                Walk::Batch(head, rows) => self.batch(head, rows, cx),
                Walk::Barrier(group, time) => {
                    self.release(time, cx);
                    cx.emit_barrier(group, time);
                }
                Walk::DeleteGroup(group) => {
                    if let Some(expiry) = &mut self.expiry {
                        expiry.forget(group);
                    }
                    if let Some(place) = self.places.remove(group) {
                        self.held[place].1 = KeptRows::default();
                    }
                    cx.emit_delete_group(group);
                }
            }
        }
    }

    fn cardinality(&self) -> Option<usize> {
        Some(self.places.len())
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| {
            self.time.save(out);
            self.held.save(out);
        });
        if let Some(expiry) = &mut self.expiry {
            expiry.save(out);
        }
    }

    fn shed(&mut self, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        self.expiry.as_mut().map_or_else(Dropped::default, |expiry| expiry.shed(how, cx))
    }

    fn wake(&mut self, _now: Time, cx: &mut Cx<'_>) {
        if let Some(expiry) = &mut self.expiry {
            expiry.wake(cx);
        }
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, cx: &mut Cx<'_>) -> Result<(), Damaged> {
        if let Some(expiry) = &mut self.expiry {
            expiry.restore(saved, cx)?;
        }
        let Some((time, held)) = saved.own(<(Option<Time>, Vec<(BatchHead, KeptRows)>)>::restore)? else {
            return Ok(());
        };
        for (place, (head, rows)) in held.iter().enumerate() {
            // A group that was deleted meanwhile holds nothing.
            if !rows.is_empty() {
                self.places.insert(head.group, place);
            }
        }
        (self.time, self.held) = (time, held);
        Ok(())
    }

    fn memory(&self) -> usize {
        let dividers = self.plain.memory() + self.by_name.memory();
        dividers + self.held.owned() + self.places.memory() + self.expiry.as_ref().map_or(0, Expiry::memory)
    }
}
