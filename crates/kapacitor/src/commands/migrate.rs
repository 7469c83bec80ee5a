//! `kapacitor migrate`: brings what another daemon has to this one.

use api::client::{Client, Config};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop, flag, switch, value};
use crate::transfer::{self, Change};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    Command::new("migrate")
        .override_usage("kapacitor migrate -from URL [options]")
        .about("Bring tasks, templates, handlers and settings of another Kapacitor to this daemon.")
        .long_about(
            "Bring tasks, templates, handlers of topics and settings of another Kapacitor (any 1.x) to this daemon.\n\
             \n\
             Without -apply nothing is changed: what would be done is shown, and what would not run here, and why.\n\
             \n\
             \t$ kapacitor migrate -from http://old:9092\n\
             \t$ kapacitor migrate -from http://old:9092 -apply\n\
             \n\
             What is there already stays as it is, unless -overwrite is given. Secrets cannot be read from a daemon:\n\
             those that are set there are named, to be set by hand.",
        )
        .arg(flag("from", "URL", "The other daemon; user and password may stand in it."))
        .arg(switch("from-skipVerify", "Take any certificate of the other daemon."))
        .arg(switch("apply", "Do it."))
        .arg(switch("overwrite", "Replace what is there already."))
        .arg(switch("no-config", "Leave settings as they are."))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let url = value(matches, "from");
    if url.is_empty() {
        return Err(Stop::usage(&command(), "Must specify the other daemon with -from"));
    }
    let from = Client::new(&Config { url: url.to_string(), skip_verify: matches.get_flag("from-skipVerify") })?;
    let version = cx.wait(from.ping())?;
    let found = cx.wait(transfer::daemon(&from))?;
    let settings =
        if matches.get_flag("no-config") { Vec::new() } else { cx.wait(transfer::settings(&from, &cx.client))? };
    let (apply, overwrite) = (matches.get_flag("apply"), matches.get_flag("overwrite"));
    cx.print(&format!("Kapacitor {version} at {}\n", without_password(url)))?;
    let outcomes = if apply { found.apply(cx, overwrite) } else { found.rehearse(cx, overwrite) }?;
    let (report, mut failed) = transfer::report(&outcomes);
    cx.print(&report)?;
    for change in &settings {
        let outcome = if apply { set(cx, change) } else { Ok(()) };
        failed += usize::from(outcome.is_err());
        cx.print(&told(change, outcome.err().as_ref()))?;
    }
    if !apply {
        cx.print("Nothing was changed; -apply does it.\n")?;
    }
    if failed > 0 {
        anyhow::bail!("{failed} of {} failed", outcomes.len() + settings.len());
    }
    Ok(())
}

fn set(cx: &Context, change: &Change) -> Result<(), api::client::Error> {
    if change.update.set.is_empty() && change.update.add.is_empty() {
        return Ok(());
    }
    cx.wait(cx.client.post_only(&format!("{}/{}", api::config::PATH, change.place), &change.update))
}

fn told(change: &Change, failure: Option<&api::client::Error>) -> String {
    let names: Vec<&str> = change.update.set.keys().chain(change.update.add.keys()).map(String::as_str).collect();
    let mut text = String::new();
    if !names.is_empty() {
        let outcome = failure.map_or_else(String::new, |why| format!(": FAILED: {why}"));
        text.push_str(&format!("config {}: {}{outcome}\n", change.place, names.join(", ")));
    }
    for secret in &change.secrets {
        text.push_str(&format!("config {}: {secret} is a secret, set it by hand\n", change.place));
    }
    text
}

/// The address as it may be shown.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_string(),
    }
}
