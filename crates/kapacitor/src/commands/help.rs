//! `kapacitor help`: how the program or one of its verbs is used.

use clap::{ArgMatches, Command};

use super::{Verb, find, usage};
use crate::cli::{Context, Stop};
use crate::{flags, help};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("help").override_usage("kapacitor help [command]").about("Show how a command is used.")
}

fn run(_cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [verb] = args.as_slice() else {
        let message = help::usage(&command());
        return Err(Stop::Unknown { message, usage: usage() }.into());
    };
    let command = (find(verb)?.command)();
    Err(Stop::Help { usage: help::usage(&command) }.into())
}
