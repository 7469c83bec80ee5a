//! Floating point numbers in Go's formats: `%v`, `%e`, `%f`, `%g`, `%x`, `%b` and that of its JSON.
use std::fmt::Write;

/// The shape of a formatted number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatForm {
    /// `1.5e+300`
    Exponent,
    /// `0.0015`
    Fixed,
    /// Fixed or with an exponent, by size.
    General,
    /// `0x1.8p+01`
    Hex,
    /// `6755399441055744p-52`
    Binary,
}

/// No number has more digits than these; behind them are zeros.
const MAX_DIGITS: usize = 1_100;

/// A number as `%v` prints it: the shortest digits, with an exponent below 0.0001 and from 1000000 on.
pub fn float_g(value: f64) -> String {
    let mut out = String::with_capacity(24);
    write_float_g(value, &mut out);
    out
}

/// Appends a number as `%v` prints it.
pub fn write_float_g(value: f64, out: &mut String) {
    if value.fract() == 0.0 && value.abs() < 1e6 && (value != 0.0 || value.is_sign_positive()) {
        // Most readings are small whole numbers.
        let _ = write!(out, "{}", value as i64);
        return;
    }
    write_float(value, FloatForm::General, None, out);
}

/// Appends a number as Go's JSON encoder writes it; the number must be finite (JSON has no other).
pub fn json_float(value: f64, out: &mut String) {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let start = out.len();
        write_float(value, FloatForm::Exponent, None, out);
        // Go shortens e-09 to e-9 here, but not e+09.
        if out.len() - start >= 4 && out.as_bytes()[out.len() - 4..].starts_with(b"e-0") {
            out.remove(out.len() - 2);
        }
    } else {
        write_float(value, FloatForm::Fixed, None, out);
    }
}

/// Appends `value` in a form; without a precision as many digits as tell the number from its neighbours.
pub(crate) fn write_float(value: f64, form: FloatForm, precision: Option<usize>, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
        return;
    }
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        return;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    let size = value.abs();
    match (form, precision) {
        (FloatForm::Exponent, None) => Digits::shortest(size, &mut Short::default()).write_exponent(out),
        (FloatForm::Exponent, Some(precision)) => write_exponent_rounded(size, precision, out),
        (FloatForm::Fixed, None) => Digits::shortest(size, &mut Short::default()).write_fixed(out),
        (FloatForm::Fixed, Some(precision)) => {
            let computed = precision.min(MAX_DIGITS);
            let _ = write!(out, "{size:.computed$}");
            out.extend(std::iter::repeat_n('0', precision - computed));
        }
        (FloatForm::General, _) => write_general(size, precision, out),
        (FloatForm::Hex, _) => write_hex(size, precision, out),
        (FloatForm::Binary, _) => write_binary(size, out),
    }
}

fn write_exponent_rounded(size: f64, precision: usize, out: &mut String) {
    let start = out.len();
    let computed = precision.min(MAX_DIGITS);
    let _ = write!(out, "{size:.computed$e}");
    if let Some(at) = out[start..].find('e') {
        let exponent: i32 = out[start + at + 1..].parse().unwrap_or(0);
        out.truncate(start + at);
        out.extend(std::iter::repeat_n('0', precision - computed));
        write_exponent_part(exponent, out);
    }
}

fn write_exponent_part(exponent: i32, out: &mut String) {
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
}

fn write_general(size: f64, precision: Option<usize>, out: &mut String) {
    let (mut short, mut long) = (Short::default(), String::new());
    let (digits, limit) = match precision {
        None => (Digits::shortest(size, &mut short), 6),
        Some(wanted) => {
            let wanted = wanted.max(1);
            let digits = Digits::rounded(size, wanted, &mut long);
            let whole = digits.point as i64;
            let few = wanted > digits.text.len() && digits.text.len() as i64 >= whole;
            let limit = if few { digits.text.len() } else { wanted };
            (digits, limit)
        }
    };
    let exponent = i64::from(digits.point) - 1;
    if exponent < -4 || exponent >= limit as i64 { digits.write_exponent(out) } else { digits.write_fixed(out) }
}

/// The shortest text of a number without an allocation: 17 digits, a point and an exponent at most.
#[derive(Default)]
struct Short {
    bytes: [u8; 32],
    length: usize,
}

impl Short {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let place = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// Decimal digits of a number: `0.text * 10^point`, without trailing zeros (`0` is one digit).
struct Digits<'b> {
    text: &'b str,
    point: i32,
}

impl<'b> Digits<'b> {
    fn shortest(size: f64, buffer: &'b mut Short) -> Self {
        let _ = write!(buffer, "{size:e}");
        let digits = buffer.text().bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
        if digits >= 15 {
            // Of two texts of that length that are equally near, Go takes the one that ends in an even digit.
            let mut even = Short::default();
            let _ = write!(even, "{size:.*e}", digits - 1);
            if even.text().parse() == Ok(size) {
                *buffer = even;
            }
        }
        let length = buffer.length;
        Self::from_exponent_text(&mut buffer.bytes[..length])
    }

    fn rounded(size: f64, count: usize, buffer: &'b mut String) -> Self {
        let _ = write!(buffer, "{size:.*e}", (count - 1).min(MAX_DIGITS));
        let mut bytes = std::mem::take(buffer).into_bytes();
        let (start, end, point) = Self::digits_in(&mut bytes);
        *buffer = String::from_utf8_lossy(&bytes[start..end]).into_owned();
        Self { text: buffer, point }
    }

    fn from_exponent_text(text: &'b mut [u8]) -> Self {
        let (start, end, point) = Self::digits_in(text);
        Self { text: std::str::from_utf8(&text[start..end]).unwrap_or("0"), point }
    }

    /// Closes the gap of the point in `d.ddde-x`; gives where the digits are and the place of the point before them.
    fn digits_in(text: &mut [u8]) -> (usize, usize, i32) {
        let mark = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
        let exponent = text.get(mark + 1..).and_then(|exponent| std::str::from_utf8(exponent).ok());
        let exponent: i32 = exponent.and_then(|exponent| exponent.parse().ok()).unwrap_or(0);
        let start = usize::from(mark > 1);
        if start == 1 {
            text[1] = text[0];
        }
        let kept = text[start..mark].iter().rposition(|byte| *byte != b'0').map_or(1, |last| last + 1);
        let point = if text[start..start + kept] == *b"0" { 1 } else { exponent + 1 };
        (start, start + kept, point)
    }

    fn write_exponent(&self, out: &mut String) {
        let (first, rest) = self.text.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        write_exponent_part(self.point - 1, out);
    }

    fn write_fixed(&self, out: &mut String) {
        let count = self.text.len() as i32;
        if self.point <= 0 {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', self.point.unsigned_abs() as usize));
            out.push_str(self.text);
        } else if self.point >= count {
            out.push_str(self.text);
            out.extend(std::iter::repeat_n('0', (self.point - count) as usize));
        } else {
            let (whole, fraction) = self.text.split_at(self.point as usize);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
    }
}

/// Mantissa (with the leading one) and binary exponent: `size = mantissa * 2^exponent`.
fn parts(size: f64) -> (u64, i32) {
    let bits = size.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) as i32 & 0x7ff {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased - 1075),
    }
}

fn write_binary(size: f64, out: &mut String) {
    let (mantissa, exponent) = parts(size);
    let _ = write!(out, "{mantissa}p{exponent:+}");
}

fn write_hex(size: f64, precision: Option<usize>, out: &mut String) {
    let (mut mantissa, mut exponent) = parts(size);
    if mantissa == 0 {
        exponent = 0;
    } else {
        exponent += 52;
        while mantissa & (1 << 52) == 0 {
            mantissa <<= 1;
            exponent -= 1;
        }
    }
    if let Some(precision) = precision.filter(|&precision| precision < 13) {
        let dropped = 52 - 4 * precision as u32;
        let (half, rest) = (1u64 << (dropped - 1), mantissa & ((1 << dropped) - 1));
        mantissa >>= dropped;
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let digits = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let fraction = match precision {
        None => digits.trim_end_matches('0').to_owned(),
        Some(precision) if precision <= 13 => digits[..precision].to_owned(),
        Some(precision) => digits + &"0".repeat(precision - 13),
    };
    let _ = write!(out, "0x{}", mantissa >> 52);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(&fraction);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "p{sign}{:02}", exponent.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::{float_g, json_float};

    #[test]
    fn numbers_read_as_percent_v() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1e20, "1e+20"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
            (985_332_608_697_081.3, "9.853326086970812e+14"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(float_g(value), text);
        }
    }

    #[test]
    fn json_numbers_have_wider_fixed_range() {
        for (value, text) in [
            (0.0, "0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.000001, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-10, "1.5e-10"),
            (-12.5, "-12.5"),
            (1.5e300, "1.5e+300"),
        ] {
            let mut out = String::new();
            json_float(value, &mut out);
            assert_eq!(out, text);
        }
    }
}
