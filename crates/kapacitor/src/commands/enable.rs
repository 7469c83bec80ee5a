//! `kapacitor enable`: switches tasks on.

use anyhow::Context as _;
use api::task::{Status, Task, TaskOptions};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("enable")
        .override_usage("kapacitor enable [task ID or pattern]...")
        .about("Switch tasks on, so that they run with live data.")
        .long_about(
            "Switch tasks on, so that they run with live data.\n\
             \n\
             \t$ kapacitor enable cpu_alert\n\
             \t$ kapacitor enable '*_alert'\n\
             \n\
             What matches no task is passed over.",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    switch(cx, &patterns(matches, &command())?, Status::Enabled, false)
}

/// The IDs and patterns that were given, one at least.
pub(super) fn patterns(matches: &ArgMatches, command: &Command) -> anyhow::Result<Vec<String>> {
    let patterns = flags::rest(matches);
    if patterns.is_empty() {
        return Err(Stop::usage(command, "Must pass at least one task ID"));
    }
    Ok(patterns)
}

/// Switches the tasks that match. `keep_state`: off and on at once, so what their nodes remember is kept.
pub(super) fn switch(cx: &Context, patterns: &[String], status: Status, keep_state: bool) -> anyhow::Result<()> {
    let doing = if status == Status::Enabled { "enabling" } else { "disabling" };
    for pattern in patterns {
        let tasks: Vec<Task> = cx.wait(cx.client.list_all(pattern, &["link"])).context("listing tasks")?;
        for task in tasks {
            let options = TaskOptions { status: Some(status), keep_state, ..TaskOptions::default() };
            cx.wait(cx.client.update_task(&task.link.href, &options))
                .with_context(|| format!("{doing} task {}", task.id))?;
        }
    }
    Ok(())
}
