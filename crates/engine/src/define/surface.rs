//! What a script may name: nodes, and the alert handlers that the daemon hands in.

use alert::Kinds;
use declare::nearest;

use super::NodeSpec;

/// All names of one daemon.
pub struct Surface {
    nodes: Vec<NodeSpec>,
    handlers: Kinds,
}

impl Surface {
    /// The engine's own nodes, and these handlers.
    pub fn new(handlers: Kinds) -> Surface {
        Surface { nodes: crate::nodes::list(), handlers }
    }

    pub fn nodes(&self) -> &[NodeSpec] {
        &self.nodes
    }

    pub fn handlers(&self) -> &Kinds {
        &self.handlers
    }

    /// A kind of node by its name, its first letter in either case.
    pub fn node(&self, name: &str) -> Option<(usize, &NodeSpec)> {
        self.nodes.iter().enumerate().find(|(_, spec)| same_name(spec.name, name))
    }

    /// The methods that open handlers on an alert.
    pub(crate) fn handler_methods(&self) -> impl Iterator<Item = &str> {
        self.handlers.iter().filter_map(|kind| kind.method)
    }

    /// Kinds of nodes with a name like this one.
    pub(crate) fn near_nodes(&self, name: &str) -> Vec<String> {
        nearest(name, self.nodes.iter().map(|spec| spec.name))
    }
}

/// The first letter counts in neither case.
pub(crate) fn same_name(known: &str, name: &str) -> bool {
    let (mut a, mut b) = (known.chars(), name.chars());
    match (a.next(), b.next()) {
        (Some(x), Some(y)) => x.eq_ignore_ascii_case(&y) && a.as_str() == b.as_str(),
        _ => false,
    }
}
