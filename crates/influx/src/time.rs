//! Times as InfluxDB answers them (`2019-03-04T08:00:00.5Z`), to nanoseconds.

/// Nanoseconds since 1970 of an RFC 3339 time; none if it is none, or outside of what 64 bits hold.
pub fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let head = bytes.first_chunk::<19>()?;
    let separators = [head[4], head[7], head[10], head[13], head[16]];
    if !matches!(separators, [b'-', b'-', b'T' | b't' | b' ', b':', b':']) {
        return None;
    }
    let year = digits(&head[0..4])?;
    let (month, day) = (digits(&head[5..7])?, digits(&head[8..10])?);
    let (hour, minute, second) = (digits(&head[11..13])?, digits(&head[14..16])?, digits(&head[17..19])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanoseconds, zone) = fraction(&bytes[19..])?;
    let offset = offset(zone)?;
    let seconds = days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    i64::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)).ok()
}

/// As [`parse_time`], but a time without a zone is one of UTC: so InfluxDB 3 answers SQL.
pub(crate) fn parse_time_of_sql(text: &str) -> Option<i64> {
    let zoned = text.get(19..).is_some_and(|rest| rest.contains(['Z', 'z', '+', '-']));
    if zoned { parse_time(text) } else { parse_time(&format!("{text}Z")) }
}

/// A time as RFC 3339 in UTC with as many digits of a second as needed: so InfluxDB writes times in JSON.
pub(crate) fn format_time(seconds: i64, nanoseconds: u32) -> String {
    let (year, month, day) = date_of(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanoseconds > 0 {
        let digits = format!(".{nanoseconds:09}");
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// The number that consists of all of `bytes`.
fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Nanoseconds after the point, and what follows them. Digits beyond the ninth are dropped.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = bytes.split_first() else { return Some((0, bytes)) };
    let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    if length == 0 {
        return None;
    }
    let kept = length.min(9);
    let mut number = digits(&rest[..kept])?;
    for _ in kept..9 {
        number *= 10;
    }
    Some((number, &rest[length..]))
}

/// Seconds of `Z` or `+01:30`.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3_600 + minutes * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date, by eras of 400 years that begin in March.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date so many days from 1970-01-01, the inverse of [`days_before`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for (seconds, nanoseconds, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_868_799, 120_000_000, "2000-02-29T23:59:59.12Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (253_402_300_799, 1, "9999-12-31T23:59:59.000000001Z"),
        ] {
            assert_eq!(format_time(seconds, nanoseconds), text);
        }
        for day in (-100_000..100_000).step_by(17) {
            let (year, month, date) = date_of(day);
            assert_eq!(days_before(year, month, date), day);
        }
        // Any number is some time.
        format_time(i64::MIN, 0);
        format_time(i64::MAX, u32::MAX);
    }

    #[test]
    fn reads_times() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2019-03-04T08:00:00Z", 1_551_686_400_000_000_000),
            ("2019-03-04T09:00:00+01:00", 1_551_686_400_000_000_000),
            ("2019-03-04T07:29:59.5-00:30", 1_551_686_399_500_000_000),
            ("2021-05-06T09:59:01.000000001Z", 1_620_295_141_000_000_001),
            ("2000-02-29T23:59:59.1234567899Z", 951_868_799_123_456_789),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2262-04-11T23:47:16.854775807Z", i64::MAX),
            ("1677-09-21T00:12:43.145224192Z", i64::MIN),
        ] {
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2019-03-04",
            "2019-03-04T08:00:00",
            "2019-03-04T08:00:00.Z",
            "2019-02-29T08:00:00Z",
            "2019-13-01T08:00:00Z",
            "2019-03-04T24:00:00Z",
            "2019-03-04T08:00:60Z",
            "2019-03-04T08:00:00Z ",
            "2019-03-04T08:00:00+1:00",
            "2019-03-04X08:00:00Z",
            "20-9-03-04T08:00:00Z",
            "2262-04-11T23:47:16.854775808Z",
            "9999-12-31T23:59:59Z",
            "ä019-03-04T08:00:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
