//! `kapacitor subscriptions`: lists the subscriptions at InfluxDB, and drops those that are left over.

use std::io::{BufRead, IsTerminal};

use anyhow::bail;
use api::subscription::{Owner, PATH, PRUNE_PATH, Prune, Subscription, SubscriptionList};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop, flag, run_verb, switch, value};
use crate::flags;
use crate::output::{row, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };
const LIST: Verb = Verb { command: list_command, takes_raw_arguments: false, run: list };
const PRUNE: Verb = Verb { command: prune_command, takes_raw_arguments: false, run: prune };

fn command() -> Command {
    Command::new("subscriptions")
        .override_usage("kapacitor subscriptions <list|prune> [options]")
        .about("List the subscriptions at InfluxDB, or drop those that are left over.")
        .long_about(
            "List the subscriptions at InfluxDB, or drop those that are left over.\n\
             \n\
             \t$ kapacitor subscriptions list\n\
             \t$ kapacitor subscriptions prune\n\
             \n\
             By a subscription, InfluxDB delivers what is written to it. A daemon that lost its store has a new ID, and\n\
             makes new subscriptions beside its old ones: then all comes twice. Those are the left over ones: they lead\n\
             to this daemon, but bear the ID of none that lives. No others are dropped.",
        )
}

fn output_flag() -> clap::Arg {
    flag("o", "FORMAT", "table or json.")
}

fn list_command() -> Command {
    Command::new("list")
        .override_usage("kapacitor subscriptions list [options]")
        .about("List the subscriptions at all InfluxDBs, whoever they belong to.")
        .arg(output_flag())
}

fn prune_command() -> Command {
    Command::new("prune")
        .override_usage("kapacitor subscriptions prune [options]")
        .about("Drop the subscriptions that lead to this daemon but belong to none that lives.")
        .arg(output_flag())
        .arg(switch("force", "Do not ask before."))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [kind, args @ ..] = args.as_slice() else { return Err(Stop::usage(&command(), "")) };
    match kind.as_str() {
        "list" => run_verb(cx, &LIST, args),
        "prune" => run_verb(cx, &PRUNE, args),
        _ => bail!("Unknown kind of command {kind:?}, expected 'list' or 'prune'"),
    }
}

fn list(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let as_json = as_json(matches)?;
    let all: SubscriptionList = cx.wait(cx.client.get(PATH, &[]))?;
    tell(cx, &all, as_json)
}

fn prune(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let as_json = as_json(matches)?;
    let mut left: SubscriptionList = cx.wait(cx.client.get(PATH, &[]))?;
    left.subscriptions.retain(|one| one.owner == Owner::LeftOver);
    if left.subscriptions.is_empty() {
        return tell(cx, &left, as_json);
    }
    if !matches.get_flag("force") {
        eprint!("{}", table(&left.subscriptions));
        if !confirmed(left.subscriptions.len())? {
            bail!("nothing was dropped");
        }
    }
    let dropped: SubscriptionList =
        cx.wait(cx.client.post(PRUNE_PATH, &Prune { subscriptions: left.subscriptions }))?;
    tell(cx, &dropped, as_json)
}

fn as_json(matches: &ArgMatches) -> anyhow::Result<bool> {
    match value(matches, "o") {
        "" | "table" => Ok(false),
        "json" => Ok(true),
        other => bail!("-o {other:?} is unknown, write table or json"),
    }
}

fn confirmed(count: usize) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is nobody to ask whether to drop them: pass -force");
    }
    eprint!("Drop these {count} subscriptions? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn tell(cx: &Context, list: &SubscriptionList, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        cx.print(&format!("{}\n", serde_json::to_string_pretty(list)?))?;
    } else {
        cx.print(&table(&list.subscriptions))?;
    }
    match list.errors.as_slice() {
        [] => Ok(()),
        errors => bail!("{}", errors.join("\n")),
    }
}

fn table(subscriptions: &[Subscription]) -> String {
    let column = |least, text: fn(&Subscription) -> &str| width(least, subscriptions.iter().map(text));
    let (cluster, database) = (column(7, |one| &one.cluster), column(8, |one| &one.database));
    let (policy, name) = (column(16, |one| &one.retention_policy), column(4, |one| &one.name));
    let mut out = String::new();
    let head = [("Cluster", cluster), ("Database", database), ("Retention Policy", policy), ("Name", name)];
    row(&mut out, &[head.as_slice(), &[("Owner", 10)]].concat(), "Destinations");
    for one in subscriptions {
        let place = [(one.cluster.as_str(), cluster), (&one.database, database), (&one.retention_policy, policy)];
        let rest = [(one.name.as_str(), name), (one.owner.name(), 10)];
        row(&mut out, &[place.as_slice(), &rest].concat(), &one.destinations.join(" "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_stand_in_columns() {
        let one = Subscription {
            cluster: "default".to_string(),
            database: "telegraf".to_string(),
            retention_policy: "autogen".to_string(),
            name: "kapacitor-1".to_string(),
            mode: "ANY".to_string(),
            destinations: vec!["http://a:1".to_string(), "http://b:2".to_string()],
            owner: Owner::LeftOver,
        };
        assert_eq!(
            table(&[one]),
            "Cluster Database Retention Policy Name        Owner     Destinations\n\
             default telegraf autogen          kapacitor-1 left-over http://a:1 http://b:2\n"
        );
    }
}
