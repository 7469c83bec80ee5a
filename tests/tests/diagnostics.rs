//! Broken scripts, each with what their author is told: `diagnostics/NAME.tick` and `NAME.txt`. With `UPDATE=1` in the
//! environment the texts are written anew, to be read and committed.

use std::fs;
use std::path::Path;

use engine::define::{Request, Surface, diagnose};

#[test]
fn broken_scripts_are_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("diagnostics");
    let surface = Surface::new(handlers::catalogue());
    let is_update = std::env::var_os("UPDATE").is_some();
    let mut seen = 0;
    let mut failures = Vec::new();
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "tick") {
            continue;
        }
        seen += 1;
        let script = fs::read_to_string(&path).expect("scripts are text");
        let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
        let found = diagnose(&surface, &script, &Request::default()).diagnostics;
        let blocks: Vec<String> = found.iter().map(|diagnostic| diagnostic.render_in(&name, &script) + "\n").collect();
        let told = blocks.join("\n");
        let expected = path.with_extension("txt");
        if is_update {
            fs::write(&expected, &told).expect("the text can be written");
        } else if fs::read_to_string(&expected).unwrap_or_default() != told {
            failures.push(format!("{name} is told now:\n\n{told}"));
        }
        assert!(!told.is_empty(), "{name}: nothing is wrong with it");
    }
    assert!(seen >= 50, "there are {seen} scripts");
    assert!(failures.is_empty(), "{}\nUPDATE=1 writes what is told now", failures.join("\n"));
}
