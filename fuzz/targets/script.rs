//! Any text is a script or an error with a place; what is formatted reads as before, and formatting settles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickscript::{
    ParseError,
    ast::{ExprKind, Script, StatementKind},
    format, parse, parse_lambda, position, walk_script,
};

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(script) => settles(text, &script),
        Err(error) => is_placed(text, &error),
    }
    if let Err(error) = parse_lambda(text) {
        is_placed(text, &error);
    }
    let _ = (tickscript::parse_duration(text), tickscript::compile_regex(text));
});

/// The layout of a pipeline that is an argument may take some rounds; what it says never changes.
fn settles(text: &str, script: &Script) {
    let said = meaning(script);
    let mut formatted = format(script);
    for _ in 0..10 {
        let script = parse(&formatted).unwrap_or_else(|error| panic!("{text:?} is written as {formatted:?}: {error}"));
        assert_eq!(meaning(&script), said, "{text:?} is written as {formatted:?}");
        let again = format(&script);
        if again == formatted {
            return;
        }
        formatted = again;
    }
    panic!("{text:?} never settles: {formatted:?}");
}

/// A script's parts without their layout, each before its own parts.
fn meaning(script: &Script) -> Vec<String> {
    let mut parts = Vec::new();
    for statement in &script.statements {
        parts.push(match &statement.kind {
            StatementKind::Var { name, .. } => format!("var {}", name.name),
            StatementKind::VarType { name, type_name } => format!("var {} {}", name.name, type_name.name),
            StatementKind::Dbrp { database, retention_policy } => format!("dbrp {database:?} {retention_policy:?}"),
            StatementKind::Expr(_) => "expression".to_string(),
        });
    }
    walk_script(script, &mut |expr| {
        parts.push(match &expr.kind {
            ExprKind::List(items) => format!("list of {}", items.len()),
            ExprKind::Lambda(_) => "lambda".to_string(),
            ExprKind::Unary { op, .. } => op.symbol().to_string(),
            ExprKind::Binary { op, .. } => op.symbol().to_string(),
            ExprKind::Chain { link, .. } => link.symbol().to_string(),
            ExprKind::Call(call) => format!("{} of {}", call.name.name, call.args.len()),
            ExprKind::String { value, .. } => format!("{value:?}"),
            literal => format!("{literal:?}"),
        });
    });
    parts
}

fn is_placed(text: &str, error: &ParseError) {
    assert!(error.span.start <= error.span.end && error.span.end as usize <= text.len(), "{error}");
    assert_eq!(position(text, error.span.start as usize), error.position, "{error}");
    assert!(error.render(text).contains(&format!("line {}", error.position.line)), "{error}");
}
