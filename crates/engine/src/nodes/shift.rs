//! `|shift(5m)`: move rows and batches in time.

use declare::{Declaration, Nanos};
use model::{BatchHead, Row};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerRow, Plan, Reach, boxed_per_row};

#[derive(Debug, Clone, Default)]
pub(super) struct Shift {
    shift: Nanos,
}

impl Definition for Shift {
    const NAME: &'static str = "shift";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Move rows and batches in time, to compare what is now with what was.")
            .argument("shift", "How far; backwards if negative.", |s| &mut s.shift)
            .method("shift", "value duration", "", |s, args| {
                s.shift = declare::Setting::from_argument(&args[0])?;
                Ok(())
            })
            .hidden()
            .example("stream |from().measurement('cpu') |shift(-1h)")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        if self.shift.0 == 0 {
            return Err(BuildError::new("invalid shift value: must be non zero duration"));
        }
        Ok(boxed_per_row(ShiftNode { shift: self.shift.0 }))
    }
}

struct ShiftNode {
    shift: i64,
}

impl PerRow for ShiftNode {
    type Group = ();

    // Kapacitor keeps nothing per group here, and shows 0.
    fn counts_groups(&self) -> bool {
        false
    }

    fn remembers(&self) -> bool {
        false
    }

    fn begin_batch(&mut self, _group: &mut (), head: &mut BatchHead, _cx: &mut Cx<'_>) {
        head.tmax = head.tmax.saturating_add(self.shift);
    }

    fn row(&mut self, _group: &mut (), row: Row, _cx: &mut Cx<'_>) -> Option<Row> {
        Some(Row { time: row.time.saturating_add(self.shift), ..row })
    }
}
