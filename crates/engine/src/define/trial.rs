//! Whether a task could be enabled: its nodes are built for a world in which nothing happens.

use std::sync::Arc;

use alert::{Delivery, Kinds, NoStore, Topics};
use lambda::Zone;
use model::{Row, Schema, Time, Words};

use super::{
    Diagnostic, Stage, Surface,
    checks::{about, different_edges},
    interpret::Interpreter,
};
use crate::{
    EdgeKind, Host, HttpEndpoint, HttpRequest, InfluxQuery, InfluxWrite, LogRecord, Origin, Plan, ServerInfo, Shares,
    SideSource, TaskInfo, Ticket,
    nodes::{Asks, asks},
};

/// What would keep the task from being enabled, as far as the daemon's configuration has no say in it. Of the nodes in
/// `refused` it was said already.
pub(super) fn trial(
    surface: &Surface,
    outcome: &Interpreter<'_>,
    refused: &[usize],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let host: Arc<dyn Host> = Arc::new(Nowhere::default());
    let (schema, kinds) = (Schema::new(), Kinds::default());
    let nodes = &outcome.pipeline.nodes;
    // A script that names no database is allowed to read what it reads: that is said when its task is defined.
    let mut dbrps = outcome.dbrps.clone();
    if dbrps.is_empty() {
        dbrps = nodes.iter().filter_map(|node| asks(&*node.object)).flat_map(Asks::reads).collect();
    }
    let info = Arc::new(TaskInfo { id: "check".into(), stream: outcome.kind == EdgeKind::Stream, dbrps });
    for (index, node) in nodes.iter().enumerate() {
        if node.doubtful || refused.contains(&index) {
            continue;
        }
        if let Some((why, _)) = different_edges(surface, nodes, node) {
            diagnostics.push(why);
            continue;
        }
        let spec = &surface.nodes()[node.spec];
        let flaws = spec.flaws(node.object.as_ref());
        let is_refused = flaws.iter().any(|flaw| flaw.refuses);
        diagnostics.extend(flaws.into_iter().map(|flaw| {
            let stage = if flaw.refuses { Stage::Enable } else { Stage::Run };
            let call = node.calls.iter().rev().find(|call| call.handler.is_none() && call.name == flaw.property);
            let place = call.and_then(|call| call.args.first().copied()).unwrap_or(node.span);
            Diagnostic::error(place, flaw.message).at_stage(stage)
        }));
        if is_refused {
            continue;
        }
        let parent_names: Vec<String> = node.parents.iter().map(|&parent| nodes[parent].name.clone()).collect();
        let plan = Plan {
            schema: &schema,
            host: &host,
            task: &info,
            name: &node.name,
            input: node.parents.first().map_or(node.gives, |&parent| nodes[parent].gives),
            parents: node.parents.len(),
            handlers: &[],
            kinds: &kinds,
            group_expiry: surface.group_expiry(),
            tracks_groups: surface.tracks_groups(),
            nil_tags: false,
            parent_names: &parent_names,
            shares: &Shares::default(),
        };
        if let Err(error) = spec.build(node.object.as_ref(), &plan) {
            diagnostics.push(about(node, error.to_string()).at_stage(Stage::Enable));
        }
        for handler in &node.handlers {
            if let Err(why) = handler.options.ready() {
                diagnostics.push(Diagnostic::error(handler.span, why.to_string()).at_stage(Stage::Enable));
            }
        }
    }
}

/// A world in which nothing happens, and everything that a script names is there.
struct Nowhere {
    zone: Zone,
    topics: Arc<Topics>,
    server: ServerInfo,
}

impl Default for Nowhere {
    fn default() -> Self {
        Nowhere {
            zone: Zone::default(),
            topics: Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore))),
            server: ServerInfo::default(),
        }
    }
}

impl Host for Nowhere {
    fn now(&self) -> Time {
        0
    }

    fn zone(&self) -> &Zone {
        &self.zone
    }

    fn log(&self, _record: &LogRecord<'_>) {}

    fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    fn post(&self, _request: HttpRequest, _ticket: Ticket) {}

    fn endpoint(&self, _name: &str) -> Option<HttpEndpoint> {
        Some(HttpEndpoint::default())
    }

    fn check_cluster(&self, _name: &str) -> Result<(), String> {
        Ok(())
    }

    fn write(&self, _write: InfluxWrite, _ticket: Ticket) {}

    fn create_database(&self, _cluster: &str, _database: &str, _retention_policy: &str) {}

    fn query(&self, _query: InfluxQuery, _ticket: Ticket) {}

    fn sideload(&self, _source: &str) -> Result<Arc<SideSource>, String> {
        Ok(Arc::default())
    }

    fn loopback(&self, _origin: Origin, _rows: Vec<Row>, _words: Words) {}

    fn server(&self) -> &ServerInfo {
        &self.server
    }
}
