//! `|stateCount(lambda: ..)`: for how many rows an expression has been true without a break.

use declare::{Declaration, Lambda};
use model::{FieldType, Time};

use super::state_tracking::{Tracker, tracking};
use crate::{BuildError, Definition, EdgeKind, Node, Plan, Reach};

#[derive(Debug, Clone)]
pub(super) struct StateCount {
    expression: Option<Lambda>,
    name: String,
}

impl Default for StateCount {
    fn default() -> Self {
        StateCount { expression: None, name: "state_count".to_string() }
    }
}

impl Definition for StateCount {
    const NAME: &'static str = "stateCount";
    const ID: &'static str = "state_count";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Add for how many rows an expression has been true, -1 for rows of which it is false.")
            .argument("expression", "What must be true of a row.", |s| &mut s.expression)
            .condition()
            .property("as", "The name of the new field.", |s| &mut s.name)
            .property("lambda", "The expression, in another place.", |s| &mut s.expression)
            .hidden()
            .example("stream |from().measurement('cpu') |stateCount(lambda: \"usage_idle\" < 10.0)")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        tracking("stateCount", Count, self.expression.as_ref(), &self.name, plan)
    }
}

struct Count;

impl Tracker for Count {
    type Mark = i64;

    #[inline]
    fn track(&self, count: &mut i64, _time: Time, holds: bool) -> (FieldType, u64) {
        *count = if holds { *count + 1 } else { 0 };
        (FieldType::Int, if holds { *count } else { -1 } as u64)
    }
}
