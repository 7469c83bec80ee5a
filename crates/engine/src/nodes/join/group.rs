//! What the parents of a join gave for one group, waiting for partners of the same time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use model::Time;

use super::Waiting;

/// How much a group may have waiting for a parent that gives nothing; then the oldest goes on without it.
const MOST_WAITING: usize = 1 << 18;

/// Partners of one time: at most one of each parent.
pub(super) struct Set {
    pub time: Time,
    pub parts: Vec<Option<Arc<Waiting>>>,
}

impl Set {
    fn is_complete(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }
}

/// One group.
pub(super) struct JoinGroup {
    /// Sets by time; of several of one time each takes its parts in the order they come.
    sets: BTreeMap<Time, VecDeque<Set>>,
    /// The time of the last thing each parent gave, if it gave any.
    heads: Vec<Option<Time>>,
    waiting: usize,
}

impl JoinGroup {
    pub(super) fn new(parents: usize) -> JoinGroup {
        JoinGroup { sets: BTreeMap::new(), heads: vec![None; parents], waiting: 0 }
    }

    /// Put something into the first set of its time that lacks a part of this parent.
    pub(super) fn add(&mut self, input: usize, waiting: Arc<Waiting>) {
        let time = waiting.time;
        self.pass(input, time);
        self.waiting += 1;
        let sets = self.sets.entry(time).or_default();
        match sets.iter_mut().find(|set| set.parts[input].is_none()) {
            Some(set) => set.parts[input] = Some(waiting),
            None => {
                let mut parts = vec![None; self.heads.len()];
                parts[input] = Some(waiting);
                sets.push_back(Set { time, parts });
            }
        }
    }

    /// A parent has come to this time.
    pub(super) fn pass(&mut self, input: usize, time: Time) {
        self.heads[input] = Some(time);
    }

    /// Hand on sets of the oldest time that are complete, and all sets of times that every parent has passed.
    pub(super) fn release(&mut self, mut give: impl FnMut(Set)) {
        while let Some((&oldest, sets)) = self.sets.iter_mut().next() {
            let passed = self.heads.iter().all(|head| head.is_some_and(|head| head > oldest));
            let forced = self.waiting > MOST_WAITING;
            while sets.front().is_some_and(|set| passed || forced || set.is_complete()) {
                let Some(set) = sets.pop_front() else { break };
                self.waiting -= set.parts.iter().flatten().count();
                give(set);
            }
            if sets.is_empty() {
                self.sets.remove(&oldest);
            }
            if !passed {
                return;
            }
        }
    }

    /// No partners will come any more.
    pub(super) fn release_all(&mut self, mut give: impl FnMut(Set)) {
        for set in std::mem::take(&mut self.sets).into_values().flatten() {
            give(set);
        }
        self.waiting = 0;
    }
}
