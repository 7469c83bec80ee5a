//! Nodes are made: where they may stand, what their arguments say, how they are numbered.

use std::any::Any;

use declare::{Argument, Item};
use tickscript::Span;

use super::{
    Diagnostic, PipelineNode,
    chain::Site,
    interpret::{Interpreter, Val},
    lambdas::LambdaUse,
};
use crate::{
    EdgeKind,
    nodes::{Deadman, Stats},
};

impl Interpreter<'_> {
    /// A node whose arguments cannot be used: its properties and what follows it are still looked at.
    pub(super) fn make_doubtful(&mut self, parent: usize, name: &str, span: Span) -> Val {
        if self.legacy {
            return Val::Unknown;
        }
        let Some((index, spec)) = self.surface.node(name) else { return Val::Unknown };
        if spec.after_any {
            return Val::Unknown;
        }
        let made = self.push(index, spec.table.fresh(), vec![parent], span);
        self.pipeline.nodes[made].doubtful = true;
        Val::Node(made)
    }

    /// Note the lambdas among the arguments of a call; the last of the items takes all that follow.
    pub(super) fn give_lambdas(&mut self, node: usize, items: &[&Item], site: &Site, args: &[Argument]) {
        let spec = self.surface.nodes()[self.pipeline.nodes[node].spec].name;
        for (index, arg) in args.iter().enumerate() {
            let (Argument::Lambda(lambda), Some(item)) = (arg, items.get(index).or(items.last())) else { continue };
            self.lambdas.push(LambdaUse {
                node,
                // An argument is what the node itself is about.
                name: if item.is_argument() { spec.to_string() } else { item.name.to_string() },
                is_condition: item.condition,
                span: site.args.get(index).copied().unwrap_or(site.span),
                lambda: lambda.clone(),
            });
        }
    }

    /// A new node below `parent`.
    pub(super) fn make(&mut self, parent: usize, name: &str, site: &Site, mut args: Vec<Argument>) -> Val {
        let span = site.span;
        let mut parent = parent;
        let mut name = name;
        let mut measurement = None;
        if self.legacy && name == "fork" {
            (name, parent) = ("from", 0);
        }
        if self.legacy && name == "from" && matches!(args.as_slice(), [Argument::String(_)]) {
            measurement = args.pop();
        }
        let Some((index, spec)) = self.surface.node(name) else {
            self.error(span, format!("there is no node \"{name}\""));
            return Val::Unknown;
        };
        let parent_node = &self.pipeline.nodes[parent];
        let parent_spec = &self.surface.nodes()[parent_node.spec];
        let input = parent_node.gives;
        let (mut doubtful, mut is_misplaced) = (false, false);
        if let Some(diagnostic) = misplaced(spec, parent_spec, input, span) {
            // Else it may be in place once that node is.
            if !parent_node.gives_a_guess {
                self.diagnostics.push(diagnostic);
            }
            is_misplaced = true;
        }
        let mut parents = vec![parent];
        if spec.takes_nodes {
            if let [Argument::List(items)] = args.as_slice() {
                args = items.clone();
            }
            args.retain(|arg| match arg {
                Argument::Node(node) => {
                    parents.push(*node);
                    false
                }
                _ => true,
            });
        }
        let mut object = spec.table.fresh();
        let mut outcome = spec.table.construct(object.as_mut(), spec.name, &args);
        if let (Ok(()), Some(measurement)) = (&outcome, measurement) {
            outcome = spec.table.set(object.as_mut(), "measurement", &[measurement]);
        }
        if let Err(error) = outcome {
            self.diagnostics.push(site.refusal(&error, self.text));
            doubtful = true;
        }
        if let Some(deadman) = object.downcast_ref::<Deadman>() {
            return if doubtful || is_misplaced { Val::Unknown } else { self.deadman(parent, &deadman.clone(), span) };
        }
        let is_childless = self.pipeline.children(parent).is_empty();
        let watches = object.is::<Stats>();
        let made = self.push(index, object, parents, span);
        self.give_lambdas(made, &spec.table.arguments().collect::<Vec<_>>(), site, &args);
        let node = &mut self.pipeline.nodes[made];
        node.doubtful = doubtful || is_misplaced;
        node.gives_a_guess |= is_misplaced;
        if watches && is_childless {
            let (index, spec) = self.surface.no_op();
            self.push(index, spec.table.fresh(), vec![parent], span);
        }
        Val::Node(made)
    }

    /// A function of users' own below `parent`.
    pub(super) fn make_function(&mut self, parent: usize, name: &str, span: Span) -> Val {
        let Some((index, spec)) = self.surface.function(name) else { return Val::Unknown };
        let parent_node = &self.pipeline.nodes[parent];
        let (input, parent_name) = (parent_node.gives, self.surface.nodes()[parent_node.spec].name);
        if parent == 0 && input == EdgeKind::Batch || input == EdgeKind::None {
            self.error(span, format!("{parent_name} gives nothing on that @{name} could read"));
            return Val::Unknown;
        }
        let object = spec.table.fresh();
        // Kapacitor tells of it when the task starts; so do we, but the place is known only here.
        if let Some(wanted) = spec.wants.filter(|wanted| *wanted != input) {
            let message = format!(
                "@{name} reads a {} and {parent_name} gives a {}: the task will not start",
                wanted.name(),
                input.name()
            );
            self.diagnostics.push(Diagnostic::warning(span, message).hint(edge_hint(wanted)));
        }
        Val::Node(self.push(index, object, vec![parent], span))
    }

    /// Put a node into the pipeline; its number.
    fn push(&mut self, index: usize, object: Box<dyn Any + Send>, parents: Vec<usize>, span: Span) -> usize {
        let spec = &self.surface.nodes()[index];
        let input = parents.first().map_or(EdgeKind::None, |&parent| self.pipeline.nodes[parent].gives);
        let number = self.pipeline.nodes.len();
        // Kapacitor numbers a node anew with each of its parents, so one with several leaves a gap.
        let named: usize = self.pipeline.nodes.iter().map(|node| node.parents.len().max(1)).sum();
        let named = named + parents.len().saturating_sub(1);
        let gives = spec.gives(object.as_ref(), input);
        let gives_a_guess = parents.iter().any(|&parent| self.pipeline.nodes[parent].gives_a_guess);
        self.pipeline.nodes.push(PipelineNode {
            spec: index,
            name: format!("{}{named}", spec.id),
            object,
            parents,
            handlers: Vec::new(),
            quiet: false,
            span,
            calls: Vec::new(),
            doubtful: false,
            gives,
            gives_a_guess,
        });
        number
    }
}

/// Whether this node may follow one that gives such an edge.
pub fn may_follow(spec: &super::NodeSpec, parent: &super::NodeSpec, input: EdgeKind) -> bool {
    misplaced(spec, parent, input, Span::default()).is_none()
}

/// What is wrong with this node in this place, if anything.
fn misplaced(spec: &super::NodeSpec, parent: &super::NodeSpec, input: EdgeKind, span: Span) -> Option<Diagnostic> {
    if spec.after_any {
        return None;
    }
    if !spec.after.is_empty() {
        if spec.after.contains(&parent.name) {
            return None;
        }
        let places = spec.after.iter().map(|name| format!("|{name}()")).collect::<Vec<_>>().join(" or ");
        let message = format!("{} cannot follow {}", spec.name, parent.name);
        return Some(
            Diagnostic::error(span, message)
                .hint(format!("it goes after {}", places.replace("|stream()", "stream").replace("|batch()", "batch"))),
        );
    }
    if parent.source {
        let source = if parent.name == "stream" { "from()" } else { "query('SELECT ...')" };
        return Some(
            Diagnostic::error(span, format!("{} cannot follow {} directly", spec.name, parent.name))
                .hint(format!("write {}|{source} first", parent.name)),
        );
    }
    if input == EdgeKind::None {
        return Some(Diagnostic::error(
            span,
            format!("{} gives nothing on that {} could read", parent.name, spec.name),
        ));
    }
    match spec.wants {
        Some(wanted) if wanted != input => {
            let message =
                format!("{} reads a {} and {} gives a {}", spec.name, wanted.name(), parent.name, input.name());
            Some(Diagnostic::error(span, message).hint(edge_hint(wanted)))
        }
        _ => None,
    }
}

/// What to do about a node that reads this and gets the other.
fn edge_hint(wanted: EdgeKind) -> &'static str {
    if wanted == EdgeKind::Stream {
        "it reads points one by one; a window, a query or a selector of several points gives batches"
    } else {
        "it reads batches; put |window() before it"
    }
}
