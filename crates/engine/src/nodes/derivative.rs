//! `|derivative('field')`: how fast a field changes from row to row.

use declare::{Declaration, Nanos};
use model::{BatchHead, Field, Put, Row, Time};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerRow, Plan, Reach, boxed_per_row};

#[derive(Debug, Clone)]
pub(super) struct Derivative {
    field: String,
    rename: String,
    unit: Nanos,
    non_negative: bool,
}

impl Default for Derivative {
    fn default() -> Self {
        Derivative { field: String::new(), rename: String::new(), unit: Nanos(1_000_000_000), non_negative: false }
    }
}

impl Definition for Derivative {
    const NAME: &'static str = "derivative";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Compute how fast a field changes. The first row of a group is dropped.")
            .argument("field", "The field to derive.", |d| &mut d.field)
            .property("as", "The name of the result; the field's own name if not given.", |d| &mut d.rename)
            .property("unit", "The time that one unit of the result stands for.", |d| &mut d.unit)
            .flag("nonNegative", "Drop results below zero.", |d| &mut d.non_negative)
            .property("field", "The field, in another place.", |d| &mut d.field)
            .hidden()
            .example("stream |from().measurement('net') |derivative('rx').unit(1s).nonNegative()")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let rename = if self.rename.is_empty() { &self.field } else { &self.rename };
        Ok(boxed_per_row(DerivativeNode {
            field: Field::new(plan.schema.name(&self.field)),
            put: Put::new(plan.schema.name(rename)),
            unit: self.unit.0 as f64,
            drops_negative: self.non_negative,
        }))
    }
}

struct DerivativeNode {
    field: Field,
    put: Put,
    /// Nanoseconds.
    unit: f64,
    drops_negative: bool,
}

impl PerRow for DerivativeNode {
    /// Time and value of the row before.
    type Group = Option<(Time, f64)>;

    // Kapacitor starts over at each batch. Case: stream/derivative_node.
    fn begin_batch(&mut self, previous: &mut Self::Group, _head: &mut BatchHead, _cx: &mut Cx<'_>) {
        *previous = None;
    }

    fn row(&mut self, previous: &mut Self::Group, row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        let Some(value) = self.field.number(cx.schema, cx.frame, &row) else {
            cx.row_error("cannot perform derivative: field is the wrong type");
            return None;
        };
        let (before, old_value) = previous.replace((row.time, value))?;
        let elapsed = row.time.wrapping_sub(before);
        if elapsed == 0 {
            cx.row_error("cannot perform derivative: elapsed time was 0");
            return None;
        }
        if self.drops_negative && value < old_value {
            return None;
        }
        let units = elapsed as f64 / self.unit;
        Some(self.put.float(cx.schema, cx.frame, &row, (value - old_value) / units))
    }
}
