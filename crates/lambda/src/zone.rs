//! The time zone in which `hour`, `day` and the like read a time.

use chrono::{DateTime, Datelike, FixedOffset, Local, Timelike, Utc};
use model::Time;

/// The daemon's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zone {
    #[default]
    Utc,
    /// The one of the process: the variable TZ, or the machine's setting.
    Local,
    /// Seconds east of Greenwich.
    Fixed(i32),
}

/// A part of a time as a calendar and a clock on the wall show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Minute,
    Hour,
    Weekday,
    Day,
    Month,
    Year,
}

impl Zone {
    pub(crate) fn part(&self, time: Time, part: Part) -> i64 {
        let utc = DateTime::<Utc>::from_timestamp_nanos(time);
        match self {
            Zone::Utc => part_of(&utc, part),
            Zone::Local => part_of(&utc.with_timezone(&Local), part),
            Zone::Fixed(seconds) => match FixedOffset::east_opt(*seconds) {
                Some(offset) => part_of(&utc.with_timezone(&offset), part),
                None => part_of(&utc, part),
            },
        }
    }
}

fn part_of(time: &(impl Datelike + Timelike), part: Part) -> i64 {
    match part {
        Part::Minute => time.minute().into(),
        Part::Hour => time.hour().into(),
        Part::Weekday => time.weekday().num_days_from_sunday().into(),
        Part::Day => time.day().into(),
        Part::Month => time.month().into(),
        Part::Year => time.year().into(),
    }
}
