//! The graph of definitions that a script describes.

use std::any::Any;

use alert::HandlerOptions;
use tickscript::Span;

use crate::{EdgeKind, nodes::Stats};

/// An alert handler opened by a script, with its options filled in.
pub struct OpenedHandler {
    pub options: HandlerOptions,
    pub span: Span,
}

/// A call of a property, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyCall {
    /// As it was written.
    pub name: String,
    /// Whose it is, if it is not the node's own: the index of a handler.
    pub handler: Option<usize>,
    /// Of its name.
    pub span: Span,
    pub args: Vec<Span>,
}

/// A definition in its place.
pub struct PipelineNode {
    /// Its number in the surface's list of nodes.
    pub spec: usize,
    /// `window2`
    pub name: String,
    pub object: Box<dyn Any + Send>,
    /// Indexes of earlier nodes, the first one being that it was chained to.
    pub parents: Vec<usize>,
    pub handlers: Vec<OpenedHandler>,
    /// `.quiet()` was said: its errors are counted, not logged.
    pub quiet: bool,
    /// Where the script makes it.
    pub span: Span,
    /// The calls of its properties, in their order.
    pub calls: Vec<PropertyCall>,
    /// Something wrong was reported of it, so it is not as its author wants it.
    pub doubtful: bool,
    /// What it gives to its children.
    pub gives: EdgeKind,
    /// It, or one before it, is out of place, so what it gives is a guess.
    pub gives_a_guess: bool,
}

/// Nodes in the order in which the script made them, so parents come before children.
#[derive(Default)]
pub struct Pipeline {
    pub nodes: Vec<PipelineNode>,
}

impl Pipeline {
    /// Indexes of the nodes that read from this one, in the order they were made. Its statistics only count: they are
    /// a beginning of their own.
    pub fn children(&self, of: usize) -> Vec<usize> {
        let reads = |node: &PipelineNode| node.parents.contains(&of) && !node.object.is::<Stats>();
        (0..self.nodes.len()).filter(|&child| reads(&self.nodes[child])).collect()
    }

    /// All edges, by the parent's and then the child's index. A node that is joined with itself has two to the join.
    pub fn edges(&self) -> Vec<(usize, usize)> {
        let times = |from: usize, to: usize| self.nodes[to].parents.iter().filter(|&&parent| parent == from).count();
        (0..self.nodes.len())
            .flat_map(|from| self.children(from).into_iter().map(move |to| (from, to)))
            .flat_map(|(from, to)| std::iter::repeat_n((from, to), times(from, to)))
            .collect()
    }
}
