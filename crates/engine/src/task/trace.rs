//! Watching a task edge by edge: what `cargo play` prints.

use model::{Edge, Frame, Schema};

use super::Task;

/// What a node is about to take from one of its parents.
pub struct Taken<'a> {
    pub parent: &'a str,
    pub child: &'a str,
    pub edge: &'a Edge,
    pub schema: &'a Schema,
    /// The words behind the edge's rows.
    pub frame: &'a Frame,
}

/// Told of each edge that a child takes, in the order in which they do.
pub type Tracer = Box<dyn FnMut(&Taken<'_>) + Send>;

impl Task {
    /// Tell this function of each edge that is taken from now on. A task without one pays a branch for each node and sweep.
    pub fn trace(&mut self, tracer: Tracer) {
        self.tracer = Some(tracer);
    }
}
