//! `.flapping(low, high)`: whether a group changes its level so often that its events are held back.

use alert::Level;
use model::{Damaged, Save, Saved, Saver};

/// What the lightest change weighs, and the heaviest.
const LIGHTEST: f64 = 0.8;
const HEAVIEST: f64 = 1.2;

/// How much change is too much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Thresholds {
    /// Shares of weighted changes among the remembered levels, from 0 to 1: below `low` flapping ends, above `high` it
    /// begins.
    pub(super) low: f64,
    pub(super) high: f64,
    /// How many levels are remembered; at least two.
    pub(super) history: usize,
}

/// The last levels of one group.
#[derive(Debug)]
pub(super) struct Flapping {
    levels: Box<[Level]>,
    /// Where the newest one is.
    at: usize,
    /// How many of the newest levels are the same.
    same: usize,
    flaps: bool,
}

impl Flapping {
    pub(super) fn new(thresholds: &Thresholds) -> Flapping {
        let levels = vec![Level::Ok; thresholds.history.max(2)].into_boxed_slice();
        Flapping { same: levels.len(), levels, at: 0, flaps: false }
    }

    /// Remember a level; whether the group flaps now.
    pub(super) fn add(&mut self, level: Level, thresholds: &Thresholds) -> bool {
        let length = self.levels.len();
        self.same = if self.levels[self.at] == level { (self.same + 1).min(length) } else { 1 };
        self.at = (self.at + 1) % length;
        self.levels[self.at] = level;
        let share = if self.same == length { 0.0 } else { self.share() };
        if self.flaps && share < thresholds.low {
            self.flaps = false;
        } else if !self.flaps && share > thresholds.high {
            self.flaps = true;
        }
        self.flaps
    }

    pub(super) fn save(&self, out: &mut Saver<'_>) {
        out.number(self.levels.len() as u64);
        self.levels.iter().for_each(|level| level.save(out));
        (self.at, self.same, self.flaps).save(out);
    }

    /// What was saved of a group under these thresholds.
    pub(super) fn restore(thresholds: &Thresholds, from: &mut Saved<'_>) -> Result<Flapping, Damaged> {
        let levels: Vec<Level> = Save::restore(from)?;
        let (at, same, flaps) = Save::restore(from)?;
        let flapping = Flapping { levels: levels.into(), at, same, flaps };
        let length = thresholds.history.max(2);
        let sound = flapping.levels.len() == length && flapping.at < length && flapping.same <= length;
        if sound { Ok(flapping) } else { Err(Damaged("levels are missing")) }
    }

    pub(super) fn memory(&self) -> usize {
        self.levels.len()
    }

    // Kapacitor weighs the change to the newest level least, and takes the oldest for its successor. Case:
    // alert/flapping_low_high.
    fn share(&self) -> f64 {
        let length = self.levels.len();
        let steps = (length - 1) as f64;
        let mut weight = LIGHTEST;
        let step = (HEAVIEST - LIGHTEST) / steps;
        let mut changes = 0.0;
        for i in 0..length - 1 {
            let this = (i + self.at) % length;
            let before = if this == 0 { length - 1 } else { this - 1 };
            if self.levels[this] != self.levels[before] {
                changes += weight;
            }
            weight += step;
        }
        changes / steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_flap_until_it_is_calm_again() {
        let thresholds = Thresholds { low: 0.25, high: 0.5, history: 6 };
        let mut flapping = Flapping::new(&thresholds);
        let flaps: Vec<bool> = [1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1]
            .into_iter()
            .map(|level| flapping.add(Level::ALL[level], &thresholds))
            .collect();
        assert_eq!(flaps, [false, false, true, true, true, true, true, true, true, false, false]);
    }

    #[test]
    fn what_never_changes_never_flaps() {
        let thresholds = Thresholds { low: 0.0, high: 0.0, history: 0 };
        let mut flapping = Flapping::new(&thresholds);
        assert!((0..5).all(|_| !flapping.add(Level::Ok, &thresholds)));
        assert!(flapping.add(Level::Critical, &thresholds));
    }
}
