//! Register code gives what the evaluation by parts gives, for expressions and rows of all kinds.

use std::sync::Arc;

use model::{FieldType, Value};
use proptest::prelude::*;

use super::{
    Evaluator,
    tests::{World, compile},
};
use crate::{EvalError, State, Type, fast::value_of};

/// Makes an expression of choices; when they end, of the simplest parts.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        self.0.next().map_or(0, |byte| *byte as usize % limit)
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    /// An expression that has this type on the first row, but for a mistake now and then.
    fn expression(&mut self, wanted: Type, depth: usize) -> String {
        const TYPES: [Type; 6] = [Type::Bool, Type::Float, Type::Int, Type::String, Type::Duration, Type::Time];
        let wanted = match self.below(64) {
            63 => TYPES[self.below(6)],
            61 => return self.of(&["count()", "sigma(\"f\")", "spread(\"g\")"]).to_owned(),
            62 => return self.of(&["\"gone\"", "\"none\"", "unknown(1)", "strLength(5)"]).to_owned(),
            _ => wanted,
        };
        if depth == 0 || self.below(4) == 0 {
            return self.leaf(wanted).to_owned();
        }
        let depth = depth - 1;
        if self.below(10) == 9 {
            let condition = self.expression(Type::Bool, depth);
            return format!("if({condition}, {}, {})", self.expression(wanted, depth), self.expression(wanted, depth));
        }
        match wanted {
            Type::Bool => self.condition(depth),
            Type::Float => match self.below(4) {
                0 => self.call(&["abs", "sqrt", "floor", "float", "ceil", "trunc"], &[Type::Float], depth),
                1 => self.call(&["max", "pow", "mod", "atan2"], &[Type::Float, Type::Float], depth),
                2 => {
                    let from = [Type::Int, Type::Bool, Type::String][self.below(3)];
                    self.call(&["float"], &[from], depth)
                }
                _ => self.operation(&["+", "-", "*", "/"], Type::Float, Type::Float, depth),
            },
            Type::Int => match self.below(6) {
                0 => self.call(&["int", "pow10"], &[Type::Float], depth),
                1 => self.call(&["strIndex", "strCount"], &[Type::String, Type::String], depth),
                2 => self.call(&["hour", "unixNano", "weekday"], &[Type::Time], depth),
                3 => self.operation(&["/"], Type::Duration, Type::Duration, depth),
                _ => self.operation(&["+", "-", "*", "/", "%"], Type::Int, Type::Int, depth),
            },
            Type::String => match self.below(3) {
                0 => self.call(&["strTrim", "strTrimLeft"], &[Type::String, Type::String], depth),
                1 => {
                    let from = [Type::Int, Type::Bool, Type::Float, Type::Duration][self.below(4)];
                    self.call(&["string"], &[from], depth)
                }
                _ => self.operation(&["+"], Type::String, Type::String, depth),
            },
            Type::Duration => {
                let number = [Type::Int, Type::Float][self.below(2)];
                match self.below(4) {
                    0 => self.call(&["duration"], &[number, Type::Duration], depth),
                    1 => self.operation(&["*", "/"], Type::Duration, number, depth),
                    2 => self.operation(&["*"], number, Type::Duration, depth),
                    _ => self.operation(&["+", "-"], Type::Duration, Type::Duration, depth),
                }
            }
            _ => self.leaf(wanted).to_owned(),
        }
    }

    fn leaf(&mut self, wanted: Type) -> &'static str {
        match wanted {
            Type::Bool => self.of(&["\"b\"", "TRUE", "FALSE", "isPresent(\"gone\")", "!isPresent(\"f\")"]),
            Type::Float => self.of(&["\"f\"", "\"g\"", "\"ef\"", "0.0", "2.5", "-\"f\"", "100000000000000000000.0"]),
            Type::Int => self.of(&["\"i\"", "\"j\"", "-\"i\"", "0", "3", "9223372036854775807"]),
            Type::String => self.of(&["\"s\"", "\"u\"", "\"host\"", "\"t\"", "\"es\"", "'a'", "''", "'text'"]),
            Type::Duration => self.of(&["\"d\"", "1s", "0s", "-3w"]),
            _ => self.of(&["\"time\"", "now()"]),
        }
    }

    fn operation(&mut self, operators: &[&str], left: Type, right: Type, depth: usize) -> String {
        let (left, operator) = (self.expression(left, depth), self.of(operators));
        format!("({left} {operator} {})", self.expression(right, depth))
    }

    fn call(&mut self, names: &[&str], args: &[Type], depth: usize) -> String {
        let name = self.of(names);
        let args: Vec<_> = args.iter().map(|arg| self.expression(*arg, depth)).collect();
        format!("{name}({})", args.join(", "))
    }

    fn condition(&mut self, depth: usize) -> String {
        const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
        const NUMBERS: [Type; 2] = [Type::Float, Type::Int];
        match self.below(9) {
            0 => format!("!{}", self.expression(Type::Bool, depth)),
            1 => format!("({} {} /^[a-c]/)", self.expression(Type::String, depth), self.of(&["=~", "!~"])),
            2 => self.operation(&COMPARISONS, Type::String, Type::String, depth),
            3 => self.operation(&COMPARISONS, Type::Duration, Type::Duration, depth),
            4 => self.operation(&["==", "!="], Type::Bool, Type::Bool, depth),
            5 => self.call(&["strContains", "strHasPrefix"], &[Type::String, Type::String], depth),
            // Without brackets between equal operators.
            6 | 7 => {
                let operator = self.of(&[" AND ", " OR "]);
                let terms = (0..2 + self.below(3)).map(|_| self.expression(Type::Bool, depth)).collect::<Vec<_>>();
                format!("({})", terms.join(operator))
            }
            _ => {
                let (left, right) = (NUMBERS[self.below(2)], NUMBERS[self.below(2)]);
                self.operation(&COMPARISONS, left, right, depth)
            }
        }
    }
}

fn expression() -> impl Strategy<Value = String> {
    const ROOTS: [Type; 6] = [Type::Bool, Type::Bool, Type::Float, Type::Int, Type::String, Type::Duration];
    (prop::collection::vec(any::<u8>(), 0..80), prop::sample::select(ROOTS.to_vec()))
        .prop_map(|(choices, root)| Choices(choices.iter()).expression(root, 5))
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::sample::select(vec![0.0, -0.0, 1.0, 2.5, -7.25, 1e19, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        any::<f64>()
    ]
}

fn ints() -> impl Strategy<Value = i64> {
    prop_oneof![prop::sample::select(vec![0, 1, -1, 3, i64::MIN, i64::MAX]), -10i64..10]
}

fn same(a: &Result<Value, EvalError>, b: &Result<Value, EvalError>) -> bool {
    match (a, b) {
        (Ok(Value::Float(a)), Ok(Value::Float(b))) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (a, b) => a == b,
    }
}

/// Four rows: all types; tags and fields changed places; numbers of the other types; few fields.
fn some_rows(f: f64, g: f64, i: i64, j: i64, s: &str, u: &str, b: bool) -> World {
    let host: &[(&str, &str)] = &[("host", "a"), ("t", "text")];
    let mut world = World::with(&[
        (
            host,
            &[
                ("f", f.into()),
                ("g", g.into()),
                ("i", i.into()),
                ("j", j.into()),
                ("s", s.into()),
                ("u", u.into()),
                ("b", b.into()),
                ("d", Value::Duration(j)),
                ("none", Value::Null),
            ],
        ),
        (
            &[("s", "abc"), ("u", "x"), ("t", "q")],
            &[("j", i.into()), ("i", j.into()), ("host", s.into()), ("f", g.into()), ("g", f.into()), ("b", b.into())],
        ),
        (&host[..1], &[("i", f.into()), ("j", g.into()), ("f", i.into()), ("g", j.into()), ("b", s.into())]),
        (&[("f", "x"), ("s", "abc"), ("i", "3")], &[("g", g.into()), ("t", i.into())]),
    ]);
    world.extra = vec![(world.schema.name("ef"), g.into()), (world.schema.name("es"), u.into())];
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn all_ways_of_evaluation_agree(
        expr in expression(), f in floats(), g in floats(), i in ints(), j in ints(),
        s in "[a-d]{0,3}", u in "[a-d]{0,3}", b: bool, seen in prop::collection::vec(prop::sample::select(vec![0usize, 0, 1, 1, 2, 3]), 1..6),
    ) {
        let world = some_rows(f, g, i, j, &s, &u, b);
        let Ok(program) = compile(&expr) else { return Ok(()) };
        let mut evaluator = Evaluator::new(Arc::new(program), &world.schema);
        let mut state = State::default();
        for row in seen {
            let cx = world.context(row);
            let (mut by_parts, mut by_word, mut as_condition) = (state.clone(), state.clone(), state.clone());
            let wanted = evaluator.eval_by_parts(&cx, &mut by_parts);
            let found = evaluator.eval(&cx, &mut state);
            prop_assert!(same(&found, &wanted), "{expr} on row {row}: {found:?}, by parts {wanted:?}");
            prop_assert_eq!(format!("{state:?}"), format!("{by_parts:?}"));
            let word = evaluator.eval_word(&cx, &mut by_word).map(|(field_type, word)| match field_type {
                FieldType::String => Value::String(evaluator.text().into()),
                _ => value_of(word, field_type),
            });
            prop_assert!(same(&word, &wanted), "{expr} on row {row}: the word is {word:?}");
            let condition = evaluator.eval_bool(&cx, &mut as_condition);
            match wanted {
                Ok(Value::Bool(wanted)) => prop_assert_eq!(condition, Ok(wanted)),
                _ => prop_assert!(condition.is_err()),
            }
            if let Some(known) = evaluator.program.result_type_known().and_then(Type::field_type)
                && let Ok(value) = found
            {
                prop_assert_eq!(value.field_type(), known, "{}", expr);
            }
        }
    }
}
