//! `kapacitor reload`: switches tasks off and on, so that they run as they are defined now.

use api::task::Status;
use clap::{ArgMatches, Command};

use super::{Verb, enable};
use crate::cli::Context;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("reload")
        .override_usage("kapacitor reload [task ID or pattern]...")
        .about("Switch tasks off and on, so that they run as they are defined now.")
        .long_about(
            "Switch tasks off and on, so that they run as they are defined now.\n\
             \n\
             \t$ kapacitor reload cpu_alert\n\
             \t$ kapacitor reload '*_alert'\n\
             \n\
             What matches no task is passed over.",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let patterns = enable::patterns(matches, &command())?;
    // Nodes whose definition has not changed go on where they were.
    enable::switch(cx, &patterns, Status::Disabled, true)?;
    enable::switch(cx, &patterns, Status::Enabled, true)
}
