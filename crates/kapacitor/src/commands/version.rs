//! `kapacitor version`: which version of the command line this is.

use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::Context;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("version").override_usage("kapacitor version").about("Show the version of this command line.")
}

fn run(cx: &Context, _matches: &ArgMatches) -> anyhow::Result<()> {
    let branch = option_env!("KAPACITOR_BRANCH").unwrap_or("unknown");
    let commit = option_env!("KAPACITOR_COMMIT").unwrap_or("unknown");
    cx.print(&format!("Kapacitor OSS {} (git: {branch} {commit})\n", env!("CARGO_PKG_VERSION")))
}
