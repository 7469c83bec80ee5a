//! Durations as Go writes and reads them: `1h30m0s`, `1.5s`, `-2ms`.

/// Nanoseconds of a Go duration: numbers with units ns, us, µs, ms, s, m, h in sequence, a sign before all of them.
/// Only `0` may go without a unit. `None` for anything else, and for what does not fit into 64 bits.
pub fn parse_go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        total += nanos_of(number, unit_nanos(unit)?)?;
        if total > i128::from(i64::MAX) + 1 {
            return None;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `number` is digits with at most one point among them, and at least one digit.
fn nanos_of(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let mut nanos = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()? * unit };
    let mut scale: i128 = 10;
    // More digits than this stand for less than a nanosecond, even of an hour.
    for digit in fraction.bytes().take(14) {
        nanos += i128::from(digit - b'0') * unit / scale;
        scale *= 10;
    }
    Some(nanos)
}

/// Nanoseconds as Go shows them: `1h30m0s`, `1.5s`, `150ms`, `0s`.
pub fn format_go_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    let text = match size {
        0 => return "0s".to_string(),
        1..1_000 => format!("{size}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(size, 1_000_000)),
        _ => {
            let minutes = size / 60_000_000_000;
            let seconds = fraction(size % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// `size / unit` as a decimal without trailing zeros.
fn fraction(size: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let rest = format!("{:0digits$}", size % unit);
    match rest.trim_end_matches('0') {
        "" => format!("{}", size / unit),
        rest => format!("{}.{rest}", size / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, nanos) in [
            ("10s", 10_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5m", 30_000_000_000),
            ("-2ms", -2_000_000),
            ("0", 0),
            ("0s", 0),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("2540400h10m10s", 9_145_440_610_000_000_000),
        ] {
            assert_eq!(parse_go_duration(text), Some(nanos), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in ["", "-", "10", "s", "1d", "1w", "1 s", "1..5s", ".s", "3000000h", "99999999999999999999h", "1sé"]
        {
            assert_eq!(parse_go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_go_writes() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (150_000_000, "150ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (5_400_000_000_000, "1h30m0s"),
            (-10_000_000_000, "-10s"),
        ] {
            assert_eq!(format_go_duration(nanos), text);
        }
        assert_eq!(parse_go_duration(&format_go_duration(i64::MAX)), Some(i64::MAX));
    }
}
