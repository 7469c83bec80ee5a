//! What a point costs, in instructions: counted, so it does not depend on what else the machine does.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::{cargo, run};

const WORKLOADS: [&str; 3] = ["fanout", "threshold", "window"];
/// What was recorded, below the top folder.
const RECORD: &str = "bench/points/instructions";
/// A point may cost so many percent more or less than was recorded.
const LEEWAY: f64 = 10.0;
/// Two counts of points: what both runs have in common, the start, is taken out.
const POINTS: [u64; 2] = [20_000, 60_000];

/// Count, and compare with the record, or make it if `UPDATE` is set.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    run(cargo().args(["build", "--quiet", "--profile", "quick", "--package", "points"]))?;
    let record = root.join(RECORD);
    let mut found = BTreeMap::new();
    for workload in WORKLOADS {
        let [few, many] = POINTS;
        let more = count(root, workload, many)?.saturating_sub(count(root, workload, few)?);
        found.insert(workload, more as f64 / (many - few) as f64);
    }
    if std::env::var_os("UPDATE").is_some() {
        let lines: String = found.iter().map(|(workload, cost)| format!("{workload} {cost:.0}\n")).collect();
        return fs::write(&record, lines).with_context(|| format!("cannot write {}", record.display()));
    }
    let recorded = fs::read_to_string(&record).with_context(|| format!("cannot read {}", record.display()))?;
    let mut problems = 0;
    for (workload, cost) in found {
        let was = recorded_cost(&recorded, workload).with_context(|| format!("{RECORD} says nothing of {workload}"))?;
        let change = (cost / was - 1.0) * 100.0;
        println!("{workload}: {cost:.0} instructions a point, recorded are {was:.0} ({change:+.1} %)");
        problems += usize::from(change.abs() > LEEWAY);
    }
    if problems > 0 {
        bail!("a point costs something else than was recorded; if that is meant: UPDATE=1 cargo xtask instructions");
    }
    Ok(())
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into)
}

fn recorded_cost(record: &str, workload: &str) -> Option<f64> {
    record.lines().find_map(|line| line.strip_prefix(workload)?.trim().parse().ok())
}

/// The instructions of a whole run.
fn count(root: &Path, workload: &str, points: u64) -> anyhow::Result<u64> {
    let program = target(root).join("quick/points");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(&program);
    let output = valgrind.args([workload, &points.to_string()]).output().context("cannot run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind ended with {}:\n{said}", output.status);
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.with_context(|| format!("valgrind did not say how many instructions there were:\n{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_cost_is_found_by_its_name() {
        assert_eq!(recorded_cost("fanout 900\nthreshold 1200\n", "threshold"), Some(1200.0));
        assert_eq!(recorded_cost("fanout 900\n", "window"), None);
    }
}
