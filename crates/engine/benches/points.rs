//! Points through the nodes of one task: `cargo bench -p engine --bench points`.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use divan::{Bencher, counter::ItemsCount};
use engine::testing::Bench;
use model::Precision;

const HOSTS: usize = 1_000;

fn main() {
    divan::main();
}

const PIPELINES: [(&str, &str); 6] = [
    ("parsing alone", ""),
    ("alert", "|alert().crit(lambda: \"usage_idle\" < 1.0)"),
    (
        "stateDuration, alert",
        "|stateDuration(lambda: \"usage_idle\" < 9.0) |alert().crit(lambda: \"state_duration\" > 9)",
    ),
    ("window, mean", "|window().period(10s).every(10s) |mean('usage_idle')"),
    ("sliding window, percentile", "|window().period(60s).every(10s) |percentile('usage_idle', 95.0)"),
    ("eval", "|eval(lambda: 100.0 - \"usage_idle\").as('used')"),
];

#[divan::bench(args = PIPELINES.map(|(name, _)| name))]
fn pipeline(bencher: Bencher, name: &str) {
    let (_, nodes) = PIPELINES.iter().find(|(known, _)| *known == name).unwrap();
    let mut bench = Bench::new(&format!("stream |from().measurement('cpu').groupBy('host') {nodes}")).unwrap();
    let mut tick = 0;
    bencher
        .counter(ItemsCount::new(HOSTS))
        .with_inputs(|| {
            tick += 1;
            lines(tick)
        })
        .bench_local_refs(|lines| bench.write(lines, Precision::Seconds));
}

/// A line of each host at a second.
fn lines(tick: usize) -> String {
    let mut lines = String::new();
    for host in 0..HOSTS {
        let value = (host * 31 + tick * 17) % 60 + 30;
        let _ = writeln!(lines, "cpu,cpu=cpu-total,host=host{host:04} usage_idle={value}.5,usage_user=1.5 {tick}");
    }
    lines
}
