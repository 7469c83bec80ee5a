//! `kapacitor watch`: follows what a task logs.

use clap::{ArgMatches, Command};

use super::{Verb, logs};
use crate::cli::Context;
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("watch")
        .override_usage("kapacitor watch <task ID> [<tag>=<value>...]")
        .about("Follow what a task logs.")
        .long_about(
            "Follow what a task logs.\n\
             \n\
             \t$ kapacitor watch cpu_alert\n\
             \t$ kapacitor watch cpu_alert node=log5",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [task, tags @ ..] = args.as_slice() else { anyhow::bail!("must provide task ID.") };
    let mut all = vec![("task".to_string(), task.clone())];
    for (name, value) in logs::tags(tags)? {
        all.retain(|(other, _)| *other != name);
        all.push((name, value));
    }
    logs::follow(cx, all)
}
