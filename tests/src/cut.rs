//! Cuts a case in two: its tasks are saved, dropped, and go on in a new engine that knows nothing but what was saved.

use std::collections::BTreeMap;

use engine::{Extent, SavedTask, Task};

/// After which data the tasks are cut, counted from 1: points and times at which a task is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cuts {
    pub first: usize,
    pub every: usize,
}

impl Cuts {
    /// Only count.
    pub const NONE: Cuts = Cuts { first: usize::MAX, every: usize::MAX };

    /// How many data come before the next cut, after so many.
    fn left(self, seen: usize) -> usize {
        if seen < self.first { self.first - seen } else { self.every - (seen - self.first) % self.every }
    }
}

/// What is known of the tasks' state: taken down now and then, as a daemon does, so that most of it is of earlier times.
pub(crate) struct Cutter {
    cuts: Cuts,
    pub(crate) seen: usize,
    saved: BTreeMap<String, SavedTask>,
}

impl Cutter {
    pub(crate) fn new(cuts: Cuts) -> Cutter {
        Cutter { cuts, seen: 0, saved: BTreeMap::new() }
    }

    /// How many data may come before something is to be done.
    pub(crate) fn left(&self) -> usize {
        let left = self.cuts.left(self.seen);
        // Halfway to a cut the state is taken down, too.
        if left > self.cuts.every / 2 && self.cuts != Cuts::NONE { left - self.cuts.every / 2 } else { left }
    }

    /// Whether it is time to cut, now that so many more data have come; `tasks` are taken down.
    pub(crate) fn count<'a>(&mut self, data: usize, tasks: impl Iterator<Item = (&'a str, &'a mut Task)>) -> bool {
        let left = self.left();
        self.seen += data;
        if data < left {
            return false;
        }
        let cut = self.cuts.left(self.seen) == self.cuts.every || self.seen == self.cuts.first;
        for (id, task) in tasks {
            self.take_down(id, task, cut);
        }
        cut
    }

    fn take_down(&mut self, id: &str, task: &mut Task, cut: bool) {
        let saved = self.saved.entry(id.to_string()).or_default();
        let extent = match (saved.is_empty(), cut) {
            (true, true) => Extent::LastWhole,
            (true, false) => Extent::Whole,
            (false, true) => Extent::LastChanges,
            (false, false) => Extent::Changes,
        };
        if let Some(snapshot) = task.snapshot(extent) {
            saved.apply(&snapshot);
        }
    }

    /// What was saved of a task: the next snapshot of it must be a whole one.
    pub(crate) fn saved(&mut self, id: &str) -> SavedTask {
        self.saved.remove(id).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_come_again_and_again() {
        let mut cutter = Cutter::new(Cuts { first: 3, every: 4 });
        let mut at = Vec::new();
        for seen in 1..12 {
            if cutter.count(1, std::iter::empty()) {
                at.push(seen);
            }
        }
        assert_eq!(at, [3, 7, 11]);
    }
}
