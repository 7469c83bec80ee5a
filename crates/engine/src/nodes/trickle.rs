//! `|trickle()`: the rows of batches, one by one.

use declare::Declaration;
use model::{Edge, Row, Walk};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, Plan, Reach};

#[derive(Debug, Clone, Default)]
pub(super) struct Trickle;

impl Definition for Trickle {
    const NAME: &'static str = "trickle";
    const WANTS: Option<EdgeKind> = Some(EdgeKind::Batch);

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Hand on the rows of batches as single points.")
            .example("stream |from().measurement('cpu') |window().period(1m).every(1m) |trickle()")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Ok(Box::new(TrickleNode))
    }
}

struct TrickleNode;

impl Node for TrickleNode {
    fn makes_points(&self) -> bool {
        true
    }

    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => cx.out.points(rows),
                Walk::Batch(head, rows) => {
                    for row in rows {
                        let series = cx.schema.series_renamed(row.series, head.name);
                        cx.out.point(Row { series, group: head.group, ..*row });
                    }
                }
                Walk::Barrier(group, time) => cx.emit_barrier(group, time),
                Walk::DeleteGroup(group) => cx.emit_delete_group(group),
            }
        }
    }
}
