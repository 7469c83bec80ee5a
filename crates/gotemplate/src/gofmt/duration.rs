//! Durations as Go prints them: `1h2m3.5s`, `10ms`, `0s`.

/// The text of a duration of `nanoseconds`, for example `1m0s`.
pub fn duration(nanoseconds: i64) -> String {
    let mut out = String::with_capacity(16);
    write_duration(nanoseconds, &mut out);
    out
}

/// Appends the text of a duration of `nanoseconds` to `out`.
pub fn write_duration(nanoseconds: i64, out: &mut String) {
    let mut buffer = itoa::Digits::new();
    if nanoseconds < 0 {
        out.push('-');
    }
    let total = nanoseconds.unsigned_abs();
    if total == 0 {
        out.push_str("0s");
        return;
    }
    if total < 1_000_000_000 {
        let (unit, per_unit, digits) = match total {
            0..1_000 => ("ns", 1, 0),
            1_000..1_000_000 => ("µs", 1_000, 3),
            _ => ("ms", 1_000_000, 6),
        };
        out.push_str(buffer.format(total / per_unit));
        write_fraction(total % per_unit, digits, out);
        out.push_str(unit);
        return;
    }
    let seconds = total / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        out.push_str(buffer.format(hours));
        out.push('h');
    }
    if hours > 0 || minutes > 0 {
        out.push_str(buffer.format(minutes));
        out.push('m');
    }
    out.push_str(buffer.format(seconds % 60));
    write_fraction(total % 1_000_000_000, 9, out);
    out.push('s');
}

/// Appends `.` and the digits of `fraction` (of `digits` places) without trailing zeros; nothing when it is zero.
fn write_fraction(mut fraction: u64, mut digits: usize, out: &mut String) {
    if fraction == 0 {
        return;
    }
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        digits -= 1;
    }
    let mut text = [b'0'; 9];
    for place in text[..digits].iter_mut().rev() {
        *place = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    out.push('.');
    out.extend(text[..digits].iter().map(|&digit| char::from(digit)));
}

/// Decimal text of an unsigned number without an allocation.
mod itoa {
    pub(super) struct Digits([u8; 20]);

    impl Digits {
        pub(super) fn new() -> Self {
            Self([0; 20])
        }

        pub(super) fn format(&mut self, mut number: u64) -> &str {
            let mut start = self.0.len();
            loop {
                start -= 1;
                self.0[start] = b'0' + (number % 10) as u8;
                number /= 10;
                if number == 0 {
                    break;
                }
            }
            std::str::from_utf8(&self.0[start..]).expect("decimal digits are ASCII")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_read_as_go_prints_them() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (1_000_000_000, "1s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (-5_445_000_000_000, "-1h30m45s"),
            (3_661_500_000_000, "1h1m1.5s"),
            (90_000_249_999_872, "25h0m0.249999872s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
            (i64::MAX, "2562047h47m16.854775807s"),
        ] {
            assert_eq!(duration(nanoseconds), text);
        }
    }
}
