//! `kapacitor level`: sets what the daemon logs.

use api::system::{LOG_LEVEL_PATH, LogLevel};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("level")
        .override_usage("kapacitor level (debug|info|error)")
        .about("Set what the daemon logs, until it is restarted.")
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let Some(level) = args.first() else { return Err(Stop::usage(&command(), "Must pass a log level")) };
    Ok(cx.wait(cx.client.post_only(LOG_LEVEL_PATH, &LogLevel { level: level.clone() }))?)
}
