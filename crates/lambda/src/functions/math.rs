//! Arithmetic beyond the operators, on floats.

use crate::{
    Type::{Float, Int},
    value::Val,
};

use super::{Call, Env, Function, Group, Signature, signature};

const FLOAT: &[Signature] = &[signature(&[Float], Float)];
const FLOATS: &[Signature] = &[signature(&[Float, Float], Float)];

const fn one(name: &'static str, call: fn(f64) -> f64, doc: &'static str) -> Function {
    Function::new(Group::Math, name, FLOAT, doc, Call::Float(call))
}

const fn two(name: &'static str, call: fn(f64, f64) -> f64, doc: &'static str) -> Function {
    Function::new(Group::Math, name, FLOATS, doc, Call::Floats(call))
}

pub(super) static FUNCTIONS: &[Function] = &[
    one("abs", f64::abs, "The number without its sign."),
    one("acos", f64::acos, "The arc cosine, in radians."),
    one("acosh", libm::acosh, "The inverse hyperbolic cosine."),
    one("asin", f64::asin, "The arc sine, in radians."),
    one("asinh", libm::asinh, "The inverse hyperbolic sine."),
    one("atan", f64::atan, "The arc tangent, in radians."),
    two(
        "atan2",
        f64::atan2,
        "The angle of the point (second, first) in radians: the arc tangent of first / second, in the right quadrant.",
    ),
    one("atanh", libm::atanh, "The inverse hyperbolic tangent."),
    one("cbrt", cbrt, "The cube root."),
    one("ceil", f64::ceil, "The least whole number that is not below the number."),
    one("cos", f64::cos, "The cosine of an angle in radians."),
    one("cosh", f64::cosh, "The hyperbolic cosine."),
    one("erf", libm::erf, "The error function."),
    one("erfc", libm::erfc, "One minus the error function."),
    one("exp", f64::exp, "e to the power of the number."),
    one("exp2", f64::exp2, "2 to the power of the number."),
    one("expm1", f64::exp_m1, "e to the power of the number, minus 1; exact also near 0."),
    one("floor", f64::floor, "The greatest whole number that is not above the number."),
    one("gamma", libm::tgamma, "The gamma function."),
    two("hypot", f64::hypot, "The length of the long side of a right triangle: the root of the sum of both squares."),
    one("j0", libm::j0, "The Bessel function of the first kind, order 0."),
    one("j1", libm::j1, "The Bessel function of the first kind, order 1."),
    Function::new(
        Group::Math,
        "jn",
        &[signature(&[Int, Float], Float)],
        "The Bessel function of the first kind; its order is the first argument.",
        Call::Other(jn),
    ),
    one("log", f64::ln, "The natural logarithm."),
    one("log10", f64::log10, "The logarithm to base 10."),
    one("log1p", f64::ln_1p, "The natural logarithm of 1 plus the number; exact also near 0."),
    one("log2", f64::log2, "The logarithm to base 2."),
    one("logb", logb, "The exponent of the number written to base 2."),
    two("max", max, "The greater of two numbers."),
    two("min", min, "The lesser of two numbers."),
    two("mod", remainder, "What remains of the first after division by the second; it has the sign of the first."),
    two("pow", f64::powf, "The first to the power of the second."),
    Function::new(
        Group::Math,
        "pow10",
        &[signature(&[Int], Float)],
        "10 to the power of the number.",
        Call::Other(pow10),
    ),
    one("sin", f64::sin, "The sine of an angle in radians."),
    one("sinh", f64::sinh, "The hyperbolic sine."),
    one("sqrt", f64::sqrt, "The square root."),
    one("tan", f64::tan, "The tangent of an angle in radians."),
    one("tanh", f64::tanh, "The hyperbolic tangent."),
    one("trunc", f64::trunc, "The number without its digits behind the point."),
    one("y0", libm::y0, "The Bessel function of the second kind, order 0."),
    one("y1", libm::y1, "The Bessel function of the second kind, order 1."),
    Function::new(
        Group::Math,
        "yn",
        &[signature(&[Int, Float], Float)],
        "The Bessel function of the second kind; its order is the first argument.",
        Call::Other(yn),
    ),
];

/// The cube root to the last digit that Kapacitor shows: half of the digits are exact, one step of Newton gives the rest.
fn cbrt(x: f64) -> f64 {
    const HALF: u64 = 1 << 30;
    if x == 0.0 || !x.is_finite() || x.abs() < f64::MIN_POSITIVE {
        return libm::cbrt(x);
    }
    let size = x.abs();
    let above = f64::from_bits((libm::cbrt(size).to_bits() & !(HALF - 1)) + HALF);
    let rest = size / (above * above);
    let root = above + above * ((rest - above) / (above + above + rest));
    root.copysign(x)
}

/// Not a number if either is none; 0 is greater than -0.
fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}

fn min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { a } else { b }
    } else if a < b {
        a
    } else {
        b
    }
}

fn remainder(a: f64, b: f64) -> f64 {
    a % b
}

fn logb(x: f64) -> f64 {
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x.is_infinite() {
        f64::INFINITY
    } else if x.is_nan() {
        x
    } else {
        f64::from(libm::ilogb(x))
    }
}

fn pow10<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Int(n)] = args else { return Err(super::unexpected(args)) };
    Ok(Val::Float(match *n {
        i64::MIN..=-324 => 0.0,
        309.. => f64::INFINITY,
        // The digits of a literal are rounded right, which a product of tens is not.
        n => format!("1e{n}").parse().unwrap_or(f64::NAN),
    }))
}

/// An order that can be worked out step by step in reasonable time.
fn order(n: i64) -> Result<i32, String> {
    const LIMIT: i64 = 1_000_000;
    if (-LIMIT..=LIMIT).contains(&n) { Ok(n as i32) } else { Err(format!("the order {n} is beyond {LIMIT}")) }
}

fn jn<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Int(n), Val::Float(x)] = args else { return Err(super::unexpected(args)) };
    Ok(Val::Float(libm::jn(order(*n)?, *x)))
}

fn yn<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Int(n), Val::Float(x)] = args else { return Err(super::unexpected(args)) };
    Ok(Val::Float(libm::yn(order(*n)?, *x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greater_and_lesser_know_nan_and_signed_zero() {
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert_eq!(max(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(min(f64::NEG_INFINITY, f64::NAN), f64::NEG_INFINITY);
        assert!(max(-0.0, 0.0).is_sign_positive() && min(0.0, -0.0).is_sign_negative());
    }

    #[test]
    fn cube_roots() {
        for (x, root) in [(8.0, 2.0), (-27.0, -3.0), (1e-300, 1e-100), (f64::INFINITY, f64::INFINITY), (0.0, 0.0)] {
            assert_eq!(cbrt(x), root);
        }
        assert!(cbrt(f64::NAN).is_nan() && cbrt(5e-324) > 0.0);
    }

    #[test]
    fn exponents() {
        assert_eq!(logb(8.0), 3.0);
        assert_eq!(logb(0.3), -2.0);
        assert_eq!(logb(0.0), f64::NEG_INFINITY);
        assert_eq!(logb(f64::NEG_INFINITY), f64::INFINITY);
    }

    #[test]
    fn orders_are_bounded() {
        assert!(order(1_000_001).is_err() && order(-1_000_000).is_ok());
    }
}
