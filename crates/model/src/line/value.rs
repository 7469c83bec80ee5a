//! The values and the time of a line.

use super::{
    Parser,
    digits::{POWERS, Short, digits, short},
    unescape_where,
};
use crate::{FieldType, Time};

impl Parser<'_> {
    /// One value; its word is pushed.
    #[inline]
    pub(super) fn value(&mut self) -> Result<FieldType, &'static str> {
        match self.peek() {
            b'0'..=b'9' | b'-' | b'.' => self.number(),
            b'"' => self.string(),
            b' ' | b',' | b'\n' => Err("missing field value"),
            _ => self.boolean(),
        }
    }

    #[inline]
    fn number(&mut self) -> Result<FieldType, &'static str> {
        let negative = self.peek() == b'-';
        let first = self.at + usize::from(negative);
        match self.bytes.get(first..).and_then(short) {
            Some(Short { mantissa, fraction, has_point, len }) => {
                match self.bytes.get(first + len).copied().unwrap_or(b'\n') {
                    b',' | b' ' | b'\n' | b'\t' => {
                        self.at = first + len;
                        self.float(mantissa, fraction, negative);
                        Ok(FieldType::Float)
                    }
                    b'i' if !has_point => self.integer(first + len, mantissa, len, negative),
                    _ => self.long_number(first, negative),
                }
            }
            None => self.long_number(first, negative),
        }
    }

    fn long_number(&mut self, first: usize, negative: bool) -> Result<FieldType, &'static str> {
        let (mut mantissa, mut at) = digits(self.bytes, first, 0);
        if self.bytes.get(at) == Some(&b'i') {
            return self.integer(at, mantissa, at - first, negative);
        }
        let (mut count, mut fraction) = (at - first, 0);
        if self.bytes.get(at) == Some(&b'.') {
            let point = at + 1;
            (mantissa, at) = digits(self.bytes, point, mantissa);
            fraction = at - point;
            count += fraction;
        }
        if count == 0 || count > 15 || matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            return self.long_float(at);
        }
        self.at = at;
        self.float(mantissa, fraction, negative);
        self.number_ends(FieldType::Float)
    }

    #[inline]
    fn float(&mut self, mantissa: u64, fraction: usize, negative: bool) {
        // Exact: both are below 2^53, so the division rounds once.
        let value = mantissa as f64 / POWERS[fraction];
        self.words.words.push(if negative { -value } else { value }.to_bits());
    }

    /// A number that ends in this place, or goes on with an exponent.
    fn long_float(&mut self, mut at: usize) -> Result<FieldType, &'static str> {
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(self.bytes.get(at), Some(b'+' | b'-')) {
                at += 1;
            }
            while matches!(self.bytes.get(at), Some(b'0'..=b'9')) {
                at += 1;
            }
        }
        let text = &self.text[self.at..at];
        if matches!(text, "-" | "." | "-.") {
            return Err("invalid number");
        }
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or("invalid float")?;
        self.at = at;
        self.words.words.push(value.to_bits());
        self.number_ends(FieldType::Float)
    }

    #[inline]
    fn number_ends(&self, field_type: FieldType) -> Result<FieldType, &'static str> {
        if matches!(self.peek(), b',' | b' ' | b'\n' | b'\t') { Ok(field_type) } else { Err("invalid number") }
    }

    /// An integer whose `i` is in this place.
    #[inline]
    fn integer(&mut self, end: usize, mantissa: u64, count: usize, negative: bool) -> Result<FieldType, &'static str> {
        let value = match count {
            // As in `-inf`.
            0 => return Err("invalid number"),
            1..=18 if negative => -(mantissa as i64),
            1..=18 => mantissa as i64,
            _ => self.text[self.at..end].parse().map_err(|_| "unable to parse integer: value out of range")?,
        };
        self.at = end + 1;
        self.words.words.push(value as u64);
        self.number_ends(FieldType::Int)
    }

    fn string(&mut self) -> Result<FieldType, &'static str> {
        let begin = self.at + 1;
        let mut end = begin;
        let mut escaped = false;
        loop {
            end += memchr::memchr2(b'"', b'\\', &self.bytes[end..]).ok_or("unbalanced quotes")?;
            if self.bytes[end] == b'"' {
                break;
            }
            escaped = true;
            end += 2;
            if end > self.bytes.len() {
                return Err("unbalanced quotes");
            }
        }
        let text = &self.text[begin..end];
        let word = if escaped { self.words.push_text(&unescape_string(text)) } else { self.words.push_text(text) };
        self.words.words.push(word);
        self.at = end + 1;
        Ok(FieldType::String)
    }

    fn boolean(&mut self) -> Result<FieldType, &'static str> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| matches!(b, b',' | b' ' | b'\n')).unwrap_or(rest.len());
        let value = match &rest[..end] {
            b"t" | b"T" | b"true" | b"True" | b"TRUE" => true,
            b"f" | b"F" | b"false" | b"False" | b"FALSE" => false,
            // As in `nan`, which is no value.
            [b'n' | b'N', ..] => return Err("invalid number"),
            _ => return Err("invalid boolean"),
        };
        self.words.words.push(u64::from(value));
        self.at += end;
        Ok(FieldType::Bool)
    }

    #[inline]
    pub(super) fn time(&mut self) -> Result<Time, &'static str> {
        self.skip_blanks();
        if self.peek() == b'\n' {
            return Ok(self.now);
        }
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let first = self.at;
        let value;
        (value, self.at) = digits(self.bytes, first, 0);
        let value = match self.at - first {
            0 => return Err("bad timestamp"),
            1..=19 => i64::try_from(value).ok(),
            // Zeros may stand before it.
            _ => self.text[first..self.at].parse().ok(),
        };
        let value = value.ok_or("timestamp out of range")?;
        // What follows the digits at once is part of the timestamp; what follows a blank is another word.
        if !matches!(self.peek(), b' ' | b'\t' | b'\n') {
            return Err("bad timestamp");
        }
        self.skip_blanks();
        if self.peek() != b'\n' {
            return Err("point is invalid");
        }
        let value = if negative { -value } else { value };
        // The word for word text of Kapacitor. Case: api/write_precision.
        const OUTSIDE: &str = "time outside range -9223372036854775806 - 9223372036854775806";
        let time = value.checked_mul(self.unit).ok_or(OUTSIDE)?;
        if time.unsigned_abs() > i64::MAX as u64 - 1 { Err(OUTSIDE) } else { Ok(time) }
    }
}

fn unescape_string(text: &str) -> std::borrow::Cow<'_, str> {
    unescape_where(text, |c| matches!(c, b'"' | b'\\'))
}
