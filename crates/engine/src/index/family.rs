//! Tasks that begin alike but for their numbers: which of them a point concerns, and what the others count of it.

use std::{collections::HashMap, ops::Range};

use model::{FastMap, GroupId, Row, Schema, Words};

use super::{
    gate::{Face, Gate, Limit},
    ladder::Ladder,
};
use crate::workers::TaskNumber;

type Groups = FastMap<GroupId, Seen>;

/// Whether the alert of a task is quiet in a group, or would begin so: then only rows concern it of which one of its
/// conditions is true.
pub(super) trait IsQuiet: Fn(TaskNumber, GroupId) -> bool {}

impl<F: Fn(TaskNumber, GroupId) -> bool> IsQuiet for F {}

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
    /// Groups that members' alerts came to know in the write at hand.
    met: Vec<(GroupId, Range<u32>)>,
    /// Groups that are not quiet, or were not.
    stirred: Vec<GroupId>,
    /// Rows of the write at hand that everybody has to take.
    common: Vec<u32>,
    /// Members that have rows of their own to take.
    touched: Vec<u32>,
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

/// A group that members have seen.
#[derive(Default)]
struct Seen {
    /// The alerts of so many members know the group.
    reached: u32,
    /// Those of them whose alert has to be shown all that passes, sorted.
    awake: Vec<u32>,
}

impl Family {
    pub(super) fn add(&mut self, task: TaskNumber, gate: &Gate) {
        self.is_ready = false;
        let (limit, alert) = (gate.limit, gate.alert.clone());
        self.places.insert(task, self.members.len() as u32);
        self.members.push(Member { task, limit, alert, rows: Vec::new(), shown: 0, told: PassedOver::default() });
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

    /// Sort the members, if some came or went. What is known of groups is forgotten: they are shown to all again. So are
    /// the counts, up to so many rows of the measurement.
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

    /// Take a row that `from` lets through. Which alerts are, or would begin, quiet in a group is asked.
    #[inline]
    pub(super) fn pass(&mut self, index: u32, row: &Row, group: GroupId, data: Data<'_>, is_quiet: &impl IsQuiet) {
        let Data { schema, words, stops } = data;
        let rank = match &mut self.ladder {
            _ if stops => Some(0),
            Some(ladder) => ladder.rank(schema, words, row),
            None => Some(self.members.len()),
        };
        // An error of the row, which is each task's to tell.
        let Some(rank) = rank else {
            self.groups.entry(group).or_default();
            return self.show_whole(index);
        };
        let Some(seen) = self.groups.get(&group) else {
            self.groups.insert(group, Seen::default());
            self.show_whole(index);
            return self.stir(None, row, (group, rank), data, is_quiet);
        };
        self.through += 1;
        self.passes[rank] += 1;
        let is_loud = self.alarms.iter_mut().any(|alarm| alarm.ladder.rank(schema, words, row) != Some(0));
        if rank > seen.reached as usize || !seen.awake.is_empty() || (is_loud && rank > 0) {
            self.stir(Some(index), row, (group, rank), data, is_quiet);
        }
    }

    /// Show a row to those whose alert it concerns, and see who has to be shown more of its group. Without an index it is
    /// shown already.
    fn stir(
        &mut self,
        index: Option<u32>,
        row: &Row,
        (group, rank): (GroupId, usize),
        Data { schema, words, .. }: Data<'_>,
        is_quiet: &impl IsQuiet,
    ) {
        let Family { members, touched, groups, alarms, met, stirred, .. } = self;
        let Some(seen) = groups.get_mut(&group) else { return };
        let mut show = |member: u32| {
            let task = &mut members[member as usize];
            if let Some(index) = index {
                task.show(member, index, touched);
            }
            task.task
        };
        for &member in seen.awake.iter().take_while(|member| (**member as usize) < rank) {
            show(member);
        }
        if rank > seen.reached as usize {
            for member in seen.reached..rank as u32 {
                if !is_quiet(show(member), group) {
                    seen.awake.push(member);
                }
            }
            met.push((group, seen.reached..rank as u32));
            seen.reached = rank as u32;
        }
        for alarm in alarms {
            let first = alarm.ladder.rank(schema, words, row).unwrap_or(alarm.members.len());
            let mut wake = |member: u32| {
                show(member);
                if let Err(place) = seen.awake.binary_search(&member) {
                    seen.awake.insert(place, member);
                }
            };
            if first <= rank {
                alarm.members[..first].iter().filter(|member| (**member as usize) < rank).for_each(|m| wake(*m));
            } else {
                (0..rank as u32).filter(|&m| (alarm.places[m as usize] as usize) < first).for_each(wake);
            }
        }
        if !seen.awake.is_empty() && stirred.last() != Some(&group) {
            stirred.push(group);
        }
    }

    /// A row that is counted is shown to everybody.
    pub(super) fn show_whole(&mut self, index: u32) {
        self.whole += 1;
        self.common.push(index);
    }

    /// As [`Family::show_whole`], for a row that may do anything with those who know its group.
    pub(super) fn show_odd(&mut self, index: u32, group: GroupId) {
        self.show_whole(index);
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
    pub(super) fn settle(&mut self, is_quiet: &impl IsQuiet) {
        for (group, members) in self.met.drain(..) {
            let Some(seen) = self.groups.get_mut(&group) else { continue };
            for member in members.filter(|&member| !is_quiet(self.members[member as usize].task, group)) {
                if let Err(place) = seen.awake.binary_search(&member) {
                    seen.awake.insert(place, member);
                }
            }
        }
        self.stirred.sort_unstable();
        self.stirred.dedup();
        for group in self.stirred.drain(..) {
            if let Some(seen) = self.groups.get_mut(&group) {
                seen.awake.retain(|&member| !is_quiet(self.members[member as usize].task, group));
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
