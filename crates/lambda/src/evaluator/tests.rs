//! What evaluators find in rows of several shapes, and the errors that users see.

use std::sync::Arc;

use model::{GroupId, Words};

use super::*;

/// Tags and fields of a row.
type Given<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, Value)]);

/// A schema, some rows, and the words they point into.
pub(super) struct World {
    pub(super) schema: Arc<Schema>,
    frame: Frame,
    rows: Vec<Row>,
    pub(super) extra: Vec<(Name, Value)>,
}

impl World {
    fn new() -> World {
        World { schema: Schema::new(), frame: Frame::default(), rows: Vec::new(), extra: Vec::new() }
    }

    /// Rows of these tags and fields; all rows of a world are given at once.
    pub(super) fn with(rows: &[Given<'_>]) -> World {
        let mut world = World::new();
        let mut words = Words::default();
        for (i, (tags, fields)) in rows.iter().enumerate() {
            let at = words.words.len() as u32;
            let shape: Vec<_> =
                fields.iter().map(|(name, value)| (world.schema.name(name), words.push(value))).collect();
            world.rows.push(Row {
                time: i as i64 * 3_600_000_000_000,
                series: world.schema.series_of_texts("m", tags.iter().copied()),
                shape: world.schema.shape_of(&shape),
                at,
                group: GroupId::NIL,
            });
        }
        world.frame = Frame::new(Arc::new(words));
        world
    }

    pub(super) fn context(&self, row: usize) -> Context<'_> {
        Context {
            schema: &self.schema,
            frame: &self.frame,
            row: &self.rows[row],
            extra: &self.extra,
            zone: &Zone::Utc,
            now: 1,
        }
    }

    fn evaluator(&self, expr: &str) -> Evaluator {
        Evaluator::new(Arc::new(compile(expr).unwrap()), &self.schema)
    }

    fn eval(&self, expr: &str, row: usize) -> Result<Value, String> {
        self.evaluator(expr).eval(&self.context(row), &mut State::default()).map_err(|error| error.to_string())
    }
}

pub(super) fn compile(expr: &str) -> Result<Program, crate::CompileError> {
    Program::compile(&tickscript::parse_lambda(expr).unwrap_or_else(|error| panic!("{expr}: {error}")))
}

fn one_row() -> World {
    let tags: &[_] = &[("host", "a"), ("both", "x")];
    World::with(&[(
        tags,
        &[("f", 2.5.into()), ("i", 3.into()), ("s", "text".into()), ("both", 1.into()), ("none", Value::Null)],
    )])
}

#[test]
fn errors_name_what_is_wrong() {
    let world = one_row();
    for (expr, want) in [
        ("\"nope\" > 1", "left reference value \"nope\" is missing value"),
        ("TRUE OR \"nope\"", "right reference value \"nope\" is missing value"),
        ("\"f\" > 1.0 AND \"nope\" > 1", "left reference value \"nope\" is missing value"),
        ("-\"nope\" < 0", "left reference value \"nope\" is missing value"),
        ("\"nope\"", "reference \"nope\" is missing value"),
        ("!\"nope\"", "reference \"nope\" is missing value"),
        ("\"both\" == 'x'", "cannot have field and tags with same name \"both\""),
        ("FALSE AND \"both\" == 'x'", "cannot have field and tags with same name \"both\""),
        ("\"none\" > 1", "referenced value \"none\" is nil"),
        ("isPresent(\"none\")", "Failed to handle 1 argument: referenced value \"none\" is nil"),
        (
            "\"f\" + \"i\"",
            "mismatched type to binary operator. got float + int. see bool(), int(), float(), string(), duration()",
        ),
        ("\"f\" AND TRUE", "invalid logical operator AND for type float"),
        (
            "\"host\" > 5",
            "mismatched type to binary operator. got string > int. see bool(), int(), float(), string(), duration()",
        ),
        ("\"time\"", "expression returned unexpected type time"),
        ("flor(\"f\")", "undefined function: \"flor\", did you mean \"floor\"?"),
        ("sqrt(\"i\")", "Cannot call function \"sqrt\" with args (\"i\": int), available signatures are [(float)]."),
        (
            "sqrt(\"nope\", \"f\")",
            "Cannot call function \"sqrt\" argument \"nope\" is missing, values in scope are [\"f\"]",
        ),
        ("int('x' + \"s\")", "error calling \"int\": strconv.ParseInt: parsing \"xtext\": invalid syntax"),
        (
            "abs(float(\"s\"))",
            "Failed to handle 1 argument: error calling \"float\": strconv.ParseFloat: parsing \"text\": invalid syntax",
        ),
        ("\"i\" / (\"i\" - 3)", "runtime error: integer divide by zero"),
        ("!\"i\"", "expression returned unexpected type int, expected boolean"),
        ("-\"s\"", "invalid unary operator - for type string"),
    ] {
        assert_eq!(world.eval(expr, 0), Err(want.to_owned()), "{expr}");
    }
}

#[test]
fn conditions_must_be_boolean() {
    let world = one_row();
    for (expr, want) in [
        ("\"i\"", "expression returned unexpected type int, expected boolean"),
        ("\"host\"", "expression returned unexpected type string, expected boolean"),
        ("strToUpper(\"host\")", "expression returned unexpected type string, expected boolean"),
        ("5", "expression returned unexpected type int, expected boolean"),
    ] {
        let error = world.evaluator(expr).eval_bool(&world.context(0), &mut State::default()).unwrap_err();
        assert_eq!(error.to_string(), want, "{expr}");
    }
}

#[test]
fn missing_values_and_lazy_operators() {
    let world = one_row();
    for (expr, want) in [
        ("isPresent(\"nope\")", false),
        ("isPresent(\"host\") AND isPresent(\"f\")", true),
        ("isPresent(\"nope\") AND \"nope\" > 1", false),
        ("TRUE OR \"nope\" > 1", true),
        ("FALSE AND \"i\" / 0 > 1", false),
        ("!isPresent(\"time\")", false),
        ("\"host\" == 'a' AND \"host\" != 'b' AND !(\"host\" == 'b')", true),
        ("\"host\" =~ /^A$/ OR \"s\" !~ /[0-9]/", true),
        ("(\"i\" > 5 OR \"f\" > 2.0) AND (\"i\" > 5 OR \"f\" > 3.0)", false),
        ("(\"i\" > 2 OR \"f\" > 9.0) AND (\"i\" > 5 OR \"f\" > 2.0)", true),
        ("strHasPrefix(\"s\", 'te') AND strIndex(\"host\", \"s\") == -1", true),
        ("hour(\"time\") == 0 AND unixNano(\"time\") < unixNano(now())", true),
    ] {
        assert_eq!(world.eval(expr, 0), Ok(want.into()), "{expr}");
    }
}

#[test]
fn the_shape_decides_each_time() {
    let world = World::with(&[
        (&[], &[("a", 1.5.into())]),
        (&[], &[("x", true.into()), ("a", 2.into())]),
        (&[("a", "t")], &[("x", true.into())]),
        (&[("a", "t")], &[("a", 1.into())]),
        (&[], &[("a", 9.5.into())]),
        (&[], &[("x", 1.into())]),
    ]);
    let mut evaluator = world.evaluator("\"a\" > 1");
    let results: Vec<_> =
        (0..6).map(|row| evaluator.eval_bool(&world.context(row), &mut State::default()).ok()).collect();
    assert_eq!(results, [Some(true), Some(true), None, None, Some(true), None]);
    assert_eq!(evaluator.bindings.len(), 5);
}

#[test]
fn many_shapes_do_not_pile_up() {
    let fields: Vec<Vec<(String, Value)>> =
        (0..100).map(|i| vec![(format!("x{i}"), Value::Int(1)), ("a".to_owned(), Value::Int(i))]).collect();
    let fields: Vec<Vec<(&str, Value)>> =
        fields.iter().map(|row| row.iter().map(|(n, v)| (n.as_str(), v.clone())).collect()).collect();
    let rows: Vec<Given<'_>> = fields.iter().map(|f| (&[][..], &f[..])).collect();
    let world = World::with(&rows);
    let mut evaluator = world.evaluator("\"a\" >= 50");
    let hits =
        (0..200).filter(|i| evaluator.eval_bool(&world.context(i % 100), &mut State::default()).unwrap()).count();
    assert_eq!((hits, evaluator.bindings.len()), (100, BINDINGS));
}

#[test]
fn results_of_tags_are_kept_per_series() {
    let a: &[(&str, &str)] = &[("host", "a")];
    let b: &[(&str, &str)] = &[("host", "b")];
    let world = World::with(&[
        (a, &[("v", 1.into())]),
        (b, &[("v", 1.into())]),
        (a, &[("w", 1.into())]),
        (a, &[("host", "b".into())]),
        (&[], &[("host", "a".into())]),
    ]);
    let mut evaluator = world.evaluator("\"host\" == 'a' OR \"host\" == 'c'");
    let mut run = |row: usize| evaluator.eval_bool(&world.context(row), &mut State::default()).ok();
    for _ in 0..2 {
        assert_eq!([0, 1, 2, 3, 4].map(&mut run), [Some(true), Some(false), Some(true), None, Some(true)]);
    }
    let mut kept = |row: usize| {
        let _ = evaluator.eval_bool(&world.context(row), &mut State::default());
        evaluator.series.kept()
    };
    assert_eq!([0, 1, 4].map(&mut kept), [Some(true), Some(false), None]);
}

#[test]
fn a_name_that_becomes_the_key_of_a_tag_is_seen() {
    let mut world = World::with(&[(&[], &[("v", 1.into())])]);
    let mut evaluator = world.evaluator("\"v\" == 1");
    let mut state = State::default();
    assert_eq!(evaluator.eval_bool(&world.context(0), &mut state), Ok(true));
    world.rows[0].series = world.schema.series_of_texts("m", [("v", "x")]);
    assert_eq!(evaluator.eval_bool(&world.context(0), &mut state), Err(EvalError::FieldAndTag("v".into())));
}

#[test]
fn earlier_results_are_found_behind_fields_and_tags() {
    let mut world = one_row();
    assert_eq!(world.eval("isPresent(\"made\")", 0), Ok(false.into()));
    let names = ["made", "f", "empty"].map(|name| world.schema.name(name));
    world.extra = vec![(names[0], 7.into()), (names[1], 100.into()), (names[2], Value::Null)];
    assert_eq!(world.eval("\"made\" + 1", 0), Ok(8.into()));
    assert_eq!(world.eval("\"f\"", 0), Ok(2.5.into()));
    assert!(world.eval("\"empty\"", 0).is_err());
    let mut evaluator = world.evaluator("if(isPresent(\"made\"), \"made\", 0)");
    let mut state = State::default();
    assert_eq!(evaluator.eval(&world.context(0), &mut state), Ok(7.into()));
    world.extra[0].1 = "text".into();
    assert!(evaluator.eval(&world.context(0), &mut state).is_err(), "its type is another");
    world.extra.clear();
    assert!(evaluator.eval(&world.context(0), &mut state).is_err(), "it is gone");
    world.extra.push((names[0], 8.into()));
    assert_eq!(evaluator.eval(&world.context(0), &mut state), Ok(8.into()));
}

#[test]
fn memory_is_shared_in_an_expression_but_not_with_lambdas_inside() {
    let world = one_row();
    let mut evaluator = world.evaluator("count() * 100 + count() + int(\"f\") * 0");
    let mut state = State::default();
    let cx = world.context(0);
    let mut run = || evaluator.eval(&cx, &mut state).unwrap();
    assert_eq!([run(), run()], [102.into(), 304.into()]);
    let mut tree = tickscript::parse_lambda("count() * 10 + count()").unwrap();
    if let tickscript::ast::ExprKind::Binary { right, .. } = &mut tree.kind {
        let body = right.clone();
        right.kind = tickscript::ast::ExprKind::Lambda(body);
    }
    let program = Arc::new(Program::compile(&tree).unwrap());
    let mut state = State::default();
    assert_eq!(Evaluator::new(program, &world.schema).eval(&cx, &mut state), Ok(11.into()));
}

#[test]
fn words_and_texts_come_without_values() {
    let world = one_row();
    let mut state = State::default();
    let mut word = |expr: &str| {
        let mut evaluator = world.evaluator(expr);
        let found = evaluator.eval_word(&world.context(0), &mut state).unwrap();
        (found, evaluator.text().to_owned())
    };
    assert_eq!(word("\"f\" * 2.0"), ((FieldType::Float, 5f64.to_bits()), String::new()));
    assert_eq!(word("\"host\" + '!'"), ((FieldType::String, 0), "a!".to_owned()));
    assert_eq!(word("\"host\""), ((FieldType::String, 0), "a".to_owned()));
    assert_eq!(word("2 * 1s"), ((FieldType::Duration, 2_000_000_000), String::new()));
}

#[test]
fn clocks_on_the_wall_differ_by_zone() {
    let world = World::with(&[(&[], &[("v", 1.into())])]);
    let kolkata = Zone::Fixed(19_800);
    let mut row = world.rows[0];
    for (time, want) in [
        (1_700_000_000_000_000_000, [43, 3, 3, 15, 11, 2023]),
        (1_709_251_199_123_456_789, [29, 5, 5, 1, 3, 2024]),
        (0, [30, 5, 4, 1, 1, 1970]),
        (4_102_444_799_000_000_000, [29, 5, 5, 1, 1, 2100]),
        (-86_400_000_000_000, [30, 5, 3, 31, 12, 1969]),
    ] {
        row.time = time;
        for (function, want) in ["minute", "hour", "weekday", "day", "month", "year"].into_iter().zip(want) {
            let mut evaluator = world.evaluator(&format!("{function}(\"time\")"));
            let cx = Context { row: &row, zone: &kolkata, ..world.context(0) };
            assert_eq!(evaluator.eval(&cx, &mut State::default()), Ok(want.into()), "{function} of {time}");
        }
    }
}

#[test]
fn random_numbers_stay_in_their_range() {
    let world = one_row();
    let mut evaluator = world.evaluator("rand(10)");
    let mut seen = [false; 10];
    for _ in 0..1000 {
        match evaluator.eval(&world.context(0), &mut State::default()) {
            Ok(Value::Int(v)) => seen[v as usize] = true,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [true; 10]);
    assert!(matches!(world.eval("rand(0)", 0), Ok(Value::Int(0))));
    assert!(matches!(world.eval("rand(-5)", 0), Ok(Value::Int(0..))));
    assert!(matches!(world.eval("rand()", 0), Ok(Value::Int(0..))));
}

#[test]
fn more_references_than_bits() {
    let names: Vec<String> = (0..100).map(|i| format!("n{i:03}")).collect();
    let tags: Vec<(&str, &str)> = names.iter().skip(50).map(|name| (name.as_str(), "t")).collect();
    let fields: Vec<(&str, Value)> = names.iter().take(50).map(|name| (name.as_str(), Value::from("f"))).collect();
    let world = World::with(&[(&tags, &fields), (&tags[..30], &fields)]);
    let expr = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" + ");
    let mut evaluator = world.evaluator(&expr);
    let mut run = |row: usize| evaluator.eval(&world.context(row), &mut State::default());
    let all: Value = format!("{}{}", "f".repeat(50), "t".repeat(50)).as_str().into();
    assert_eq!(run(0), Ok(all.clone()));
    assert!(run(1).is_err());
    assert_eq!(run(0), Ok(all));
}

#[test]
fn deep_expressions_are_evaluated() {
    let world = one_row();
    for (part, want) in [("\"s\"", "text".repeat(390).as_str().into()), ("\"i\"", Value::from(390 * 3))] {
        assert_eq!(world.eval(&vec![part; 390].join(" + "), 0), Ok(want));
    }
    let calls = format!("{}\"f\"{}", "abs(".repeat(190), ")".repeat(190));
    assert_eq!(world.eval(&calls, 0), Ok(2.5.into()));
    assert!(world.eval(&calls.replace("\"f\"", "\"gone\""), 0).is_err());
}
