//! The constants of templates: quoted strings, characters and numbers in Go's notation.
use crate::ast::Number;
use crate::gofmt;
use crate::value::Value;

/// The text of a quoted or raw string; none when its escapes are wrong.
pub(crate) fn unquote(quoted: &str) -> Option<String> {
    if let Some(raw) = quoted.strip_prefix('`') {
        return Some(raw.strip_suffix('`')?.replace('\r', ""));
    }
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        rest = unescape(rest, '"', &mut bytes)?;
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Takes one character or escape from the front; gives what follows it.
fn unescape<'s>(text: &'s str, mark: char, bytes: &mut Vec<u8>) -> Option<&'s str> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first != '\\' {
        if first == mark || first == '\n' {
            return None;
        }
        bytes.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
        return Some(characters.as_str());
    }
    let kind = characters.next()?;
    let rest = characters.as_str();
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '0'..='7' => {
            let octal = text.get(1..4).filter(|octal| octal.bytes().all(|byte| matches!(byte, b'0'..=b'7')))?;
            bytes.push(u8::from_str_radix(octal, 8).ok()?);
            return text.get(4..);
        }
        _ => {
            bytes.push(match kind {
                'a' => 7,
                'b' => 8,
                'f' => 12,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 11,
                '\\' => b'\\',
                _ if kind == mark => mark as u8,
                _ => return None,
            });
            return Some(rest);
        }
    };
    let hex = rest.get(..digits).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let code = u32::from_str_radix(hex, 16).ok()?;
    if kind == 'x' {
        bytes.push(code as u8);
    } else {
        bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    rest.get(digits..)
}

/// A character constant such as `'a'`: its code point.
pub(crate) fn character(text: &str) -> Result<Number, String> {
    let inner = text.strip_prefix('\'').unwrap_or(text);
    let mut bytes = Vec::new();
    let rest = unescape(inner, '\'', &mut bytes).ok_or("invalid syntax")?;
    if rest != "'" {
        return Err(format!("malformed character constant: {text}"));
    }
    let code = match (std::str::from_utf8(&bytes), bytes.as_slice()) {
        (Ok(text), _) => text.chars().next().map_or(0, |character| i64::from(u32::from(character))),
        (Err(_), &[byte, ..]) => i64::from(byte),
        (Err(_), []) => 0,
    };
    Ok(Number { text: text.to_owned(), ideal: Some(Value::Number(code)), int: Some(code) })
}

/// A number in any of Go's notations.
pub(crate) fn number(text: &str) -> Result<Number, String> {
    if text.ends_with('i') {
        return Err(format!("complex numbers are not supported: {}", gofmt::quote(text)));
    }
    let looks_like_float = text.contains(['.', 'e', 'E', 'p', 'P']);
    if let Some(wide) = integer(text) {
        let int = i64::try_from(wide).ok();
        if int.is_none() && u64::try_from(wide).is_err() {
            return Err(format!("integer overflow: {}", gofmt::quote(text)));
        }
        return Ok(Number { text: text.to_owned(), ideal: int.map(Value::Number), int });
    }
    let Some(value) = float(text) else {
        return Err(format!("illegal number syntax: {}", gofmt::quote(text)));
    };
    if !looks_like_float {
        return Err(format!("integer overflow: {}", gofmt::quote(text)));
    }
    let whole = value.fract() == 0.0 && value.abs() < i64::MAX as f64;
    let int = whole.then_some(value as i64);
    Ok(Number { text: text.to_owned(), ideal: Some(Value::Float(value)), int })
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// An integer with an optional base prefix and underscores between digits.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = split_sign(text);
    let lower = digits.to_ascii_lowercase();
    let (base, digits, prefixed) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..], true),
        Some("0o") => (8, &lower[2..], true),
        Some("0b") => (2, &lower[2..], true),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..], true),
        _ => (10, lower.as_str(), false),
    };
    let digits = without_underscores(digits, prefixed)?;
    if digits.len() > 30 && digits.trim_start_matches('0').len() > 64 {
        return None;
    }
    let value = i128::from_str_radix(&digits, base).ok().filter(|_| !digits.starts_with(['+', '-']))?;
    Some(if negative { -value } else { value })
}

/// Drops underscores that stand between digits; none if one stands elsewhere.
fn without_underscores(digits: &str, prefixed: bool) -> Option<String> {
    if !digits.contains('_') {
        return Some(digits.to_owned());
    }
    let misplaced = digits.ends_with('_') || digits.contains("__") || (!prefixed && digits.starts_with('_'));
    (!misplaced).then(|| digits.replace('_', ""))
}

fn float(text: &str) -> Option<f64> {
    let (negative, digits) = split_sign(text);
    let hex = matches!(digits.get(..2), Some("0x" | "0X"));
    let digits = without_inner_underscores(digits, hex)?;
    let value = match digits.get(..2) {
        Some("0x" | "0X") => hex_float(&digits[2..])?,
        _ if digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
            digits.parse().ok().filter(|value: &f64| value.is_finite())?
        }
        _ => return None,
    };
    Some(if negative { -value } else { value })
}

/// Drops underscores that stand between digits of a float; none if one stands elsewhere.
fn without_inner_underscores(text: &str, hex: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        let byte = at.and_then(|at| bytes.get(at));
        byte.is_some_and(|byte| {
            byte.is_ascii_digit() || hex && (byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X'))
        })
    };
    let mut underscores = (0..bytes.len()).filter(|&at| bytes[at] == b'_');
    let fits = underscores.all(|at| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)));
    fits.then(|| text.replace('_', ""))
}

/// `1.8p3` after `0x`; up to 15 significant hexadecimal digits, which is what a float holds exactly.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok().filter(|exponent| (-2000..2000).contains(exponent))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    let value = u64::from_str_radix(&digits, 16).ok()? as f64;
    let scale = exponent - 4 * fraction.len() as i32;
    let half = scale / 2;
    Some(value * 2f64.powi(half) * 2f64.powi(scale - half)).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{character, number, unquote};
    use crate::value::Value;

    #[test]
    fn strings_lose_their_quotes_and_escapes() {
        for (quoted, text) in [
            (r#""a\tb\"\\""#, Some("a\tb\"\\")),
            (r#""\u00e4\x41\101""#, Some("äAA")),
            ("`raw\\n`", Some("raw\\n")),
            (r#""\q""#, None),
            (r#""\u12""#, None),
            (r#""\'""#, None),
        ] {
            assert_eq!(unquote(quoted).as_deref(), text, "{quoted}");
        }
    }

    #[test]
    fn numbers_follow_go() {
        for (text, int) in [("0x1F", 31), ("1_000", 1000), ("017", 15), ("0b101", 5), ("-3", -3), ("1e3", 1000)] {
            assert_eq!(number(text).unwrap().int, Some(int), "{text}");
        }
        assert!(matches!(number("1.5").unwrap().ideal, Some(Value::Float(1.5))));
        assert!(matches!(number("0x1.8p1").unwrap().ideal, Some(Value::Float(3.0))));
        assert!(number("18446744073709551615").unwrap().ideal.is_none());
        assert!(matches!(number("1_0.0_5").unwrap().ideal, Some(Value::Float(10.05))));
        for wrong in ["1_.5", "1._5", "1__0.5", "99999999999999999999", "089", "1__0", "0x", "1e", "."] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
        assert_eq!(character("'\\n'").unwrap().int, Some(10));
        assert!(character("'ab'").is_err());
    }
}
