//! Letters that wait because a node can take no more, such as one whose function reads slowly.

use std::collections::{BTreeMap, VecDeque};

use super::{Letter, Task};
use crate::{Answer, UdfNews, workers::Held};

/// See the module. What waits is held with its share of the writers' memory, so writers wait, too, in the end.
#[derive(Default)]
pub(super) struct Waiting {
    /// By the node that takes them.
    letters: BTreeMap<usize, VecDeque<(Letter, Held)>>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// All that waits.
    pub(super) fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.letters.values().flatten().map(|(letter, _)| letter)
    }

    fn has(&self, node: usize) -> bool {
        self.letters.contains_key(&node)
    }

    fn put(&mut self, node: usize, letter: Letter, held: Held) {
        self.letters.entry(node).or_default().push_back((letter, held));
    }

    /// The next letter for a node that is at or behind this one: the last nodes go first, they make room for the others.
    pub(super) fn next(&mut self, full: Option<usize>) -> Option<(Letter, Held)> {
        let mut entry = self.letters.last_entry()?;
        if full.is_some_and(|full| *entry.key() < full) {
            return None;
        }
        let letter = entry.get_mut().pop_front();
        if entry.get().is_empty() {
            entry.remove();
        }
        letter
    }
}

impl Task {
    /// Take one letter, or let it wait until there is room for what follows from it.
    pub(crate) fn take(&mut self, letter: Letter, held: Held) {
        match self.must_wait(&letter) {
            Some(node) => {
                self.waiting.put(node, letter, held);
                // What it remembers lags behind what it was sent.
                self.footprint.touch(true);
            }
            None => {
                self.act(letter);
                drop(held);
            }
        }
        while let Some((letter, held)) = self.waiting.next(self.full) {
            self.act(letter);
            drop(held);
        }
    }

    /// The node that a letter is for, if it has to wait. What a node gives goes to nodes behind it, so it waits as long as
    /// any of them is full; and letters of one node keep their order.
    fn must_wait(&self, letter: &Letter) -> Option<usize> {
        let node = match letter {
            Letter::Write(..) | Letter::Wake(_) => 0,
            Letter::Reply { reply, .. } if matches!(reply.answer, Answer::Udf(UdfNews::Room)) => return None,
            Letter::Reply { node, .. } => *node,
            Letter::Start
            | Letter::Show { .. }
            | Letter::Measure
            | Letter::Shed(_)
            | Letter::Fail(_)
            | Letter::Snapshot { .. }
            | Letter::Suspend
            | Letter::Finish => return None,
        };
        let blocked = self.full.is_some_and(|full| node < full) || self.waiting.has(node);
        blocked.then_some(node)
    }

    /// The number of the last write that its state has, if all up to `delivered` were sent to it.
    pub(crate) fn cover(&mut self, delivered: u64) -> u64 {
        // Those that were sent and have no effect are as good as taken; those that wait are not.
        if !self.waiting.has(0) {
            self.covered = self.covered.max(delivered);
        }
        self.covered
    }

    /// Writes up to this number are part of the state that it was restored with, so they are passed over.
    pub fn set_covered(&mut self, number: u64) {
        self.covered = number;
    }

    /// See [`Task::set_covered`].
    pub fn covered(&self) -> u64 {
        self.covered
    }

    /// Some node can take no more: data wait.
    pub fn is_full(&self) -> bool {
        self.full.is_some()
    }
}
