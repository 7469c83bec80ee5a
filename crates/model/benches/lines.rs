//! Points in and out as text: `cargo bench -p model --bench lines`.
#![allow(clippy::unwrap_used)]

use std::{fmt::Write as _, sync::Arc};

use divan::{Bencher, counter::ItemsCount};
use model::{Frame, Precision, Row, Schema, Words, parse_lines, write_line, write_series};

const LINES: usize = 1_000;

fn main() {
    divan::main();
}

/// A line of each of so many hosts, as Telegraf writes them.
fn lines() -> String {
    let mut lines = String::new();
    for host in 0..LINES {
        let value = host * 31 % 1000;
        let _ = writeln!(
            lines,
            "cpu,cpu=cpu-total,dc=dc{},host=host{host:04} usage_idle={}.5,usage_user={}.25,count={host}i 1700000000000000000",
            host % 5,
            value / 10,
            value % 7
        );
    }
    lines
}

fn parsed(schema: &Schema, lines: &str) -> (Vec<Row>, Words) {
    let (mut rows, mut words) = (Vec::with_capacity(LINES), Words::default());
    parse_lines(schema, lines.as_bytes(), Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
    (rows, words)
}

/// Line protocol of series that are known.
#[divan::bench]
fn parse(bencher: Bencher) {
    let (schema, lines) = (Schema::new(), lines());
    parsed(&schema, &lines);
    bencher.counter(ItemsCount::new(LINES)).bench(|| parsed(&schema, &lines));
}

/// The same in an order in which no series foretells the next one: each is looked up.
#[divan::bench]
fn parse_shuffled(bencher: Bencher) {
    let (schema, lines) = (Schema::new(), lines());
    let mut shuffled: Vec<&str> = lines.lines().collect();
    shuffled.sort_by_key(|line| line.len() * 7919 + line.bytes().map(usize::from).sum::<usize>() * 31 % 1009);
    let orders = [shuffled.join("\n"), shuffled.iter().rev().copied().collect::<Vec<_>>().join("\n"), lines];
    let mut turn = 0;
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        turn += 1;
        parsed(&schema, &orders[turn % 3])
    });
}

/// Series that are new.
#[divan::bench]
fn parse_new(bencher: Bencher) {
    let lines = lines();
    bencher.counter(ItemsCount::new(LINES)).with_inputs(Schema::new).bench_refs(|schema| parsed(schema, &lines));
}

#[divan::bench]
fn line_out(bencher: Bencher) {
    let schema = Schema::new();
    let (rows, words) = parsed(&schema, &lines());
    let frame = Frame::new(Arc::new(words));
    bencher.counter(ItemsCount::new(LINES)).bench(|| {
        let mut out = String::new();
        for row in &rows {
            write_line(&schema, &frame, row, "used", schema.series(row.series).tags(), 1, &mut out);
        }
        out
    });
}

#[divan::bench]
fn json_out(bencher: Bencher) {
    let schema = Schema::new();
    let (rows, words) = parsed(&schema, &lines());
    let frame = Frame::new(Arc::new(words));
    let tags = schema.series(rows[0].series).tags();
    bencher.counter(ItemsCount::new(LINES)).bench(|| {
        let mut out = String::new();
        write_series(&schema, &frame, schema.name("cpu"), tags, &rows, &mut out).unwrap();
        out
    });
}
