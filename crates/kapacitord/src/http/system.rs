//! `/ping`, `/loglevel` and `/debug/vars`.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use api::system::{DebugVars, LogLevel, Stat};
use axum::{
    body::Bytes,
    extract::State,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    Api, VERSION,
    answer::{Answered, aside, nothing, text_as_json},
};
use crate::definitions::Refused;

pub(super) async fn ping(method: Method) -> Response {
    match method {
        Method::GET | Method::HEAD => nothing(),
        _ => Refused::missing("Not Found").into_response(),
    }
}

pub(super) async fn log_level(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let wanted: LogLevel = serde_json::from_slice(&body).map_err(|_| Refused::bad("invalid JSON"))?;
    api.log_level.set(&wanted.level).map_err(Refused::bad)?;
    Ok(nothing())
}

pub(super) async fn reload_sideloads(State(api): State<Arc<Api>>) -> Answered {
    let host = Arc::clone(&api.host);
    aside(move || host.reload_sideloads().map_err(Refused::failed)).await?;
    Ok(nothing())
}

/// Look after the subscriptions of all clusters now.
pub(super) async fn relink(State(api): State<Arc<Api>>) -> Answered {
    api.relink.send_modify(|asked| *asked += 1);
    Ok(nothing())
}

pub(super) async fn vars(State(api): State<Arc<Api>>) -> Answered {
    let definitions = Arc::clone(&api.definitions);
    let (tasks, enabled) = aside(move || definitions.counts()).await?;
    let mut kapacitor: BTreeMap<String, Stat> = BTreeMap::new();
    let mut add = |name: &str, tags: Vec<(&str, String)>, values: Map<String, Value>| {
        let id = uuid::Uuid::new_v4().to_string();
        let host = ("host", api.hostname.clone());
        let ids =
            [("cluster_id", api.identity.cluster_id.to_string()), ("server_id", api.identity.server_id.to_string())];
        let tags = tags.into_iter().chain([host]).chain(ids).map(|(key, value)| (key.to_string(), value)).collect();
        kapacitor.insert(id, Stat { name: name.to_string(), tags, values });
    };
    for (origin, measurement, points) in api.ingress.all() {
        let tags = vec![
            ("database", origin.database.clone()),
            ("retention_policy", origin.retention_policy.clone()),
            ("measurement", api.schema.text(measurement).to_string()),
            ("task_master", "main".to_string()),
        ];
        let values = [("points_received".to_string(), json!(points))];
        add("ingress", tags, values.into_iter().collect());
    }
    for task in api.running.names() {
        let Some(running) = api.running.get(&task) else { continue };
        for node in &running.stats {
            let tags = vec![
                ("task", task.clone()),
                ("node", node.name.clone()),
                ("kind", node.name.trim_end_matches(|c: char| c.is_ascii_digit()).to_string()),
            ];
            let mut values = Map::new();
            values.insert("collected".into(), json!(node.collected.load(Ordering::Relaxed)));
            values.insert("emitted".into(), json!(node.emitted()));
            values.insert("errors".into(), json!(node.errors.load(Ordering::Relaxed)));
            values.insert("working_cardinality".into(), json!(node.cardinality.load(Ordering::Relaxed).max(0)));
            // A text: Telegraf's plugin insists on it.
            values.insert("avg_exec_time_ns".into(), json!("0s"));
            for (name, value) in &node.extra {
                values.insert(name.to_string(), json!(value.load(Ordering::Relaxed)));
            }
            add("nodes", tags, values);
        }
    }
    let vars = DebugVars {
        cluster_id: api.identity.cluster_id.to_string(),
        server_id: api.identity.server_id.to_string(),
        host: api.hostname.clone(),
        product: "kapacitor".to_string(),
        version: VERSION.to_string(),
        platform: "rust".to_string(),
        cmdline: std::env::args().collect(),
        memstats: Map::new(),
        kapacitor,
        num_enabled_tasks: enabled as i64,
        num_subscriptions: 0,
        num_tasks: tasks as i64,
    };
    let text = api::json::compact(&vars).map_err(|error| Refused::failed(error.to_string()))?;
    Ok(text_as_json(StatusCode::OK, text))
}
