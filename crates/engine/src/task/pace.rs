//! How many rows of a write go through a task at once, so that what comes to a node from several parents comes in order.

use model::{Name, Row, Schema};

use super::{Part, Write};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pace {
    /// No two ways meet.
    Freely,
    /// Ways meet, but none that begin at the same child of the source; the children's measurements. Rows that follow each
    /// other and are of interest to one child alone stay in order among themselves.
    Runs(Vec<Name>),
    One,
}

impl Pace {
    pub(super) fn of(parts: &[Part]) -> Pace {
        if parts.iter().any(|part| part.node.one_by_one()) {
            return Pace::One;
        }
        if parts.iter().all(|part| part.parents.len() < 2) {
            return Pace::Freely;
        }
        let children: Vec<usize> = (1..parts.len()).filter(|&child| parts[child].parents.contains(&0)).collect();
        let measurement = |child: &usize| parts[*child].node.measurement();
        match children.iter().map(measurement).collect::<Option<Vec<Name>>>() {
            Some(names) if !children.iter().any(|&child| meets_itself(parts, child)) => Pace::Runs(names),
            _ => Pace::One,
        }
    }

    /// How many of the next rows, of which there are at least `most`, may go at once.
    pub(super) fn run<'r>(&self, schema: &Schema, most: usize, mut rows: impl Iterator<Item = &'r Row>) -> usize {
        match self {
            Pace::Freely => most,
            Pace::One => 1,
            Pace::Runs(names) => {
                let measurement = |row: &Row| schema.series(row.series).name();
                let Some(first) = rows.next().map(measurement) else { return 0 };
                match names.iter().filter(|name| **name == first).count() {
                    0 | 1 => 1 + rows.take(most - 1).take_while(|row| measurement(row) == first).count(),
                    _ => 1,
                }
            }
        }
    }
}

/// Whether two ways that begin here come to the same node.
fn meets_itself(parts: &[Part], from: usize) -> bool {
    let mut reached = vec![false; parts.len()];
    reached[from] = true;
    for child in from + 1..parts.len() {
        let ways = parts[child].parents.iter().filter(|&&parent| reached[parent]).count();
        if ways > 1 {
            return true;
        }
        reached[child] = ways == 1;
    }
    false
}

/// The rows of these numbers, or all, from a place among them.
pub(super) fn selected<'w>(write: &'w Write, indexes: Option<&'w [u32]>, from: usize) -> impl Iterator<Item = &'w Row> {
    let all = if indexes.is_none() { write.rows.get(from..) } else { None };
    let some = indexes.and_then(|indexes| indexes.get(from..));
    let some = some.unwrap_or_default().iter().map(|&index| &write.rows[index as usize]);
    all.unwrap_or_default().iter().chain(some)
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use super::*;
    use crate::testing::Bench;

    fn bench(script: &str) -> Bench {
        Bench::new(script).expect("the script is right")
    }

    const TWO: &str = "var a = stream |from().measurement('a')
        var b = stream |from().measurement('b')
        ";

    #[test]
    fn rows_go_one_by_one_where_their_order_could_be_lost() {
        assert_eq!(bench("stream |from()").task.pace, Pace::Freely);
        assert!(matches!(bench(&format!("{TWO} a |join(b).as('a', 'b')")).task.pace, Pace::Runs(_)));
        let meets_itself = "var a = stream |from().measurement('a') var b = a |where(lambda: \"x\" > 1) a |union(b)";
        assert_eq!(bench(meets_itself).task.pace, Pace::One);
        assert_eq!(bench("var a = stream |from() var b = stream |from() a |union(b)").task.pace, Pace::One);
    }

    #[test]
    fn runs_are_of_one_measurement_that_one_child_reads() {
        let runs = |script: &str, lines: &str| {
            let mut bench = bench(script);
            let schema = std::sync::Arc::clone(&bench.schema);
            let (mut rows, mut words) = (Vec::new(), model::Words::default());
            model::parse_lines(&schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words)
                .expect("good lines");
            let write = Write { rows, ..Write::default() };
            let (mut runs, mut done) = (Vec::new(), 0);
            while done < write.rows.len() {
                let left = write.rows.len() - done;
                let run = bench.task.pace.run(&schema, left.min(3), selected(&write, None, done));
                runs.push(run);
                done += run;
            }
            bench.finish();
            runs
        };
        let lines = "a x=1 1\na x=2 2\na x=3 3\na x=4 4\nb x=1 1\na x=5 5\nc x=1 1\nc x=2 2";
        assert_eq!(runs(&format!("{TWO} a |join(b).as('a', 'b')"), lines), [3, 1, 1, 1, 2]);
        let twice = "var a = stream |from().measurement('a') var b = stream |from().measurement('a') a |union(b)";
        assert_eq!(runs(twice, lines), [1, 1, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn a_selection_begins_where_it_is_told() {
        let mut bench = bench("stream |from()");
        let (mut rows, mut words) = (Vec::new(), model::Words::default());
        let lines = b"a x=1 1\na x=2 2\na x=3 3";
        model::parse_lines(&bench.schema, lines, Precision::Seconds, 0, &mut rows, &mut words).expect("good lines");
        let write = Write { rows, ..Write::default() };
        let times = |indexes: Option<&[u32]>, from| -> Vec<i64> {
            selected(&write, indexes, from).map(|row| row.time / 1_000_000_000).collect()
        };
        assert_eq!(times(None, 1), [2, 3]);
        assert_eq!(times(Some(&[0, 2]), 1), [3]);
        assert_eq!(times(Some(&[0, 2]), 5), [0i64; 0]);
        bench.finish();
    }
}
