//! `kapacitor stats`: counters of the daemon and of the data it was sent.

use std::collections::BTreeMap;

use api::delivery::{self, Deliveries};
use api::system::{DEBUG_VARS_PATH, DebugVars, Stat};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::flags;
use crate::output::{row, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("stats")
        .override_usage("kapacitor stats <general|ingress>")
        .about("Show counters of the daemon.")
        .long_about(
            "Show counters of the daemon.\n\
             \n\
             general - who the daemon is and how many tasks it has.\n\
             ingress - how many points it was sent, by database, retention policy and measurement.\n\
             handlers - what became of the events of each handler of alerts.",
        )
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [category] = args.as_slice() else {
        return Err(Stop::incomplete(&command(), "must provide a stats category"));
    };
    let as_json = flags::wants_json(matches);
    if category == "handlers" {
        let deliveries: Deliveries = cx.wait(cx.client.get(delivery::PATH, &[]))?;
        return if as_json { cx.print_json(&deliveries) } else { cx.print(&handlers(&deliveries)) };
    }
    let vars: DebugVars = cx.wait(cx.client.get(DEBUG_VARS_PATH, &[]))?;
    match category.as_str() {
        "general" if as_json => cx.print_json(&DebugVars { kapacitor: BTreeMap::new(), ..vars }),
        "general" => cx.print(&general(&vars)),
        "ingress" if as_json => cx.print_json(&vars.kapacitor.values().filter(is_ingress).collect::<Vec<_>>()),
        "ingress" => cx.print(&ingress(&vars)),
        _ => Ok(()),
    }
}

fn handlers(found: &Deliveries) -> String {
    let mut out = String::new();
    let topic = width(5, found.deliveries.iter().map(|delivery| delivery.topic.as_str()));
    let handler = width(7, found.deliveries.iter().map(|delivery| delivery.handler.as_str()));
    let head = [("Topic", topic), ("Handler", handler), ("Kind", 13), ("Queued", 9), ("Sent", 9), ("Retried", 9)];
    row(&mut out, &[&head[..], &[("Failed", 9), ("Dropped", 9)]].concat(), "Oldest");
    for delivery in &found.deliveries {
        let counts = [delivery.queued, delivery.sent, delivery.retried, delivery.failed, delivery.dropped];
        let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
        let names = [(delivery.topic.as_str(), topic), (&delivery.handler, handler), (&delivery.kind, 13)];
        let counts: Vec<(&str, usize)> = counts.iter().map(|count| (count.as_str(), 9)).collect();
        row(&mut out, &[&names[..], &counts].concat(), &format!("{:.1}s", delivery.oldest_seconds));
    }
    out
}

fn general(vars: &DebugVars) -> String {
    let mut out = String::new();
    for (name, value) in [
        ("ClusterID:", vars.cluster_id.clone()),
        ("ServerID:", vars.server_id.clone()),
        ("Host:", vars.host.clone()),
        ("Tasks:", vars.num_tasks.to_string()),
        ("Enabled Tasks:", vars.num_enabled_tasks.to_string()),
        ("Subscriptions:", vars.num_subscriptions.to_string()),
        ("Platform:", vars.platform.clone()),
        ("Version:", vars.version.clone()),
    ] {
        row(&mut out, &[(name, 30), (&value, 30)], "");
    }
    out
}

fn ingress(vars: &DebugVars) -> String {
    let mut rows: Vec<(&str, &str, &str, i64)> = vars.kapacitor.values().filter(is_ingress).map(ingress_row).collect();
    rows.sort();
    let database = width(8, rows.iter().map(|row| row.0));
    let policy = width(16, rows.iter().map(|row| row.1));
    let measurement = width(11, rows.iter().map(|row| row.2));
    let mut out = String::new();
    let head = [("Database", database), ("Retention Policy", policy), ("Measurement", measurement)];
    row(&mut out, &head, "Points Received");
    for (db, rp, name, points) in rows {
        row(&mut out, &[(db, database), (rp, policy), (name, measurement)], &format!("{points:>15}"));
    }
    out
}

fn is_ingress(stat: &&Stat) -> bool {
    stat.name == "ingress" && tag(stat, "task_master") == "main"
}

fn ingress_row(stat: &Stat) -> (&str, &str, &str, i64) {
    let points = stat.values.get("points_received").and_then(serde_json::Value::as_f64).unwrap_or(0.0);
    (tag(stat, "database"), tag(stat, "retention_policy"), tag(stat, "measurement"), points as i64)
}

fn tag<'a>(stat: &'a Stat, name: &str) -> &'a str {
    stat.tags.get(name).map_or("", String::as_str)
}
