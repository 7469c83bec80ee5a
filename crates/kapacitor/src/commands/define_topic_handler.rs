//! `kapacitor define-topic-handler`: attaches a handler to a topic, or changes one.

use api::client::Error;
use api::topic::{self, Handler};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::{files, flags};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("define-topic-handler")
        .override_usage("kapacitor define-topic-handler <handler file>")
        .about("Attach a handler to a topic, or change one.")
        .long_about(
            "Attach a handler to a topic, or change one.\n\
             \n\
             The file is YAML or JSON and holds topic, id, kind, options and match:\n\
             \n\
             \t$ kapacitor define-topic-handler slack.yaml",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [path] = args.as_slice() else {
        return Err(Stop::usage(&command(), "Must provide a path to a handler file."));
    };
    let handler = files::handler(path)?;
    if handler.topic.is_empty() {
        anyhow::bail!("the handler file {path:?} does not name a topic");
    }
    let link = topic::handler_path(&handler.topic, &handler.id);
    let exists = match cx.wait(cx.client.get::<Handler>(&link, &[])) {
        Ok(found) => !found.id.is_empty(),
        Err(Error::Refused { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let _defined: Handler = if exists {
        cx.wait(cx.client.put(&link, &handler))?
    } else {
        cx.wait(cx.client.post(&topic::handlers_path(&handler.topic), &handler))?
    };
    Ok(())
}
