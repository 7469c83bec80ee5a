//! `kapacitor stats`: counters of the daemon and of the data it was sent.

use std::{collections::BTreeMap, fmt::Write};

use api::delivery::{self, Deliveries};
use api::memory::{self, Memory, TaskMemory};
use api::system::{DEBUG_VARS_PATH, DebugVars, Stat};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::flags;
use crate::output::{row, size, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("stats")
        .override_usage("kapacitor stats <general|ingress|handlers|memory>")
        .about("Show counters of the daemon.")
        .long_about(
            "Show counters of the daemon.\n\
             \n\
             general - who the daemon is and how many tasks it has.\n\
             ingress - how many points it was sent, by database, retention policy and measurement.\n\
             handlers - what became of the events of each handler of alerts.\n\
             memory [TASK] - what holds how much memory: tasks, or the nodes of one, the tables of series, waiting \
             writes; with the limits.",
        )
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    if let [category, task @ ..] = args.as_slice()
        && category == "memory"
    {
        return match task {
            [] => memory(cx, matches, None),
            [task] => memory(cx, matches, Some(task)),
            _ => Err(Stop::usage(&command(), "stats memory takes one task at most")),
        };
    }
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

fn memory(cx: &Context, matches: &ArgMatches, task: Option<&str>) -> anyhow::Result<()> {
    let query: Vec<(&str, &str)> = task.into_iter().map(|task| ("task", task)).collect();
    let found: Memory = cx.wait(cx.client.get(memory::PATH, &query))?;
    if flags::wants_json(matches) {
        return cx.print_json(&found);
    }
    match (task, found.tasks.first()) {
        (Some(_), Some(task)) => cx.print(&memory_of_nodes(task)),
        _ => cx.print(&memory_of_all(&found)),
    }
}

/// Who holds what: what belongs to no task, then the tasks, the largest first.
fn memory_of_all(found: &Memory) -> String {
    let mut out = String::new();
    let (tables, writes) = (&found.tables, &found.writes);
    row(&mut out, &[("What", 26), ("Held", 10)], "Limit");
    for (what, held, limit) in [
        ("All", size_of(found.bytes), size_limit(found.limit)),
        ("Tables of series", size_of(tables.bytes), size_limit(tables.limit)),
        ("Writes that wait", size_of(writes.bytes), size_limit(writes.limit)),
        ("Connections", found.connections.open.to_string(), number_limit(found.connections.limit)),
    ] {
        row(&mut out, &[(what, 26), (&held, 10)], &limit);
    }
    for (what, count) in [
        ("Series", tables.series),
        ("Groups", tables.groups),
        ("Names", tables.names),
        ("Lists of fields", tables.shapes),
        ("Writes refused", writes.refused),
        ("Loopback points dropped", writes.loopback_dropped),
        ("Connections refused", found.connections.refused),
    ] {
        row(&mut out, &[(what, 26)], &count.to_string());
    }
    for problem in &found.problems {
        let _ = writeln!(out, "Over its limit: {problem}");
    }
    let mut tasks: Vec<&TaskMemory> = found.tasks.iter().collect();
    tasks.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.id.cmp(&b.id)));
    let id = width(4, tasks.iter().map(|task| task.id.as_str()));
    out.push('\n');
    let head = [("Task", id), ("Held", 10), ("Limit", 10), ("Groups", 10), ("Limit", 10), ("Dropped", 10)];
    row(&mut out, &head, "Largest Node");
    for task in tasks {
        let largest = task.nodes.iter().max_by_key(|node| node.bytes);
        let largest = largest.map_or_else(String::new, |node| format!("{} {}", node.name, size_of(node.bytes)));
        let texts = [
            size_of(task.bytes),
            size_limit(task.limit),
            task.groups.to_string(),
            number_limit(task.group_limit),
            (task.groups_dropped + task.points_dropped).to_string(),
        ];
        let columns: Vec<(&str, usize)> = texts.iter().map(|text| (text.as_str(), 10)).collect();
        row(&mut out, &[&[(task.id.as_str(), id)], &columns[..]].concat(), &largest);
    }
    out
}

/// What the nodes of a task hold.
pub(super) fn memory_of_nodes(task: &TaskMemory) -> String {
    let mut out = String::new();
    let name = width(4, task.nodes.iter().map(|node| node.name.as_str()));
    row(&mut out, &[("Node", name), ("Held", 10)], "Groups");
    for node in &task.nodes {
        row(&mut out, &[(&node.name, name), (&size_of(node.bytes), 10)], &node.groups.to_string());
    }
    out
}

fn size_of(bytes: u64) -> String {
    size(i64::try_from(bytes).unwrap_or(i64::MAX))
}

fn size_limit(bytes: u64) -> String {
    if bytes == 0 { "none".to_string() } else { size_of(bytes) }
}

fn number_limit(most: u64) -> String {
    if most == 0 { "none".to_string() } else { most.to_string() }
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
