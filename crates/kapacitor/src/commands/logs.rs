//! `kapacitor logs`: follows what the daemon logs.

use anyhow::{Context as _, bail};
use api::client::Stream;
use api::system::LOGS_PATH;
use clap::{ArgMatches, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::Verb;
use crate::cli::Context;
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("logs")
        .override_usage("kapacitor logs [<tag>=<value>...]")
        .about("Follow what the daemon logs.")
        .long_about(
            "Follow what the daemon logs, all of it or what has the given tags.\n\
             \n\
             \t$ kapacitor logs service=http lvl=error\n\
             \n\
             A plus sign after a level means that level and all that are worse:\n\
             \n\
             \t$ kapacitor logs lvl=info+",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    follow(cx, tags(&flags::rest(matches))?)
}

/// Tags as users write them, `name=value`.
pub(super) fn tags(args: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for arg in args {
        let pair: Vec<&str> = arg.split('=').collect();
        let [name, value] = pair.as_slice() else { bail!("bad keyvalue pair: '{arg}'") };
        // The last value of a tag counts.
        tags.retain(|(other, _)| other != name);
        tags.push(((*name).to_string(), (*value).to_string()));
    }
    Ok(tags)
}

/// Prints log lines until the user or the daemon ends.
pub(super) fn follow(cx: &Context, tags: Vec<(String, String)>) -> anyhow::Result<()> {
    let query: Vec<(&str, &str)> = tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    cx.wait(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let follow = async {
            let lines = cx.client.open(LOGS_PATH, &query).await?;
            copy(cx, lines).await
        };
        tokio::select! {
            ended = follow => ended.context("failed to retrieve logs"),
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    })
}

/// Prints an answer as it comes.
pub(super) async fn copy(cx: &Context, mut answer: Stream) -> anyhow::Result<()> {
    while let Some(piece) = answer.next().await? {
        cx.print_bytes(&piece)?;
    }
    Ok(())
}
