//! Literals, from their text to a value and back: numbers, durations, strings, references, regexes.

use thiserror::Error;

use crate::ast::ExprKind;

/// Why a literal has no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LiteralError {
    #[error("illegal number syntax: {0:?}")]
    Number(String),
    #[error("invalid duration {0:?}")]
    Duration(String),
    #[error("overflowed duration {0}: choose a smaller duration")]
    Overflow(String),
}

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// Every unit, with its nanoseconds; a longer name stands before its own prefix.
const UNITS: [(&str, i64); 9] = [
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

/// The nanoseconds of a duration as variables and configurations write it: numbers with units one after the other,
/// with an optional minus sign in front (`90s`, `1h30m`, `-10ms`).
pub fn parse_duration(text: &str) -> Result<i64, LiteralError> {
    let invalid = || LiteralError::Duration(text.to_string());
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let number: i64 = number.parse().map_err(|_| invalid())?;
        let (unit, factor) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit)).ok_or_else(invalid)?;
        nanos = number
            .checked_mul(*factor)
            .and_then(|part| nanos.checked_add(part))
            .ok_or_else(|| LiteralError::Overflow(text.to_string()))?;
        rest = &tail[unit.len()..];
    }
    Ok(if negative { -nanos } else { nanos })
}

/// A duration of `nanos` nanoseconds in its largest whole unit: seven days are `1w`, nothing is `0s`.
pub fn write_duration(nanos: i64) -> String {
    const BY_SIZE: [(&str, i64); 8] = [
        ("w", WEEK),
        ("d", DAY),
        ("h", HOUR),
        ("m", MINUTE),
        ("s", SECOND),
        ("ms", MILLISECOND),
        ("u", MICROSECOND),
        ("ns", 1),
    ];
    if nanos == 0 {
        return "0s".to_string();
    }
    let (unit, factor) = BY_SIZE.iter().find(|(_, factor)| nanos % factor == 0).expect("every number is divided by 1");
    format!("{}{unit}", nanos / factor)
}

/// A number without a unit: whole numbers are octal if they open with a zero.
pub(crate) fn number(text: &str) -> Result<ExprKind, LiteralError> {
    let illegal = || LiteralError::Number(text.to_string());
    if text.contains('.') {
        let value: f64 = text.parse().map_err(|_| illegal())?;
        return if value.is_finite() { Ok(ExprKind::Float(value)) } else { Err(illegal()) };
    }
    let octal = text.len() > 1 && text.starts_with('0');
    let value = i64::from_str_radix(text, if octal { 8 } else { 10 }).map_err(|_| illegal())?;
    Ok(ExprKind::Int { value, octal })
}

/// The text of a number.
pub(crate) fn write_int(value: i64, octal: bool) -> String {
    if octal { format!("0{value:o}") } else { value.to_string() }
}

/// The text of a float: never an exponent, always a point.
pub(crate) fn write_float(value: f64) -> String {
    let mut text = value.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// A string literal without its quotes: the value, and whether they were triple.
pub(crate) fn string(literal: &str) -> (String, bool) {
    match literal.strip_prefix("'''").and_then(|rest| rest.strip_suffix("'''")) {
        Some(raw) => (raw.to_string(), true),
        None => (unescape(literal, '\''), false),
    }
}

/// The name in a reference, or the expression in a regex: the outer two characters and the backslashes before inner
/// ones removed. All other backslashes stay.
pub(crate) fn unescape(literal: &str, quote: char) -> String {
    let inner = literal.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)).unwrap_or(literal);
    inner.replace(&format!("\\{quote}"), &quote.to_string())
}

/// `value` as a string literal in single quotes; in triple quotes if single ones cannot hold it.
pub fn quote_string(value: &str) -> String {
    write_string(value, false)
}

/// `value` as a string literal, in the quotes asked for if they can hold it.
pub(crate) fn write_string(value: &str, triple: bool) -> String {
    // A backslash at the end would escape a single closing quote.
    let triple = triple || value.ends_with('\\');
    if triple && !value.contains("'''") && !value.ends_with('\'') {
        format!("'''{value}'''")
    } else {
        escape(value, '\'')
    }
}

/// `name` as a reference in double quotes.
pub fn quote_reference(name: &str) -> String {
    escape(name, '"')
}

/// `regex` between slashes.
pub fn quote_regex(regex: &str) -> String {
    escape(regex, '/')
}

fn escape(value: &str, quote: char) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push(quote);
    for c in value.chars() {
        if c == quote {
            text.push('\\');
        }
        text.push(c);
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, nanos) in [
            ("1w", WEEK),
            ("7d", WEEK),
            ("1h30m", 90 * MINUTE),
            ("-10ms", -10 * MILLISECOND),
            ("5u", 5_000),
            ("5µ", 5_000),
            ("3ns", 3),
            ("0s", 0),
            ("010s", 10 * SECOND),
        ] {
            assert_eq!(parse_duration(text), Ok(nanos), "{text}");
        }
        for text in ["", "-", "5", "s", "5y", "1.5h", "5 s", "1h-5m", "99999999999999999999s", "٣s"] {
            assert_eq!(parse_duration(text), Err(LiteralError::Duration(text.to_string())), "{text}");
        }
        for text in ["15251w", "9223372036855ms", "106752d"] {
            assert_eq!(parse_duration(text), Err(LiteralError::Overflow(text.to_string())), "{text}");
        }
    }

    #[test]
    fn durations_are_written_in_their_largest_whole_unit() {
        for (nanos, text) in [
            (0, "0s"),
            (7 * DAY, "1w"),
            (8 * DAY, "8d"),
            (90 * MINUTE, "90m"),
            (1_500 * MILLISECOND, "1500ms"),
            (-10 * SECOND, "-10s"),
            (1_001, "1001ns"),
            (5_000, "5u"),
        ] {
            assert_eq!(write_duration(nanos), text);
            assert_eq!(parse_duration(text), Ok(nanos));
        }
        assert_eq!(write_duration(i64::MIN), "-9223372036854775808ns");
    }

    #[test]
    fn numbers_have_a_base() {
        assert_eq!(number("010"), Ok(ExprKind::Int { value: 8, octal: true }));
        assert_eq!(number("0"), Ok(ExprKind::Int { value: 0, octal: false }));
        assert_eq!(number("1."), Ok(ExprKind::Float(1.0)));
        assert_eq!(number(".5"), Ok(ExprKind::Float(0.5)));
        assert_eq!(number("09.5"), Ok(ExprKind::Float(9.5)));
        for text in ["08", "9223372036854775808", &format!("1{}.0", "0".repeat(400))] {
            assert_eq!(number(text), Err(LiteralError::Number(text.to_string())));
        }
        assert_eq!(write_int(8, true), "010");
        assert_eq!(write_float(1e21), "1000000000000000000000.0");
        assert_eq!(write_float(1e-7), "0.0000001");
    }

    #[test]
    fn quotes_are_escaped_and_back() {
        for (literal, value) in
            [(r"'it\'s'", "it's"), (r"'a\\b'", r"a\\b"), (r"'a\\'b'", r"a\'b"), ("''", ""), ("'\n'", "\n")]
        {
            assert_eq!(string(literal), (value.to_string(), false));
            assert_eq!(quote_string(value), literal);
        }
        assert_eq!(string("'''a'b\\'''"), ("a'b\\".to_string(), true));
        assert_eq!(quote_string(r"C:\"), r"'''C:\'''");
        assert_eq!(quote_reference(r#"a"b"#), r#""a\"b""#);
        assert_eq!(quote_regex("a/b"), r"/a\/b/");
        assert_eq!(unescape(r"/a\/b\d/", '/'), r"a/b\d");
    }
}
