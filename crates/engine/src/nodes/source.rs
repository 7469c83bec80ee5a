//! `stream` and `batch`: where pipelines begin.

use declare::Declaration;
use model::Edge;

use crate::{BuildError, Cx, Definition, EdgeKind, Node, Plan, Reach};

/// All points of the task's databases and retention policies.
#[derive(Debug, Clone, Default)]
pub struct Stream;

/// The beginning of queries.
#[derive(Debug, Clone, Default)]
pub struct Batch;

/// The rows are put on its edge by the task itself.
struct Source;

impl Node for Source {
    fn receive(&mut self, _input: usize, _edge: &Edge, _cx: &mut Cx<'_>) {}
}

impl Definition for Stream {
    const NAME: &'static str = "stream";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("The beginning of a stream task: all points written to the task's databases and retention policies.")
            .example("stream |from().measurement('cpu') |httpOut('cpu')")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Ok(Box::new(Source))
    }
}

impl Definition for Batch {
    const NAME: &'static str = "batch";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("The beginning of a batch task: what follows are queries.")
            .example("batch |query('SELECT usage FROM telegraf.autogen.cpu').period(1m).every(1m) |httpOut('cpu')")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Batch
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Ok(Box::new(Source))
    }
}
