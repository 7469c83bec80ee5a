//! What is remembered of a group, and whether a new level makes an event.

use alert::Level;
use model::{Damaged, Save, Saved, Saver, Time};

/// Which levels make events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rules {
    /// Only changes do.
    pub(super) changes_only: bool,
    /// Nanoseconds after which a level that stays makes an event all the same; 0 for never.
    pub(super) interval: i64,
    pub(super) no_recoveries: bool,
}

/// One group: 24 bytes, since there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct History {
    /// The time of the first event since the group left OK.
    first: Time,
    /// The time of the last event.
    last: Time,
    level: Level,
    /// The level that the topics were told last.
    told: Level,
    /// Whether its state in the topics has been looked up.
    met: bool,
}

/// What comes of a new level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Silent,
    /// The time of the last event is remembered, but nobody is told.
    Unsaid,
    /// An event, with the time since the first one since OK.
    Event { duration: i64 },
}

/// A level that was just given to a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) level: Level,
    pub(super) time: Time,
    /// The group changes too often.
    pub(super) flaps: bool,
    /// It is of a batch: there a recovery is told whatever else holds.
    pub(super) batch: bool,
}

/// Before any time that a row has.
const NEVER: Time = Time::MIN;

impl Default for History {
    fn default() -> Self {
        History { first: NEVER, last: NEVER, level: Level::Ok, told: Level::Ok, met: false }
    }
}

const MET: u8 = 1;
const HAS_TIMES: u8 = 2;

impl Save for History {
    fn save(&self, out: &mut Saver<'_>) {
        let has_times = (self.first, self.last) != (NEVER, NEVER);
        self.level.save(out);
        self.told.save(out);
        out.byte(if self.met { MET } else { 0 } | if has_times { HAS_TIMES } else { 0 });
        if has_times {
            out.signed(self.last);
            out.signed(self.last.wrapping_sub(self.first));
        }
    }

    fn restore(from: &mut Saved<'_>) -> Result<History, Damaged> {
        let (level, told, flags) = (Level::restore(from)?, Level::restore(from)?, from.byte()?);
        let (mut first, mut last) = (NEVER, NEVER);
        if flags & HAS_TIMES != 0 {
            last = from.signed()?;
            first = last.wrapping_sub(from.signed()?);
        }
        Ok(History { first, last, level, told, met: flags & MET != 0 })
    }
}

impl History {
    /// It is of an earlier life of the task: the topics are asked again what they know.
    pub(super) fn forget_met(&mut self) {
        self.met = false;
    }

    #[inline]
    pub(super) fn level(&self) -> Level {
        self.level
    }

    #[inline]
    pub(super) fn is_met(&self) -> bool {
        self.met
    }

    /// Take up the level of an earlier life that the topics know; `time` is that of its last event. What is remembered
    /// stays, unless the topics were told something later, or know of nothing that is not OK.
    pub(super) fn meet(&mut self, known: Option<(Level, Time)>) {
        self.met = true;
        match known {
            Some((Level::Ok, time)) if time > self.last => *self = History { met: true, ..History::default() },
            Some((level, time)) if time > self.last => {
                *self = History { first: time, last: time, level, told: level, met: true }
            }
            None if self.told != Level::Ok => *self = History { met: true, ..History::default() },
            _ => {}
        }
    }

    /// The topics were told its level.
    pub(super) fn tell(&mut self, level: Level) {
        self.told = level;
    }

    /// There are no topics that could know anything.
    pub(super) fn meet_nobody(&mut self) {
        self.met = true;
    }

    /// Remember a level and decide whether it is told.
    #[inline]
    pub(super) fn add(&mut self, step: Step, rules: &Rules) -> Verdict {
        let Step { level, time, flaps, batch } = step;
        let before = std::mem::replace(&mut self.level, level);
        let changed = before != level;
        if level == Level::Ok && !changed {
            return Verdict::Silent;
        }
        let expired = !changed && rules.interval != 0 && time.saturating_sub(self.last) >= rules.interval;
        let held_back = flaps || (rules.changes_only && !changed && !expired);
        if held_back && !(batch && level == Level::Ok) {
            return Verdict::Silent;
        }
        self.last = time;
        if before == Level::Ok {
            self.first = time;
        }
        if rules.no_recoveries && level == Level::Ok {
            return Verdict::Unsaid;
        }
        Verdict::Event { duration: self.last.saturating_sub(self.first) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(rules: Rules, levels: &[(i64, Level)]) -> Vec<(i64, i64)> {
        let mut history = History::default();
        let mut events = Vec::new();
        for &(time, level) in levels {
            if let Verdict::Event { duration } = history.add(Step { level, time, flaps: false, batch: false }, &rules) {
                events.push((time, duration));
            }
        }
        events
    }

    const LEVELS: [(i64, Level); 8] = [
        (0, Level::Ok),
        (1, Level::Warning),
        (2, Level::Warning),
        (3, Level::Critical),
        (7, Level::Critical),
        (8, Level::Ok),
        (9, Level::Ok),
        (10, Level::Info),
    ];

    #[test]
    fn a_group_takes_24_bytes() {
        assert_eq!(size_of::<Option<History>>(), 24);
    }

    #[test]
    fn all_levels_but_ok_make_events_and_so_does_the_way_back() {
        let want = [(1, 0), (2, 1), (3, 2), (7, 6), (8, 7), (10, 0)];
        assert_eq!(played(Rules::default(), &LEVELS), want);
    }

    #[test]
    fn state_changes_only_and_its_interval() {
        let rules = Rules { changes_only: true, ..Rules::default() };
        assert_eq!(played(rules, &LEVELS), [(1, 0), (3, 2), (8, 7), (10, 0)]);
        let rules = Rules { interval: 4, ..rules };
        assert_eq!(played(rules, &LEVELS), [(1, 0), (3, 2), (7, 6), (8, 7), (10, 0)]);
    }

    #[test]
    fn no_recoveries_leaves_out_the_way_back() {
        let rules = Rules { no_recoveries: true, ..Rules::default() };
        assert_eq!(played(rules, &LEVELS), [(1, 0), (2, 1), (3, 2), (7, 6), (10, 0)]);
    }

    #[test]
    fn flapping_holds_back_all_but_the_recovery_of_a_batch() {
        let mut history = History::default();
        let step = |level, time, batch| Step { level, time, flaps: true, batch };
        assert_eq!(history.add(step(Level::Critical, 1, false), &Rules::default()), Verdict::Silent);
        assert_eq!(history.add(step(Level::Ok, 2, false), &Rules::default()), Verdict::Silent);
        history.add(step(Level::Critical, 3, false), &Rules::default());
        let recovered = history.add(step(Level::Ok, 4, true), &Rules::default());
        assert_eq!(recovered, Verdict::Event { duration: i64::MAX });
    }

    #[test]
    fn an_earlier_life_goes_on() {
        let mut history = History::default();
        history.meet(Some((Level::Critical, 5)));
        let step = Step { level: Level::Critical, time: 9, flaps: false, batch: false };
        assert_eq!(history.add(step, &Rules { changes_only: true, ..Rules::default() }), Verdict::Silent);
        assert_eq!(history.add(step, &Rules::default()), Verdict::Event { duration: 4 });
    }
}
