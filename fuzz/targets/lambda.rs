//! Any expression compiles or says why not; however it is evaluated, the result and what it remembers are the same.
#![no_main]

use std::sync::Arc;

use lambda::{Context, Evaluator, Program, State, Zone};
use libfuzzer_sys::fuzz_target;
use model::{FieldType, Frame, GroupId, Row, Schema, Value, Words};

// The first bytes of the input are numbers of the rows.
fuzz_target!(|input: (f64, i64, &str)| {
    let (float, int, text) = input;
    let Ok(tree) = tickscript::parse_lambda(text) else { return };
    let Ok(program) = Program::compile(&tree) else { return };
    // What depends on chance or on the clock has no result to compare.
    let compared = program.is_pure() || program.stateful();
    let schema = Schema::new();
    let (rows, words) = rows(&schema, float, int);
    let frame = Frame::new(Arc::new(words));
    let mut evaluator = Evaluator::new(Arc::new(program), &schema);
    let mut state = State::default();
    for row in rows.iter().chain(&rows) {
        let cx = Context { schema: &schema, frame: &frame, row, extra: &[], zone: &Zone::Utc, now: 1 };
        let mut by_parts = state.clone();
        let mut as_condition = state.clone();
        let wanted = evaluator.eval_by_parts(&cx, &mut by_parts);
        let found = evaluator.eval(&cx, &mut state);
        let condition = evaluator.eval_bool(&cx, &mut as_condition);
        if !compared || text.contains("rand") || text.contains("jitter") {
            continue;
        }
        match (&found, &wanted) {
            (Ok(Value::Float(a)), Ok(Value::Float(b))) if a.is_nan() && b.is_nan() => {}
            _ => assert_eq!(found, wanted, "{text} on {row:?}"),
        }
        // As they are shown, since numbers that are none differ from themselves.
        assert_eq!(format!("{state:?}"), format!("{by_parts:?}"), "{text}");
        match wanted {
            Ok(Value::Bool(wanted)) => assert_eq!(condition, Ok(wanted), "{text}"),
            _ => assert!(condition.is_err(), "{text}"),
        }
    }
});

fn rows(schema: &Schema, float: f64, int: i64) -> (Vec<Row>, Words) {
    let tags = [("host", "a"), ("t", "text")];
    let kinds: [(&[(&str, &str)], Vec<(&str, Value)>); 3] = [
        (
            &tags,
            vec![
                ("f", float.into()),
                ("g", 2.5.into()),
                ("i", int.into()),
                ("j", 3.into()),
                ("s", "abc".into()),
                ("b", true.into()),
                ("d", Value::Duration(int)),
                ("value", float.into()),
            ],
        ),
        (
            &tags[..1],
            vec![("t", 1.into()), ("f", int.into()), ("i", float.into()), ("s", "".into()), ("b", false.into())],
        ),
        (&[("f", "x"), ("s", "abc")], vec![("value", int.into()), ("none", Value::Null)]),
    ];
    let mut words = Words::default();
    let mut rows = Vec::new();
    for (number, (tags, fields)) in kinds.into_iter().enumerate() {
        let at = words.words.len() as u32;
        let shape: Vec<(_, FieldType)> =
            fields.iter().map(|(name, value)| (schema.name(name), words.push(value))).collect();
        rows.push(Row {
            time: number as i64 * 3_600_000_000_000,
            series: schema.series_of_texts("m", tags.iter().copied()),
            shape: schema.shape_of(&shape),
            at,
            group: GroupId::NIL,
        });
    }
    (rows, words)
}
