//! Durations as InfluxQL writes them (`1h30m`) and as Go prints them (`1h30m0s`).

/// The text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration")]
pub struct BadDuration;

const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("u", 1_000),
    ("µ", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// The nanoseconds of a duration such as `10s`, `1h30m` or `-5m`.
pub fn parse(text: &str) -> Result<i64, BadDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return Err(BadDuration);
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = rest[..digits].parse().map_err(|_| BadDuration)?;
        rest = &rest[digits..];
        let unit_len = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..unit_len];
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(BadDuration)?;
        total = count.checked_mul(*nanos).and_then(|part| total.checked_add(part)).ok_or(BadDuration)?;
        rest = &rest[unit_len..];
    }
    Ok(if negative { -total } else { total })
}

/// How Go prints a duration in nanoseconds: `1h0m0s`, `1.5s`, `250ms`, `0s`.
pub fn to_go(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let value = nanos.unsigned_abs();
    let (unit, name) = match value {
        0 => return "0s".to_string(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (whole, part) = (value / unit, value % unit);
    let mut last = match part {
        0 => String::new(),
        _ => {
            let width = unit.ilog10() as usize;
            format!(".{part:0width$}").trim_end_matches('0').to_string()
        }
    };
    last.push_str(name);
    if unit < 1_000_000_000 || whole < 60 {
        return format!("{sign}{whole}{last}");
    }
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{sign}{minutes}m{seconds}{last}"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_influxql_durations() {
        let second = 1_000_000_000;
        for (text, nanos) in [
            ("10s", 10 * second),
            ("1h30m", 5400 * second),
            ("1w", 604_800 * second),
            ("5u", 5000),
            ("5µ", 5000),
            ("7us", 7000),
            ("3ms", 3_000_000),
            ("2ns", 2),
            ("-5m", -300 * second),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
        for text in ["", "-", "x", "5", "s", "5x", "5s5", "1.5s", "99999999999w", "５s"] {
            assert_eq!(parse(text), Err(BadDuration), "{text}");
        }
    }

    #[test]
    fn prints_as_go() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_000_000, "2ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (300_000_000_000, "5m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (90_061_000_000_001, "25h1m1.000000001s"),
            (-2_000_000_000, "-2s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(to_go(nanos), text);
        }
    }
}
