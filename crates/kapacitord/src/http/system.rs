//! `/ping`, `/health`, `/loglevel` and `/sideload/reload`: the daemon itself.

use std::sync::Arc;

use api::system::{Check, Condition, Health, LogLevel};
use axum::{
    body::Bytes,
    extract::State,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};

use super::{
    Api, VERSION,
    answer::{Answered, aside, nothing, text_as_json},
    description::{Operation, Routes},
    json_body::json_body,
};
use crate::{definitions::Refused, host::Outcome};

pub(super) fn routes() -> Routes {
    Routes::of("system")
        .silent("/ping", any(ping))
        .describe(Operation::get("/ping", "Whether the daemon answers, and its version in a header.").gives_nothing())
        .describe(Operation::head("/ping", "The same.").gives_nothing())
        .add(
            Operation::get("/health", "How the daemon is, and each InfluxDB that it is to use.")
                .gives::<Health>(200)
                .gives::<Health>(503),
            health,
        )
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
}

pub(super) async fn ping(method: Method) -> Response {
    match method {
        Method::GET | Method::HEAD => nothing(),
        _ => Refused::missing("Not Found").into_response(),
    }
}

/// How the daemon is, and the InfluxDBs that it is to use. The form is that of InfluxDB's own `/health`; a cluster that
/// is away may come back by itself and is a warning.
pub(super) async fn health(State(api): State<Arc<Api>>) -> Answered {
    let mut health = Health { name: "kapacitor".to_string(), version: VERSION.to_string(), ..Health::default() };
    for checkup in api.host.clusters().checkups() {
        let (status, message) = match checkup.now().await {
            Outcome::Well(version) if version.is_empty() => (Condition::Pass, "it answers".to_string()),
            Outcome::Well(version) => (Condition::Pass, format!("it answers as version {version}")),
            Outcome::Away(why) => (Condition::Warn, why),
            Outcome::Wrong(why) => (Condition::Fail, why),
        };
        health.status = health.status.max(status);
        health.checks.push(Check { name: format!("influxdb:{}", checkup.name()), status, message });
    }
    let text = api::json::compact(&health).map_err(|error| Refused::failed(error.to_string()))?;
    let status = if health.status == Condition::Fail { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok(text_as_json(status, text))
}

pub(super) async fn log_level(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let wanted: LogLevel = json_body(&body).map_err(|_| Refused::bad("invalid JSON"))?;
    api.log_level.set(&wanted.level).map_err(Refused::bad)?;
    Ok(nothing())
}

pub(super) async fn reload_sideloads(State(api): State<Arc<Api>>) -> Answered {
    let host = Arc::clone(&api.host);
    aside(move || host.reload_sideloads().map_err(Refused::failed)).await?;
    Ok(nothing())
}
