//! Scripts that Kapacitor refuses, when they are defined or when they are enabled: we refuse them at the same time.

use std::sync::Arc;

use alert::Kinds;
use engine::{
    EdgeKind, Host, TaskInfo,
    define::{Request, Surface, build, define},
    testing::TestHost,
};
use model::Schema;
use serde::Deserialize;

#[derive(Deserialize)]
struct Validation {
    node: String,
    /// What is wrong, in a few words.
    rule: String,
    script: String,
    /// `define` or `enable`.
    phase: String,
}

#[test]
fn scripts_are_refused_when_kapacitor_refuses_them() {
    let validations: Vec<Validation> =
        serde_json::from_str(include_str!("data/validations.json")).expect("the data is JSON");
    let failures: Vec<String> = validations
        .iter()
        .filter(|validation| phase_of(&validation.script) != validation.phase)
        .map(|v| format!("{} ({}): {} in phase {}, not {}", v.node, v.rule, v.script, phase_of(&v.script), v.phase))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// When a script is refused.
fn phase_of(script: &str) -> &'static str {
    let surface = Surface::new(Kinds::default());
    let Ok(defined) = define(&surface, script, &Request::default()) else { return "define" };
    let host: Arc<dyn Host> = Arc::new(TestHost::default());
    let stream = defined.kind == EdgeKind::Stream;
    let info = Arc::new(TaskInfo { id: "t".into(), stream, dbrps: Vec::new() });
    match build(&surface, &defined.pipeline, &info, &Schema::new(), &host) {
        Ok(_) => "never",
        Err(_) => "enable",
    }
}
