//! A checked pipeline becomes a task: every definition is built into the node that runs.

use std::{collections::BTreeMap, sync::Arc};

use model::Schema;

use super::{
    Diagnostic, Pipeline, PipelineNode, Stage, Surface,
    checks::{about, different_edges},
};
use crate::{
    EdgeKind, Host, Interest, Plan, Task, TaskInfo,
    nodes::{From, Stream},
    saving::fingerprint,
    task::Part,
};

/// A task ready to be started, with what its surroundings must know.
pub struct Built {
    pub task: Task,
    pub interest: Interest,
    /// Edges by index of parent and child.
    pub edges: Vec<(usize, usize)>,
    /// Names of nodes that show something over HTTP, by the endpoint's name.
    pub endpoints: BTreeMap<String, String>,
}

/// Build all nodes of a pipeline.
///
/// # Errors
/// Why the first node that cannot be built cannot.
pub fn build(
    surface: &Surface,
    pipeline: &Pipeline,
    info: &Arc<TaskInfo>,
    schema: &Arc<Schema>,
    host: &Arc<dyn Host>,
) -> Result<Built, Diagnostic> {
    let mut parts = Vec::with_capacity(pipeline.nodes.len());
    let mut endpoints = BTreeMap::new();
    let groupings = groupings(surface, pipeline);
    for (index, node) in pipeline.nodes.iter().enumerate() {
        if let Some((why, other)) = different_edges(surface, &pipeline.nodes, node) {
            // The words are recorded: they stay with the task.
            let edges = (&other.name, other.gives.name(), &node.name, input_of(pipeline, node).name());
            let message =
                format!("cannot add child mismatched edges: {}:{} -> {}:{}", edges.0, edges.1, edges.2, edges.3);
            return Err(Diagnostic { message, ..why });
        }
        let parent_names: Vec<String> = node.parents.iter().map(|&p| pipeline.nodes[p].name.clone()).collect();
        let plan = Plan {
            schema,
            host,
            task: info,
            name: &node.name,
            input: input_of(pipeline, node),
            parents: node.parents.len(),
            handlers: &node.handlers,
            kinds: surface.handlers(),
            group_expiry: surface.group_expiry(),
            tracks_groups: surface.tracks_groups(),
            parent_names: &parent_names,
        };
        let built = surface.nodes()[node.spec].build(node.object.as_ref(), &plan);
        let built = built.map_err(|why| about(node, why.to_string()).at_stage(Stage::Enable))?;
        if let Some(endpoint) = built.endpoint() {
            // Kapacitor starts a task that has one twice, and shows one of both.
            endpoints.entry(endpoint.to_string()).or_insert_with(|| node.name.clone());
        }
        let (name, parents) = (node.name.clone(), node.parents.clone());
        let fingerprint = fingerprint(&[&surface.nodes()[node.spec].meaning(node.object.as_ref()), &groupings[index]]);
        parts.push(Part { node: built, name, parents, gives: node.gives, quiet: node.quiet, fingerprint });
    }
    let task = Task::new(Arc::clone(info), Arc::clone(schema), Arc::clone(host), parts);
    Ok(Built { task, interest: interest(pipeline), edges: pipeline.edges(), endpoints })
}

/// The edge that a node's first parent gives.
fn input_of(pipeline: &Pipeline, node: &PipelineNode) -> EdgeKind {
    node.parents.first().map_or(node.gives, |&parent| pipeline.nodes[parent].gives)
}

/// For each node, what is said of how its points are grouped on the way to it.
fn groupings(surface: &Surface, pipeline: &Pipeline) -> Vec<String> {
    let mut said: Vec<String> = Vec::with_capacity(pipeline.nodes.len());
    for node in &pipeline.nodes {
        let above: Vec<&str> = node.parents.iter().map(|&parent| said[parent].as_str()).collect();
        let own = surface.nodes()[node.spec].grouping(node.object.as_ref());
        said.push(own.unwrap_or_else(|| above.join(";")));
    }
    said
}

/// The measurements that the `from` nodes of a pipeline ask for.
fn interest(pipeline: &Pipeline) -> Interest {
    if !pipeline.nodes.first().is_some_and(|node| node.object.is::<Stream>()) {
        return Interest::Measurements(Vec::new());
    }
    let mut names = Vec::new();
    for child in pipeline.children(0) {
        match pipeline.nodes[child].object.downcast_ref::<From>() {
            Some(from) if !from.measurement.is_empty() => names.push(from.measurement.clone()),
            _ => return Interest::All,
        }
    }
    names.sort();
    names.dedup();
    Interest::Measurements(names)
}
