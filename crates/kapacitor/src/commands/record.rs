//! `kapacitor record`: records live data or the results of queries, to be replayed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use api::duration;
use api::recording::{self, Progress, RecordBatch, RecordQuery, RecordStream, Recording};
use api::time::Time;
use clap::{ArgMatches, Command};
use serde::Serialize;

use super::{Verb, define};
use crate::cli::{Context, Stop, flag, run_verb, switch, value};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };
const STREAM: Verb = Verb { command: stream_command, takes_raw_arguments: false, run: stream };
const BATCH: Verb = Verb { command: batch_command, takes_raw_arguments: false, run: batch };
const QUERY: Verb = Verb { command: query_command, takes_raw_arguments: false, run: query };

fn command() -> Command {
    Command::new("record")
        .override_usage("kapacitor record [stream|batch|query] [options]")
        .about("Record live data or the results of queries, to be replayed to tasks.")
        .long_about(
            "Record live data or the results of queries, to be replayed to tasks. The recording's ID is printed.\n\
             \n\
             \t$ kapacitor record stream -task cpu_alert -duration 1m\n\
             \t$ kapacitor record batch -task cpu_mean -past 10h\n\
             \t$ kapacitor record query -query 'SELECT * FROM telegraf.autogen.cpu' -type stream\n\
             \n\
             'kapacitor record stream -h' and its like tell the options of each. See 'kapacitor help replay', too.",
        )
}

fn kind_command(name: &'static str, usage: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .override_usage(usage)
        .about(about)
        .arg(flag("recording-id", "ID", "The recording's ID; else one is made."))
        .arg(switch("no-wait", "Do not wait until the recording is complete."))
}

fn stream_command() -> Command {
    kind_command("stream", "kapacitor record stream [options]", "Record what the daemon is sent and the task reads.")
        .arg(flag("task", "ID", "The task whose databases and retention policies are recorded.").alias("name"))
        .arg(flag("duration", "DURATION", "How long to record, such as 1m."))
}

fn batch_command() -> Command {
    kind_command("batch", "kapacitor record batch [options]", "Record the results of a batch task's queries.")
        .arg(flag("task", "ID", "The task whose queries are asked.").alias("name"))
        .args(range_flags())
}

fn query_command() -> Command {
    kind_command("query", "kapacitor record query [options]", "Record the result of a query.")
        .arg(flag("query", "QUERY", "The query."))
        .arg(flag("type", "TYPE", "stream or batch: the kind of task that the recording is for."))
        .arg(flag("cluster", "NAME", "The InfluxDB to ask, by its name in the daemon's configuration."))
}

/// The flags that tell from when to when queries are asked.
pub(super) fn range_flags() -> [clap::Arg; 3] {
    [
        flag("start", "TIME", "The start, such as 2015-09-01T00:00:00Z."),
        flag("stop", "TIME", "The end; else now."),
        flag("past", "DURATION", "How long before the end the start is."),
    ]
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [kind, args @ ..] = args.as_slice() else { return Err(Stop::usage(&command(), "")) };
    match kind.as_str() {
        "stream" => run_verb(cx, &STREAM, args),
        "batch" => run_verb(cx, &BATCH, args),
        "query" => run_verb(cx, &QUERY, args),
        _ => bail!("Unknown record type {kind:?}, expected 'stream', 'batch' or 'query'"),
    }
}

fn stream(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let (task, duration) = (value(matches, "task"), value(matches, "duration"));
    if task.is_empty() || duration.is_empty() {
        return Err(Stop::incomplete(&stream_command(), "both task and duration are required"));
    }
    let stop = now().saturating_add(duration::parse(duration)?);
    let (id, task) = (value(matches, "recording-id").to_string(), task.to_string());
    record(cx, matches, "stream", &RecordStream { id, task, stop: Time::At(stop) })
}

fn batch(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let (task, start, stop) = task_and_range(matches, &batch_command())?;
    let id = value(matches, "recording-id").to_string();
    record(cx, matches, "batch", &RecordBatch { id, task, start, stop })
}

fn query(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let (query, kind) = (value(matches, "query"), value(matches, "type"));
    if query.is_empty() || kind.is_empty() {
        return Err(Stop::incomplete(&query_command(), "both query and type are required"));
    }
    let (id, cluster) = (value(matches, "recording-id").to_string(), value(matches, "cluster").to_string());
    let options = RecordQuery { id, query: query.to_string(), task_type: define::task_type(kind), cluster };
    record(cx, matches, "query", &options)
}

/// The task, and from when to when its queries are asked.
pub(super) fn task_and_range(matches: &ArgMatches, command: &Command) -> anyhow::Result<(String, Time, Time)> {
    let (task, start, past) = (value(matches, "task"), value(matches, "start"), value(matches, "past"));
    let missing = match (task, start, past) {
        ("", ..) => Some("task is required"),
        (_, "", "") => Some("must set one of start or past flags."),
        (_, "", _) | (_, _, "") => None,
        _ => Some("cannot set both start and past flags."),
    };
    if let Some(missing) = missing {
        return Err(Stop::incomplete(command, missing));
    }
    let stop = match value(matches, "stop") {
        "" => Time::At(now()),
        stop => stop.parse()?,
    };
    let start = match past {
        "" => start.parse()?,
        past => Time::At(stop.nanos().unwrap_or_else(now).saturating_sub(duration::parse(past)?)),
    };
    Ok((task.to_string(), start, stop))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// How often the daemon is asked whether it is done.
pub(super) const POLL: Duration = Duration::from_millis(500);

fn record(cx: &Context, matches: &ArgMatches, kind: &str, options: &impl Serialize) -> anyhow::Result<()> {
    let mut recording: Recording = cx.wait(cx.client.post(&format!("{}/{kind}", recording::PATH), options))?;
    if matches.get_flag("no-wait") {
        return Ok(());
    }
    let mut bar = crate::progress::Progress::new("recording");
    while recording.status == Progress::Running {
        bar.show(recording.progress);
        cx.wait(async { tokio::time::sleep(POLL).await });
        recording = cx.wait(cx.client.get(&recording.link.href, &[]))?;
    }
    drop(bar);
    finished(cx, "recording", &recording.id, recording.status, &recording.error)
}

/// Prints the ID of what has ended; how it ended.
pub(super) fn finished(cx: &Context, what: &str, id: &str, status: Progress, error: &str) -> anyhow::Result<()> {
    cx.print(&format!("{id}\n"))?;
    match (status, error) {
        (Progress::Failed, "") => bail!("{what} failed: unknown reason"),
        (Progress::Failed, error) => bail!("{error}"),
        _ => Ok(()),
    }
}
