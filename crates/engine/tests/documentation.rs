//! Every node says what it is for, and its examples are scripts that can be defined.

use alert::Kinds;
use declare::check_table;
use engine::define::{Request, Surface, define};

#[test]
fn tables_are_complete() {
    let surface = Surface::new(Kinds::default());
    let problems: Vec<String> = surface
        .nodes()
        .iter()
        .filter(|spec| !spec.internal)
        .flat_map(|spec| check_table(&spec.table).into_iter().map(|problem| format!("{}: {problem}", spec.name)))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn examples_can_be_defined() {
    let surface = Surface::new(Kinds::default());
    let mut failures = Vec::new();
    for spec in surface.nodes().iter().filter(|spec| !spec.internal) {
        if spec.table.examples().next().is_none() {
            failures.push(format!("{} has no example", spec.name));
        }
        for example in spec.table.examples() {
            if let Err(error) = define(&surface, example, &Request::default()) {
                failures.push(format!("{}: {error}", spec.name));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
