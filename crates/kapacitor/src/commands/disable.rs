//! `kapacitor disable`: switches tasks off.

use api::task::Status;
use clap::{ArgMatches, Command};

use super::{Verb, enable};
use crate::cli::Context;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("disable")
        .override_usage("kapacitor disable [task ID or pattern]...")
        .about("Switch tasks off.")
        .long_about(
            "Switch tasks off.\n\
             \n\
             \t$ kapacitor disable cpu_alert\n\
             \t$ kapacitor disable '*_alert'\n\
             \n\
             What matches no task is passed over.",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    enable::switch(cx, &enable::patterns(matches, &command())?, Status::Disabled, false)
}
