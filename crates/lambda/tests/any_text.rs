//! Any text that reads as an expression compiles or says why not, whatever it is made of and however deep it is.
#![allow(clippy::unwrap_used)]

use lambda::{CompileErrorKind, Program, functions};
use proptest::{collection::vec, prelude::*, sample::select};
use tickscript::{MAX_NESTING, parse_lambda};

fn soup() -> impl Strategy<Value = String> {
    let mut tokens: Vec<String> = [
        "\"f\"",
        "\"time\"",
        "'a'",
        "'''b'''",
        "/a(/",
        "/a+/",
        "1",
        "-1",
        "0",
        "9223372036854775807",
        "0.5",
        "1e",
        "10s",
        "0s",
        "TRUE",
        "FALSE",
        "x",
        "*",
        "lambda: ",
        "(",
        ")",
        ", ",
        " AND ",
        " OR ",
        " + ",
        " - ",
        " * ",
        " / ",
        " % ",
        " == ",
        " != ",
        " < ",
        " >= ",
        " =~ ",
        " !~ ",
        "!",
        "-",
    ]
    .map(str::to_string)
    .to_vec();
    tokens.extend(functions().map(|function| format!("{}(", function.name)));
    vec(select(tokens), 1..16).prop_map(|tokens| tokens.concat())
}

/// Operands and operators in turn, so that most of it reads.
fn operation() -> impl Strategy<Value = String> {
    let operand = select(vec![
        "\"f\"", "'a'", "1", "0", "0.5", "10s", "TRUE", "-\"f\"", "!TRUE", "now()", "count()", "x", "abs('a')",
    ]);
    let operator = select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", "=~", "AND", "OR"]);
    (operand.clone(), vec((operator, operand), 0..6)).prop_map(|(first, rest)| {
        rest.iter().fold(first.to_string(), |text, (op, operand)| format!("{text} {op} {operand}"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_does_harm(text in prop_oneof![soup(), operation()]) {
        let Ok(tree) = parse_lambda(&text) else { return Ok(()) };
        match Program::compile(&tree) {
            Ok(program) => prop_assert!(program.references().len() <= text.len()),
            Err(error) => {
                prop_assert!(error.span.start <= error.span.end && error.span.end as usize <= text.len(), "{text}: {error:?}");
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}

#[test]
fn depth_has_a_limit_that_is_told() {
    for (open, close) in [("(", ")"), ("!(", ")"), ("-(", ")"), ("abs(", ")"), ("if(TRUE, 1, ", ")"), ("(1 + ", ")")] {
        let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        let error = parse_lambda(&nested(MAX_NESTING + 1)).unwrap_err();
        assert!(error.message.contains("nested too deeply"), "{open}: {error}");
        // What may be nested so deep may still be too much for an expression: that is told, too.
        if let Err(error) = Program::compile(&parse_lambda(&nested(MAX_NESTING)).unwrap()) {
            assert!(!matches!(error.kind, CompileErrorKind::NotAnExpression(_)), "{open}: {error}");
        }
    }
}

#[test]
fn length_has_a_limit_that_is_told() {
    let long = format!("\"a\"{}", " + \"a\"".repeat(50_000));
    let told = match parse_lambda(&long) {
        Err(error) => error.to_string(),
        Ok(tree) => Program::compile(&tree).unwrap_err().to_string(),
    };
    assert!(told.contains("too") || told.contains("more than"), "{told}");
}
