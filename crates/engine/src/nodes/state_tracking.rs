//! What `stateDuration` and `stateCount` have in common: a field that tells how long a condition has been true.

use std::sync::Arc;

use declare::Lambda;
use lambda::{Evaluator, State};
use model::{BatchHead, FieldType, Put, Row, Save, Time};

use crate::{BuildError, Cx, Node, PerRow, Plan, boxed_per_row, nodes::compiled};

/// How long a condition has been true, in one way of counting.
pub(super) trait Tracker: Send + 'static {
    /// What is remembered of a group; the default is that of a condition that was not true.
    type Mark: Default + Save + Send + 'static;

    /// The value for a row.
    fn track(&self, mark: &mut Self::Mark, time: Time, holds: bool) -> (FieldType, u64);
}

/// The node of a tracker.
///
/// # Errors
/// The expression cannot be compiled.
pub(super) fn tracking<T: Tracker>(
    what: &str,
    tracker: T,
    expression: Option<&Lambda>,
    name: &str,
    plan: &Plan<'_>,
) -> Result<Box<dyn Node>, BuildError> {
    let program = compiled(what, expression)?;
    let put = Put::new(plan.schema.name(name));
    let stateful = program.stateful();
    let condition = Evaluator::new(Arc::new(program), plan.schema);
    Ok(if stateful {
        boxed_per_row(Tracking { tracker, condition, put, shared: OwnState })
    } else {
        boxed_per_row(Tracking { tracker, condition, put, shared: NoState::default() })
    })
}

/// Where the memory of stateful functions is: most conditions have none, and their groups are small.
trait Memory: Send + 'static {
    type PerGroup: Default + Save + Send + 'static;
    fn of<'a>(&'a mut self, group: &'a mut Self::PerGroup) -> &'a mut State;
}

/// In each group.
struct OwnState;

impl Memory for OwnState {
    type PerGroup = State;

    fn of<'a>(&'a mut self, group: &'a mut State) -> &'a mut State {
        group
    }
}

/// Nowhere: this one stays empty.
#[derive(Default)]
struct NoState(State);

impl Memory for NoState {
    type PerGroup = ();

    fn of<'a>(&'a mut self, (): &'a mut ()) -> &'a mut State {
        &mut self.0
    }
}

struct Tracking<T, M> {
    tracker: T,
    condition: Evaluator,
    put: Put,
    shared: M,
}

impl<T: Tracker, M: Memory> PerRow for Tracking<T, M> {
    type Group = (T::Mark, M::PerGroup);

    // Kapacitor starts over at each batch. Case: stream/state_duration.
    fn begin_batch(&mut self, group: &mut Self::Group, _head: &mut BatchHead, _cx: &mut Cx<'_>) {
        group.0 = T::Mark::default();
    }

    #[inline]
    fn row(&mut self, group: &mut Self::Group, row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        match self.condition.eval_bool(&cx.lambda(&row), self.shared.of(&mut group.1)) {
            Ok(holds) => {
                let (field_type, word) = self.tracker.track(&mut group.0, row.time, holds);
                Some(self.put.set(cx.schema, cx.frame, &row, field_type, word))
            }
            Err(error) => {
                cx.row_error(format_args!("error while evaluating expression: {error}"));
                None
            }
        }
    }
}
