//! How long 1,000 scripts take to become tasks: `cargo bench -p engine --bench scripts`.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, sync::Arc};

use divan::{Bencher, black_box};
use engine::{
    EdgeKind, Host, TaskInfo,
    define::{Defined, Request, Surface, build, define},
    testing::TestHost,
};
use model::Schema;

const SCRIPTS: usize = 1_000;

fn main() {
    divan::main();
}

/// The examples, over and over.
fn scripts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut scripts = Vec::new();
    for example in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let files = fs::read_dir(example).unwrap().map(|entry| entry.unwrap().path());
        scripts.extend(files.filter(|path| path.extension().is_some_and(|e| e == "tick")).map(fs::read_to_string));
    }
    let mut scripts: Vec<String> = scripts.into_iter().map(Result::unwrap).collect();
    // A user-defined function would have to run.
    scripts.retain(|script| !script.contains('@'));
    assert!(scripts.len() >= 5);
    scripts.into_iter().cycle().take(SCRIPTS).collect()
}

fn surface() -> Surface {
    Surface::new(handlers::catalogue())
}

fn defined(surface: &Surface, script: &str) -> Defined {
    define(surface, script, &Request::inferred(script)).unwrap_or_else(|error| panic!("{script}\n{error}"))
}

/// Text to tree.
#[divan::bench]
fn parsed(bencher: Bencher) {
    let scripts = scripts();
    bencher.bench_local(|| {
        for script in &scripts {
            black_box(tickscript::parse(script).unwrap());
        }
    });
}

/// Text to checked pipeline.
#[divan::bench]
fn checked(bencher: Bencher) {
    let (surface, scripts) = (surface(), scripts());
    bencher.bench_local(|| {
        for script in &scripts {
            black_box(defined(&surface, script));
        }
    });
}

/// Text to task: lambdas and templates are compiled, too.
#[divan::bench]
fn compiled(bencher: Bencher) {
    let (surface, scripts) = (surface(), scripts());
    let host: Arc<dyn Host> = Arc::new(TestHost::default());
    bencher.bench_local(|| {
        let schema = Schema::new();
        for script in &scripts {
            let defined = defined(&surface, script);
            let stream = defined.kind == EdgeKind::Stream;
            let dbrps = vec![("telegraf".to_string(), "autogen".to_string())];
            let info = Arc::new(TaskInfo { id: "t".into(), stream, dbrps });
            // A template without values is not a task.
            black_box(build(&surface, &defined.pipeline, &info, &schema, &host).ok());
        }
    });
}
