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
    let mut played = run_golden(root, cases, patterns, &unreached, "6")?;
    let reached: BTreeSet<String> = unreached.difference(&played.failed).cloned().collect();
    let mut new: BTreeSet<String> = played.failed.difference(&unreached).cloned().collect();
    if !new.is_empty() {
        println!("once more, alone: {}", listed(&new));
        let again: Vec<String> = new.iter().cloned().collect();
        let before = new.len();
        new = run_golden(root, cases, &again, &unreached, "1")?.failed;
        played.passed += before - new.len();
    }
    if patterns.is_empty() && !reached.is_empty() {
        println!("reached, take them off tests/unreached.txt: {}", listed(&reached));
    }
    let skipped = played.known + played.failed.intersection(&unreached).count();
    println!("\n{} passed, {} failed, {skipped} skipped", played.passed, new.len());
    if new.is_empty() { Ok(()) } else { bail!("cases that must pass fail: {}", listed(&new)) }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What came of a run of the player.
struct Played {
    failed: BTreeSet<String>,
    passed: usize,
    /// Cases that differ on purpose.
    known: usize,
}

/// Play the cases that match a pattern, `at_once` beside each other. Those not reached yet are told as such.
fn run_golden(
    root: &Path,
    cases: &Path,
    patterns: &[String],
    unreached: &BTreeSet<String>,
    at_once: &str,
) -> anyhow::Result<Played> {
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
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut played = Played { failed: BTreeSet::new(), passed: 0, known: 0 };
    let mut ended = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("FAIL ").and_then(|rest| rest.split(' ').next()) {
            let word = if unreached.contains(name) { "unreached" } else { "FAIL" };
            println!("{word} {}", line.trim_start_matches("FAIL "));
            played.failed.insert(name.to_string());
        } else if let Some((passed, _)) = line.split_once(" passed, ") {
            // The player's own sum; it knows nothing of those not reached.
            played.passed = passed.trim().parse().unwrap_or_default();
            ended = true;
        } else {
            played.known += usize::from(line.starts_with("known "));
            println!("{line}");
        }
    }
    if ended { Ok(played) } else { bail!("the cases were not played to the end") }
}

/// The first word of each line that is no comment.
fn names(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect())
}
