//! Conditions over rows of one shape: `cargo bench -p lambda --bench lambdas`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use divan::{Bencher, counter::ItemsCount};
use lambda::{Context, Evaluator, Program, State, Zone};
use model::{Frame, Precision, Row, Schema, Words, parse_lines};

const ROWS: usize = 1_000;

fn main() {
    divan::main();
}

const CONDITIONS: [&str; 5] = [
    "\"usage_idle\" < 10.0",
    "\"usage_idle\" < 80.0 AND (\"usage_user\" + \"usage_system\") / 2.0 > 3.0",
    "\"host\" == 'host17' OR \"host\" =~ /^db/",
    "abs(\"usage_user\" - 50.0) > 40.0",
    "sigma(\"usage_user\") > 3.0",
];

#[divan::bench(args = CONDITIONS)]
fn condition(bencher: Bencher, text: &str) {
    let schema = Schema::new();
    let line = |i: usize| {
        format!("cpu,host=host{} usage_idle={i},usage_user={}.5,usage_system=1.5 {i}\n", i % 50, i * 31 % 100)
    };
    let lines: String = (0..ROWS).map(line).collect();
    let (mut rows, mut words): (Vec<Row>, Words) = Default::default();
    parse_lines(&schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).unwrap();
    let (frame, zone) = (Frame::new(Arc::new(words)), Zone::default());
    let expr = tickscript::parse_lambda(text).unwrap();
    let mut evaluator = Evaluator::new(Arc::new(Program::compile(&expr).unwrap()), &schema);
    let mut state = State::default();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let holds = |row: &&Row| {
            let cx = Context { schema: &schema, frame: &frame, row, extra: &[], zone: &zone, now: 0 };
            evaluator.eval_bool(&cx, &mut state).unwrap()
        };
        rows.iter().filter(holds).count()
    });
}
