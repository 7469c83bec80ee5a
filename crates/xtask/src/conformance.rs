//! The conformance cases against the built daemon: `tests/golden.py` plays them, two lists say which may fail.
//!
//! `tests/known.txt` names cases that differ on purpose, with the reason. `tests/unreached.txt` names those that are not
//! reached yet; it may only shrink: a case in it that passes is an error, too.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, bail};

/// Play the cases that match any of the patterns; all, and the examples, without a pattern.
pub(crate) fn play(root: &Path, patterns: &[String]) -> anyhow::Result<()> {
    if patterns.is_empty() {
        play_below(root, root, &["examples/*".to_string()])?;
    }
    play_below(root, &root.join("tests/cases"), patterns)
}

fn play_below(root: &Path, cases: &Path, patterns: &[String]) -> anyhow::Result<()> {
    let tests = root.join("tests");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into).join("debug");
    let unreached = names(&tests.join("unreached.txt"))?;
    let output = Command::new("python3")
        .arg(tests.join("golden.py"))
        .arg("--kapacitord")
        .arg(folder.join("kapacitord"))
        .arg("--kapacitor")
        .arg(folder.join("kapacitor"))
        .arg("--root")
        .arg(cases)
        .arg("--known")
        .arg(tests.join("known.txt"))
        .args(["-j", "4"])
        .args(patterns)
        .output()
        .context("cannot run python3")?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !text.contains(" passed, ") {
        bail!("the cases were not played to the end");
    }
    let failed: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("FAIL "))
        .filter_map(|line| line.split(' ').next().map(str::to_string))
        .collect();
    let new: Vec<_> = failed.difference(&unreached).cloned().collect();
    if !new.is_empty() {
        bail!("cases that must pass fail: {}", new.join(", "));
    }
    let reached: Vec<_> = unreached.difference(&failed).cloned().collect();
    if patterns.is_empty() && !reached.is_empty() {
        println!("reached, take them off tests/unreached.txt: {}", reached.join(", "));
    }
    Ok(())
}

/// The first word of each line that is no comment.
fn names(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect())
}
