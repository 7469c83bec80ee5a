//! `/storage`: the parts of the store, and a copy of all of it.

use std::sync::Arc;

use super::{
    Api,
    answer::{Answered, aside, json, nothing},
    around::Streamed,
    description::{Operation, Routes},
    json_body::json_body,
};
use crate::definitions::Refused;
use api::{
    link::Link,
    storage::{self as shape, Action, Part, PartList},
};
use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// What users call the parts of the store.
const STORES: &[&str] = &["handler-specs", "load", "overrides", "recordings", "replays", "tasks"];

pub(super) fn routes() -> Routes {
    Routes::of("storage")
        .add(Operation::get("/storage/stores", "List the parts of the store.").gives::<PartList>(200), list)
        .add(
            Operation::post("/storage/stores/{name}", "Look after a part of the store.")
                .takes::<Action>()
                .gives_nothing()
                .fails(&[400, 404]),
            act,
        )
        .add(
            Operation::get("/storage/backup", "All that is stored, as one file for `kapacitord restore`.")
                .gives_other("application/octet-stream"),
            backup,
        )
}

pub(super) async fn list() -> Answered {
    let part = |name: &&str| Part { link: Link::to_self(format!("{}/{name}", shape::PATH)), name: (*name).to_string() };
    json(&PartList { link: Link::to_self(shape::PATH), storage: STORES.iter().map(part).collect() })
}

/// The store needs no rebuilding of indexes: lists are read from the records themselves.
pub(super) async fn act(Path(name): Path<String>, body: Bytes) -> Answered {
    if !STORES.contains(&name.as_str()) {
        return Err(Refused::missing(format!("unknown storage {name:?}")));
    }
    let action: Action =
        json_body(&body).map_err(|error| Refused::bad(format!("failed to unmarshal storage action {error}")))?;
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
