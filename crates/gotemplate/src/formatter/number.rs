//! Numbers by verb: bases, signs, padding with zeros, and the forms of floats.
use super::Formatter;
use crate::gofmt::{self, FloatForm};
use crate::value::Value;

impl Formatter<'_> {
    pub(super) fn write_int(&mut self, value: &Value, verb: char) {
        let number = value.as_int().unwrap_or(0);
        let size = number.unsigned_abs();
        match verb {
            'v' if self.flags.as_source && matches!(value, Value::Byte(_)) => {
                self.pad_number(false, format!("{size:x}"), size, "0x")
            }
            'v' | 'd' => self.pad_number(number < 0, format!("{size}"), size, ""),
            'b' => self.pad_number(number < 0, format!("{size:b}"), size, if self.flags.sharp { "0b" } else { "" }),
            'o' => self.pad_octal(number < 0, size, false),
            'O' => self.pad_octal(number < 0, size, true),
            'x' => self.pad_number(number < 0, format!("{size:x}"), size, if self.flags.sharp { "0x" } else { "" }),
            'X' => self.pad_number(number < 0, format!("{size:X}"), size, if self.flags.sharp { "0X" } else { "" }),
            'c' => self.pad(code_point(number).encode_utf8(&mut [0; 4])),
            'q' => {
                let mut quoted = String::new();
                gofmt::quote_char(code_point(number), self.flags.plus, &mut quoted);
                self.pad(&quoted);
            }
            'U' => self.write_unicode(number as u64),
            _ => self.bad_verb(value, verb),
        }
    }

    fn pad_octal(&mut self, negative: bool, size: u64, marked: bool) {
        let digits = format!("{size:o}");
        // With `#` there is a leading zero; padding may have made one already.
        let wide = self.number_width(negative) > digits.len();
        let zero = if self.flags.sharp && !digits.starts_with('0') && !wide { "0" } else { "" };
        let prefix = if marked { format!("0o{zero}") } else { zero.to_owned() };
        self.pad_number(negative, digits, size, &prefix);
    }

    /// How many digits precision or zero padding ask for.
    fn number_width(&self, negative: bool) -> usize {
        match (self.flags.precision, self.flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                width.saturating_sub(usize::from(negative || self.flags.plus || self.flags.space))
            }
            _ => 0,
        }
    }

    fn pad_number(&mut self, negative: bool, digits: String, size: u64, prefix: &str) {
        if self.flags.precision == Some(0) && size == 0 {
            let zero = std::mem::take(&mut self.flags.zero);
            self.fill(self.flags.width.unwrap_or(0));
            self.flags.zero = zero;
            return;
        }
        let sign = match (negative, self.flags.plus, self.flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        let zeros = zeros(self.number_width(negative), digits.len());
        self.pad_with_spaces(&format!("{sign}{prefix}{zeros}{digits}"));
    }

    fn write_unicode(&mut self, code: u64) {
        let width = self.flags.precision.unwrap_or(0).max(4);
        let digits = format!("{code:X}");
        let mut text = format!("U+{}{digits}", zeros(width, digits.len()));
        let character = u32::try_from(code).ok().and_then(char::from_u32);
        if let Some(character) = character.filter(|&character| self.flags.sharp && gofmt::is_printable(character)) {
            text.push_str(&format!(" '{character}'"));
        }
        self.pad_with_spaces(&text);
    }

    pub(super) fn write_float(&mut self, value: &Value, number: f64, verb: char) {
        let (form, precision) = match verb {
            'v' | 'g' | 'G' => (FloatForm::General, None),
            'e' | 'E' => (FloatForm::Exponent, Some(6)),
            'f' | 'F' => (FloatForm::Fixed, Some(6)),
            'x' | 'X' => (FloatForm::Hex, None),
            'b' => (FloatForm::Binary, None),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(precision);
        let mut text = String::with_capacity(24);
        text.push('+');
        gofmt::write_float(number, form, precision, &mut text);
        if matches!(text.as_bytes().get(1), Some(b'+' | b'-')) {
            text.remove(0);
        }
        if verb.is_ascii_uppercase() && verb != 'F' && number.is_finite() {
            text.make_ascii_uppercase();
        }
        if self.flags.space && text.starts_with('+') && !self.flags.plus {
            text.replace_range(..1, " ");
        }
        if !number.is_finite() {
            let plain = number.is_nan() && !self.flags.space && !self.flags.plus
                || number.is_infinite() && text.starts_with('+') && !self.flags.plus;
            return self.pad_with_spaces(if plain && number.is_nan() { &text[1..] } else { &text });
        }
        if self.flags.sharp && verb != 'b' {
            text = with_point(&text, verb, precision);
        }
        self.pad_signed(&text);
    }

    fn pad_signed(&mut self, text: &str) {
        if !self.flags.plus && text.starts_with('+') {
            return self.pad(&text[1..]);
        }
        match self.flags.width {
            Some(width) if self.flags.zero && !self.flags.minus && width > text.len() => {
                self.out.push_str(&text[..1]);
                self.fill(width - text.len());
                self.out.push_str(&text[1..]);
            }
            _ => self.pad(text),
        }
    }
}

/// Zeros that fill up so many digits.
fn zeros(wanted: usize, digits: usize) -> String {
    "0".repeat(wanted.saturating_sub(digits))
}

fn code_point(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `#` keeps the decimal point and trailing zeros that a number would lose.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    let marks: &[char] = if matches!(verb, 'x' | 'X') { &['p', 'P'] } else { &['e', 'E'] };
    let (mantissa, tail) = text.split_at(text.find(marks).unwrap_or(text.len()));
    let mut result = mantissa.to_owned();
    let mut wanted = match verb {
        'v' | 'g' | 'G' | 'x' => precision.unwrap_or(6) as i64,
        _ => 0,
    };
    // The `x` of `0x` counts as a digit: so Go counts.
    let significant = mantissa[1..].trim_start_matches(['0', '.']);
    wanted -= significant.chars().filter(|next| *next != '.').count() as i64;
    if !mantissa.contains('.') {
        if &mantissa[1..] == "0" {
            wanted -= 1;
        }
        result.push('.');
    }
    result.extend(std::iter::repeat_n('0', wanted.max(0) as usize));
    result.push_str(tail);
    result
}
