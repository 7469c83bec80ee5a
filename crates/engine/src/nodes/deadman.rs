//! `|deadman(0.0, 10s)`: an alert when a node gives too few points; made of stats, derivative and alert.

use declare::{Declaration, Lambda, Nanos};

use crate::{BuildError, Definition, EdgeKind, Node, Plan};

/// Only its arguments: `define` puts the nodes that it stands for in its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deadman {
    pub(crate) threshold: f64,
    pub(crate) interval: Nanos,
    pub(crate) expressions: Vec<Lambda>,
}

impl Definition for Deadman {
    const NAME: &'static str = "deadman";
    const ID: &'static str = "alert";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Alert when a node gives too few points: critical if it gave no more than the threshold in an interval. What follows are the properties of an alert.")
            .argument("threshold", "How many points in an interval are too few.", |d| &mut d.threshold)
            .argument("interval", "How often to look.", |d| &mut d.interval)
            .variadic("expr", "What else must be true, such as the time of day.", |d| &mut d.expressions)
            .condition()
            .example("stream |from().measurement('cpu').groupBy('host') |deadman(100.0, 10s, lambda: hour(\"time\") >= 8)")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Err(BuildError::new("a deadman is made of other nodes"))
    }
}
