//! Points in time as templates see them: calendar parts, arithmetic and zones.
mod layout;
mod zone;

use chrono::{Datelike, Offset, TimeZone};

use crate::value::Value;

const SECOND: i128 = 1_000_000_000;
/// Seconds from the first instant of the year 1, where Go's time begins, to 1970.
pub(crate) const YEAR_ONE: i64 = -62_135_596_800;

/// The zone in which a time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Coordinated universal time.
    Utc,
    /// The zone of the machine.
    Local,
}

/// A time in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
    /// Where it is shown.
    pub zone: Zone,
}

/// The calendar parts of a time in its zone.
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) weekday: u8,
    pub(crate) year_day: u16,
    /// Seconds east of UTC.
    pub(crate) offset: i32,
}

impl Moment {
    /// A time in UTC from nanoseconds since 1970. The smallest of all stands for none, which is Go's zero time.
    pub fn utc(nanoseconds: i64) -> Self {
        if nanoseconds == i64::MIN {
            return Self::ZERO;
        }
        Self::from_total(i128::from(nanoseconds), Zone::Utc)
    }

    /// From nanoseconds since 1970; beyond the representable it stays at the border.
    pub(crate) fn from_total(nanoseconds: i128, zone: Zone) -> Self {
        // Far beyond any calendar, and far enough from the borders that no later step overflows.
        const BORDER: i128 = (i64::MAX / 8) as i128;
        let seconds = nanoseconds.div_euclid(SECOND).clamp(-BORDER, BORDER) as i64;
        Self { seconds, nanos: nanoseconds.rem_euclid(SECOND) as u32, zone }
    }

    /// Nanoseconds since 1970.
    pub(crate) fn total(self) -> i128 {
        i128::from(self.seconds) * SECOND + i128::from(self.nanos)
    }

    pub(crate) fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// As a value of a template.
    pub(crate) fn into_value(self) -> Value {
        match (self.zone, i64::try_from(self.total())) {
            (Zone::Utc, Ok(nanoseconds)) => Value::Time(nanoseconds),
            _ => Value::Moment(self),
        }
    }

    pub(crate) fn civil(self) -> Civil {
        let offset = self.offset();
        let local = self.seconds + i64::from(offset);
        let (days, second_of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
            year_day: (days - days_from_civil(year, 1, 1) + 1) as u16,
            offset,
        }
    }

    fn offset(self) -> i32 {
        match self.zone {
            Zone::Utc => 0,
            Zone::Local => match chrono::Local.timestamp_opt(self.seconds, 0) {
                chrono::LocalResult::Single(time) if time.year() > -10_000 => time.offset().fix().local_minus_utc(),
                _ => 0,
            },
        }
    }

    /// Whether summer time holds.
    pub(crate) fn is_summer(self) -> bool {
        self.zone == Zone::Local && zone::local_time(self.seconds, self.offset()).is_some_and(|time| time.is_summer)
    }

    /// Later by these nanoseconds.
    pub(crate) fn plus(self, nanoseconds: i64) -> Self {
        Self::from_total(self.total() + i128::from(nanoseconds), self.zone)
    }

    /// Nanoseconds since another time, at most what fits.
    pub(crate) fn since(self, earlier: Self) -> i64 {
        (self.total() - earlier.total()).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// The same time of day, years, months and days later; days beyond a month run over into the next.
    pub(crate) fn plus_date(self, years: i64, months: i64, days: i64) -> Self {
        const FAR: i64 = 1 << 31;
        let (years, months, days) = (years.clamp(-FAR, FAR), months.clamp(-FAR, FAR), days.clamp(-FAR, FAR));
        let now = self.civil();
        let month = i64::from(now.month) - 1 + months;
        let first = days_from_civil(now.year + years + month.div_euclid(12), month.rem_euclid(12) as u8 + 1, 1);
        let day = first + i64::from(now.day) - 1 + days;
        let second_of_day = (self.seconds + i64::from(now.offset)).rem_euclid(86_400);
        let local = day.saturating_mul(86_400).saturating_add(second_of_day).clamp(-(1 << 60), 1 << 60);
        let guess = Self { seconds: local - i64::from(now.offset), ..self };
        // The new date may lie in another offset, as across the change to summer time.
        Self { seconds: local - i64::from(guess.offset()), ..self }
    }

    /// Down to a multiple of the unit, counted from the year 1.
    pub(crate) fn truncated(self, unit: i64) -> Self {
        if unit <= 0 {
            return self;
        }
        Self::from_total(self.total() - self.remainder(unit), self.zone)
    }

    /// To the nearest multiple of the unit, up from the middle.
    pub(crate) fn rounded(self, unit: i64) -> Self {
        if unit <= 0 {
            return self;
        }
        let (rest, unit) = (self.remainder(unit), i128::from(unit));
        let change = if rest + rest < unit { -rest } else { unit - rest };
        Self::from_total(self.total() + change, self.zone)
    }

    fn remainder(self, unit: i64) -> i128 {
        (self.total() - i128::from(YEAR_ONE) * SECOND).rem_euclid(i128::from(unit))
    }

    /// Appends the time in Go's reference layout (`2006-01-02T15:04:05Z07:00`).
    pub(crate) fn format(self, layout: &str, out: &mut String) {
        layout::write(self, layout, out);
    }

    /// Appends the time as `%v` prints it.
    pub(crate) fn write_string(self, out: &mut String) {
        if self.zone == Zone::Utc && layout::write_common(self, ' ', out) {
            out.push_str(" +0000 UTC");
        } else {
            self.format("2006-01-02 15:04:05.999999999 -0700 MST", out);
        }
    }

    /// Appends the time as JSON has it, without quotes.
    pub(crate) fn write_rfc3339(self, out: &mut String) {
        if self.zone == Zone::Utc && layout::write_common(self, 'T', out) {
            out.push('Z');
        } else {
            self.format("2006-01-02T15:04:05.999999999Z07:00", out);
        }
    }
}

impl Zone {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            Self::Local => "Local",
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar at all times.
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    // Years begin in March here, so that the leap day comes last, in cycles of 400 years.
    let shifted = days + 719_468;
    let (cycle, day_of_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    (year, month as u8, day as u8)
}

/// The day counted from 1970-01-01.
fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, year_of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted_month = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * 146_097 + day_of_cycle - 719_468
}

pub(crate) use layout::{month_name, weekday_name};

#[cfg(test)]
mod tests {
    use super::{Moment, Zone, days_from_civil};

    #[test]
    fn days_and_dates_agree() {
        for days in (-800_000..800_000).step_by(37) {
            let time = Moment { seconds: days * 86_400, nanos: 0, zone: Zone::Utc };
            let civil = time.civil();
            assert_eq!(days_from_civil(civil.year, civil.month, civil.day), days);
        }
    }

    #[test]
    fn arithmetic_never_overflows() {
        let time = Moment::utc(i64::MAX).plus_date(i64::MAX, i64::MAX, i64::MAX).plus(i64::MAX);
        let time = time.plus_date(i64::MAX, 0, 0).truncated(i64::MAX).rounded(1);
        let mut out = String::new();
        time.write_string(&mut out);
        assert!(!out.is_empty());
    }
}
