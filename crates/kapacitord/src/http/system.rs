//! `/ping`, `/loglevel`, `/sideload/reload` and `/subscriptions`: the daemon itself.

use std::sync::Arc;

use api::system::LogLevel;
use axum::{
    body::Bytes,
    extract::State,
    http::Method,
    response::{IntoResponse, Response},
    routing::any,
};

use super::{
    Api,
    answer::{Answered, aside, nothing},
    description::{Operation, Routes},
};
use crate::definitions::Refused;

pub(super) fn routes() -> Routes {
    Routes::of("system")
        .silent("/ping", any(ping))
        .describe(Operation::get("/ping", "Whether the daemon answers, and its version in a header.").gives_nothing())
        .describe(Operation::head("/ping", "The same.").gives_nothing())
        .add(
            Operation::post("/loglevel", "Which lines of the log are written.")
                .takes::<LogLevel>()
                .gives_nothing()
                .fails(&[400]),
            log_level,
        )
        .add(
            Operation::post("/sideload/reload", "Read the sources of sideload nodes again.")
                .gives_nothing()
                .fails(&[500]),
            reload_sideloads,
        )
        .add(Operation::post("/subscriptions", "Look after subscriptions now.").gives_nothing(), relink)
}

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
