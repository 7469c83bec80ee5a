//! `/storage`: the parts of the store, and a copy of all of it.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    answer::{Answered, aside, json as pretty, nothing},
    around::Streamed,
};
use crate::definitions::Refused;

const BASE: &str = "/kapacitor/v1/storage/stores";

/// What users call the parts of the store.
const STORES: &[&str] = &["handler-specs", "load", "overrides", "recordings", "replays", "tasks"];

#[derive(Deserialize)]
struct Action {
    action: String,
}

pub(super) async fn list() -> Answered {
    let link = |href: String| json!({ "rel": "self", "href": href });
    let stores: Vec<Value> =
        STORES.iter().map(|name| json!({ "link": link(format!("{BASE}/{name}")), "name": name })).collect();
    pretty(&json!({ "link": link(BASE.to_string()), "storage": stores }))
}

/// The store needs no rebuilding of indexes: lists are read from the records themselves.
pub(super) async fn act(Path(name): Path<String>, body: Bytes) -> Answered {
    if !STORES.contains(&name.as_str()) {
        return Err(Refused::missing(format!("unknown storage {name:?}")));
    }
    let action: Action = serde_json::from_slice(&body)
        .map_err(|error| Refused::bad(format!("failed to unmarshal storage action {error}")))?;
    match action.action.as_str() {
        "rebuild" => Ok(nothing()),
        other => Err(Refused::bad(format!("failed to unmarshal storage action unknown StorageAction {other}"))),
    }
}

/// One file with all that is stored, as it is at one moment.
pub(super) async fn backup(State(api): State<Arc<Api>>) -> Answered {
    let store = api.definitions.store().clone();
    let copy = aside(move || Ok(store.backup()?)).await?;
    let name = format!("attachment; filename=\"{}\"", api.store_name.replace(['"', '\\'], "_"));
    let mut response: Response = (StatusCode::OK, Body::from(copy)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    // Clients count its bytes.
    response.extensions_mut().insert(Streamed);
    Ok(response)
}
