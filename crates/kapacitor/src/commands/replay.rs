//! `kapacitor replay`: sends a recording to a task.

use api::recording::Progress;
use api::replay::{self, Clock, Replay, ReplayRecording};
use clap::{ArgMatches, Command};
use serde::Serialize;

use super::{Verb, record};
use crate::cli::{Context, Stop, flag, switch, value};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    Command::new("replay")
        .override_usage("kapacitor replay [options]")
        .about("Send a recording to a task.")
        .long_about(
            "Send a recording to a task. The replay's ID is printed.\n\
             \n\
             Times are moved so that the recording starts now, unless -rec-time is given. See 'kapacitor help record'.",
        )
        .arg(flag("task", "ID", "The task.").alias("name"))
        .arg(flag("recording", "ID", "The recording.").alias("id"))
        .arg(switch("fast", "Send as fast as possible; so it is unless -real-clock is given."))
        .args(clock_flags())
}

/// The flags of all kinds of replays.
pub(super) fn clock_flags() -> [clap::Arg; 4] {
    [
        switch("real-clock", "Let as much time pass as when the data was recorded."),
        switch("rec-time", "Keep the times of the recording."),
        switch("no-wait", "Do not wait until the replay is complete."),
        flag("replay-id", "ID", "The replay's ID; else one is made."),
    ]
}

/// The clock that the flags ask for.
pub(super) fn clock(matches: &ArgMatches) -> Clock {
    if matches.get_flag("real-clock") { Clock::Real } else { Clock::Fast }
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let (task, recording) = (value(matches, "task"), value(matches, "recording"));
    if recording.is_empty() {
        return Err(Stop::incomplete(&command(), "must pass recording ID"));
    }
    if task.is_empty() {
        return Err(Stop::incomplete(&command(), "must pass task ID"));
    }
    let options = ReplayRecording {
        id: value(matches, "replay-id").to_string(),
        recording: recording.to_string(),
        task: task.to_string(),
        recording_time: matches.get_flag("rec-time"),
        clock: clock(matches),
    };
    replay(cx, matches, replay::PATH, &options)
}

/// Starts a replay and waits for its end, unless told not to.
pub(super) fn replay(cx: &Context, matches: &ArgMatches, path: &str, options: &impl Serialize) -> anyhow::Result<()> {
    let mut replay: Replay = cx.wait(cx.client.post(path, options))?;
    if matches.get_flag("no-wait") {
        return Ok(());
    }
    let mut bar = crate::progress::Progress::new("replay");
    while replay.status == Progress::Running {
        bar.show(replay.progress);
        cx.wait(async { tokio::time::sleep(record::POLL).await });
        replay = cx.wait(cx.client.get(&replay.link.href, &[]))?;
    }
    drop(bar);
    record::finished(cx, "replay", &replay.id, replay.status, &replay.error)
}
