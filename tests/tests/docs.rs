//! `docs/nodes/` and `docs/functions.md` are made of the declarations. A test fails when they are stale; with `UPDATE=1`
//! in the environment it writes them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use declare::render_markdown;
use engine::EdgeKind;
use engine::define::{NodeSpec, Surface};

/// The first lines of what is generated.
const GENERATED: &str = "<!-- Made of the declarations by `UPDATE=1 cargo test -p conformance --test docs`. -->\n\n";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

#[test]
fn pages_of_nodes_and_functions_are_fresh() {
    let surface = Surface::new(handlers::catalogue());
    let mut specs: Vec<&NodeSpec> = surface.nodes().iter().filter(|spec| !spec.internal && !spec.function).collect();
    specs.sort_by_key(|spec| spec.name.to_lowercase());
    let mut pages: Vec<(String, String)> =
        specs.iter().map(|spec| (format!("nodes/{}.md", spec.name), node(spec, &surface))).collect();
    pages.push(("nodes/README.md".to_string(), index(&specs)));
    pages.push(("functions.md".to_string(), functions()));
    let is_update = std::env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    for (name, text) in &pages {
        let path = docs().join(name);
        let text = format!("{GENERATED}{text}");
        if is_update {
            fs::create_dir_all(path.parent().expect("pages stand in folders")).expect("the folder can be made");
            fs::write(&path, text).expect("the page can be written");
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(name.clone());
        }
    }
    for entry in fs::read_dir(docs().join("nodes")).expect("the folder is there") {
        let name = format!("nodes/{}", entry.expect("it can be read").file_name().to_string_lossy());
        if !pages.iter().any(|(known, _)| *known == name) {
            stale.push(format!("{name} is of no node"));
        }
    }
    assert!(stale.is_empty(), "stale: {}; UPDATE=1 writes them anew", stale.join(", "));
}

fn index(specs: &[&NodeSpec]) -> String {
    let mut page = "# Nodes\n\n| node | what for |\n|---|---|\n".to_string();
    for spec in specs {
        let first = spec.table.about().split(". ").next().unwrap_or_default().trim_end_matches('.');
        let _ = writeln!(page, "| [{0}]({0}.md) | {first}. |", spec.name);
    }
    page.push_str("\nEvery node also has `quiet()`: its errors are counted, but not logged.\n");
    page
}

fn node(spec: &NodeSpec, surface: &Surface) -> String {
    let title = if spec.source { spec.name.to_string() } else { format!("|{}", spec.name) };
    let page = render_markdown(&title, &spec.table);
    let (head, rest) = page.split_once("\n\n").unwrap_or((&page, ""));
    let mut page = format!("{head}\n\n{}\n\n{}", edges(spec), rest);
    if spec.opens_handlers {
        page.push_str(&handlers_of(surface));
    }
    page
}

/// What it reads and gives, and what it may follow.
fn edges(spec: &NodeSpec) -> String {
    let fresh = spec.table.fresh();
    let gives = |input| match spec.gives(fresh.as_ref(), input) {
        EdgeKind::Stream => "a stream",
        EdgeKind::Batch => "batches",
        EdgeKind::None => "nothing",
    };
    let place = match spec.after {
        _ if spec.source => return format!("The beginning of a pipeline; gives {}.", gives(source_kind(spec))),
        _ if spec.after_any => " It may follow every node.".to_string(),
        [] => String::new(),
        after => format!(" It follows {}.", after.join(" or ")),
    };
    match spec.wants {
        Some(EdgeKind::Stream) => format!("Reads a stream, gives {}.{place}", gives(EdgeKind::Stream)),
        Some(EdgeKind::Batch) => format!("Reads batches, gives {}.{place}", gives(EdgeKind::Batch)),
        _ if gives(EdgeKind::Stream) == gives(EdgeKind::Batch) => {
            format!("Reads a stream or batches, gives {}.{place}", gives(EdgeKind::Stream))
        }
        _ => format!(
            "Reads a stream and gives {}, or reads batches and gives {}.{place}",
            gives(EdgeKind::Stream),
            gives(EdgeKind::Batch)
        ),
    }
}

fn source_kind(spec: &NodeSpec) -> EdgeKind {
    if spec.name == "batch" { EdgeKind::Batch } else { EdgeKind::Stream }
}

/// The methods of an alert that open handlers.
fn handlers_of(surface: &Surface) -> String {
    let mut out = "\n## Handlers\n\nEach of these opens a handler; the properties below it are its own.\n".to_string();
    for kind in surface.handlers().iter() {
        let Some(method) = kind.method else { continue };
        let page = render_markdown(method, &kind.options);
        let body = page.split_once("\n\n").map_or("", |(_, body)| body);
        let _ = write!(out, "\n### .{method}\n\n{body}");
    }
    out
}

fn functions() -> String {
    let mut page = "# Functions of lambda expressions\n".to_string();
    let mut all: Vec<_> = lambda::functions().collect();
    all.sort_by_key(|function| (format!("{:?}", function.group), function.name));
    let mut group = None;
    for function in all {
        if group != Some(function.group) {
            group = Some(function.group);
            let _ = write!(page, "\n## {:?}\n\n| function | what for |\n|---|---|\n", function.group);
        }
        let signatures: Vec<String> = function
            .signatures
            .iter()
            .map(|signature| {
                let args: Vec<&str> = signature.args.iter().map(|of| of.name()).collect();
                format!("`{}({}) {}`", function.name, args.join(", "), signature.returns.name())
            })
            .collect();
        let remembers = if function.stateful { " It remembers what it saw in its group." } else { "" };
        let doc = function.doc.replace('|', "\\|");
        let _ = writeln!(page, "| {} | {doc}{remembers} |", signatures.join("<br>"));
    }
    page
}
