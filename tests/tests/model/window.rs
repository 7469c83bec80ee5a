//! Windows of time and of counts.

use proptest::prelude::*;

use crate::{Given, Point, by_group, line, points, run, shown, valued};

#[derive(Debug, Clone, Copy)]
struct Times {
    period: i64,
    every: i64,
    align: bool,
    fill: bool,
}

impl Times {
    fn aligned(&self, second: i64) -> i64 {
        // Times are aligned to the beginning of year 1.
        const YEAR_ONE: i64 = -62_135_596_800;
        if self.align { second - (second - YEAR_ONE).rem_euclid(self.every) } else { second }
    }

    fn first_end(&self, first: &Point) -> i64 {
        if !self.fill {
            return self.aligned(first.second + self.every);
        }
        let whole = first.second + self.period;
        let end = self.aligned(whole);
        if self.align && end <= whole { end + self.every } else { end }
    }

    /// The batches of a group with their ends. What is too old is given up from the front only.
    fn batches(&self, points: &[Point]) -> Vec<(i64, Vec<Given>)> {
        let mut batches = Vec::new();
        let (mut from, mut end) = (0, points.first().map_or(0, |first| self.first_end(first)));
        for (now, point) in points.iter().enumerate() {
            if point.second >= end {
                let old = points[from..now].iter().take_while(|held| held.second < end - self.period).count();
                from += old;
                batches.push((end, points[from..now].iter().map(shown).collect()));
                end = self.aligned(point.second + self.every);
            }
        }
        batches
    }

    fn script(&self) -> String {
        let Times { period, every, .. } = self;
        let align = if self.align { ".align()" } else { "" };
        let fill = if self.fill { ".fillPeriod()" } else { "" };
        format!("|window().period({period}s).every({every}s){align}{fill}")
    }
}

fn times() -> impl Strategy<Value = Times> {
    let flags = (any::<bool>(), any::<bool>());
    (1..20i64, 1..15i64, flags).prop_map(|(period, every, (align, fill))| Times { period, every, align, fill })
}

fn of(window: &str, more: &str) -> String {
    format!("stream|from().measurement('m').groupBy('h'){window}{more}|@OUT")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn windows_of_time(times in times(), points in points(true).prop_map(valued)) {
        let found = run(&of(&times.script(), ""), points.iter().map(|point| line("m", point)), "v");
        let wanted = by_group(&points, |points| times.batches(points).into_iter().map(|(_, rows)| rows).collect());
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn the_ends_of_windows(times in times(), points in points(true).prop_map(valued)) {
        let found = run(&of(&times.script(), "|count('v')"), points.iter().map(|point| line("m", point)), "count");
        let count = |(end, rows): (i64, Vec<Given>)| vec![(end, Some(rows.len() as f64))];
        let wanted = by_group(&points, |points| times.batches(points).into_iter().map(count).collect());
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn windows_that_end_at_each_point(period in 1..20i64, points in points(false).prop_map(valued)) {
        let found = run(&of(&format!("|window().period({period}s)"), ""), points.iter().map(|point| line("m", point)), "v");
        let wanted = by_group(&points, |points| {
            let held = |end: usize| {
                let recent = points[..=end].iter().filter(move |point| point.second > points[end].second - period);
                recent.map(shown).collect()
            };
            (0..points.len()).map(held).collect()
        });
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn windows_of_counts(period in 1..9usize, every in 1..9usize, fill: bool, points in points(true).prop_map(valued)) {
        let fill_period = if fill { ".fillPeriod()" } else { "" };
        let window = format!("|window().periodCount({period}).everyCount({every}){fill_period}");
        let found = run(&of(&window, ""), points.iter().map(|point| line("m", point)), "v");
        let first = if fill { period } else { every };
        let wanted = by_group(&points, |points| {
            let ends = (first..=points.len()).step_by(every);
            ends.map(|end| points[end.saturating_sub(period)..end].iter().map(shown).collect()).collect()
        });
        prop_assert_eq!(found, wanted);
    }
}
