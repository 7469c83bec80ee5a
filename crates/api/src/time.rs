//! Times as they stand in JSON: RFC 3339 with as many digits of a second as needed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, or the absence of one, which is written as the first moment of year 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Time {
    #[default]
    Never,
    /// Nanoseconds since 1970.
    At(i64),
}

/// The text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parsing time {0:?}: expected RFC 3339, such as 2006-01-02T15:04:05Z")]
pub struct BadTime(String);

const NANOS: i64 = 1_000_000_000;
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Time {
    /// Nanoseconds since 1970, if there is a moment.
    pub fn nanos(self) -> Option<i64> {
        match self {
            Time::Never => None,
            Time::At(nanos) => Some(nanos),
        }
    }
}

impl From<Option<i64>> for Time {
    fn from(nanos: Option<i64>) -> Time {
        nanos.map_or(Time::Never, Time::At)
    }
}

impl Time {
    /// What it is written as, put into `room`.
    fn text(self, room: &mut [u8; LONGEST.len()]) -> &str {
        let Time::At(nanos) = self else { return NEVER };
        *room = *LONGEST;
        let (seconds, fraction) = (nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400);
        put(&mut room[..4], year);
        for (place, value) in [(5, month), (8, day), (11, second / 3600), (14, second / 60 % 60), (17, second % 60)] {
            put(&mut room[place..place + 2], value);
        }
        put(&mut room[20..29], fraction);
        let mut end = 29;
        while room[end - 1] == b'0' && end > 20 {
            end -= 1;
        }
        if end == 20 {
            end = 19;
        }
        room[end] = b'Z';
        std::str::from_utf8(&room[..=end]).unwrap_or(NEVER)
    }
}

/// As long as times get: with all digits of a second.
const LONGEST: &[u8; 30] = b"0000-00-00T00:00:00.000000000Z";

/// The last digits of a number of 0 or more.
fn put(room: &mut [u8], mut value: i64) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; LONGEST.len()]))
    }
}

impl FromStr for Time {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Time, BadTime> {
        parse(text).ok_or_else(|| BadTime(text.to_string()))
    }
}

fn parse(text: &str) -> Option<Time> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, c: u8| text.as_bytes().get(at) == Some(&c);
    if !(is(4, b'-') && is(7, b'-') && (is(10, b'T') || is(10, b't')) && is(13, b':') && is(16, b':')) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let days = days_since_1970(year, month, day);
    if !(1..=12).contains(&month) || civil(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = &text[19..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        let count = after.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return None;
        }
        // More than nine digits say more than a nanosecond holds; they are cut off.
        let digits = &after[..count.min(9)];
        fraction = digits.parse::<i64>().ok()? * 10i64.pow(9 - digits.len() as u32);
        rest = &after[count..];
    }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset(rest)?;
    if seconds == days_since_1970(1, 1, 1) * 86_400 && fraction == 0 {
        return Some(Time::Never);
    }
    let nanos = i128::from(seconds) * i128::from(NANOS) + i128::from(fraction);
    i64::try_from(nanos).ok().map(Time::At)
}

/// Seconds east of Greenwich.
fn offset(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'Z' | b'z' => return (bytes.len() == 1).then_some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let two = |from: usize| -> Option<i64> {
        let digits = text.get(from..from + 2)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (hours, minutes) = (two(1)?, two(4)?);
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days from 1970-01-01 to a date, counting years from March so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The year, month and day of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text(&mut [0; LONGEST.len()]))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_rfc_3339() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (1_609_502_400_000_000_000, "2021-01-01T12:00:00Z"),
            (1_609_502_400_120_000_000, "2021-01-01T12:00:00.12Z"),
            (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ];
        for (nanos, text) in table {
            assert_eq!(Time::At(nanos).to_string(), text);
            assert_eq!(text.parse(), Ok(Time::At(nanos)));
        }
        assert_eq!("0001-01-01T00:00:00Z".parse(), Ok(Time::Never));
        assert_eq!(Time::Never.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!("2021-01-01T13:30:00+01:30".parse(), Ok(Time::At(1_609_502_400_000_000_000)));
        assert_eq!("2021-01-01T12:00:00.1234567891-00:00".parse(), Ok(Time::At(1_609_502_400_123_456_789)));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "yesterday",
            "",
            "2021-01-01",
            "2021-13-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T12:00:00",
            "2021-01-01T12:00:00.Z",
            "2021-01-01T12:00:00+0100",
            "2021-01-01T12:00:00ZZ",
            "9999-01-01T00:00:00Z",
            "+021-01-01T12:00:00Z",
            "2021-01-01T12:00:0éZ",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }
}
