//! A pipeline as a drawing for Graphviz: bare, or with the counters of a running task.

use std::{
    fmt::Write,
    sync::{Arc, atomic::Ordering},
};

use super::Pipeline;
use crate::{EdgeKind, NodeStats};

/// The order in which nodes are drawn: each as soon as all its parents are, the youngest first, but beginnings in the
/// order they were made.
fn order(edges: &[(usize, usize)], count: usize) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut is_child = vec![false; count];
    for &(parent, child) in edges {
        children[parent].push(child);
        is_child[child] = true;
    }
    let mut sorted = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    // Nodes on the way down, each with how many of its children were looked at: scripts may be longer than the stack.
    let mut way: Vec<(usize, usize)> = Vec::new();
    for root in (0..count).rev().filter(|&node| !is_child[node]) {
        way.push((root, 0));
        seen[root] = true;
        while let Some((node, looked)) = way.last_mut() {
            match children[*node].get(*looked) {
                Some(&child) => {
                    *looked += 1;
                    if !seen[child] {
                        seen[child] = true;
                        way.push((child, 0));
                    }
                }
                None => {
                    sorted.push(*node);
                    way.pop();
                }
            }
        }
    }
    sorted.reverse();
    sorted
}

/// The pipeline alone.
pub fn dot(name: &str, pipeline: &Pipeline) -> String {
    let all = pipeline.edges();
    let edges = drawn(&all, pipeline.nodes.first().map(|node| node.gives));
    let mut out = format!("digraph {name} {{\n");
    for node in order(&all, pipeline.nodes.len()) {
        for &(_, child) in edges.iter().filter(|edge| edge.0 == node) {
            let _ = writeln!(out, "{} -> {};", pipeline.nodes[node].name, pipeline.nodes[child].name);
        }
    }
    out.push('}');
    out
}

/// A batch's source is not drawn: each query is a beginning of its own.
fn drawn(edges: &[(usize, usize)], source: Option<EdgeKind>) -> Vec<(usize, usize)> {
    edges.iter().copied().filter(|edge| edge.0 != 0 || source != Some(EdgeKind::Batch)).collect()
}

/// A running task with its counters. `labels` writes them for people, else as attributes. `rate` is points (or
/// batches) a second.
pub fn dot_with_stats(
    name: &str,
    edges: &[(usize, usize)],
    stats: &[Arc<NodeStats>],
    stream: bool,
    labels: bool,
    rate: f64,
) -> String {
    let sorted = order(edges, stats.len());
    let mut places = vec![0; stats.len()];
    for (place, &node) in sorted.iter().enumerate() {
        places[node] = place;
    }
    let mut edges = drawn(edges, (!stream).then_some(EdgeKind::Batch));
    edges.sort_by_key(|edge| places[edge.1]);
    let unit = if stream { "points" } else { "batches" };
    let mut out = format!("digraph {name} {{\n");
    let _ = if labels {
        writeln!(out, "graph [label=\"Throughput: {rate:.2} {unit}/s\" forcelabels=true pad=\"0.8,0.5\"];")
    } else {
        writeln!(out, "graph [throughput=\"{rate:.2} {unit}/s\"];")
    };
    for node in sorted {
        if node == 0 && !stream {
            continue;
        }
        let values = stats[node].shown();
        if labels {
            let values: Vec<String> = values.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let _ = writeln!(out, "\n{} [xlabel=\"{}\"];", stats[node].name, values.join("\\r"));
        } else {
            let values: String = values.iter().map(|(key, value)| format!("{key}=\"{value}\" ")).collect();
            let _ = writeln!(out, "\n{} [{values}];", stats[node].name);
        }
        for &(_, child) in edges.iter().filter(|edge| edge.0 == node) {
            let processed = stats[node].processed.load(Ordering::Relaxed);
            let key = if labels { "label=\"processed=" } else { "processed=\"" };
            let _ = writeln!(out, "{} -> {} [{key}{processed}\"];", stats[node].name, stats[child].name);
        }
    }
    out.push('}');
    out
}
