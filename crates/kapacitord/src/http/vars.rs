//! `/debug/vars`: counters of the daemon, of its tasks and of what they run on, as Telegraf's plugin reads them.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alert::Level;
use api::system::{DebugVars, Stat};
use axum::{extract::State, http::StatusCode};
use engine::{EdgeKind, NodeStats, Running};
use serde_json::{Map, Value, json};

use super::{
    Api, VERSION,
    answer::{Answered, aside, text_as_json},
    description::{Operation, Routes},
};
use crate::{checkpoints::Checkpoints, definitions::Refused, ingest::LogCounts, udp::Counts};

pub(super) fn routes() -> Routes {
    Routes::of("system").add(
        Operation::get("/debug/vars", "Counters of the daemon, its tasks and topics.").gives::<DebugVars>(200),
        vars,
    )
}

pub(super) async fn vars(State(api): State<Arc<Api>>) -> Answered {
    let vars = aside(move || {
        let (tasks, enabled) = api.definitions.counts()?;
        Ok(DebugVars {
            cluster_id: api.identity.cluster_id.to_string(),
            server_id: api.identity.server_id.to_string(),
            host: api.hostname.clone(),
            product: "kapacitor".to_string(),
            version: VERSION.to_string(),
            platform: "OSS".to_string(),
            cmdline: std::env::args().collect(),
            memstats: memory(),
            kapacitor: Stats::collect(&api).all,
            num_enabled_tasks: enabled as i64,
            num_subscriptions: api.subscribers.active(),
            num_tasks: tasks as i64,
        })
    })
    .await?;
    let text = api::json::compact(&vars).map_err(|error| Refused::failed(error.to_string()))?;
    Ok(text_as_json(StatusCode::OK, text))
}

/// The same for points about the daemon itself, with what stands beside the counters here; without tags, as in Kapacitor.
pub(crate) fn own_stats(api: &Api, uptime: Duration) -> Result<Vec<Stat>, Refused> {
    const MEMORY: [&str; 14] = [
        "Alloc",
        "Frees",
        "HeapAlloc",
        "HeapIdle",
        "HeapInUse",
        "HeapObjects",
        "HeapReleased",
        "HeapSys",
        "Lookups",
        "Mallocs",
        "NumGC",
        "PauseTotalNs",
        "Sys",
        "TotalAlloc",
    ];
    let (tasks, enabled) = api.definitions.counts()?;
    let whole = [
        ("num_enabled_tasks", json!(enabled)),
        ("num_subscriptions", json!(api.subscribers.active())),
        ("num_tasks", json!(tasks)),
        ("uptime", json!(uptime.as_secs_f64())),
    ];
    let memory = memory();
    let figure = |name: &str| memory.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, size)| size);
    let mut runtime: Map<String, Value> =
        MEMORY.iter().filter_map(|name| Some((name.to_string(), figure(name)?.clone()))).collect();
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    runtime.insert("NumGoroutine".to_string(), json!(threads));
    let whole = whole.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    let untagged = [("kapacitor", whole), ("runtime", runtime)];
    let untagged = untagged.map(|(name, values)| Stat { name: name.to_string(), values, ..Stat::default() });
    Ok(Stats::collect(api).all.into_values().chain(untagged).collect())
}

/// The counters, each with tags that say where they are from.
struct Stats {
    common: Vec<(String, String)>,
    all: BTreeMap<String, Stat>,
}

impl Stats {
    fn new(api: &Api) -> Stats {
        let common = [
            ("host", api.hostname.clone()),
            ("cluster_id", api.identity.cluster_id.to_string()),
            ("server_id", api.identity.server_id.to_string()),
        ];
        Stats { common: common.map(|(key, value)| (key.to_string(), value)).into(), all: BTreeMap::new() }
    }

    /// Those of all that is counted.
    fn collect(api: &Api) -> Stats {
        let mut stats = Stats::new(api);
        stats.ingress(api);
        api.running.count(None);
        for task in api.running.names() {
            if let Some(running) = api.running.get(&task) {
                stats.task(&task, &running);
            }
        }
        for topic in api.topics.topics().list(Level::Ok) {
            let held = api.topics.topics().held(&topic.id).len();
            let mut values = vec![("collected", json!(topic.collected))];
            if held > 0 {
                values.push(("held_back", json!(held)));
            }
            if topic.forgotten > 0 {
                values.push(("states_forgotten", json!(topic.forgotten)));
            }
            stats.add("topics", &[("id", &topic.id)], &values);
        }
        stats.handlers(api);
        for (cluster, counts) in api.host.clusters().counts() {
            let counts: Vec<(&str, Value)> = counts.into_iter().map(|(name, count)| (name, json!(count))).collect();
            stats.add("influxdb", &[("cluster", &cluster)], &counts);
        }
        stats.durability(api);
        stats.udp(api);
        stats.add("load", &[], &[("errors", json!(api.loader.as_ref().map_or(0, |loader| loader.failed())))]);
        stats
    }

    fn add(&mut self, name: &str, tags: &[(&str, &str)], values: &[(&str, Value)]) {
        let mine = tags.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let stat = Stat {
            name: name.to_string(),
            tags: mine.chain(self.common.iter().cloned()).collect(),
            values: values.iter().map(|(key, value)| (key.to_string(), value.clone())).collect(),
        };
        self.all.insert(uuid::Uuid::new_v4().to_string(), stat);
    }

    /// Checkpoints that failed, and the log of writes if there is one: programs that read this expect what Kapacitor has.
    fn durability(&mut self, api: &Api) {
        let checkpoints = api.definitions.checkpoints().map(Checkpoints::counts);
        if let Some(counts) = checkpoints.filter(|counts| counts.failed > 0 || api.log.is_some()) {
            self.add("checkpoints", &[], &[("written", json!(counts.written)), ("failed", json!(counts.failed))]);
        }
        if let Some(counts) = api.log.as_ref().map(|log| log.counts()) {
            let LogCounts { last, writes, commits, bytes, refused, failed, replayed, dropped } = counts;
            let values = [
                ("last", last),
                ("writes", writes),
                ("commits", commits),
                ("bytes", bytes),
                ("refused_full", refused),
                ("refused_failed", failed),
                ("replayed", replayed),
                ("files_dropped", dropped),
            ];
            self.add("ingest_log", &[], &values.map(|(key, count)| (key, json!(count))));
        }
    }

    fn ingress(&mut self, api: &Api) {
        let (mut all, schema) = (0, api.schema.now());
        for (origin, measurement, points) in api.ingress.all() {
            all += points;
            let tags = [
                ("database", origin.database.as_str()),
                ("retention_policy", &origin.retention_policy),
                ("measurement", schema.text(measurement)),
                ("task_master", "main"),
            ];
            self.add("ingress", &tags, &[("points_received", json!(points))]);
        }
        self.edge("task_master:main", "write_points", "stream", EdgeKind::Stream, all);
    }

    fn udp(&mut self, api: &Api) {
        api.udp.each(|listening| {
            let Counts { points, bytes, bad, lost, unread } = &*listening.counts;
            let points = points.load(Ordering::Relaxed);
            let values = [
                ("points_rx", points),
                ("bytes_rx", bytes.load(Ordering::Relaxed)),
                ("points_parse_fail", bad.load(Ordering::Relaxed)),
                ("read_fail", unread.load(Ordering::Relaxed)),
                ("points_tx", points),
                ("packets_lost", lost.load(Ordering::Relaxed)),
            ];
            let bind = listening.address.to_string();
            self.add("udp", &[("bind", &bind)], &values.map(|(key, count)| (key, json!(count))));
        });
    }

    fn handlers(&mut self, api: &Api) {
        let now = crate::definitions::now();
        for status in api.topics.topics().deliveries() {
            let delivery = super::deliveries::delivery(&status, now);
            let tags = [("topic", delivery.topic.as_str()), ("handler", &delivery.handler), ("kind", &delivery.kind)];
            let values = [
                ("queued", json!(delivery.queued)),
                ("sent", json!(delivery.sent)),
                ("retried", json!(delivery.retried)),
                ("failed", json!(delivery.failed)),
                ("dropped", json!(delivery.dropped)),
                ("oldest_seconds", json!(delivery.oldest_seconds)),
            ];
            self.add("alert_handlers", &tags, &values);
        }
    }

    fn task(&mut self, task: &str, running: &Running) {
        let Some(source) = running.stats.first() else { return };
        let kind = kind(source);
        if kind == "stream" {
            self.edge(task, "stream", &source.name, EdgeKind::Stream, count(source));
        }
        for &(parent, child) in &running.edges {
            let (Some(parent), Some(child)) = (running.stats.get(parent), running.stats.get(child)) else { continue };
            // The queries of a batch task ask for themselves: nothing comes from the batch to them.
            if kind == "stream" || parent.name != source.name {
                self.edge(task, &parent.name, &child.name, parent.gives, parent.processed.load(Ordering::Relaxed));
            }
        }
        for node in running.stats.iter().filter(|node| kind == "stream" || node.name != source.name) {
            let mut values: Vec<(&str, Value)> = node.own().map(|(name, value)| (name, json!(value))).collect();
            values.push(("errors", json!(node.errors.load(Ordering::Relaxed))));
            values.push(("working_cardinality", json!(node.cardinality.load(Ordering::Relaxed).max(0))));
            // Nodes of a task run as one, so their times are not told apart. A text: Telegraf's plugin insists on it.
            values.push(("avg_exec_time_ns", json!("0s")));
            let tags = [("task", task), ("node", &node.name), ("kind", self::kind(node)), ("type", kind)];
            self.add("nodes", &tags, &values);
        }
    }

    fn edge(&mut self, task: &str, parent: &str, child: &str, kind: EdgeKind, passed: u64) {
        let tags = [("task", task), ("parent", parent), ("child", child), ("type", kind.name())];
        self.add("edges", &tags, &[("collected", json!(passed)), ("emitted", json!(passed))]);
    }
}

fn count(node: &NodeStats) -> u64 {
    node.collected.load(Ordering::Relaxed)
}

/// A node's name without its number.
fn kind(node: &NodeStats) -> &str {
    node.name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// The names that a Go program has for its memory, with the figures that this one knows: what the system has given it,
/// and how much of that is in use. All else is 0.
fn memory() -> Map<String, Value> {
    const NAMES: &[&str] = &[
        "Alloc",
        "BuckHashSys",
        "Frees",
        "GCCPUFraction",
        "GCSys",
        "HeapAlloc",
        "HeapIdle",
        "HeapInuse",
        "HeapObjects",
        "HeapReleased",
        "HeapSys",
        "LastGC",
        "Lookups",
        "MCacheInuse",
        "MCacheSys",
        "MSpanInuse",
        "MSpanSys",
        "Mallocs",
        "NextGC",
        "NumForcedGC",
        "NumGC",
        "OtherSys",
        "PauseTotalNs",
        "StackInuse",
        "StackSys",
        "Sys",
        "TotalAlloc",
    ];
    let mut memory: Map<String, Value> = NAMES.iter().map(|name| (name.to_string(), json!(0))).collect();
    for name in ["BySize", "PauseEnd", "PauseNs"] {
        memory.insert(name.to_string(), json!([]));
    }
    for name in ["DebugGC", "EnableGC"] {
        memory.insert(name.to_string(), json!(false));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let figure = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) << 10
    };
    let (held, data) = (figure("VmRSS"), figure("RssAnon"));
    for name in ["Alloc", "HeapAlloc", "HeapInuse"] {
        memory.insert(name.to_string(), json!(data));
    }
    for name in ["Sys", "HeapSys", "TotalAlloc"] {
        memory.insert(name.to_string(), json!(held));
    }
    memory.insert("StackSys".to_string(), json!(figure("VmStk")));
    memory
}
