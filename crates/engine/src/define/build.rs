//! A checked pipeline becomes a task: every definition is built into the node that runs.

use std::{collections::BTreeMap, sync::Arc};

use model::Schema;

use super::{
    Diagnostic, Pipeline, PipelineNode, Stage, Surface,
    checks::{about, different_edges},
};
use crate::{
    EdgeKind, GroupTags, Host, Interest, Plan, Shares, Task, TaskInfo,
    nodes::{From, Stream},
    saving::fingerprint,
    task::{Part, Shard},
};

/// A task ready to be started, with what its surroundings must know.
pub struct Built {
    pub task: Task,
    /// Where the task is divided: its shards but the first, which is `task`.
    pub more: Vec<Task>,
    pub interest: Interest,
    /// Edges by index of parent and child.
    pub edges: Vec<(usize, usize)>,
    /// Names of nodes that show something over HTTP, by the endpoint's name.
    pub endpoints: BTreeMap<String, String>,
}

impl Built {
    /// All shards of the task; it is the only one where it is not divided.
    pub fn shards(&mut self) -> impl Iterator<Item = &mut Task> {
        std::iter::once(&mut self.task).chain(&mut self.more)
    }
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
    build_shards(surface, pipeline, (info, schema, host), None)
}

/// Build a task that is divided by these tags among so many shards; see [`super::division`].
///
/// # Errors
/// As for [`build`].
pub fn build_shards(
    surface: &Surface,
    pipeline: &Pipeline,
    (info, schema, host): (&Arc<TaskInfo>, &Arc<Schema>, &Arc<dyn Host>),
    division: Option<(&GroupTags, u8)>,
) -> Result<Built, Diagnostic> {
    let shares = Shares::default();
    let mut endpoints = BTreeMap::new();
    let parts = parts(surface, pipeline, (info, schema, host), &shares, &mut endpoints)?;
    let mut task = Task::new(Arc::clone(info), Arc::clone(schema), Arc::clone(host), parts);
    let mut more = Vec::new();
    if let Some((tags, count)) = division {
        let failure = Arc::default();
        for number in 1..count {
            // Answers to outside work find a shard by this.
            let info = Arc::new(TaskInfo::clone(info));
            let parts = self::parts(surface, pipeline, (&info, schema, host), &shares, &mut BTreeMap::new())?;
            let mut shard = Task::new(info, Arc::clone(schema), Arc::clone(host), parts);
            shard.divide(Shard::new(tags.clone(), number, count, Arc::clone(&failure)));
            more.push(shard);
        }
        if count > 1 {
            task.divide(Shard::new(tags.clone(), 0, count, failure));
        }
    }
    Ok(Built { task, more, interest: interest(pipeline), edges: pipeline.edges(), endpoints })
}

fn parts(
    surface: &Surface,
    pipeline: &Pipeline,
    (info, schema, host): (&Arc<TaskInfo>, &Arc<Schema>, &Arc<dyn Host>),
    shares: &Shares,
    endpoints: &mut BTreeMap<String, String>,
) -> Result<Vec<Part>, Diagnostic> {
    let mut parts = Vec::with_capacity(pipeline.nodes.len());
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
            nil_tags: has_nil_tags(surface, pipeline, node),
            parent_names: &parent_names,
            shares,
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
    Ok(parts)
}

/// The edge that a node's first parent gives.
pub(super) fn input_of(pipeline: &Pipeline, node: &PipelineNode) -> EdgeKind {
    node.parents.first().map_or(node.gives, |&parent| pipeline.nodes[parent].gives)
}

/// See [`Plan::nil_tags`]. Of several parents it is the first that counts.
fn has_nil_tags(surface: &Surface, pipeline: &Pipeline, node: &PipelineNode) -> bool {
    let Some(&parent) = node.parents.first() else { return false };
    let parent = &pipeline.nodes[parent];
    let spec = &surface.nodes()[parent.spec];
    spec.nil_tags || !spec.makes_tags.contains(&parent.gives) && has_nil_tags(surface, pipeline, parent)
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
