//! `kapacitor show`: all about a task.

use std::fmt::Write;

use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop, flag, value};
use crate::flags;
use crate::output::{dbrps, row, utc, vars};

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
    cx.print(&out)
}
