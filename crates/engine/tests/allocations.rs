//! A point that does nothing special allocates nothing: what a write costs is shared by its points.
#![allow(clippy::unwrap_used)]

use std::alloc::System;
use std::fmt::Write as _;

use engine::testing::Bench;
use model::Precision;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HOSTS: usize = 1_000;
const TICKS: usize = 20;

/// The lines of some seconds; none of them makes an event.
fn lines(from: usize) -> String {
    let mut lines = String::new();
    for tick in from..from + TICKS / 4 {
        for host in 0..HOSTS {
            let value = (host * 31 + tick * 17) % 60 + 30;
            let _ = writeln!(lines, "cpu,cpu=cpu-total,host=host{host:04} usage_idle={value}.5,usage_user=1.5 {tick}");
        }
    }
    lines
}

/// Allocations for each point once all groups are known, parsing included.
fn allocations(script: &str) -> f64 {
    let mut bench = Bench::new(script).unwrap();
    bench.write(&lines(0), Precision::Seconds);
    let writes: Vec<String> = (1..5).map(|i| lines(i * TICKS / 4)).collect();
    let region = Region::new(ALLOCATOR);
    for lines in &writes {
        bench.write(lines, Precision::Seconds);
    }
    let change = region.change();
    (change.allocations + change.reallocations) as f64 / (HOSTS * TICKS) as f64
}

/// One test: tests beside it would be counted, too.
#[test]
fn a_point_allocates_nothing() {
    let from = "stream |from().measurement('cpu').groupBy('host')";
    let threshold = format!(
        "{from} |where(lambda: \"cpu\" == 'cpu-total') |eval(lambda: 100.0 - \"usage_idle\").as('used')
         |alert().warn(lambda: \"used\" > 80.0).crit(lambda: \"used\" > 90.0).stateChangesOnly()"
    );
    let found = allocations(&threshold);
    assert!(found <= 0.05, "threshold: {found} allocations a point");
    let state =
        format!("{from} |stateDuration(lambda: \"usage_idle\" < 10.0) |alert().crit(lambda: \"state_duration\" > 5)");
    let found = allocations(&state);
    assert!(found <= 0.05, "stateDuration: {found} allocations a point");
}
