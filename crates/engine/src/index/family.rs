//! Tasks that begin alike but for their numbers: which of them a point concerns, and what the others count of it.

use std::collections::HashMap;

use model::{FastMap, GroupId, Marks, Row, Schema, Words};

use super::{
    Tasks,
    gate::{Face, Gate, Limit, Stage},
    ladder::Ladder,
};
use crate::{Task, workers::TaskNumber};

type Groups = FastMap<GroupId, Seen>;

/// What rows are read with.
#[derive(Clone, Copy)]
pub(super) struct Data<'a> {
    pub(super) schema: &'a Schema,
    pub(super) words: &'a Words,
    /// `where` stops them, whatever their numbers are.
    pub(super) stops: bool,
}

/// What rows did that a task was not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PassedOver {
    /// Rows of the measurement.
    pub(crate) rows: u64,
    /// Those that its `from` lets through.
    pub(crate) from: u64,
    /// Those that come to its `alert`.
    pub(crate) alert: u64,
}

impl PassedOver {
    fn without(self, other: &PassedOver) -> PassedOver {
        PassedOver { rows: self.rows - other.rows, from: self.from - other.from, alert: self.alert - other.alert }
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Family {
    /// In any order, or in that of the ladder once it is made.
    members: Vec<Member>,
    /// Where a task is among them.
    places: HashMap<TaskNumber, u32>,
    /// Of `where`; without one all rows pass.
    ladder: Option<Ladder>,
    alarms: Vec<Alarm>,
    groups: Groups,
    /// Groups that are not quiet, or were not.
    stirred: Vec<GroupId>,
    /// Rows of the write at hand that everybody has to take.
    common: Vec<u32>,
    /// Members that have rows of their own to take.
    touched: Vec<u32>,
    /// Writes before the one at hand.
    writes: u64,
    /// Rows of the measurement when counting began: when the members were sorted. All that follows counts from there.
    since: u64,
    /// Rows by how many members' limits they passed.
    passes: Vec<u64>,
    /// Rows that everybody was shown.
    whole: u64,
    /// Rows that `from` let through, but for those that everybody was shown.
    through: u64,
    is_ready: bool,
}

struct Member {
    task: TaskNumber,
    limit: Option<Limit>,
    alert: Vec<Limit>,
    /// Rows of the write at hand that it has to take, besides the common ones.
    rows: Vec<u32>,
    /// How many such rows it was shown; all of them pass its limit.
    shown: u64,
    /// Whether its alert would begin quiet in a group, and in which write that was asked.
    begins_quiet: Option<(u64, bool)>,
    /// What it was told of the counts.
    told: PassedOver,
}

/// Conditions of alerts that share a face.
struct Alarm {
    ladder: Ladder,
    /// Members by the ladder's order.
    members: Vec<u32>,
    /// The ladder's steps that a member has, as the lowest one, by member; `u32::MAX` for none.
    places: Vec<u32>,
}

/// A group of which rows came.
#[derive(Default)]
struct Seen {
    /// Rows came to the alerts of so many members. Those that were not shown one have it [counted](crate::Task::pass_group),
    /// and come to know the group before they are shown another.
    reached: u32,
    /// Those of them whose alert has to be shown all that passes, sorted.
    awake: Vec<u32>,
}

impl Seen {
    /// What a member that is not shown all has to know of the group before it is shown a row.
    fn stage(&self, member: u32) -> Stage {
        let passed_by = member < self.reached && self.awake.binary_search(&member).is_err();
        if passed_by { Stage::Alert } else { Stage::Where }
    }

    /// Have a member be shown all rows from now on.
    fn wake(&mut self, member: u32, (task, group): (TaskNumber, GroupId), tasks: &mut Tasks) {
        if let Err(place) = self.awake.binary_search(&member) {
            meet(tasks, task, group, self.stage(member));
            self.awake.insert(place, member);
        }
    }
}

impl Family {
    pub(super) fn add(&mut self, task: TaskNumber, gate: &Gate) {
        self.is_ready = false;
        let (limit, alert) = (gate.limit, gate.alert.clone());
        self.places.insert(task, self.members.len() as u32);
        let (rows, told) = (Vec::new(), PassedOver::default());
        self.members.push(Member { task, limit, alert, rows, shown: 0, begins_quiet: None, told });
    }

    pub(super) fn remove(&mut self, task: TaskNumber) {
        self.is_ready = false;
        let Some(place) = self.places.remove(&task) else { return };
        self.members.swap_remove(place as usize);
        if let Some(moved) = self.members.get(place as usize) {
            self.places.insert(moved.task, place);
        }
    }

    pub(super) fn begin_anew(&mut self) {
        self.is_ready = false;
    }

    /// Forget groups that no task knows, which may come again under other numbers.
    pub(super) fn forget(&mut self, is_gone: impl Fn(GroupId) -> bool) {
        self.groups.retain(|group, _| !is_gone(*group));
        if self.groups.len() < self.groups.capacity() / 4 {
            self.groups.shrink_to(self.groups.len() * 2);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = TaskNumber> + '_ {
        self.members.iter().map(|member| member.task)
    }

    /// The fields that its limits read.
    pub(super) fn faces(&self) -> impl Iterator<Item = Face> + '_ {
        self.members.iter().flat_map(|member| member.limit.iter().chain(&member.alert)).map(|limit| limit.face)
    }

    /// Have the members know the groups of which rows passed them by; or only one of them.
    pub(super) fn hand_over(&self, only: Option<TaskNumber>, tasks: &mut Tasks) {
        // What is known of groups is out of date, and was handed over.
        if !self.is_ready {
            return;
        }
        let places = match only {
            None => 0..self.members.len() as u32,
            Some(task) => self.places.get(&task).map_or(0..0, |&place| place..place + 1),
        };
        for (&group, seen) in &self.groups {
            for place in places.clone() {
                meet(tasks, self.members[place as usize].task, group, seen.stage(place));
            }
        }
    }

    /// Mark the groups that members may come to know.
    pub(super) fn mark(&self, marks: &mut Marks) {
        let groups = self.is_ready.then_some(&self.groups);
        groups.into_iter().flat_map(FastMap::keys).for_each(|group| marks.group(*group));
    }

    /// Sort the members, if some came or went. What is known of groups is forgotten: they are met again. So are the
    /// counts, up to so many rows of the measurement.
    pub(super) fn make_ready(&mut self, rows: u64) {
        if std::mem::replace(&mut self.is_ready, true) {
            return;
        }
        let limits: Vec<Limit> = self.members.iter().filter_map(|member| member.limit).collect();
        self.ladder = match limits.first() {
            Some(first) => {
                let (ladder, order) = Ladder::new(first.face, &limits);
                let mut members: Vec<Option<Member>> = self.members.drain(..).map(Some).collect();
                self.members.extend(order.into_iter().filter_map(|i| members[i].take()));
                Some(ladder)
            }
            None => None,
        };
        self.alarms = alarms(&self.members);
        self.groups = Groups::default();
        self.places = self.members.iter().zip(0..).map(|(member, place)| (member.task, place)).collect();
        self.since = rows;
        self.passes = vec![0; self.members.len() + 1];
        (self.whole, self.through) = (0, 0);
        for member in &mut self.members {
            (member.shown, member.told) = (0, PassedOver::default());
        }
    }

    /// Take a row that `from` lets through.
    #[inline]
    pub(super) fn pass(&mut self, index: u32, row: &Row, group: GroupId, data: Data<'_>, tasks: &mut Tasks) {
        let Data { schema, words, stops } = data;
        let rank = match &mut self.ladder {
            _ if stops => Some(0),
            Some(ladder) => ladder.rank(schema, words, row),
            None => Some(self.members.len()),
        };
        // An error of the row, which is each task's to tell.
        let Some(rank) = rank else {
            self.enter(group, tasks);
            return self.show_whole(index, group, tasks);
        };
        self.through += 1;
        self.passes[rank] += 1;
        let Some(seen) = self.groups.get(&group) else {
            self.enter(group, tasks);
            return self.stir(index, row, (group, rank), data, tasks);
        };
        let is_loud = self.alarms.iter_mut().any(|alarm| alarm.ladder.rank(schema, words, row) != Some(0));
        if rank > seen.reached as usize || !seen.awake.is_empty() || (is_loud && rank > 0) {
            self.stir(index, row, (group, rank), data, tasks);
        }
    }

    /// A row of a group comes to `where`.
    #[cold]
    fn enter(&mut self, group: GroupId, tasks: &mut Tasks) {
        let known = self.groups.len();
        self.groups.entry(group).or_default();
        if self.groups.len() == known {
            return;
        }
        for Member { task, rows, .. } in &self.members {
            let Some(task) = tasks.get_mut(task) else { continue };
            task.pass_group(group, Stage::Where);
            // Rows that it is shown before may be of the group.
            if !rows.is_empty() || !self.common.is_empty() {
                task.meet(group, Stage::Where);
            }
        }
    }

    /// Show a row to those whose alert it concerns, and see who has to be shown more of its group.
    fn stir(
        &mut self,
        index: u32,
        row: &Row,
        (group, rank): (GroupId, usize),
        Data { schema, words, .. }: Data<'_>,
        tasks: &mut Tasks,
    ) {
        let Family { members, touched, groups, alarms, stirred, common, writes, .. } = self;
        let Some(seen) = groups.get_mut(&group) else { return };
        for &member in seen.awake.iter().take_while(|member| (**member as usize) < rank) {
            members[member as usize].show(member, index, touched);
        }
        let mut wake = |seen: &mut Seen, member: u32, tasks: &mut _| {
            let of = &mut members[member as usize];
            seen.wake(member, (of.task, group), tasks);
            of.show(member, index, touched);
        };
        for alarm in alarms {
            let first = alarm.ladder.rank(schema, words, row).unwrap_or(alarm.members.len());
            if first <= rank {
                let loud = alarm.members[..first].iter().filter(|member| (**member as usize) < rank);
                loud.for_each(|member| wake(seen, *member, tasks));
            } else {
                let loud = (0..rank as u32).filter(|&member| (alarm.places[member as usize] as usize) < first);
                loud.for_each(|member| wake(seen, member, tasks));
            }
        }
        for member in seen.reached..rank as u32 {
            let of = &mut members[member as usize];
            let Some(task) = tasks.get_mut(&of.task) else { continue };
            // What it is shown before may change that.
            let is_sure = of.rows.is_empty() && common.is_empty();
            match task.is_quiet(group) {
                Some(true) if is_sure => {}
                None if is_sure && of.begins_quiet(*writes, task) => task.pass_group(group, Stage::Alert),
                _ => {
                    seen.wake(member, (of.task, group), tasks);
                    of.show(member, index, touched);
                }
            }
        }
        seen.reached = seen.reached.max(rank as u32);
        if !seen.awake.is_empty() && stirred.last() != Some(&group) {
            stirred.push(group);
        }
    }

    /// A row that is counted is shown to everybody.
    pub(super) fn show_whole(&mut self, index: u32, group: GroupId, tasks: &mut Tasks) {
        if let Some(seen) = self.groups.get(&group) {
            let members = self.members.iter().zip(0..);
            members.for_each(|(member, place)| meet(tasks, member.task, group, seen.stage(place)));
        }
        self.whole += 1;
        self.common.push(index);
    }

    /// As [`Family::show_whole`], for a row that may do anything with those who know its group.
    pub(super) fn show_odd(&mut self, index: u32, group: GroupId, tasks: &mut Tasks) {
        self.show_whole(index, group, tasks);
        if let Some(seen) = self.groups.get_mut(&group) {
            seen.awake = (0..seen.reached).collect();
            self.stirred.push(group);
        }
    }

    /// Tell which rows each task has to take.
    pub(super) fn take_shown(&mut self, mut tell: impl FnMut(TaskNumber, Vec<u32>)) {
        let common = std::mem::take(&mut self.common);
        for number in self.touched.drain(..) {
            let member = &mut self.members[number as usize];
            let own = std::mem::take(&mut member.rows);
            if common.is_empty() {
                tell(member.task, own);
            } else {
                member.rows = own;
            }
        }
        if !common.is_empty() {
            for member in &mut self.members {
                let own = std::mem::take(&mut member.rows);
                tell(member.task, merged(own, &common));
            }
        }
    }

    /// The tasks have taken their rows: alerts that are quiet need no more of their groups.
    pub(super) fn settle(&mut self, tasks: &Tasks) {
        self.writes += 1;
        self.stirred.sort_unstable();
        self.stirred.dedup();
        for group in self.stirred.drain(..) {
            if let Some(seen) = self.groups.get_mut(&group) {
                seen.awake.retain(|&member| {
                    let task = tasks.get(&self.members[member as usize].task);
                    task.is_some_and(|task| task.is_quiet(group) != Some(true))
                });
                seen.awake.shrink_to_fit();
            }
        }
    }

    /// What each task has not been shown since the last time, of so many rows of the measurement; whether `from` lets all
    /// of them through.
    pub(super) fn take_counts(&mut self, rows: u64, all: bool, mut tell: impl FnMut(TaskNumber, PassedOver)) {
        let counted = self.counted(rows, all);
        let mut passing: u64 = self.passes.iter().sum();
        for (member, pass) in self.members.iter_mut().zip(&self.passes) {
            // A row passes the limits of the first so many members.
            passing -= pass;
            member.tell(PassedOver { alert: passing, ..counted }, &mut tell);
        }
    }

    /// The same for one task.
    pub(super) fn take_counts_of(
        &mut self,
        task: TaskNumber,
        (rows, all): (u64, bool),
        tell: impl FnMut(TaskNumber, PassedOver),
    ) {
        let counted = self.counted(rows, all);
        let Some(&place) = self.places.get(&task).filter(|_| self.is_ready) else { return };
        let passing = self.passes[place as usize + 1..].iter().sum();
        self.members[place as usize].tell(PassedOver { alert: passing, ..counted }, tell);
    }

    /// Rows that not everybody was shown. If `from` lets all through, those that were not passed on to here are stopped
    /// by `where`.
    fn counted(&self, rows: u64, all: bool) -> PassedOver {
        let rows = rows - self.since - self.whole;
        PassedOver { rows, from: if all { rows } else { self.through }, alert: 0 }
    }
}

impl Member {
    /// Whether its alert would begin quiet in a group. That does not change while rows are sorted out.
    fn begins_quiet(&mut self, write: u64, task: &Task) -> bool {
        match self.begins_quiet {
            Some((asked_in, quiet)) if asked_in == write => quiet,
            _ => self.begins_quiet.insert((write, task.begins_quiet())).1,
        }
    }

    #[inline]
    fn show(&mut self, number: u32, index: u32, touched: &mut Vec<u32>) {
        if self.rows.last() == Some(&index) {
            return;
        }
        if self.rows.is_empty() {
            touched.push(number);
        }
        self.rows.push(index);
        self.shown += 1;
    }

    /// Tell its task what of these rows it was neither shown nor told yet.
    #[inline]
    fn tell(&mut self, counted: PassedOver, mut tell: impl FnMut(TaskNumber, PassedOver)) {
        let all = counted.without(&PassedOver { rows: self.shown, from: self.shown, alert: self.shown });
        let new = all.without(&self.told);
        if new != PassedOver::default() {
            self.told = all;
            tell(self.task, new);
        }
    }
}

fn meet(tasks: &mut Tasks, task: TaskNumber, group: GroupId, stage: Stage) {
    if let Some(task) = tasks.get_mut(&task) {
        task.meet(group, stage);
    }
}

/// Both in order.
fn merged(mut own: Vec<u32>, common: &[u32]) -> Vec<u32> {
    own.extend_from_slice(common);
    own.sort_unstable();
    own
}

fn alarms(members: &[Member]) -> Vec<Alarm> {
    let mut faces: Vec<Face> = Vec::new();
    for limit in members.iter().flat_map(|member| &member.alert) {
        if !faces.contains(&limit.face) {
            faces.push(limit.face);
        }
    }
    let alarm = |face: Face| {
        let of_face = |(number, member): (usize, &Member)| {
            let limits = member.alert.iter().filter(move |limit| limit.face == face).copied();
            limits.map(|limit| (number as u32, limit)).collect::<Vec<_>>()
        };
        let (owners, limits): (Vec<u32>, Vec<Limit>) = members.iter().enumerate().flat_map(of_face).unzip();
        let (ladder, order) = Ladder::new(face, &limits);
        let owners: Vec<u32> = order.into_iter().map(|i| owners[i]).collect();
        let mut places = vec![u32::MAX; members.len()];
        for (place, &owner) in owners.iter().enumerate().rev() {
            places[owner as usize] = place as u32;
        }
        Alarm { ladder, members: owners, places }
    };
    faces.into_iter().map(alarm).collect()
}
