//! `|where(lambda: ..)`: only the rows of which an expression is true go on.

use std::sync::Arc;

use declare::{Declaration, Lambda};
use lambda::{Evaluator, State};
use model::Row;

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerRow, Plan, Reach, Sieve, boxed_per_row, nodes::compiled};

#[derive(Debug, Clone, Default)]
pub(super) struct Where {
    expression: Option<Lambda>,
}

impl Definition for Where {
    const NAME: &'static str = "where";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Let only those rows through of which the expression is true. Batches stay batches, also empty ones.")
            .argument("expression", "What must be true of a row.", |w| &mut w.expression)
            .condition()
            .property("lambda", "The expression, in another place.", |w| &mut w.expression)
            .condition()
            .hidden()
            .example("stream |from().measurement('cpu') |where(lambda: \"usage_idle\" < 10.0)")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let program = compiled("where", self.expression.as_ref())?;
        Ok(boxed_per_row(WhereNode { predicate: Evaluator::new(Arc::new(program), plan.schema) }))
    }
}

struct WhereNode {
    predicate: Evaluator,
}

impl PerRow for WhereNode {
    /// What stateful functions remember.
    type Group = State;

    fn remembers(&self) -> bool {
        self.predicate.program().stateful()
    }

    fn sieve(&self) -> Option<Sieve> {
        self.predicate.program().guarded().map(Sieve::Where)
    }

    #[inline]
    fn row(&mut self, state: &mut State, row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        match self.predicate.eval_bool(&cx.lambda(&row), state) {
            Ok(passes) => passes.then_some(row),
            Err(error) => {
                cx.row_error(format_args!("error while evaluating expression: {error}"));
                None
            }
        }
    }
}
