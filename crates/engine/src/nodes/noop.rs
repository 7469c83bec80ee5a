//! `|noop()`: everything, as it is.

use declare::Declaration;
use model::{Edge, Walk};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, Plan, Reach};

#[derive(Debug, Clone, Default)]
pub(super) struct NoOp;

impl Definition for NoOp {
    const NAME: &'static str = "noop";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Hand everything on as it is.").example("stream |from().measurement('cpu') |noop()")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Ok(Box::new(NoOpNode))
    }
}

struct NoOpNode;

impl Node for NoOpNode {
    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => cx.out.points(rows),
                Walk::Batch(head, rows) => cx.emit_batch(head, rows),
                Walk::Barrier(group, time) => cx.emit_barrier(group, time),
                Walk::DeleteGroup(group) => cx.emit_delete_group(group),
            }
        }
    }
}
