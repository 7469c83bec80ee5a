//! When a silence holds back: once, or in windows that come again.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::{Cron, parser::CronParser};

use super::{Recurring, SilenceError, SilenceSpec, SilenceState};

/// The times of a silence. All times are nanoseconds since 1970.
#[derive(Debug)]
pub(super) struct Window {
    start: i64,
    end: i64,
    again: Option<Again>,
}

#[derive(Debug)]
struct Again {
    cron: Box<Cron>,
    zone: Tz,
    duration: i64,
    /// What was found last: whether a window is open, and from when until when that is so.
    known: Mutex<Known>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    open: bool,
    from: i64,
    until: i64,
}

impl Window {
    pub(super) fn new(spec: &SilenceSpec) -> Result<Window, SilenceError> {
        let end = spec.end.unwrap_or(i64::MAX);
        if end <= spec.start {
            return Err(SilenceError::Backwards);
        }
        Ok(Window { start: spec.start, end, again: spec.recurring.as_ref().map(Again::new).transpose()? })
    }

    pub(super) fn holds(&self, now: i64) -> bool {
        (self.start..self.end).contains(&now) && self.again.as_ref().is_none_or(|again| again.at(now).open)
    }

    pub(super) fn state(&self, now: i64) -> SilenceState {
        if now >= self.end {
            SilenceState::Expired
        } else if self.holds(now) {
            SilenceState::Active
        } else {
            SilenceState::Pending
        }
    }

    /// When it holds back no more, if it does now.
    pub(super) fn end_of_current(&self, now: i64) -> Option<i64> {
        if !self.holds(now) {
            return None;
        }
        let until = self.again.as_ref().map_or(self.end, |again| again.at(now).until.min(self.end));
        (until < i64::MAX).then_some(until)
    }
}

impl Again {
    fn new(recurring: &Recurring) -> Result<Again, SilenceError> {
        let Recurring { cron: text, duration, zone } = recurring;
        let name = if zone.is_empty() { "UTC" } else { zone };
        let zone = name.parse::<Tz>().map_err(|_| SilenceError::Zone(zone.clone()))?;
        if *duration <= 0 {
            return Err(SilenceError::NoDuration);
        }
        let wrong = |why: String| SilenceError::Cron { text: text.clone(), why };
        if text.split_whitespace().count() != 5 {
            return Err(wrong("expected minute, hour, day of month, month and day of week".to_string()));
        }
        let cron = CronParser::new().parse(text).map_err(|why| wrong(why.to_string()))?;
        Ok(Again { cron: Box::new(cron), zone, duration: *duration, known: Mutex::default() })
    }

    /// Whether a window is open, and until when that stays so.
    fn at(&self, now: i64) -> Known {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !(known.from..known.until).contains(&now) {
            *known = self.look(now);
        }
        *known
    }

    fn look(&self, now: i64) -> Known {
        // The first beginning of those whose window could still be open.
        let earliest = now.saturating_sub(self.duration);
        match self.next(earliest) {
            Some(begin) if begin <= now => Known { open: true, from: begin, until: self.last_end(begin) },
            Some(begin) => Known { open: false, from: now, until: begin },
            None => Known { open: false, from: now, until: i64::MAX },
        }
    }

    /// The end of a window, or of those that begin before it has ended.
    fn last_end(&self, begin: i64) -> i64 {
        const MOST: usize = 1000;
        let mut end = begin.saturating_add(self.duration);
        let mut from = begin;
        for _ in 0..MOST {
            match self.next(from) {
                Some(next) if next <= end => (from, end) = (next, next.saturating_add(self.duration)),
                _ => break,
            }
        }
        end
    }

    /// The next beginning after a time.
    fn next(&self, after: i64) -> Option<i64> {
        let after = DateTime::<Utc>::from_timestamp_nanos(after).with_timezone(&self.zone);
        self.cron.find_next_occurrence(&after, false).ok()?.timestamp_nanos_opt()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn time(month: u32, day: u32, hour: u32, minute: u32) -> i64 {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let time = berlin.with_ymd_and_hms(2026, month, day, hour, minute, 0).unwrap();
        time.timestamp_nanos_opt().unwrap()
    }

    fn window(cron: &str, duration: i64) -> Result<Window, SilenceError> {
        let recurring = Recurring { cron: cron.into(), duration, zone: "Europe/Berlin".into() };
        Window::new(&SilenceSpec { recurring: Some(recurring), start: time(1, 1, 0, 0), ..SilenceSpec::default() })
    }

    #[test]
    fn windows_come_again_by_the_clock_on_the_wall() {
        // Sundays from two to four.
        let window = window("0 2 * * 0", 2 * HOUR).unwrap();
        for (day, hour, minute, open) in
            [(4, 1, 59, false), (4, 2, 0, true), (4, 3, 59, true), (4, 4, 0, false), (5, 3, 0, false)]
        {
            assert_eq!(window.holds(time(1, day, hour, minute)), open, "{day}. {hour}:{minute}");
        }
        // Also in summer, and back in time.
        assert!(window.holds(time(7, 5, 2, 30)) && !window.holds(time(7, 5, 4, 30)) && window.holds(time(1, 4, 3, 0)));
        assert_eq!(window.end_of_current(time(7, 5, 2, 30)), Some(time(7, 5, 4, 0)));
        assert_eq!(window.state(time(7, 6, 0, 0)), SilenceState::Pending);
    }

    #[test]
    fn windows_that_meet_are_one() {
        let window = window("0 * * * *", 2 * HOUR).unwrap();
        assert!(window.end_of_current(time(3, 1, 5, 0)).is_some_and(|end| end > time(3, 20, 0, 0)));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(matches!(window("0 2 * *", HOUR), Err(SilenceError::Cron { .. })));
        assert!(matches!(window("0 99 * * *", HOUR), Err(SilenceError::Cron { .. })));
        assert_eq!(window("0 2 * * *", 0).unwrap_err(), SilenceError::NoDuration);
        let nowhere = Recurring { cron: "0 2 * * *".into(), duration: 1, zone: "Nowhere".into() };
        assert_eq!(Again::new(&nowhere).unwrap_err(), SilenceError::Zone("Nowhere".into()));
    }
}
