//! Nodes that follow a state from point to point: stateCount, stateDuration, changeDetect, derivative, alert.

use proptest::prelude::*;

use crate::{Given, Point, by_group, line, points, rounded, run};

/// The points that have a value: the others are errors, and change nothing.
fn with_values(points: &[Point]) -> Vec<(i64, i64)> {
    points.iter().filter_map(|point| Some((point.second, point.value?))).collect()
}

/// Where the run of values above 4 that ends here begins, if this one is above 4.
fn run_begin(points: &[(i64, i64)], here: usize) -> Option<usize> {
    let length = points[..=here].iter().rev().take_while(|(_, value)| *value > 4).count();
    (length > 0).then(|| here + 1 - length)
}

fn level(point: &Point) -> u8 {
    match point.value {
        Some(8..) => 3,
        Some(5..) => 2,
        Some(2..) => 1,
        _ => 0,
    }
}

fn each(rows: impl IntoIterator<Item = Given>) -> Vec<Vec<Given>> {
    rows.into_iter().map(|row| vec![row]).collect()
}

fn of(node: &str) -> String {
    format!("stream|from().measurement('m').groupBy('h')|{node}|@OUT")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn state_count(points in points(true)) {
        let found = run(&of("stateCount(lambda: \"v\" > 4)"), points.iter().map(|point| line("m", point)), "state_count");
        let wanted = by_group(&points, |points| {
            let points = with_values(points);
            let count = |at| run_begin(&points, at).map_or(-1.0, |begin| (at + 1 - begin) as f64);
            each((0..points.len()).map(|at| (points[at].0, Some(count(at)))))
        });
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn state_duration(points in points(true)) {
        let node = "stateDuration(lambda: \"v\" > 4).unit(2s)";
        let found = run(&of(node), points.iter().map(|point| line("m", point)), "state_duration");
        let wanted = by_group(&points, |points| {
            let points = with_values(points);
            let lasted = |at: usize, begin: usize| (points[at].0 - points[begin].0) as f64 / 2.0;
            let duration = |at| run_begin(&points, at).map_or(-1.0, |begin| lasted(at, begin));
            each((0..points.len()).map(|at| (points[at].0, Some(duration(at)))))
        });
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn change_detect(points in points(true)) {
        let found = run(&of("changeDetect('v')"), points.iter().map(|point| line("m", point)), "v");
        let wanted = by_group(&points, |points| {
            let points = with_values(points);
            let changed = |&at: &usize| at == 0 || points[at].1 != points[at - 1].1;
            each((0..points.len()).filter(changed).map(|at| (points[at].0, Some(points[at].1 as f64))))
        });
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn derivative(points in points(true), non_negative: bool) {
        let rest = if non_negative { ".nonNegative()" } else { "" };
        let node = format!("derivative('v').unit(4s).as('d'){rest}");
        let found = run(&of(&node), points.iter().map(|point| line("m", point)), "d");
        let wanted = by_group(&points, |points| {
            let points = with_values(points);
            let slope = |pair: &[(i64, i64)]| {
                let (seconds, rise) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                let given = seconds != 0 && (rise >= 0 || !non_negative);
                given.then(|| (pair[1].0, Some(rounded(rise as f64 / (seconds as f64 / 4.0)))))
            };
            each(points.windows(2).filter_map(slope))
        });
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn levels_of_an_alert(points in points(true)) {
        let node = "alert().info(lambda: \"v\" > 1).warn(lambda: \"v\" > 4).crit(lambda: \"v\" > 7).stateChangesOnly()";
        let found = run(&of(node), points.iter().map(|point| line("m", point)), "v");
        let wanted = by_group(&points, |points| {
            let before = |at: usize| if at == 0 { 0 } else { level(&points[at - 1]) };
            let told = (0..points.len()).filter(|&at| level(&points[at]) != before(at));
            each(told.map(|at| crate::shown(&points[at])))
        });
        prop_assert_eq!(found, wanted);
    }
}
