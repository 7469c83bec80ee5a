//! The project's own chores: `cargo xtask demo`, `cargo xtask test` and the parts of it. Links no crate of the product.
#![forbid(unsafe_code)]

mod conformance;
mod daemon;
mod deny;
mod directions;
mod fuzz;
mod hostile_api;
mod instructions;
mod many_tasks;
mod peers;
mod soak;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

    demo [ARGS]          build and run the main job on this machine's own data
    test                 install what the tests need, and run all tests
    conformance [CASES]  play conformance cases against the built daemon (globs such as 'window/*')
    fuzz [TARGET] [-seconds N]
                         hostile input, each target for a minute or so long (needs cargo-fuzz and nightly Rust)
    hostile-api [SECONDS]
                         requests made up from the API's description against the built daemon
    many-tasks [PROGRAM] times and memory with 5,000 tasks, of the release build or another program
    deny                 licences, sources and doubles of what we link, against deny.toml
    soak [-minutes N] [-hosts N] [-release] [-program PATH]
                         run a daemon under churning series, and say whether its memory stays level
    instructions         what a point costs, counted by valgrind, against what was recorded (UPDATE=1 records it)
    tidy                 sizes of files, and which crate may use which
    peers                install what the tests need";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let outcome = match args.first().map(String::as_str) {
        Some("demo") => demo(rest),
        Some("test") => test(),
        Some("conformance") => build_programs().and_then(|()| conformance::play(&root(), rest)),
        Some("fuzz") => fuzz::run(&root(), rest),
        Some("hostile-api") => build_programs().and_then(|()| hostile_api(rest)),
        Some("many-tasks") => many_tasks::measure(&root(), rest.first().map(String::as_str)),
        Some("deny") => deny::run(&root()),
        Some("soak") => soak::run(&root(), rest),
        Some("instructions") => peers::install(&root()).and_then(|()| instructions::check(&root())),
        Some("tidy") => tidy(),
        Some("peers") => peers::install(&root()),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's top folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map_or_else(PathBuf::new, Path::to_path_buf)
}

fn demo(args: &[String]) -> anyhow::Result<()> {
    run(cargo().args(["build", "--package", "kapacitor", "--package", "kapacitord"]))?;
    run(cargo().args(["run", "--quiet", "--package", "kapacitord", "--", "demo"]).args(args))
}

fn test() -> anyhow::Result<()> {
    peers::install(&root())?;
    tidy()?;
    deny::run(&root())?;
    // The tests' build leaves all programs in the target folder: they have tests that run them.
    run(cargo().args(["test", "--workspace", "--all-targets", "--no-fail-fast"]))?;
    conformance::play(&root(), &[])?;
    hostile_api(&[])?;
    instructions::check(&root())
}

fn hostile_api(args: &[String]) -> anyhow::Result<()> {
    peers::install_schemathesis(&root())?;
    let seconds = args.first().map(|seconds| seconds.parse()).transpose().context("SECONDS is no whole number")?;
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    hostile_api::play(&root(), &folder.join("debug/kapacitord"), seconds)
}

fn tidy() -> anyhow::Result<()> {
    let mut problems = directions::problems(&root())?;
    problems.extend(tidy::problems(&root())?);
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { Ok(()) } else { bail!("{} problems", problems.len()) }
}

/// The programs that the conformance cases are played against.
fn build_programs() -> anyhow::Result<()> {
    run(cargo().args(["build", "--package", "kapacitor", "--package", "kapacitord", "--package", "quantiles"]))
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Run to the end; an exit code other than 0 is an error.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { bail!("{} ended with {status}", command.get_program().display()) }
}
