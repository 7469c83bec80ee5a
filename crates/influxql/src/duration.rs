//! Durations as InfluxQL writes them: `90s`, `1h30m`, `2w`.

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The largest unit first, so that printing takes the shortest text.
const UNITS: [(&str, i64); 8] = [
    ("w", WEEK),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
    ("u", MICROSECOND),
    ("ns", 1),
];

/// Nanoseconds of a text of numbers with units, such as `1h30m`. The error says what is wrong with it.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    if digits.is_empty() {
        return Err(invalid(text));
    }
    let mut total: i64 = 0;
    let mut rest = digits;
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let Some((unit, length)) = unit_of(tail) else { return Err(invalid(text)) };
        if number.is_empty() {
            return Err(invalid(text));
        }
        let part = number.parse::<i64>().ok().and_then(|number| number.checked_mul(length));
        total = match part.and_then(|part| total.checked_add(part)) {
            Some(total) => total,
            None => return Err(format!("overflowed duration {number}{unit}: choose a smaller duration")),
        };
        rest = &tail[unit.len()..];
    }
    Ok(if negative { -total } else { total })
}

fn invalid(text: &str) -> String {
    format!("invalid duration {text}: write a number and a unit (ns, u, ms, s, m, h, d, w), such as 90s or 1h30m")
}

/// The unit that `tail` begins with: its text and its length in nanoseconds.
fn unit_of(tail: &str) -> Option<(&str, i64)> {
    // The longer names come first: `ms` is no minute.
    const NAMES: [(&str, i64); 9] = [
        ("ns", 1),
        ("ms", MILLISECOND),
        ("u", MICROSECOND),
        ("µ", MICROSECOND),
        ("s", SECOND),
        ("m", MINUTE),
        ("h", HOUR),
        ("d", DAY),
        ("w", WEEK),
    ];
    NAMES.into_iter().find(|(name, _)| tail.starts_with(name)).map(|(name, length)| (&tail[..name.len()], length))
}

/// `nanoseconds` in the largest unit that divides them: `90s`, `-5s`, `0s`.
pub fn format_duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let (unit, length) =
        UNITS.into_iter().find(|(_, length)| nanoseconds % length == 0).expect("one nanosecond divides all");
    format!("{}{unit}", nanoseconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let pairs = [
            ("1ns", 1, "1ns"),
            ("5u", 5_000, "5u"),
            ("5µ", 5_000, "5u"),
            ("1500ms", 1_500 * MILLISECOND, "1500ms"),
            ("1h30m", 90 * MINUTE, "90m"),
            ("-90s", -90 * SECOND, "-90s"),
            ("14d", 2 * WEEK, "2w"),
            ("24h", DAY, "1d"),
            ("0m", 0, "0s"),
        ];
        for (text, nanoseconds, printed) in pairs {
            assert_eq!(parse_duration(text), Ok(nanoseconds), "{text}");
            assert_eq!(format_duration(nanoseconds), printed);
        }
        for bad in ["", "-", "5", "s", "5y", "5m3", "1e5", "99999999w", "9223372036854775808ns"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        assert_eq!(format_duration(i64::MIN), "-9223372036854775808ns");
    }
}
