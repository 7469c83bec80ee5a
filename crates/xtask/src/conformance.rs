//! The conformance cases against the built daemon: `tests/golden.py` plays them, two lists say which may fail.
//!
//! `tests/known.txt` names cases that differ on purpose, with the reason. `tests/unreached.txt` names those that are not
//! reached yet; those of them that pass are told, to be taken off. Cases play in real time beside each other, so one
//! that fails on a busy machine is played once more alone before it counts.

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
    let unreached = names(&root.join("tests/unreached.txt"))?;
    let failed = failures(root, cases, patterns, "6")?;
    let mut new: BTreeSet<String> = failed.difference(&unreached).cloned().collect();
    if !new.is_empty() {
        println!("once more, alone: {}", listed(&new));
        let again: Vec<String> = new.into_iter().collect();
        new = failures(root, cases, &again, "1")?;
    }
    if !new.is_empty() {
        bail!("cases that must pass fail: {}", listed(&new));
    }
    let reached: BTreeSet<String> = unreached.difference(&failed).cloned().collect();
    if patterns.is_empty() && !reached.is_empty() {
        println!("reached, take them off tests/unreached.txt: {}", listed(&reached));
    }
    Ok(())
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The cases that fail, out of those that match a pattern; `at_once` are played beside each other.
fn failures(root: &Path, cases: &Path, patterns: &[String], at_once: &str) -> anyhow::Result<BTreeSet<String>> {
    let tests = root.join("tests");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into).join("debug");
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
        .args(["-j", at_once])
        .args(patterns)
        .output()
        .context("cannot run python3")?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !text.contains(" passed, ") {
        bail!("the cases were not played to the end");
    }
    Ok(text
        .lines()
        .filter_map(|line| line.strip_prefix("FAIL "))
        .filter_map(|line| line.split(' ').next().map(str::to_string))
        .collect())
}

/// The first word of each line that is no comment.
fn names(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect())
}
