//! What is asked of every node once its properties are known.

use super::{Diagnostic, PipelineNode, Stage, Surface, interpret::Interpreter};
use crate::{EdgeKind, Place};

impl Interpreter<'_> {
    /// Every node on its own, with its parents known.
    pub(super) fn check(&mut self) {
        for index in 1..self.pipeline.nodes.len() {
            let node = &self.pipeline.nodes[index];
            if node.doubtful {
                continue;
            }
            let parent = node.parents.first().map(|&parent| &self.pipeline.nodes[parent]);
            let place = Place {
                input: parent.map_or(EdgeKind::None, |parent| parent.gives),
                parents: node.parents.len(),
                parent: parent.map_or("", |parent| self.surface.nodes()[parent.spec].name),
            };
            let spec = &self.surface.nodes()[node.spec];
            let mut found = Vec::new();
            if let Err(why) = spec.check(node.object.as_ref(), &place) {
                found.push(about(node, why));
            }
            for handler in &node.handlers {
                if let Err(why) = handler.options.check() {
                    found.push(Diagnostic::error(handler.span, why.to_string()));
                }
            }
            // What is wrong with it is said: it cannot be built.
            self.pipeline.nodes[index].doubtful = !found.is_empty();
            self.diagnostics.append(&mut found);
        }
    }
}

/// The remark on a node whose properties do not fit together, on the last of its properties that the words name.
pub(super) fn about(node: &PipelineNode, why: String) -> Diagnostic {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_string).collect()
    };
    let named = words(&why);
    let call = node.calls.iter().rev().find(|call| call.handler.is_none() && named.contains(&call.name));
    Diagnostic::error(call.map_or(node.span, |call| call.span), why)
}

/// Several parents must all give streams, or all batches: the remark on a node whose parents do not, and the first
/// parent that gives something else.
pub(super) fn different_edges<'n>(
    surface: &Surface,
    nodes: &'n [PipelineNode],
    node: &PipelineNode,
) -> Option<(Diagnostic, &'n PipelineNode)> {
    let mut parents = node.parents.iter().map(|&parent| &nodes[parent]);
    let first = parents.next().filter(|first| !first.gives_a_guess)?;
    let other = parents.find(|parent| parent.gives != first.gives && !parent.gives_a_guess)?;
    let name = surface.nodes()[node.spec].name;
    let message = format!("{name} cannot join a {} with a {}", first.gives.name(), other.gives.name());
    let diagnostic = Diagnostic::error(node.span, message).related(other.span, "the other one is made here");
    Some((diagnostic.hint("all of them must be streams, or all batches").at_stage(Stage::Enable), other))
}
