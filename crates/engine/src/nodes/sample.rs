//! `|sample(3)` and `|sample(10s)`: every so many rows, or those at multiples of a time.

use declare::{Argument, Declaration, SetError};
use model::{BatchHead, Row, truncate};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerRow, Place, Plan, Reach, boxed_per_row};

#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    rate: Option<Argument>,
}

fn set_rate(sample: &mut Sample, args: &[Argument]) -> Result<(), SetError> {
    sample.rate = args.first().cloned();
    Ok(())
}

impl Definition for Sample {
    const NAME: &'static str = "sample";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Hand on only a part of the rows: every so many of a group, beginning with the first one, or those whose time is a multiple of a duration.")
            .argument("rate", "An integer or a duration.", |s| &mut s.rate)
            .method("n", "value integer", "", set_rate)
            .hidden()
            .method("duration", "value duration", "", set_rate)
            .hidden()
            .example("stream |from().measurement('cpu') |sample(3)")
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        match &self.rate {
            Some(Argument::Int(_) | Argument::Duration(_)) | None => Ok(()),
            Some(other) => Err(format!(
                "sample: expected an integer such as 3 or a duration such as 10s, got {}",
                other.describe()
            )),
        }
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let rate = match self.rate {
            Some(Argument::Int(count)) if count != 0 => Rate::Count(count.unsigned_abs()),
            // All times are multiples of a negative duration. Case: stream/sample_node.
            Some(Argument::Duration(unit)) if unit != 0 => Rate::Time(unit),
            _ => return Err(BuildError::new("invalid sample rate: must be positive integer or duration")),
        };
        Ok(boxed_per_row(SampleNode { rate }))
    }
}

enum Rate {
    Count(u64),
    /// Nanoseconds.
    Time(i64),
}

struct SampleNode {
    rate: Rate,
}

impl PerRow for SampleNode {
    /// How many rows there were.
    type Group = u64;

    fn begin_batch(&mut self, count: &mut u64, _head: &mut BatchHead, _cx: &mut Cx<'_>) {
        *count = 0;
    }

    fn row(&mut self, count: &mut u64, row: Row, _cx: &mut Cx<'_>) -> Option<Row> {
        let keep = match self.rate {
            Rate::Count(every) => count.is_multiple_of(every),
            Rate::Time(unit) => truncate(row.time, unit) == row.time,
        };
        *count += 1;
        keep.then_some(row)
    }
}
