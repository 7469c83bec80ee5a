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
    let mut sorted = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    fn visit(node: usize, edges: &[(usize, usize)], seen: &mut [bool], sorted: &mut Vec<usize>) {
        if seen[node] {
            return;
        }
        seen[node] = true;
        for &(_, child) in edges.iter().filter(|edge| edge.0 == node) {
            visit(child, edges, seen, sorted);
        }
        sorted.push(node);
    }
    for node in (0..count).rev().filter(|&node| !edges.iter().any(|edge| edge.1 == node)) {
        visit(node, edges, &mut seen, &mut sorted);
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
    let edges = drawn(edges, (!stream).then_some(EdgeKind::Batch));
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
        for &(_, child) in edges.iter().rev().filter(|edge| edge.0 == node) {
            let processed = stats[node].processed.load(Ordering::Relaxed);
            let key = if labels { "label=\"processed=" } else { "processed=\"" };
            let _ = writeln!(out, "{} -> {} [{key}{processed}\"];", stats[node].name, stats[child].name);
        }
    }
    out.push('}');
    out
}
