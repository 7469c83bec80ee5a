//! No text exhausts the stack or the time: deep, long and cut off scripts.

use tickscript::{MAX_DEPTH, MAX_NESTING, format, parse, parse_lambda, walk_script};

fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("var a = {}1{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn brackets_nest_up_to_the_limit() {
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("-(", ")"),
        ("(1 + ", ")"),
        ("(1 + f(2, ", "))"),
        ("a|b(", ")"),
        ("f(a|b(", "))"),
        ("f(1 - -g(", "))"),
    ] {
        let levels = MAX_NESTING / open.matches('(').count();
        let text = nested(open, close, levels);
        let script = parse(&text).unwrap_or_else(|error| panic!("{open}: {error}"));
        let mut parts = 0;
        walk_script(&script, &mut |_| parts += 1);
        assert!(parts > 0 && !format(&script).is_empty());
        let error = parse(&nested(open, close, levels + 1)).unwrap_err();
        assert!(error.message.contains("nested too deeply"), "{error}");
    }
}

#[test]
fn cut_off_brackets_are_refused() {
    for open in ["(", "f(", "-(", "a|b(", "(1 + f(2, ", "f(x, (", "[", "!f("] {
        assert!(parse(&open.repeat(MAX_NESTING / 2)).is_err(), "{open}");
        assert!(parse(&open.repeat(100_000)).is_err(), "{open}");
    }
}

#[test]
fn rows_are_bounded_too() {
    for (first, more) in [("1", " + 1"), ("a", ".b()"), ("a", "|b()"), ("a", "|b"), ("\"x\"", " AND \"x\" OR \"y\"")] {
        let fits = format!("var a = {first}{}", more.repeat((MAX_DEPTH - 10) / 2));
        assert_eq!(parse(&fits).is_ok(), more != "|b", "{more}");
        assert!(parse(&format!("var a = {first}{}", more.repeat(MAX_DEPTH + 1))).is_err(), "{more}");
    }
    assert!(parse(&format!("var a = {}1", "-".repeat(100_000))).is_err());
    assert!(parse_lambda(&format!("{}\"a\"", "!".repeat(100))).is_ok());
}

#[test]
fn many_statements_are_fine() {
    let text = "var a = stream|from().where(lambda: \"x\" > 1)\n".repeat(2_000);
    assert_eq!(parse(&text).unwrap().statements.len(), 2_000);
}

#[test]
fn long_literals_are_fine() {
    for (open, close) in [("'", "'"), ("'''", "'''"), ("\"", "\""), ("/", "/"), ("\n// ", "\n5")] {
        let text = format!("var a = {open}{}{close}", "ä ".repeat(10_000));
        assert!(parse(&text).is_ok(), "{open}");
    }
}
