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
             Settings come first and are made as they are there. What else is here already stays as it is, unless\n\
             -overwrite is given. Secrets cannot be read from a daemon: those that are set there are named, to be set\n\
             by hand. What is not valid without them comes switched off.",
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
    // Tasks and handlers need the clusters and services that settings name.
    let mut failed = 0;
    for change in &settings {
        let outcome = if apply { set(cx, change) } else { Ok(Set::AsThere) };
        failed += usize::from(outcome.is_err());
        cx.print(&told(change, &outcome))?;
    }
    let outcomes = if apply { found.apply(cx, overwrite) } else { found.rehearse(cx, overwrite) }?;
    let (report, failed_definitions) = transfer::report(&outcomes);
    failed += failed_definitions;
    cx.print(&report)?;
    if !apply {
        cx.print("Nothing was changed; -apply does it.\n")?;
    }
    if failed > 0 {
        anyhow::bail!("{failed} of {} failed", outcomes.len() + settings.len());
    }
    Ok(())
}

/// How a setting was made.
enum Set {
    AsThere,
    /// It is on there, but not valid without a secret.
    SwitchedOff,
}

fn set(cx: &Context, change: &Change) -> Result<Set, api::client::Error> {
    if change.update.set.is_empty() && change.update.add.is_empty() {
        return Ok(Set::AsThere);
    }
    let path = format!("{}/{}", api::config::PATH, change.place);
    let why = match cx.wait(cx.client.post_only(&path, &change.update)) {
        Ok(()) => return Ok(Set::AsThere),
        Err(why) => why,
    };
    let Some(off) = change.switched_off() else { return Err(why) };
    match cx.wait(cx.client.post_only(&path, &off)) {
        Ok(()) => Ok(Set::SwitchedOff),
        Err(_) => Err(why),
    }
}

fn told(change: &Change, outcome: &Result<Set, api::client::Error>) -> String {
    let names: Vec<&str> = change.update.set.keys().chain(change.update.add.keys()).map(String::as_str).collect();
    let mut text = String::new();
    if !names.is_empty() {
        let outcome = match outcome {
            Ok(Set::AsThere) => String::new(),
            Ok(Set::SwitchedOff) => ": switched off, since it is not valid without its secrets".to_string(),
            Err(why) => format!(": FAILED: {why}"),
        };
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
