//! Joins of two inputs, each of which is in the order of time; how they come beside each other is free.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{GROUPS, Given, Point, line, points, run, valued};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fill {
    None,
    Null,
    Number,
}

fn fill() -> impl Strategy<Value = Fill> {
    prop_oneof![Just(Fill::None), Just(Fill::Null), Just(Fill::Number)]
}

impl Fill {
    fn script(self) -> &'static str {
        match self {
            Fill::None => "",
            Fill::Null => ".fill('null')",
            Fill::Number => ".fill(-1)",
        }
    }

    /// What stands for a missing partner, if there is a row at all.
    fn value(self) -> Option<Option<f64>> {
        match self {
            Fill::None => None,
            Fill::Null => Some(None),
            Fill::Number => Some(Some(-1.0)),
        }
    }
}

/// Lines of both inputs, shuffled into each other: while `turns` says so, the next one is of the first.
fn mixed(mut a: Vec<String>, mut b: Vec<String>, turns: &[bool]) -> Vec<String> {
    let (mut a, mut b) = (a.drain(..), b.drain(..));
    let mut lines: Vec<String> = turns.iter().filter_map(|&first| if first { a.next() } else { b.next() }).collect();
    lines.extend(a);
    lines.extend(b);
    lines
}

/// Times are rounded to a multiple of the tolerance, halves up.
fn round(second: i64, tolerance: i64) -> i64 {
    if tolerance == 0 { second } else { (2 * second + tolerance).div_euclid(2 * tolerance) * tolerance }
}

/// The values of a group by time.
fn times(points: &[Point], group: usize, tolerance: i64) -> BTreeMap<i64, Vec<f64>> {
    let mut times: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for point in points.iter().filter(|point| point.group == group) {
        times.entry(round(point.second, tolerance)).or_default().push(point.value.unwrap_or_default() as f64);
    }
    times
}

/// The n-th of one side goes with the n-th of the other at the same time; of each pair, what the second side gave.
fn pairs(a: &BTreeMap<i64, Vec<f64>>, b: &BTreeMap<i64, Vec<f64>>, fill: Fill) -> Vec<Vec<Given>> {
    let mut all: Vec<i64> = a.keys().chain(b.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    let at = |side: &BTreeMap<i64, Vec<f64>>, time, n| side.get(&time).and_then(|values| values.get(n)).copied();
    let pair = |time, n| match (at(a, time, n), at(b, time, n)) {
        (Some(_), Some(value)) => Some((time, Some(value))),
        (Some(_), None) => Some((time, fill.value()?)),
        (None, Some(value)) => fill.value().map(|_| (time, Some(value))),
        (None, None) => None,
    };
    let most = a.values().chain(b.values()).map(Vec::len).max().unwrap_or(0);
    all.iter().flat_map(|&time| (0..most).filter_map(move |n| pair(time, n))).map(|row| vec![row]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn by_time_and_group(
        a in points(false).prop_map(valued), b in points(false).prop_map(valued),
        turns in proptest::collection::vec(any::<bool>(), 80), tolerance in 0..6i64, fill in fill(),
    ) {
        let script = format!(
            "var a = stream|from().measurement('a').groupBy('h')\nvar b = stream|from().measurement('b').groupBy('h')\n\
             a|join(b).as('a', 'b').tolerance({tolerance}s){}|@OUT", fill.script());
        let lines = |name, points: &[Point]| points.iter().map(|point| line(name, point)).collect::<Vec<_>>();
        let found = run(&script, mixed(lines("a", &a), lines("b", &b), &turns), "b.v");
        let of = |group| pairs(&times(&a, group, tolerance), &times(&b, group, tolerance), fill);
        let wanted = GROUPS.iter().enumerate().map(|(group, name)| (name.to_string(), of(group)));
        prop_assert_eq!(found, wanted.filter(|(_, posts)| !posts.is_empty()).collect());
    }

    #[test]
    fn on_fewer_tags(
        a in proptest::collection::btree_set((0..30i64, 0..3usize), 1..20), b in proptest::collection::btree_set(0..30i64, 1..15),
        turns in proptest::collection::vec(any::<bool>(), 40), fill in fill(),
    ) {
        let script = format!(
            "var a = stream|from().measurement('a').groupBy('h', 'k')\nvar b = stream|from().measurement('b').groupBy('h')\n\
             a|join(b).as('a', 'b').on('h'){}|@OUT", fill.script());
        // What waits alone goes when all have passed its time, so both sides end with one more.
        let (a, b): (Vec<_>, Vec<_>) = (a.into_iter().chain([(99, 0)]).collect(), b.into_iter().chain([99]).collect());
        let specific = a.iter().map(|(second, k)| format!("a,h=x,k={k} v=1i {second}")).collect();
        let general = b.iter().map(|second| format!("b,h=x v={second}i {second}")).collect();
        let found = run(&script, mixed(specific, general, &turns), "b.v");
        // Rows of the side with fewer tags have no group of their own, so none of them goes alone.
        let row = |second: i64| {
            let partner = b.contains(&second).then_some(Some(second as f64));
            Some(vec![(second, partner.or(fill.value())?)])
        };
        let of = |k: usize| -> Vec<_> { a.iter().filter(|row| row.1 == k).filter_map(|&(second, _)| row(second)).collect() };
        let wanted = (0..3).map(|k| (format!("x,{k}"), of(k)));
        prop_assert_eq!(found, wanted.filter(|(_, posts)| !posts.is_empty()).collect());
    }
}
