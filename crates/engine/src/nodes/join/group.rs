//! What the parents of a join gave for one group, waiting for partners of the same time.

use std::collections::VecDeque;

use model::{Damaged, GroupId, Name, Save, Saved, Saver, SeriesId, Time, save_fields};

use super::{Waiting, patience::Census};

/// How much a group may have waiting for a parent that gives nothing; then the oldest goes on without it.
const MOST_WAITING: usize = 1 << 18;

/// Partners of one time: at most one of each parent.
pub(super) struct Set {
    pub time: Time,
    /// When its first part came, by the task's clock.
    since: Time,
    pub parts: Vec<Option<Waiting>>,
}

impl Set {
    fn is_complete(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }
}

save_fields!(Set { time, since, parts });

/// One group.
pub(super) struct JoinGroup {
    /// By time; of several of one time each takes its parts in the order they come.
    sets: VecDeque<Set>,
    /// The time of the last thing each parent gave, if it gave any.
    heads: Vec<Option<Time>>,
    /// How the last result was called: its name, group and series.
    pub(super) called: Option<(Name, GroupId, SeriesId)>,
    /// Room for parts, used again.
    spare: Vec<Vec<Option<Waiting>>>,
}

impl Save for JoinGroup {
    fn save(&self, out: &mut Saver<'_>) {
        self.sets.save(out);
        self.heads.save(out);
        self.called.save(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<JoinGroup, Damaged> {
        let (sets, heads, called) = Save::restore(from)?;
        Ok(JoinGroup { sets, heads, called, spare: Vec::new() })
    }

    fn owned(&self) -> usize {
        self.sets.owned() + self.heads.owned() + self.spare.capacity() * size_of::<Vec<Option<Waiting>>>()
    }
}

impl JoinGroup {
    /// This, if it is of so many parents.
    pub(super) fn of(self, parents: usize) -> Result<JoinGroup, Damaged> {
        let sound = self.heads.len() == parents
            && self.sets.iter().all(|set| set.parts.len() == parents && set.parts.iter().any(Option::is_some))
            && self.sets.iter().is_sorted_by_key(|set| set.time);
        if sound { Ok(self) } else { Err(Damaged("what waits does not fit together")) }
    }

    pub(super) fn new(parents: usize) -> JoinGroup {
        JoinGroup { sets: VecDeque::new(), heads: vec![None; parents], called: None, spare: Vec::new() }
    }

    /// Put something into the first set of its time that lacks a part of this parent.
    pub(super) fn add(&mut self, input: usize, waiting: Waiting) {
        let time = waiting.time;
        self.pass(input, time);
        let first = self.sets.partition_point(|set| set.time < time);
        let end = self.sets.partition_point(|set| set.time <= time);
        if let Some(set) = self.sets.range_mut(first..end).find(|set| set.parts[input].is_none()) {
            set.since = set.since.min(waiting.since);
            set.parts[input] = Some(waiting);
            return;
        }
        let mut parts = self.spare.pop().unwrap_or_default();
        parts.resize_with(self.heads.len(), || None);
        let since = waiting.since;
        parts[input] = Some(waiting);
        self.sets.insert(end, Set { time, since, parts });
    }

    /// A parent has come to this time.
    pub(super) fn pass(&mut self, input: usize, time: Time) {
        self.heads[input] = Some(time);
    }

    /// The next set that is complete, or whose time every parent has passed. `None` ends a round: what follows is for
    /// the next one, as Kapacitor has it.
    pub(super) fn next(&mut self, round: &mut Round) -> Option<Set> {
        let first = self.sets.front()?;
        if round.time != Some(first.time) {
            if round.time.is_some() && !round.passed {
                return None;
            }
            let passed = self.heads.iter().all(|head| head.is_some_and(|head| head > first.time));
            *round = Round { time: Some(first.time), passed };
        }
        let goes = round.passed || first.is_complete() || self.sets.len() > MOST_WAITING;
        if goes { self.sets.pop_front() } else { None }
    }

    /// The next set though it lacks parts, if it came before this.
    pub(super) fn next_since_before(&mut self, limit: Time) -> Option<Set> {
        if self.has_since_before(limit) { self.sets.pop_front() } else { None }
    }

    pub(super) fn has_since_before(&self, limit: Time) -> bool {
        self.sets.front().is_some_and(|set| set.since <= limit)
    }

    /// Count what waits for each parent.
    pub(super) fn count(&self, census: &mut Census) {
        for set in &self.sets {
            for (parent, _) in set.parts.iter().enumerate().filter(|(_, part)| part.is_none()) {
                census.count(parent, set.since);
            }
        }
    }

    /// The next set though no partners will come any more.
    pub(super) fn next_left(&mut self) -> Option<Set> {
        self.sets.pop_front()
    }

    /// A set is done with.
    pub(super) fn recycle(&mut self, mut set: Set) {
        const MOST_SPARE: usize = 4;
        if self.spare.len() < MOST_SPARE {
            set.parts.clear();
            self.spare.push(set.parts);
        }
    }
}

/// How far handing on has come: the time at hand, and whether all parents have passed it.
#[derive(Default)]
pub(super) struct Round {
    time: Option<Time>,
    passed: bool,
}
