//! Answers of the API about tasks, as far as the engine makes them: scripts, drawings, states and counters.

use std::sync::{Arc, atomic::Ordering};

use engine::{NodeStats, define::dot_with_stats};
use serde_json::{Map, Value as Json, json};

use crate::tasks::{Running, Stored};

/// What may be asked of a task.
const FIELDS: [&str; 15] = [
    "id",
    "link",
    "type",
    "dbrps",
    "script",
    "dot",
    "status",
    "executing",
    "error",
    "stats",
    "created",
    "modified",
    "last-enabled",
    "vars",
    "template-id",
];

/// How tasks are asked for.
#[derive(Debug, Default)]
pub(crate) struct View<'a> {
    raw_script: bool,
    labels: bool,
    fields: Vec<&'a str>,
    pub(crate) pattern: &'a str,
}

impl<'a> View<'a> {
    /// From the query of a URL; `None` if it asks for what is not known here.
    pub(crate) fn of(query: &'a str) -> Option<View<'a>> {
        let mut view = View::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=')? {
                ("script-format", format @ ("raw" | "formatted")) => view.raw_script = format == "raw",
                ("dot-view", dots @ ("labels" | "attributes")) => view.labels = dots == "labels",
                ("fields", field) if FIELDS.contains(&field) => view.fields.push(field),
                ("pattern", pattern) if !pattern.contains(['*', '[', '?', '%']) => view.pattern = pattern,
                ("limit", "100") | ("offset", "0") | ("replay-id", "") => {}
                _ => return None,
            }
        }
        Some(view)
    }

    /// A task as it is shown.
    pub(crate) fn task(&self, id: &str, stored: &Stored) -> Json {
        let dbrps: Vec<Json> = stored.dbrps.iter().map(|(db, rp)| json!({"db": db, "rp": rp})).collect();
        let mut task = json!({
            "link": {"rel": "self", "href": format!("/kapacitor/v1/tasks/{id}")},
            "id": id,
            "type": if stored.stream { "stream" } else { "batch" },
            "dbrps": dbrps,
            "script": if self.raw_script { &stored.script } else { &stored.formatted },
            "dot": self.dot(id, stored),
            "status": if stored.enabled { "enabled" } else { "disabled" },
            "executing": stored.running.is_some(),
            "error": stored.error,
            "stats": stats(stored.running.as_ref()),
        });
        if let (Json::Object(object), false) = (&mut task, self.fields.is_empty()) {
            object.retain(|key, _| self.fields.contains(&key.as_str()) || key == "id" || key == "link");
        }
        task
    }

    fn dot(&self, id: &str, stored: &Stored) -> String {
        match &stored.running {
            Some(running) => dot_with_stats(id, &running.edges, running.task.stats(), stored.stream, self.labels, 0.0),
            None => stored.dot.clone(),
        }
    }
}

fn stats(running: Option<&Running>) -> Json {
    let nodes = running.into_iter().flat_map(|running| running.task.stats());
    let nodes: Map<String, Json> = nodes.map(|node| (node.name.clone(), counters(node))).collect();
    json!({"task-stats": {"throughput": 0}, "node-stats": nodes})
}

fn counters(node: &Arc<NodeStats>) -> Json {
    let mut values = json!({
        "collected": node.collected.load(Ordering::Relaxed),
        "emitted": node.emitted(),
        "errors": node.errors.load(Ordering::Relaxed),
        "avg_exec_time_ns": 0,
        "working_cardinality": node.cardinality.load(Ordering::Relaxed).max(0),
    });
    for (name, value) in node.own() {
        values[name] = json!(value);
    }
    values
}
