//! Floats as Go prints them, in JSON and in text.

/// A float as Go writes it in JSON: without an exponent from 1e-6 up to 1e21, and without a needless `.0`.
pub fn json(value: f64) -> String {
    if !value.is_finite() {
        // JSON has no word for these; callers leave them out.
        return "null".to_string();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        return scientific(value, 1);
    }
    format!("{value}")
}

/// A float as Go prints it with `%v`.
pub fn text(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "NaN".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_string();
    }
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        return scientific(value, 2);
    }
    format!("{value}")
}

/// With a signed exponent of at least so many digits.
fn scientific(value: f64, digits: usize) -> String {
    let plain = format!("{value:e}");
    let (mantissa, exponent) = plain.split_once('e').unwrap_or((&plain, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{mantissa}e{sign}{exponent:0>digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go() {
        for (value, in_json, in_text) in [
            (0.0, "0", "0"),
            (1.0, "1", "1"),
            (0.25, "0.25", "0.25"),
            (-1.5, "-1.5", "-1.5"),
            (1e20, "100000000000000000000", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (1e-5, "0.00001", "1e-05"),
            (1.5e-7, "1.5e-7", "1.5e-07"),
            (1e-10, "1e-10", "1e-10"),
            (f64::MAX, "1.7976931348623157e+308", "1.7976931348623157e+308"),
        ] {
            assert_eq!(json(value), in_json);
            assert_eq!(text(value), in_text);
        }
    }
}
