//! `kapacitor replay-live`: sends the results of queries to a task without a recording.

use anyhow::bail;
use api::replay::{self, ReplayBatch, ReplayQuery};
use clap::{ArgMatches, Command};

use super::replay::{clock, clock_flags, replay};
use super::{Verb, record};
use crate::cli::{Context, Stop, flag, run_verb, value};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };
const BATCH: Verb = Verb { command: batch_command, takes_raw_arguments: false, run: batch };
const QUERY: Verb = Verb { command: query_command, takes_raw_arguments: false, run: query };

fn command() -> Command {
    Command::new("replay-live")
        .override_usage("kapacitor replay-live <batch|query> [options]")
        .about("Send the results of queries to a task without a recording.")
        .long_about(
            "Send the results of queries to a task without a recording. The replay's ID is printed.\n\
             \n\
             \t$ kapacitor replay-live batch -task cpu_mean -past 10h\n\
             \t$ kapacitor replay-live query -task cpu_alert -query 'SELECT * FROM telegraf.autogen.cpu'\n\
             \n\
             'kapacitor replay-live batch -h' and its like tell the options of each.",
        )
}

fn batch_command() -> Command {
    Command::new("batch")
        .override_usage("kapacitor replay-live batch [options]")
        .about("Send the results of a batch task's own queries to it.")
        .arg(flag("task", "ID", "The task."))
        .args(record::range_flags())
        .args(clock_flags())
}

fn query_command() -> Command {
    Command::new("query")
        .override_usage("kapacitor replay-live query [options]")
        .about("Send the result of a query to a task.")
        .arg(flag("task", "ID", "The task."))
        .arg(flag("query", "QUERY", "The query."))
        .arg(flag("cluster", "NAME", "The InfluxDB to ask, by its name in the daemon's configuration."))
        .args(clock_flags())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [kind, args @ ..] = args.as_slice() else { return Err(Stop::usage(&command(), "")) };
    match kind.as_str() {
        "batch" => run_verb(cx, &BATCH, args),
        "query" => run_verb(cx, &QUERY, args),
        _ => bail!("Unknown replay-live type {kind:?}, expected 'batch' or 'query'"),
    }
}

fn batch(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let (task, start, stop) = record::task_and_range(matches, &batch_command())?;
    let id = value(matches, "replay-id").to_string();
    let (recording_time, clock) = (matches.get_flag("rec-time"), clock(matches));
    let options = ReplayBatch { id, task, start, stop, recording_time, clock };
    replay(cx, matches, &format!("{}/batch", replay::PATH), &options)
}

fn query(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let (task, query) = (value(matches, "task").to_string(), value(matches, "query").to_string());
    if task.is_empty() || query.is_empty() {
        return Err(Stop::incomplete(&query_command(), "both query and task are required"));
    }
    let (id, cluster) = (value(matches, "replay-id").to_string(), value(matches, "cluster").to_string());
    let (recording_time, clock) = (matches.get_flag("rec-time"), clock(matches));
    let options = ReplayQuery { id, task, query, cluster, recording_time, clock };
    replay(cx, matches, &format!("{}/query", replay::PATH), &options)
}
