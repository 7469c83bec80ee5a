//! `cargo xtask fuzz`: hostile input for what reads the world's texts and files, by cargo-fuzz. What it finds goes to
//! `fuzz/artifacts/`, what it learns to `fuzz/found/`; both are left out of the repository.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, bail};

/// What a run may take: memory in MiB, seconds and bytes of one input.
const LIMITS: [&str; 3] = ["-rss_limit_mb=2048", "-timeout=10", "-max_len=4096"];

/// Run targets one after the other, all without a name; `-seconds N` is how long each.
pub(crate) fn run(root: &Path, args: &[String]) -> anyhow::Result<()> {
    let folder = root.join("fuzz");
    let (mut seconds, mut targets) = ("60".to_string(), Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-seconds" => seconds = args.next().context("-seconds takes a number")?.clone(),
            name => targets.push(name.to_string()),
        }
    }
    seconds.parse::<u32>().with_context(|| format!("-seconds takes a number, not {seconds:?}"))?;
    let known = names(&folder.join("targets"), "rs")?;
    if let Some(unknown) = targets.iter().find(|target| !known.contains(target)) {
        bail!("there is no fuzz target {unknown}; there are {}", known.join(", "));
    }
    for target in if targets.is_empty() { known } else { targets } {
        play(&folder, &target, &seconds)?;
    }
    Ok(())
}

fn play(folder: &Path, target: &str, seconds: &str) -> anyhow::Result<()> {
    let found = folder.join("found").join(target);
    fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let mut command = Command::new("cargo");
    command.current_dir(folder).args(["+nightly", "fuzz", "run", "--fuzz-dir", ".", target]);
    command.arg(&found).arg(folder.join("corpus").join(target)).arg("--").args(LIMITS);
    command.arg(format!("-max_total_time={seconds}"));
    let words = if matches!(target, "define" | "editor" | "script") { "tickscript" } else { target };
    let dictionary = folder.join("dictionaries").join(format!("{words}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    crate::run(&mut command)
        .context("`cargo install cargo-fuzz` and `rustup toolchain install nightly` bring what it needs")
}

/// Files of a folder without their extension, in the order of the alphabet.
fn names(folder: &Path, extension: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
