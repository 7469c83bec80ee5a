//! What a script may name: nodes, and the alert handlers that the daemon hands in.

use alert::Kinds;
use declare::nearest;

use super::{DeadmanDefaults, NodeSpec};
use crate::nodes::UdfFunction;

/// All names of one daemon.
pub struct Surface {
    nodes: Vec<NodeSpec>,
    handlers: Kinds,
    deadman: DeadmanDefaults,
    /// The configuration with users' own functions is not at hand.
    functions_elsewhere: bool,
    group_expiry: i64,
    tracks_groups: bool,
}

impl Surface {
    /// The engine's own nodes, and these handlers.
    pub fn new(handlers: Kinds) -> Surface {
        Surface {
            nodes: crate::nodes::list(),
            handlers,
            deadman: DeadmanDefaults::default(),
            functions_elsewhere: false,
            group_expiry: 0,
            tracks_groups: false,
        }
    }

    /// Any function of users' own may be there, with any options: only a daemon's configuration knows.
    pub fn take_functions_as_given(&mut self) {
        self.functions_elsewhere = true;
    }

    pub(crate) fn functions_elsewhere(&self) -> bool {
        self.functions_elsewhere
    }

    /// A function of users' own, which scripts call as `@name()`.
    pub fn add_function(&mut self, function: UdfFunction) {
        self.nodes.push(crate::nodes::udf(function));
    }

    /// A function of users' own by its name.
    pub(crate) fn function(&self, name: &str) -> Option<(usize, &NodeSpec)> {
        self.nodes.iter().enumerate().find(|(_, spec)| spec.function && spec.name == name)
    }

    /// Functions with a name like this one.
    pub(crate) fn near_functions(&self, name: &str) -> Vec<String> {
        let functions = self.nodes.iter().filter(|spec| spec.function).map(|spec| spec.name);
        nearest(name, functions).into_iter().map(|name| format!("@{name}")).collect()
    }

    /// What the configuration says of deadmans.
    pub fn set_deadman(&mut self, deadman: DeadmanDefaults) {
        self.deadman = deadman;
    }

    /// After how many nanoseconds groups that are not seen end, where a script says nothing; 0 for never.
    pub fn set_group_expiry(&mut self, nanos: i64) {
        self.group_expiry = nanos;
    }

    pub(crate) fn group_expiry(&self) -> i64 {
        self.group_expiry
    }

    /// Tasks may be told to let go of the groups that were seen longest ago.
    pub fn track_groups(&mut self) {
        self.tracks_groups = true;
    }

    pub(crate) fn tracks_groups(&self) -> bool {
        self.tracks_groups
    }

    pub(crate) fn deadman(&self) -> &DeadmanDefaults {
        &self.deadman
    }

    pub fn nodes(&self) -> &[NodeSpec] {
        &self.nodes
    }

    pub fn handlers(&self) -> &Kinds {
        &self.handlers
    }

    /// A kind of node by its name, its first letter in either case.
    pub fn node(&self, name: &str) -> Option<(usize, &NodeSpec)> {
        self.nodes.iter().enumerate().find(|(_, spec)| spec.is_chained() && same_name(spec.name, name))
    }

    /// The kind of node that is made beside one without children, so that it has somewhere to give to.
    pub(crate) fn no_op(&self) -> (usize, &NodeSpec) {
        let found = self.nodes.iter().enumerate().find(|(_, spec)| spec.internal);
        found.expect("noop is in the list of nodes")
    }

    /// The methods that open handlers on an alert.
    pub(crate) fn handler_methods(&self) -> impl Iterator<Item = &str> {
        self.handlers.iter().filter_map(|kind| kind.method)
    }

    /// Kinds of nodes with a name like this one.
    pub(crate) fn near_nodes(&self, name: &str) -> Vec<String> {
        nearest(name, self.nodes.iter().filter(|spec| spec.is_chained()).map(|spec| spec.name))
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
