//! Everything that Kapacitor's scripts may name is known here: `reference/nodes.json` lists it.

use std::collections::BTreeMap;

use declare::{Item, Parameter, Table};
use engine::define::Surface;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    nodes: Vec<Node>,
    handlers: Vec<Handler>,
}

#[derive(Deserialize)]
struct Node {
    name: String,
    arguments: Vec<String>,
    properties: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Handler {
    method: String,
    properties: Vec<String>,
}

#[test]
fn every_node_property_and_handler_is_known() {
    let reference: Reference = serde_json::from_str(include_str!("../reference/nodes.json")).expect("it is JSON");
    let surface = Surface::new(handlers::catalogue());
    let mut missing = Vec::new();
    let mut known = 0;
    for node in &reference.nodes {
        let Some((_, spec)) = surface.node(&node.name) else {
            missing.push(format!("node {}", node.name));
            continue;
        };
        known += 1;
        let parameters: Vec<&Parameter> = spec.table.arguments().flat_map(|item| &item.parameters).collect();
        if let Some(why) = differs(&node.arguments, &parameters) {
            missing.push(format!("node {}: {why}", node.name));
        }
        for (name, arguments) in &node.properties {
            known += 1;
            let place = format!("property {}.{name}", node.name);
            match property(&surface, spec.opens_handlers, &spec.table, name) {
                None => missing.push(place),
                Some(item) => {
                    let parameters: Vec<&Parameter> = item.iter().flat_map(|item| &item.parameters).collect();
                    let why = item.and_then(|_| differs(arguments, &parameters));
                    missing.extend(why.map(|why| format!("{place}: {why}")));
                }
            }
        }
    }
    for handler in &reference.handlers {
        let Some(kind) = surface.handlers().by_method(&handler.method) else {
            missing.push(format!("handler {}", handler.method));
            continue;
        };
        for name in &handler.properties {
            known += 1;
            if kind.options.find(name).is_none() {
                missing.push(format!("handler {}.{name}", handler.method));
            }
        }
    }
    assert!(missing.is_empty(), "of {} names are missing:\n{}", known + missing.len(), missing.join("\n"));
}

/// A property of a node, or a method that opens a handler, whose arguments are the handler's business.
fn property<'s>(surface: &'s Surface, opens: bool, table: &'s Table, name: &str) -> Option<Option<&'s Item>> {
    if name == "quiet" || (opens && surface.handlers().by_method(name).is_some()) {
        return Some(None);
    }
    table.find(name).map(Some)
}

/// How the arguments differ, if they do. What takes more than Kapacitor does not.
fn differs(wanted: &[String], have: &[&Parameter]) -> Option<String> {
    let mut have = have.iter();
    let mut last: Option<&&Parameter> = None;
    for wanted in wanted {
        let parameter = have.next().or(last.filter(|last| last.variadic));
        let Some(parameter) = parameter else { return Some(format!("takes no {wanted}")) };
        last = Some(parameter);
        // Of several values of a switch one counts.
        let is_switch = parameter.optional && parameter.kind.to_string() == "boolean";
        if wanted.starts_with("...") && !parameter.variadic && !is_switch {
            return Some(format!("{parameter} takes one only"));
        }
        let kind = parameter.kind.to_string();
        let word = wanted.trim_start_matches("...");
        let same = match word {
            "int" => kind == "integer",
            "bool" => kind == "boolean",
            "star" => kind == "*",
            "any" | "list" => true,
            word => kind == word,
        };
        if !same && kind != "any" && !kind.contains(" or ") && !kind.starts_with("list of") {
            return Some(format!("{parameter} is not {wanted}"));
        }
    }
    have.find(|more| !more.optional && !more.variadic).map(|more| format!("wants {more}, too"))
}
