//! When a query is asked: at a fixed distance, aligned or not, or by a cron expression.

use chrono::{DateTime, FixedOffset, Local, TimeZone, Utc};
use croner::{Cron, parser::CronParser};
use declare::Nanos;
use lambda::Zone;
use model::{Time, round, truncate};

use crate::BuildError;

/// See the module.
#[derive(Debug, Clone)]
pub(super) enum Schedule {
    Every {
        /// Nanoseconds, more than none.
        every: i64,
        /// At multiples of `every`.
        align: bool,
    },
    Cron {
        cron: Box<Cron>,
        zone: Zone,
    },
}

impl Schedule {
    /// By the properties of a query, of which one must be set.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn new(every: Nanos, align: bool, cron: &str, zone: Zone) -> Result<Schedule, BuildError> {
        match (every.0, cron.is_empty()) {
            (0, true) => Err(BuildError::new("must define one of 'every' or 'cron'")),
            (0, false) => Schedule::cron(cron, zone).map_err(BuildError::new),
            (_, false) => Err(BuildError::new("must not set both 'every' and 'cron' properties")),
            (every, true) if every < 0 => Err(BuildError::new("'every' duration must must non-negative")),
            (every, true) => Ok(Schedule::Every { every, align }),
        }
    }

    /// A cron expression of five fields, six with a year at the end, seven with seconds at the beginning as well, or a
    /// word such as `@hourly`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn cron(text: &str, zone: Zone) -> Result<Schedule, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let full = match fields.as_slice() {
            [word] if word.starts_with('@') => known_word(word)?.to_string(),
            fields => match fields.len() {
                5 => format!("0 {} *", fields.join(" ")),
                6 => format!("0 {}", fields.join(" ")),
                7 => fields.join(" "),
                found => {
                    return Err(format!(
                        "cron expression {text:?} has {found} fields, but needs minute, hour, day of month, month and \
                         day of week, and may have a year after them and seconds before all"
                    ));
                }
            },
        };
        match CronParser::new().parse(&full) {
            Ok(cron) => Ok(Schedule::Cron { cron: Box::new(cron), zone }),
            Err(why) => Err(format!("cron expression {text:?} cannot be read: {why}")),
        }
    }

    /// The first time at which a task that starts now asks.
    pub(super) fn first(&self, now: Time) -> Option<Time> {
        match self {
            Schedule::Every { every, align: true } => truncate(now, *every).checked_add(*every),
            schedule => schedule.next(now),
        }
    }

    /// The time after one at which it asked.
    pub(super) fn next(&self, after: Time) -> Option<Time> {
        match self {
            Schedule::Every { every, align } => {
                let next = after.checked_add(*every)?;
                Some(if *align { round(next, *every) } else { next })
            }
            Schedule::Cron { cron, zone } => {
                let utc = DateTime::<Utc>::from_timestamp_nanos(after);
                match zone {
                    Zone::Local => occurrence(cron, &utc.with_timezone(&Local)),
                    Zone::Fixed(seconds) => match FixedOffset::east_opt(*seconds) {
                        Some(zone) => occurrence(cron, &utc.with_timezone(&zone)),
                        None => occurrence(cron, &utc),
                    },
                    Zone::Utc => occurrence(cron, &utc),
                }
            }
        }
    }

    /// How many times to ask lie from one such time up to a later one.
    pub(super) fn count(&self, tick: Time, latest: Time) -> i64 {
        match self {
            Schedule::Every { every, .. } => latest.saturating_sub(tick) / every,
            Schedule::Cron { .. } => 0,
        }
    }

    /// The last time at which it should have asked by now, if `tick` was one.
    pub(super) fn latest(&self, tick: Time, now: Time) -> Time {
        match self {
            Schedule::Every { every, .. } if now > tick => tick + (now - tick) / every * every,
            _ => tick,
        }
    }
}

fn known_word(word: &str) -> Result<&'static str, String> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 0 1 1 * *",
        "@monthly" => "0 0 0 1 * * *",
        "@weekly" => "0 0 0 * * 0 *",
        "@daily" => "0 0 0 * * * *",
        "@hourly" => "0 0 * * * * *",
        _ => {
            return Err(format!(
                "cron expression {word:?} is unknown: words are @yearly, @annually, @monthly, @weekly, @daily, @hourly"
            ));
        }
    })
}

fn occurrence<Z: TimeZone>(cron: &Cron, after: &DateTime<Z>) -> Option<Time> {
    cron.find_next_occurrence(after, false).ok()?.timestamp_nanos_opt()
}

#[cfg(test)]
mod tests {
    use model::{parse_rfc3339, write_rfc3339};

    use super::*;

    fn ticks(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
        let mut now = parse_rfc3339(from).unwrap();
        let mut out = Vec::new();
        for _ in 0..count {
            let Some(next) = schedule.next(now) else { break };
            let mut text = String::new();
            write_rfc3339(next, &mut text);
            out.push(text);
            now = next;
        }
        out
    }

    #[test]
    fn crons_of_all_lengths() {
        for (text, want) in [
            ("*/15 * * * *", ["2019-03-04T08:15:00Z", "2019-03-04T08:30:00Z"].as_slice()),
            ("0 30 8-9 * * * *", &["2019-03-04T08:30:00Z", "2019-03-04T09:30:00Z", "2019-03-05T08:30:00Z"]),
            ("@hourly", &["2019-03-04T09:00:00Z"]),
            ("*/20 * * * * * *", &["2019-03-04T08:00:40Z", "2019-03-04T08:01:00Z"]),
            ("0 0 1 * *", &["2019-04-01T00:00:00Z"]),
            ("0 9 * * MON", &["2019-03-04T09:00:00Z", "2019-03-11T09:00:00Z"]),
            ("0 9 1 1 * 2021", &["2021-01-01T09:00:00Z"]),
            ("0 9 1 1 * 2018", &[]),
            ("0 0 13 * 5", &["2019-03-08T00:00:00Z", "2019-03-13T00:00:00Z"]),
        ] {
            let schedule = Schedule::cron(text, Zone::Utc).unwrap();
            assert_eq!(ticks(&schedule, "2019-03-04T08:00:37Z", want.len().max(1)), want, "{text}");
        }
        let zone = Schedule::cron("0 9 * * *", Zone::Fixed(3600)).unwrap();
        assert_eq!(ticks(&zone, "2019-03-04T08:00:37Z", 1), ["2019-03-05T08:00:00Z"]);
        for text in ["zz", "every monday", "", "* * * *", "61 * * * *", "* * * * * * * *", "@sometimes"] {
            assert!(Schedule::cron(text, Zone::Utc).is_err(), "{text}");
        }
    }

    #[test]
    fn distances_with_and_without_alignment() {
        let plain = Schedule::Every { every: 60_000_000_000, align: false };
        assert_eq!(ticks(&plain, "2019-03-04T08:00:37Z", 2), ["2019-03-04T08:01:37Z", "2019-03-04T08:02:37Z"]);
        let aligned = Schedule::Every { every: 60_000_000_000, align: true };
        assert_eq!(ticks(&aligned, "2019-03-04T08:00:37Z", 2), ["2019-03-04T08:02:00Z", "2019-03-04T08:03:00Z"]);
        let now = parse_rfc3339("2019-03-04T08:00:37Z").unwrap();
        assert_eq!(aligned.first(now), parse_rfc3339("2019-03-04T08:01:00Z"));
        let late = plain.latest(now, now + 150_000_000_000);
        assert_eq!((late, plain.count(now, late)), (now + 120_000_000_000, 2));
    }
}
