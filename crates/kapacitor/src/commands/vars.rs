//! `kapacitor vars`: all counters of the daemon as JSON.

use api::system::DEBUG_VARS_PATH;
use clap::{ArgMatches, Command};

use super::Verb;
use super::logs::copy;
use crate::cli::Context;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("vars").override_usage("kapacitor vars").about("Print all counters of the daemon as JSON.")
}

fn run(cx: &Context, _matches: &ArgMatches) -> anyhow::Result<()> {
    cx.wait(async {
        let answer = cx.client.open(DEBUG_VARS_PATH, &[]).await?;
        copy(cx, answer).await
    })
}
