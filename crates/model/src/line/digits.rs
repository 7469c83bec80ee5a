//! Decimal digits read eight at a time.

/// Powers of ten that are exact as 64 bit floats, and more than a run of digits needs.
pub(super) const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The digits from `at` on, appended to a value, and where they end. The value wraps; it is exact if there are 19 digits
/// at most.
#[inline]
pub(super) fn digits(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let (eight, count) = leading(u64::from_le_bytes(*chunk));
        value = value.wrapping_mul(TENS[count]).wrapping_add(eight);
        at += count;
        if count < 8 {
            return (value, at);
        }
    }
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// A number of few digits.
pub(super) struct Short {
    /// All its digits, without the point.
    pub(super) mantissa: u64,
    /// How many of them stand after the point.
    pub(super) fraction: usize,
    pub(super) has_point: bool,
    /// Bytes of its text.
    pub(super) len: usize,
}

/// The number without a sign that a text begins with, if that has a digit and ends within eight bytes.
#[inline]
pub(super) fn short(text: &[u8]) -> Option<Short> {
    let bytes = u64::from_le_bytes(*text.first_chunk::<8>()?);
    let others = others(bytes);
    let point = others.trailing_zeros() as usize / 8;
    if point == 8 {
        return None;
    }
    if bytes >> (8 * point) & 0xFF != u64::from(b'.') {
        return (point > 0).then(|| Short { mantissa: value(bytes, point), fraction: 0, has_point: false, len: point });
    }
    let len = (others & !(0xFF << (8 * point))).trailing_zeros() as usize / 8;
    if len == 8 || len == 1 {
        return None;
    }
    let before = (1u64 << (8 * point)) - 1;
    let joined = bytes & before | bytes >> 8 & !before;
    Some(Short { mantissa: value(joined, len - 1), fraction: len - 1 - point, has_point: true, len })
}

/// The value of the digits that eight bytes begin with, the first in the lowest byte; how many they are.
#[inline]
fn leading(bytes: u64) -> (u64, usize) {
    let count = others(bytes).trailing_zeros() as usize / 8;
    if count == 0 { (0, 0) } else { (value(bytes, count), count) }
}

/// Bits in each byte that is not a digit. Bytes that follow such a one may have some, too, unless it is a point.
#[inline]
fn others(bytes: u64) -> u64 {
    const SIXES: u64 = 0x0606_0606_0606_0606;
    const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    let values = bytes ^ ZEROS;
    // What is above 9 has a high half then; a carry can only reach what follows it.
    (values | values.wrapping_add(SIXES)) & HIGH
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The value of the first bytes, which are digits: 1 to 8 of them.
///
/// Pairs are joined to numbers below 100, those to numbers below 10,000, and so on:
/// <https://kholdstare.github.io/technical/2020/05/26/faster-integer-parsing.html>
#[inline]
fn value(bytes: u64, count: usize) -> u64 {
    // Digits move up as if zeros stood before them.
    let digits = (bytes ^ ZEROS) << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10 * 256 + 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000 * 4_294_967_296 + 1) >> 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_neighbours_of_digits_end_them() {
        for byte in (0..=255u8).filter(|byte| !byte.is_ascii_digit()) {
            for count in 0..8 {
                let mut bytes = *b"12345678901";
                bytes[count] = byte;
                let value = bytes[..count].iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
                assert_eq!(digits(&bytes, 0, 0), (value, count), "{bytes:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn short_numbers_are_as_they_are_read_one_by_one(text in "[0-9]{0,8}(\\.[0-9]{0,8})?[^0-9.].{0,9}") {
            let (before, at) = digits(text.as_bytes(), 0, 0);
            let has_point = text.as_bytes()[at] == b'.';
            let (mantissa, end) = if has_point { digits(text.as_bytes(), at + 1, before) } else { (before, at) };
            let (fraction, has_digits) = (end - at - usize::from(has_point), end > usize::from(has_point));
            match short(text.as_bytes()) {
                Some(it) => {
                    prop_assert_eq!((it.mantissa, it.fraction), (mantissa, fraction));
                    prop_assert_eq!((it.has_point, it.len), (has_point, end));
                }
                None => prop_assert!(!has_digits || end >= 8 || text.len() < 8, "{}", text),
            }
        }

        #[test]
        fn digits_are_as_one_by_one(before in "[0-9]{0,19}", after in "([^0-9].{0,9})?") {
            let text = format!("x{before}{after}");
            let value = before.parse().unwrap_or(0u64);
            prop_assert_eq!(digits(text.as_bytes(), 1, 0), (value, 1 + before.len()));
        }
    }
}
