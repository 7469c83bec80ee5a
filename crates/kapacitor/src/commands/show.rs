//! `kapacitor show`: all about a task.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write};

use api::task::ExecutionStats;
use clap::{ArgMatches, Command};
use serde_json::Value;

use super::Verb;
use crate::cli::{Context, Stop, flag, value};
use crate::flags;
use crate::output::{dbrps, row, size, utc, vars};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    Command::new("show")
        .override_usage("kapacitor show [-o FORMAT] [-replay ID] [task ID]")
        .about("Show all about a task: its state, script, variables and the counters of its pipeline.")
        .arg(flag("replay", "ID", "Show the task as it is within this replay, while that runs."))
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [id] = args.as_slice() else { return Err(Stop::usage(&command(), "Must specify one task ID")) };
    let task = cx.wait(cx.client.task(id, value(matches, "replay")))?;
    if flags::wants_json(matches) {
        return cx.print_json(&task);
    }
    let mut out = String::new();
    let _ = write!(
        out,
        "ID: {}\nError: {}\nTemplate: {}\nType: {}\nStatus: {}\nExecuting: {}\nCreated: {}\nModified: {}\n\
         LastEnabled: {}\nDatabases Retention Policies: {}\n",
        task.id,
        task.error,
        task.template_id,
        task.task_type.name(),
        task.status.name(),
        task.executing,
        utc(task.created),
        utc(task.modified),
        utc(task.last_enabled),
        dbrps(&task.dbrps),
    );
    for warning in &task.warnings {
        let _ = writeln!(out, "Warning: {}", warning.trim_end());
    }
    let _ = writeln!(out, "TICKscript:\n{}", task.script);
    if !task.vars.is_empty() {
        out.push_str("Vars:\n");
        row(&mut out, &[("Name", 30), ("Type", 10), ("Value", 40)], "");
        vars(&mut out, &task.vars, "<nil>", false)?;
    }
    let _ = writeln!(out, "DOT:\n{}", task.dot);
    memory(&mut out, &task.stats);
    cx.print(&out)
}

/// Nodes that hold much, the largest first; the others are shown by `kapacitor stats memory TASK`.
fn memory(out: &mut String, stats: &ExecutionStats) {
    let held = |values: &BTreeMap<String, Value>| values.get("memory_bytes").and_then(Value::as_i64);
    let nodes = stats.node_stats.iter().filter_map(|(name, values)| Some((held(values)?, name.as_str())));
    let mut nodes: Vec<(i64, &str)> = nodes.collect();
    if nodes.is_empty() {
        return;
    }
    nodes.sort_by_key(|(bytes, name)| (Reverse(*bytes), *name));
    out.push_str("Memory:\n");
    for (bytes, name) in nodes {
        row(out, &[(name, 30)], &size(bytes));
    }
}
