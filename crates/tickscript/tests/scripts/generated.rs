//! Trees made by chance are written and read back; texts made by chance do no harm.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tickscript::ast::{
    BinaryOp, Call, Comment, Expr, ExprKind, Ident, Link, Script, Statement, StatementKind, UnaryOp,
};
use tickscript::{Span, format, parse, parse_lambda, rewrite_script, write_duration};

fn expr(kind: ExprKind) -> Expr {
    Expr::new(Span::default(), kind)
}

fn name() -> impl Strategy<Value = String> {
    "[a-zé][a-zA-Z0-9_]{0,5}".prop_filter("no keyword", |name| !["var", "dbrp", "lambda"].contains(&name.as_str()))
}

fn ident(name: String) -> Ident {
    Ident { span: Span::default(), name }
}

fn text() -> impl Strategy<Value = ExprKind> {
    ("[ -~äµ\n\t]{0,8}", any::<bool>()).prop_map(|(value, triple)| {
        let fits_triple = !value.contains("'''") && !value.ends_with('\'');
        let triple = fits_triple && (triple || value.ends_with('\\'));
        let value = if triple { value } else { value.trim_end_matches('\\').to_string() };
        ExprKind::String { value, triple }
    })
}

fn literal() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (0..=i64::MAX, any::<bool>()).prop_map(|(value, octal)| ExprKind::Int { value, octal }),
        (0.0..f64::MAX).prop_map(ExprKind::Float),
        (0.0..2.0).prop_map(ExprKind::Float),
        (0..1_000_000_000i64)
            .prop_map(|micros| ExprKind::Duration { nanos: micros * 1000, literal: write_duration(micros * 1000) }),
        any::<bool>().prop_map(ExprKind::Bool),
        text(),
        "[ -~µ]{0,6}".prop_map(|name| ExprKind::Reference(name.trim_end_matches('\\').to_string())),
        name().prop_map(ExprKind::Ident),
    ]
    .prop_map(expr)
}

fn call(name: String, args: Vec<Expr>) -> Expr {
    expr(ExprKind::Call(Call { name: ident(name), args, multi_line: false }))
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let (left, right) = (Box::new(left), Box::new(right));
    expr(ExprKind::Binary { op, left, right, parens: true, multi_line: false })
}

/// What may stand in a lambda: every inner operation has brackets.
fn operation() -> impl Strategy<Value = Expr> {
    use BinaryOp::*;
    let ops = select(vec![Add, Sub, Mul, Div, Mod, Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, And, Or]);
    let regexes = select(vec!["", "^a/b$", r"\d+\.\w", "[/]", "a|b"]);
    let matches = (literal(), select(vec![RegexMatch, RegexNotMatch]), regexes);
    let leaf = prop_oneof![
        4 => literal(),
        1 => matches.prop_map(|(left, op, regex)| binary(op, left, expr(ExprKind::Regex(regex.to_string())))),
    ];
    leaf.prop_recursive(5, 40, 3, move |inner| {
        prop_oneof![
            (inner.clone(), ops.clone(), inner.clone()).prop_map(|(left, op, right)| binary(op, left, right)),
            (any::<bool>(), inner.clone()).prop_map(|(not, operand)| {
                let op = if not { UnaryOp::Not } else { UnaryOp::Minus };
                expr(ExprKind::Unary { op, operand: Box::new(operand) })
            }),
            (name(), vec(inner, 0..3)).prop_map(|(name, args)| call(name, args)),
        ]
    })
}

fn list() -> impl Strategy<Value = Expr> {
    let item = prop_oneof![text(), name().prop_map(ExprKind::Ident), Just(ExprKind::Star)].prop_map(expr);
    vec(item, 0..3).prop_map(|items| expr(ExprKind::List(items)))
}

/// What may stand as an argument or as a variable's value.
fn value() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        operation(),
        operation().prop_map(|body| expr(ExprKind::Lambda(Box::new(body)))),
        list(),
        Just(expr(ExprKind::Star)),
    ];
    leaf.prop_recursive(3, 30, 4, |inner| {
        let links = vec((select(vec![Link::Dot, Link::Pipe, Link::At]), name(), vec(inner, 0..3), comments()), 1..4);
        (name(), links).prop_map(|(name, links)| {
            links.into_iter().fold(expr(ExprKind::Ident(name)), |left, (link, name, args, comments)| {
                let kind = ExprKind::Chain { left: Box::new(left), link, right: Box::new(call(name, args)) };
                Expr { comments, ..expr(kind) }
            })
        })
    })
}

fn comments() -> impl Strategy<Value = Vec<Comment>> {
    let line = "[ -~]{0,6}".prop_map(|text| Comment { span: Span::default(), text: text.trim_end().to_string() });
    prop_oneof![3 => Just(Vec::new()), 1 => vec(line, 1..3)]
}

fn statement() -> impl Strategy<Value = Statement> {
    let chain = value().prop_filter("may follow any statement", |value| matches!(value.kind, ExprKind::Chain { .. }));
    let kind = prop_oneof![
        (name(), value()).prop_map(|(name, value)| StatementKind::Var { name: ident(name), value }),
        (name(), name()).prop_map(|(name, kind)| StatementKind::VarType { name: ident(name), type_name: ident(kind) }),
        ("[ -~]{0,5}", "[a-z]{0,5}").prop_map(|(database, retention_policy)| StatementKind::Dbrp {
            database: database.trim_end_matches('\\').to_string(),
            retention_policy
        }),
        chain.prop_map(StatementKind::Expr),
    ];
    (comments(), kind).prop_map(|(comments, kind)| Statement { span: Span::default(), comments, kind })
}

fn script() -> impl Strategy<Value = Script> {
    (vec(statement(), 0..4), comments()).prop_map(|(statements, trailing)| Script { statements, trailing })
}

/// The script without places, and without what follows from the layout.
fn bare(mut script: Script) -> Script {
    let clear = |comments: &mut Vec<Comment>| comments.iter_mut().for_each(|comment| comment.span = Span::default());
    clear(&mut script.trailing);
    for statement in &mut script.statements {
        statement.span = Span::default();
        clear(&mut statement.comments);
        if let StatementKind::Var { name, .. } | StatementKind::VarType { name, .. } = &mut statement.kind {
            name.span = Span::default();
        }
        if let StatementKind::VarType { type_name, .. } = &mut statement.kind {
            type_name.span = Span::default();
        }
    }
    rewrite_script(&mut script, &mut |expr| {
        (expr.span, expr.at) = (Span::default(), 0);
        clear(&mut expr.comments);
        match &mut expr.kind {
            ExprKind::Binary { multi_line, .. } => *multi_line = false,
            ExprKind::Call(call) => {
                call.multi_line = false;
                call.name.span = Span::default();
            }
            _ => {}
        }
    });
    script
}

fn tokens() -> impl Strategy<Value = String> {
    let token = select(vec![
        "var ", "dbrp ", "a", "f(", "lambda:", " AND ", "OR", "TRUE", "1", "007", "1.5", ".5", "10s", "5ms", "'s'",
        "'", "'''", "\"r\"", "\"", "/x/", "/", "//", "+", "-", "*", "%", "==", "!=", "=~", "!~", "<", "=", "!", "(",
        ")", "[", "]", ",", ".", "|", "@", ";", "// c\n", "\n", " ", "#", "_", "é", "\u{a0}", "\\", "\r\n", "µ",
    ]);
    vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(script in script()) {
        let text = format(&script);
        let read = parse(&text).map_err(|error| TestCaseError::fail(error.render(&text)))?;
        prop_assert_eq!(bare(read), bare(script), "{}", text);
        prop_assert!(crate::settled(&text).is_ok());
    }

    #[test]
    fn no_text_does_harm(text in tokens()) {
        match parse(&text) {
            Ok(_) => prop_assert!(crate::settled(&text).is_ok(), "{}", text),
            Err(error) => {
                prop_assert!(error.span.start <= error.span.end && error.span.end as usize <= text.len());
                let names_line = error.render(&text).contains(&format!("line {}", error.position.line));
                prop_assert!(names_line, "{}", error);
            }
        }
        let _ = parse_lambda(&text);
    }

    #[test]
    fn no_characters_do_harm(text in any::<String>()) {
        let _ = parse(&text).map_err(|error| error.render(&text));
    }
}
