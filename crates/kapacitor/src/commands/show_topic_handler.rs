//! `kapacitor show-topic-handler`: all about a handler of a topic.

use std::collections::BTreeMap;

use api::topic::{self, Handler};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("show-topic-handler")
        .override_usage("kapacitor show-topic-handler [-o FORMAT] [topic ID] [handler ID]")
        .about("Show all about a handler of a topic: its kind and options.")
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [topic, id] = args.as_slice() else {
        return Err(Stop::usage(&command(), "Must specify both topic and handler IDs"));
    };
    let handler: Handler = cx.wait(cx.client.get(&topic::handler_path(topic, id), &[]))?;
    if flags::wants_json(matches) {
        return cx.print_json(&handler);
    }
    let options: Option<BTreeMap<_, _>> = handler.options.as_ref().map(|options| options.iter().collect());
    cx.print(&format!(
        "ID: {}\nTopic: {topic}\nKind: {}\nMatch: {}\nOptions: {}\n",
        handler.id,
        handler.kind,
        handler.matches,
        api::json::compact(&options)?,
    ))
}
