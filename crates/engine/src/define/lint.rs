//! What is allowed, but surely not meant: properties said twice, levels that are never reached.

use declare::Role;

use super::{Diagnostic, PipelineNode, Surface, interpret::Interpreter};

/// Warn of what a pipeline has that does nothing.
pub(super) fn lint(surface: &Surface, outcome: &Interpreter<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for node in &outcome.pipeline.nodes {
        repeated(surface, node, diagnostics);
    }
}

/// A property that is said again, though only its last value counts.
fn repeated(surface: &Surface, node: &PipelineNode, diagnostics: &mut Vec<Diagnostic>) {
    let spec = &surface.nodes()[node.spec];
    for (index, call) in node.calls.iter().enumerate() {
        let table = match call.handler {
            None => &spec.table,
            Some(handler) => &node.handlers[handler].options.kind().options,
        };
        let Some(item) = table.find(&call.name) else { continue };
        let earlier = node.calls[..index].iter().rev().find(|other| {
            other.handler == call.handler && table.find(&other.name).is_some_and(|found| found.name == item.name)
        });
        let Some(earlier) = earlier else { continue };
        match item.role {
            Role::Property => diagnostics.push(
                Diagnostic::warning(
                    earlier.span,
                    format!("{} is said again below, and only the last value counts", item.name),
                )
                .related(call.span, "it is said again here"),
            ),
            Role::Flag => diagnostics.push(
                Diagnostic::warning(call.span, format!("{} is said twice", item.name))
                    .related(earlier.span, "it is said here first"),
            ),
            _ => {}
        }
    }
}
