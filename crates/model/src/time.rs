//! Nanoseconds since 1970, and their texts as RFC 3339.

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type Time = i64;

const DAY: i64 = 86_400;

/// Go's `time.Truncate`: down to a multiple of `unit`, counted from the year 1.
pub fn truncate(time: Time, unit: i64) -> Time {
    if unit <= 0 {
        return time;
    }
    // Seconds from 0001-01-01 to 1970-01-01.
    const ZERO: i128 = 62_135_596_800 * 1_000_000_000;
    let since = i128::from(time) + ZERO;
    (since - since.rem_euclid(i128::from(unit)) - ZERO) as Time
}

/// Go's `time.Round`: to the nearest multiple of `unit`, counted from the year 1, halves up.
pub fn round(time: Time, unit: i64) -> Time {
    let down = truncate(time, unit);
    let rest = time - down;
    if unit <= 0 || rest < unit - rest { down } else { down.saturating_add(unit) }
}

/// Write as RFC 3339 in UTC with as many digits of a second as needed, like Go's `RFC3339Nano`. The smallest of all times
/// stands for none, which Go shows as the first moment of the year 1.
pub fn write_rfc3339(time: Time, out: &mut String) {
    if time == Time::MIN {
        out.push_str("0001-01-01T00:00:00Z");
        return;
    }
    let seconds = time.div_euclid(1_000_000_000);
    let nanos = time.rem_euclid(1_000_000_000) as u32;
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let rest = seconds.rem_euclid(DAY) as u32;
    // Years of 64 bits of nanoseconds have four digits.
    let mut text = *b"0000-00-00T00:00:00.000000000";
    let mut digits = |from: usize, to: usize, mut value: u32| {
        for place in text[from..to].iter_mut().rev() {
            *place = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    digits(0, 4, year as u32);
    digits(5, 7, month);
    digits(8, 10, day);
    digits(11, 13, rest / 3600);
    digits(14, 16, rest / 60 % 60);
    digits(17, 19, rest % 60);
    let mut end = 19;
    if nanos > 0 {
        digits(20, 29, nanos);
        end = 29 - text.iter().rev().take_while(|&&digit| digit == b'0').count();
    }
    out.push_str(std::str::from_utf8(&text[..end]).unwrap_or_default());
    out.push('Z');
}

/// Write a duration as Go does: `1h30m0s`, `1.5s`, `20ms`.
pub fn write_go_duration(nanos: i64, out: &mut String) {
    use std::fmt::Write;
    if nanos < 0 {
        out.push('-');
    }
    let size = nanos.unsigned_abs();
    let fraction = |out: &mut String, whole: u64, part: u64, digits: usize, unit: &str| {
        let _ = write!(out, "{whole}");
        if part > 0 {
            let text = format!("{part:0digits$}");
            let _ = write!(out, ".{}", text.trim_end_matches('0'));
        }
        out.push_str(unit);
    };
    match size {
        0 => out.push_str("0s"),
        1..1_000 => fraction(out, size, 0, 0, "ns"),
        1_000..1_000_000 => fraction(out, size / 1_000, size % 1_000, 3, "µs"),
        1_000_000..1_000_000_000 => fraction(out, size / 1_000_000, size % 1_000_000, 6, "ms"),
        _ => {
            let seconds = size / 1_000_000_000;
            if seconds >= 3600 {
                let _ = write!(out, "{}h", seconds / 3600);
            }
            if seconds >= 60 {
                let _ = write!(out, "{}m", seconds / 60 % 60);
            }
            fraction(out, seconds % 60, size % 1_000_000_000, 9, "s");
        }
    }
}

/// Days since 1970 to year, month, day (the algorithm of Howard Hinnant's `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Read an RFC 3339 text; nothing if it is not one, or outside of what nanoseconds can hold.
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    let b = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = b.get(from..to)?;
        part.iter().try_fold(0i64, |sum, d| d.is_ascii_digit().then(|| sum * 10 + i64::from(d - b'0')))
    };
    let at = |i: usize, c: u8| b.get(i) == Some(&c);
    if !(at(4, b'-') && at(7, b'-') && (at(10, b'T') || at(10, b't')) && at(13, b':') && at(16, b':')) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut i = 19;
    let mut nanos = 0i64;
    if at(i, b'.') {
        let from = i + 1;
        i = from;
        while b.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        if i == from {
            return None;
        }
        for k in 0..9 {
            nanos = nanos * 10 + if from + k < i { i64::from(b[from + k] - b'0') } else { 0 };
        }
    }
    let offset = match b.get(i)? {
        b'Z' | b'z' if b.len() == i + 1 => 0,
        sign @ (b'+' | b'-') if b.len() == i + 6 && at(i + 3, b':') => {
            let offset = number(i + 1, i + 3)? * 3600 + number(i + 4, i + 6)? * 60;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month as u32, day as u32) * DAY + hour * 3600 + minute * 60 + second - offset;
    // The first second that nanoseconds reach into is not wholly theirs.
    i64::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanos)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(time: Time) -> String {
        let mut out = String::new();
        write_rfc3339(time, &mut out);
        out
    }

    #[test]
    fn texts_go_there_and_back() {
        for (time, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_000, "1970-01-01T00:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_450_338_560_000_000_000, "2015-12-17T07:49:20Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (i64::MIN + 1, "1677-09-21T00:12:43.145224193Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(text(time), want);
            assert_eq!(parse_rfc3339(want), Some(time));
        }
        // The earliest time stands for none, which Go shows as the year 1.
        assert_eq!(text(i64::MIN), "0001-01-01T00:00:00Z");
        assert_eq!(parse_rfc3339("2015-12-17T09:49:20.5+02:00"), Some(1_450_338_560_500_000_000));
        assert_eq!(parse_rfc3339("2015-12-17 09:49:20Z"), None);
        assert_eq!(parse_rfc3339("2015-13-17T09:49:20Z"), None);
        assert_eq!(parse_rfc3339("1677-09-21T00:12:43.145224191Z"), None);
    }

    #[test]
    fn durations_are_written_as_go_does() {
        for (nanos, want) in [
            (0, "0s"),
            (14_000_000_000, "14s"),
            (2_800_000_000, "2.8s"),
            (90_000_000_000, "1m30s"),
            (3_601_000_000_000, "1h0m1s"),
            (-1_000_000_000, "-1s"),
            (6_000_000, "6ms"),
            (1_500, "1.5µs"),
            (7, "7ns"),
        ] {
            let mut out = String::new();
            write_go_duration(nanos, &mut out);
            assert_eq!(out, want);
        }
    }

    #[test]
    fn truncation_counts_from_the_year_one() {
        assert_eq!(text(truncate(1_450_338_563_000_000_000, 10_000_000_000)), "2015-12-17T07:49:20Z");
        // 1970-01-01 was a Thursday; weeks counted from the year 1 begin on Mondays.
        assert_eq!(text(truncate(0, 7 * DAY * 1_000_000_000)), "1969-12-29T00:00:00Z");
    }
}
