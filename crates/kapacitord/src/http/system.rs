//! `/ping`, `/loglevel`, `/sideload/reload` and `/subscriptions`: the daemon itself.

use std::sync::Arc;

use api::system::LogLevel;
use axum::{
    body::Bytes,
    extract::State,
    http::Method,
    response::{IntoResponse, Response},
};

use super::{
    Api,
    answer::{Answered, aside, nothing},
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
