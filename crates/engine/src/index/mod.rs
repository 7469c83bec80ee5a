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

use lambda::{Context, Evaluator, Program, State};
use model::{Divider, FastMap, Frame, GroupId, Marks, Name, Numbered, Row, Schema, SeriesId, ShapeId};

pub(crate) use family::PassedOver;
pub use gate::{FromSieve, Sieve};
pub(crate) use gate::{Gate, Stage};

use crate::{Host, Selection, Task, Write, workers::TaskNumber};
use family::{Data, Family};
use gate::Face;

/// All tasks of a worker. One that has ended needs nothing of what an index knows.
pub(crate) type Tasks = FastMap<TaskNumber, Box<Task>>;

/// The tasks of one worker that read one measurement of the same databases, and begin with a gate.
pub(crate) struct Index {
    schema: Arc<Schema>,
    host: Arc<dyn Host>,
    families: Vec<Branch>,
    /// Which family a task is in.
    homes: HashMap<TaskNumber, usize>,
    /// Per series: 0 if unknown, else 1 more than the set of families that want it. Those that take all series, and in
    /// which `where` stops it, are not in the set: they were shown a row of it.
    series: Numbered<u32>,
    sets: Vec<Box<[Want]>>,
    numbers: HashMap<Box<[Want]>, u32>,
    /// The last shape.
    shape: ShapeId,
    /// The families for which it is odd: it has a field of the name of a tag that they read. They are shown all of it.
    odd: Vec<u32>,
    /// Rows of the measurement.
    rows: u64,
    /// How many there were when all tasks were told their counts.
    told: u64,
    is_ready: bool,
}

/// A family that wants a series, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Want {
    family: u32,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// `from` lets it through. Limits decide on.
    Limits,
    /// `where` stops it.
    Stopped,
    /// A predicate has no answer, which is an error that each task tells.
    Fails,
    /// It has a tag of the name of a field that limits read: what the tasks say of that is an error, or rare.
    Odd,
}

/// A family and what its members' `from` and `where` say of series.
struct Branch {
    key: Key,
    predicate: Option<Evaluator>,
    guard: Option<Evaluator>,
    divider: Option<Divider>,
    family: Family,
    /// Fields that limits read.
    fields: Vec<Name>,
    /// Tags that predicates read.
    tags: Vec<Name>,
}

/// What members of a family have in common.
#[derive(PartialEq, Eq)]
struct Key {
    database: String,
    retention_policy: String,
    predicate: Option<Arc<str>>,
    guard: Option<Arc<str>>,
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
            shape: ShapeId(0),
            odd: Vec::new(),
            rows: 0,
            told: 0,
            is_ready: false,
        }
    }

    /// Counts must have been told before, and groups been handed over.
    pub(crate) fn add(&mut self, task: TaskNumber, gate: &Gate) {
        let from = &gate.from;
        let key = Key {
            database: from.database.clone(),
            retention_policy: from.retention_policy.clone(),
            predicate: from.predicate.as_ref().map(|(_, text)| Arc::clone(text)),
            guard: gate.guard.as_ref().map(|(_, text)| Arc::clone(text)),
            grouping: from.grouping.as_ref().map(|grouping| Arc::as_ptr(grouping).addr()),
            limit: gate.limit.map(|limit| limit.face),
        };
        let home = self.families.iter().position(|branch| branch.key == key).unwrap_or_else(|| {
            self.families.push(Branch::new(key, gate, &self.schema));
            self.families.len() - 1
        });
        self.families[home].family.add(task, gate);
        self.homes.insert(task, home);
        self.is_ready = false;
    }

    /// Counts must have been told before, and groups been handed over.
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

    /// Forget what was seen of groups: tasks take rows that are not sorted out here. Counts must have been told before, and
    /// groups been handed over.
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

    /// Mark the groups that tasks may come to know.
    pub(crate) fn mark(&self, marks: &mut Marks) {
        self.families.iter().for_each(|branch| branch.family.mark(marks));
    }

    /// Have the tasks know the groups of which rows passed them by.
    pub(crate) fn hand_over(&self, tasks: &mut Tasks) {
        self.families.iter().for_each(|branch| branch.family.hand_over(None, tasks));
    }

    /// The same for one task.
    pub(crate) fn hand_over_to(&self, task: TaskNumber, tasks: &mut Tasks) {
        if let Some(&home) = self.homes.get(&task) {
            self.families[home].family.hand_over(Some(task), tasks);
        }
    }

    /// Sort out the rows of its measurement.
    pub(crate) fn write(&mut self, write: &Write, selection: &Selection, tasks: &mut Tasks) {
        self.make_ready();
        let here: Vec<bool> = self.families.iter().map(|branch| branch.key.is_of(write)).collect();
        match selection {
            Selection::All => (0..write.rows.len() as u32).for_each(|index| self.row(index, write, &here, tasks)),
            Selection::Some(indexes) => indexes.iter().for_each(|&index| self.row(index, write, &here, tasks)),
        }
    }

    /// Which of these rows each task has to take. When they have, [`Index::settle`] is to be called.
    pub(crate) fn take_shown(&mut self, mut tell: impl FnMut(TaskNumber, Vec<u32>)) {
        self.families.iter_mut().for_each(|branch| branch.family.take_shown(&mut tell));
    }

    /// The tasks have taken their rows: those whose alerts are quiet need to see less of those groups.
    pub(crate) fn settle(&mut self, tasks: &Tasks) {
        self.families.iter_mut().for_each(|branch| branch.family.settle(tasks));
    }

    /// What each task has not been shown since the last time.
    pub(crate) fn take_counts(&mut self, mut tell: impl FnMut(TaskNumber, PassedOver)) {
        if std::mem::replace(&mut self.told, self.rows) != self.rows {
            for Branch { key, family, .. } in &mut self.families {
                family.take_counts(self.rows, key.takes_all(), &mut tell);
            }
        }
    }

    /// The same for one task.
    pub(crate) fn take_counts_of(&mut self, task: TaskNumber, tell: impl FnMut(TaskNumber, PassedOver)) {
        if self.told != self.rows
            && let Some(&home) = self.homes.get(&task)
        {
            let Branch { key, family, .. } = &mut self.families[home];
            family.take_counts_of(task, (self.rows, key.takes_all()), tell);
        }
    }

    fn make_ready(&mut self) {
        if std::mem::replace(&mut self.is_ready, true) {
            return;
        }
        self.series = Numbered::default();
        self.sets = Vec::new();
        self.numbers = HashMap::new();
        self.shape = ShapeId(0);
        self.odd = Vec::new();
        self.families.iter_mut().for_each(|branch| branch.make_ready(self.rows));
    }

    #[inline]
    fn row(&mut self, index: u32, write: &Write, here: &[bool], tasks: &mut Tasks) {
        let row = &write.rows[index as usize];
        if row.shape != self.shape {
            self.meet_shape(row.shape);
        }
        self.rows += 1;
        let set = match self.series.of(&self.schema).get(row.series.0) {
            0 => self.learn(index, write, tasks),
            set => set,
        };
        if !self.odd.is_empty() {
            self.show_odd(index, row.series, tasks);
        }
        for want in &self.sets[set as usize - 1] {
            let family = want.family as usize;
            if !here[family] || self.odd.contains(&want.family) {
                continue;
            }
            let Branch { family, divider, .. } = &mut self.families[family];
            let group = group_of(&self.schema, divider, row.series);
            let stops = match want.way {
                Way::Limits => false,
                Way::Stopped => true,
                Way::Fails => {
                    family.show_whole(index, group, tasks);
                    continue;
                }
                Way::Odd => {
                    family.show_odd(index, group, tasks);
                    continue;
                }
            };
            family.pass(index, row, group, Data { schema: &self.schema, words: &write.words, stops }, tasks);
        }
    }

    /// Show a row of an odd shape to those for which it is one: what it does is not known here.
    #[cold]
    fn show_odd(&mut self, index: u32, series: SeriesId, tasks: &mut Tasks) {
        for &family in &self.odd {
            let Branch { family, divider, .. } = &mut self.families[family as usize];
            family.show_odd(index, group_of(&self.schema, divider, series), tasks);
        }
    }

    #[cold]
    fn meet_shape(&mut self, shape: ShapeId) {
        let fields = self.schema.shape(shape);
        let is_odd = |branch: &Branch| branch.tags.iter().any(|tag| fields.find(*tag).is_some());
        let odd = self.families.iter().enumerate().filter(|(_, branch)| is_odd(branch));
        self.odd = odd.map(|(family, _)| family as u32).collect();
        self.shape = shape;
    }

    /// Which families want a series, whatever fields its rows have.
    #[cold]
    fn learn(&mut self, index: u32, write: &Write, tasks: &mut Tasks) -> u32 {
        let frame = Frame::new(Arc::clone(&write.words));
        let (zone, now) = (self.host.zone(), self.host.now());
        let row = Row { shape: ShapeId(0), ..write.rows[index as usize] };
        let cx = Context { schema: &self.schema, frame: &frame, row: &row, extra: &[], zone, now };
        let mut wants = Vec::new();
        for (branch, family) in self.families.iter_mut().zip(0u32..) {
            let Some(way) = branch.way(&cx) else { continue };
            if way != Way::Stopped || !branch.key.takes_all() {
                wants.push(Want { family, way });
            } else if !self.odd.contains(&family) {
                let group = group_of(&self.schema, &mut branch.divider, row.series);
                branch.family.show_whole(index, group, tasks);
            }
        }
        let wants: Box<[Want]> = wants.into();
        let set = *self.numbers.entry(wants).or_insert_with_key(|wants| {
            self.sets.push(wants.clone());
            self.sets.len() as u32
        });
        self.series.set(row.series.0, set);
        set
    }
}

impl Branch {
    fn new(key: Key, gate: &Gate, schema: &Schema) -> Branch {
        let evaluator = |(program, _): &(Arc<Program>, Arc<str>)| Evaluator::new(Arc::clone(program), schema);
        let (predicate, guard) = (gate.from.predicate.as_ref().map(evaluator), gate.guard.as_ref().map(evaluator));
        let references = [&predicate, &guard].into_iter().flatten().flat_map(|it| it.program().references().to_vec());
        let tags = distinct(references.map(|name| schema.name(&name)));
        let divider = gate.from.grouping.clone().map(Divider::new);
        Branch { key, predicate, guard, divider, family: Family::default(), fields: Vec::new(), tags }
    }

    fn make_ready(&mut self, rows: u64) {
        self.fields = distinct(self.family.faces().map(|face| face.field));
        self.family.make_ready(rows);
    }

    /// What becomes of a series; none if `from` stops it. The row at hand has no fields.
    fn way(&mut self, cx: &Context<'_>) -> Option<Way> {
        let holds = |by: &mut Option<Evaluator>| match by {
            Some(by) => by.eval_bool(cx, &mut State::default()).ok(),
            None => Some(true),
        };
        let from = holds(&mut self.predicate);
        if from == Some(false) {
            return None;
        }
        let tags = cx.schema.series(cx.row.series).tags();
        if tags.iter().any(|(name, _)| self.fields.binary_search(name).is_ok()) {
            return Some(Way::Odd);
        }
        Some(match from.and_then(|_| holds(&mut self.guard)) {
            Some(true) => Way::Limits,
            Some(false) => Way::Stopped,
            None => Way::Fails,
        })
    }
}

fn distinct(names: impl Iterator<Item = Name>) -> Vec<Name> {
    let mut names: Vec<Name> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[inline]
fn group_of(schema: &Schema, divider: &mut Option<Divider>, series: SeriesId) -> GroupId {
    divider.as_mut().map_or(GroupId::NIL, |by| by.group_of(schema, series))
}

impl Key {
    /// Whether `from` lets all rows of the measurement through.
    fn takes_all(&self) -> bool {
        self.database.is_empty() && self.retention_policy.is_empty() && self.predicate.is_none()
    }

    fn is_of(&self, write: &Write) -> bool {
        (self.database.is_empty() || self.database == write.origin.database)
            && (self.retention_policy.is_empty() || self.retention_policy == write.origin.retention_policy)
    }
}
