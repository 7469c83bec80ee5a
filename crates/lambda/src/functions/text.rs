//! The texts of numbers, durations and sizes, as Go reads and writes them.

use std::fmt::Write;

/// A number of bytes for people, by powers of 1000.
pub(super) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let mut power = 0;
    let mut scale = 1u64;
    while power + 1 < UNITS.len() && bytes / scale >= 1000 {
        scale *= 1000;
        power += 1;
    }
    let value = (bytes as f64 / scale as f64 * 10.0 + 0.5).floor() / 10.0;
    let digits = usize::from(value < 10.0);
    format!("{value:.digits$} {}", UNITS[power])
}

/// A float with as few digits as tell it apart from all others, never with an exponent.
pub(crate) fn float_text(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

/// A duration as one whole number of the greatest unit that is exact.
pub(crate) fn duration_text(nanos: i64) -> String {
    const UNITS: [(i64, &str); 7] = [
        (604_800_000_000_000, "w"),
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "u"),
    ];
    if nanos == 0 {
        return "0s".to_owned();
    }
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| nanos % unit == 0).unwrap_or((1, "ns"));
    let mut out = String::new();
    let _ = write!(out, "{}{name}", nanos / unit);
    out
}

/// A duration of one or more numbers with units (`1h30m`), negative with a sign before it all.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    if text.chars().count() < 2 {
        return None;
    }
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut sum = 0i64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, len) = match rest.chars().next()? {
            'n' if rest.starts_with("ns") => (1, 2),
            'm' if rest.starts_with("ms") => (1_000_000, 2),
            'u' => (1_000, 1),
            'µ' => (1_000, 'µ'.len_utf8()),
            'm' => (60_000_000_000, 1),
            's' => (1_000_000_000, 1),
            'h' => (3_600_000_000_000, 1),
            'd' => (86_400_000_000_000, 1),
            'w' => (604_800_000_000_000, 1),
            _ => return None,
        };
        sum = sum.wrapping_add(number.wrapping_mul(unit));
        rest = &rest[len..];
    }
    Some(if negative { sum.wrapping_neg() } else { sum })
}

/// A decimal integer with an optional sign.
pub(super) fn parse_int(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
    }
    text.parse().map_err(|_| format!("strconv.ParseInt: parsing {text:?}: value out of range"))
}

/// A float as Go reads it: decimal or hexadecimal, underscores between digits, infinities and NaN.
pub(super) fn parse_float(text: &str) -> Result<f64, String> {
    let syntax = || format!("strconv.ParseFloat: parsing {text:?}: invalid syntax");
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    let word = body.to_ascii_lowercase();
    if word == "inf" || word == "infinity" {
        return Ok(sign * f64::INFINITY);
    }
    if word == "nan" && body.len() == text.len() {
        return Ok(f64::NAN);
    }
    if !underscores_stand_between_digits(&word) {
        return Err(syntax());
    }
    let word: String = word.chars().filter(|c| *c != '_').collect();
    let value = match word.strip_prefix("0x") {
        Some(hex) => parse_hex(hex),
        // The standard parser knows further words for infinity, which begin with letters.
        None if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') => word.parse().ok(),
        None => None,
    };
    match value {
        None => Err(syntax()),
        Some(v) if v.is_infinite() => Err(format!("strconv.ParseFloat: parsing {text:?}: value out of range")),
        Some(v) => Ok(sign * v),
    }
}

fn underscores_stand_between_digits(word: &str) -> bool {
    let (bytes, hex) = match word.strip_prefix("0x") {
        Some(rest) => (rest.as_bytes(), true),
        None => (word.as_bytes(), false),
    };
    let digit = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_digit() || (hex && b.is_ascii_hexdigit()));
    (0..bytes.len()).filter(|&i| bytes[i] == b'_').all(|i| {
        // The prefix counts as a digit.
        let before = if i == 0 { hex } else { digit(bytes.get(i - 1)) };
        before && digit(bytes.get(i + 1))
    })
}

/// `1.8p3`: hexadecimal digits, and how many times to double; the `p` is needed.
fn parse_hex(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('p')?;
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Beyond some thousands the result is 0 or infinite anyway.
    let mut exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -100_000 } else { 100_000 });
    exponent = exponent.clamp(-100_000, 100_000);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut mantissa = 0u64;
    let mut sticky = false;
    for (i, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        let behind_the_point = i >= whole.len();
        if mantissa >> 58 == 0 {
            mantissa = mantissa << 4 | digit;
            exponent -= if behind_the_point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            exponent += if behind_the_point { 0 } else { 4 };
        }
    }
    Some(scale(mantissa | u64::from(sticky), exponent))
}

/// `mantissa * 2^exponent`, rounded once, to even.
fn scale(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let bits = 64 - i64::from(mantissa.leading_zeros());
    // The place of the lowest bit that a float of this size can hold.
    let lowest = (bits + exponent - 53).max(-1074);
    let shift = lowest - exponent;
    let rounded = if shift <= 0 {
        mantissa as f64 * 2f64.powi((-shift).min(1100) as i32)
    } else if shift > 64 {
        0.0
    } else {
        let wide = u128::from(mantissa);
        let half = 1u128 << (shift - 1);
        let (kept, rest) = (wide >> shift, wide & ((1u128 << shift) - 1));
        (kept + u128::from(rest > half || (rest == half && kept & 1 == 1))) as f64
    };
    // In two steps: a single power of two may itself be too small or too large.
    let first = lowest.clamp(-1000, 1000);
    rounded * 2f64.powi(first as i32) * 2f64.powi((lowest - first).clamp(-1100, 1100) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_go_does() {
        for (text, want) in [
            ("1.", Some(1.0)),
            (".5", Some(0.5)),
            ("+3.5e2", Some(350.0)),
            ("0x1p4", Some(16.0)),
            ("-0x1.8p1", Some(-3.0)),
            ("0x.8p0", Some(0.5)),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-1075", Some(0.0)),
            ("0x1.8p-1074", Some(1e-323)),
            ("0x1.fffffffffffffp1023", Some(f64::MAX)),
            ("0x1.00000000000008p0", Some(1.0)),
            ("0x1.000000000000080001p0", Some(1.0000000000000002)),
            ("1_000.5", Some(1000.5)),
            ("0x_1_2.3_4_5p+1_2", Some(74565.0)),
            ("-Inf", Some(f64::NEG_INFINITY)),
            ("+infinity", Some(f64::INFINITY)),
            ("1e400", None),
            ("0x1p1024", None),
            ("0x1", None),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("", None),
            (".", None),
            ("-", None),
            ("1e", None),
            ("--1", None),
            ("+-1", None),
            ("-+inf", None),
            ("infi", None),
            ("1 ", None),
        ] {
            assert_eq!(parse_float(text).ok(), want, "{text}");
        }
        assert!(parse_float("nan").unwrap().is_nan());
        assert!(parse_float("-nan").is_err());
        assert!(parse_float("-0").unwrap().is_sign_negative());
    }

    #[test]
    fn durations_there_and_back() {
        for (text, nanos) in [
            ("1h30m", 5_400_000_000_000),
            ("-1s", -1_000_000_000),
            ("5ns", 5),
            ("3µ", 3_000),
            ("1500ms", 1_500_000_000),
        ] {
            assert_eq!(parse_duration(text), Some(nanos), "{text}");
        }
        for text in ["", "5", "s", "-", "5x", "1.5h", "5n", "1h30"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(duration_text(-150 * 86_400_000_000_000), "-150d");
        assert_eq!(duration_text(1_001), "1001ns");
        assert_eq!(duration_text(i64::MIN), "-9223372036854775808ns");
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, want) in [
            (9, "9 B"),
            (10, "10 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9999, "10 kB"),
            (999_999, "1000 kB"),
            (u64::MAX, "18 EB"),
            (82_854_982, "83 MB"),
        ] {
            assert_eq!(bytes_text(bytes), want);
        }
    }
}
