//! Many tasks that read one measurement: a point is shown to those in which it does something, and counted for the others.
//!
//! A task that begins with `from`, perhaps `where`, and `alert` (`gate.rs`) mostly drops what it gets: the tags are others,
//! a number is below a limit, or all is well and was well before. Which of such tasks a point concerns is found here
//! for all of them at once: by series for predicates on tags, by one search in sorted limits (`ladder.rs`) for tasks
//! that differ in their numbers (`family.rs`). What is shown goes through the tasks' own nodes, so there is one
//! meaning; a point is kept from a task only if it would leave nothing behind but counts.

mod family;
mod gate;
mod ladder;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use lambda::{Context, Evaluator, State};
use model::{Divider, Frame, GroupId, Name, Numbered, Row, Schema, SeriesId, ShapeId};

pub(crate) use family::PassedOver;
pub(crate) use gate::Gate;
pub use gate::{FromSieve, Sieve};

use crate::{Host, Selection, Write, workers::TaskNumber};
use family::{Data, Family, IsQuiet};
use gate::Face;

/// The tasks of one worker that read one measurement of the same databases, and begin with a gate.
pub(crate) struct Index {
    schema: Arc<Schema>,
    host: Arc<dyn Host>,
    families: Vec<Branch>,
    /// Which family a task is in.
    homes: HashMap<TaskNumber, usize>,
    /// Per series: unknown, odd, or 2 more than the set of families that want it.
    series: Numbered<u32>,
    sets: Vec<Box<[Want]>>,
    numbers: HashMap<Box<[Want]>, u32>,
    /// Fields that limits read: a tag of such a name makes a series odd.
    fields: Vec<Name>,
    /// Tags that predicates read: a field of such a name makes a shape odd.
    tags: Vec<Name>,
    /// The last shape, and whether it is odd.
    shape: (ShapeId, bool),
    /// Rows since the counts were told, but for odd ones.
    rows: u64,
    is_ready: bool,
}

const UNKNOWN: u32 = 0;
/// All tasks are shown all of it: what they say of it is an error, or rare.
const ODD: u32 = 1;

/// A family that wants a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Want {
    family: u32,
    /// Its predicate has no answer, which is an error that each task tells.
    is_odd: bool,
}

/// A family and what its members' `from` says.
struct Branch {
    key: Key,
    predicate: Option<Evaluator>,
    divider: Option<Divider>,
    family: Family,
}

/// What members of a family have in common.
#[derive(PartialEq, Eq)]
struct Key {
    database: String,
    retention_policy: String,
    predicate: Option<Arc<str>>,
    /// By its place: there is one for each set of dimensions.
    grouping: Option<usize>,
    limit: Option<Face>,
}

impl Index {
    pub(crate) fn new(schema: Arc<Schema>, host: Arc<dyn Host>) -> Index {
        Index {
            schema,
            host,
            families: Vec::new(),
            homes: HashMap::new(),
            series: Numbered::default(),
            sets: Vec::new(),
            numbers: HashMap::new(),
            fields: Vec::new(),
            tags: Vec::new(),
            shape: (ShapeId(0), false),
            rows: 0,
            is_ready: false,
        }
    }

    /// Counts must have been told before.
    pub(crate) fn add(&mut self, task: TaskNumber, gate: &Gate) {
        let from = &gate.from;
        let key = Key {
            database: from.database.clone(),
            retention_policy: from.retention_policy.clone(),
            predicate: from.predicate.as_ref().map(|(_, text)| Arc::clone(text)),
            grouping: from.grouping.as_ref().map(|grouping| Arc::as_ptr(grouping).addr()),
            limit: gate.limit.map(|limit| limit.face),
        };
        let home = self.families.iter().position(|branch| branch.key == key).unwrap_or_else(|| {
            let predicate = from.predicate.as_ref();
            let predicate = predicate.map(|(program, _)| Evaluator::new(Arc::clone(program), &self.schema));
            let (divider, family) = (from.grouping.clone().map(Divider::new), Family::default());
            self.families.push(Branch { key, predicate, divider, family });
            self.families.len() - 1
        });
        self.families[home].family.add(task, gate);
        self.homes.insert(task, home);
        self.is_ready = false;
    }

    /// Counts must have been told before.
    pub(crate) fn remove(&mut self, task: TaskNumber) {
        let Some(home) = self.homes.remove(&task) else { return };
        self.families[home].family.remove(task);
        if self.families[home].family.is_empty() {
            self.families.swap_remove(home);
            for task in self.families.get(home).into_iter().flat_map(|moved| moved.family.tasks()) {
                self.homes.insert(task, home);
            }
        }
        self.is_ready = false;
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = TaskNumber> + '_ {
        self.homes.keys().copied()
    }

    /// Forget what was seen of groups: tasks took rows that were not sorted out here. Counts must have been told before.
    pub(crate) fn begin_anew(&mut self) {
        self.is_ready = false;
        self.families.iter_mut().for_each(|branch| branch.family.begin_anew());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// Go on with the newest schema, without the groups that it has not got any more.
    pub(crate) fn renew(&mut self, schema: &Arc<Schema>) {
        self.schema = Arc::clone(schema);
        self.families.iter_mut().for_each(|branch| branch.family.forget(|group| !schema.has_group(group)));
    }

    /// Sort out the rows of its measurement. Whether a task's alert is quiet in a group, or would begin so, is asked.
    pub(crate) fn write(
        &mut self,
        write: &Write,
        selection: &Selection,
        is_quiet: impl Fn(TaskNumber, GroupId) -> bool,
    ) {
        self.make_ready();
        let here: Vec<bool> = self.families.iter().map(|branch| branch.key.is_of(write)).collect();
        match selection {
            Selection::All => (0..write.rows.len() as u32).for_each(|index| self.row(index, write, &here, &is_quiet)),
            Selection::Some(indexes) => indexes.iter().for_each(|&index| self.row(index, write, &here, &is_quiet)),
        }
    }

    /// Which of these rows each task has to take. When they have, [`Index::settle`] is to be called.
    pub(crate) fn take_shown(&mut self, mut tell: impl FnMut(TaskNumber, Vec<u32>)) {
        self.families.iter_mut().for_each(|branch| branch.family.take_shown(&mut tell));
    }

    /// The tasks have taken their rows: those whose alerts are quiet need to see less of those groups.
    pub(crate) fn settle(&mut self, is_quiet: impl Fn(TaskNumber, GroupId) -> bool) {
        self.families.iter_mut().for_each(|branch| branch.family.settle(&is_quiet));
    }

    /// What each task has not been shown since the last time.
    pub(crate) fn take_counts(&mut self, mut tell: impl FnMut(TaskNumber, PassedOver)) {
        let rows = std::mem::take(&mut self.rows);
        if rows != 0 {
            self.families.iter_mut().for_each(|branch| branch.family.take_counts(rows, &mut tell));
        }
    }

    fn make_ready(&mut self) {
        if std::mem::replace(&mut self.is_ready, true) {
            return;
        }
        let distinct = |names: &mut dyn Iterator<Item = Name>| {
            let mut names: Vec<Name> = names.collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        self.fields =
            distinct(&mut self.families.iter().flat_map(|branch| branch.family.faces()).map(|face| face.field));
        let predicates = self.families.iter().filter_map(|branch| branch.predicate.as_ref());
        let references = predicates.flat_map(|predicate| predicate.program().references());
        self.tags = distinct(&mut references.map(|name| self.schema.name(name)));
        self.series = Numbered::default();
        self.sets = Vec::new();
        self.numbers = HashMap::new();
        self.shape = (ShapeId(0), false);
        self.families.iter_mut().for_each(|branch| branch.family.make_ready());
    }

    #[inline]
    fn row(&mut self, index: u32, write: &Write, here: &[bool], is_quiet: &impl IsQuiet) {
        let row = &write.rows[index as usize];
        let mut set = self.series.of(&self.schema).get(row.series.0);
        if row.shape != self.shape.0 {
            self.meet_shape(row.shape);
        }
        if self.shape.1 {
            set = ODD;
        } else if set == UNKNOWN {
            set = self.learn(row, write);
        }
        if set == ODD {
            return self.show_odd(index, row.series);
        }
        self.rows += 1;
        for want in &self.sets[set as usize - 2] {
            let family = want.family as usize;
            if !here[family] {
                continue;
            }
            let Branch { family, divider, .. } = &mut self.families[family];
            if want.is_odd {
                // Each task's `from` tells the error.
                family.show_whole(index);
                continue;
            }
            let group = group_of(&self.schema, divider, row.series);
            family.pass(index, row, group, Data { schema: &self.schema, words: &write.words }, is_quiet);
        }
    }

    /// Show a row to all, since what it does is not known here.
    #[cold]
    fn show_odd(&mut self, index: u32, series: SeriesId) {
        for Branch { family, divider, .. } in &mut self.families {
            family.show_odd(index, group_of(&self.schema, divider, series));
        }
    }

    #[cold]
    fn meet_shape(&mut self, shape: ShapeId) {
        let is_odd = self.tags.iter().any(|tag| self.schema.shape(shape).find(*tag).is_some());
        self.shape = (shape, is_odd);
    }

    /// Which families want a series; the row has no field of a tag's name.
    #[cold]
    fn learn(&mut self, row: &Row, write: &Write) -> u32 {
        let tags = self.schema.series(row.series).tags();
        let set = if tags.iter().any(|(name, _)| self.fields.binary_search(name).is_ok()) {
            ODD
        } else {
            self.wants(row, write)
        };
        self.series.set(row.series.0, set);
        set
    }

    fn wants(&mut self, row: &Row, write: &Write) -> u32 {
        let frame = Frame::new(Arc::clone(&write.words));
        let (zone, now) = (self.host.zone(), self.host.now());
        let cx = Context { schema: &self.schema, frame: &frame, row, extra: &[], zone, now };
        let mut wants = Vec::new();
        for (family, branch) in self.families.iter_mut().enumerate() {
            let answer = branch.predicate.as_mut().map_or(Ok(true), |by| by.eval_bool(&cx, &mut State::default()));
            if answer != Ok(false) {
                wants.push(Want { family: family as u32, is_odd: answer.is_err() });
            }
        }
        let next = self.sets.len() as u32;
        let wants: Box<[Want]> = wants.into();
        let number = *self.numbers.entry(wants).or_insert_with_key(|wants| {
            self.sets.push(wants.clone());
            next
        });
        number + 2
    }
}

#[inline]
fn group_of(schema: &Schema, divider: &mut Option<Divider>, series: SeriesId) -> GroupId {
    divider.as_mut().map_or(GroupId::NIL, |by| by.group_of(schema, series))
}

impl Key {
    fn is_of(&self, write: &Write) -> bool {
        (self.database.is_empty() || self.database == write.origin.database)
            && (self.retention_policy.is_empty() || self.retention_policy == write.origin.retention_policy)
    }
}
