//! `/kapacitor/v1preview/logs`: the daemon's log as it is written, a line at a time, until the reader goes.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Map, Value};
use tracing::Level;

use super::{
    Api,
    answer::Params,
    around::Streamed,
    description::{Operation, Parameter, Routes},
};
use crate::{
    definitions::Refused,
    log_streams::{Line, Wanted},
    logging::{level_name, logfmt},
};

pub(super) const PATH: &str = "/kapacitor/v1preview/logs";

pub(super) fn routes() -> Routes {
    Routes::of("system").add(
        Operation::get(PATH, "The log as it is written; any other parameter is a field that lines must have.")
            .query(&[LEVEL])
            .gives_other("application/logfmt")
            .fails(&[400]),
        stream,
    )
}

const LEVEL: Parameter =
    Parameter::new("lvl", "`debug`, `info`, `warn` or `error`, with a `+` behind it for worse ones, too.");

pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let wanted = wanted(&Params::of(query.as_deref()))?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let as_json = accept.split(',').any(|kind| kind.trim().starts_with("application/json"));
    let reading = api.log_level.streams().read(wanted);
    let lines = stream::unfold(reading, move |mut reading| async move {
        let (line, lost) = reading.next().await?;
        let write = if as_json { json_line } else { logfmt_line };
        let mut text = String::new();
        if lost > 0 {
            let fields = [("lost".to_string(), Value::from(lost))].into_iter().collect();
            let message = "lines are missing here: they came faster than they were read".to_string();
            text = write(&Line { time: line.time, level: Level::WARN, message, fields });
        }
        text.push_str(&write(&line));
        Some((Ok::<Bytes, Infallible>(Bytes::from(text)), reading))
    });
    let kind = if as_json { "application/json" } else { "application/logfmt" };
    let mut response = (StatusCode::OK, Body::from_stream(lines)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.extensions_mut().insert(Streamed);
    Ok(response)
}

/// `task=a&lvl=info+`: each parameter once.
fn wanted(params: &Params) -> Result<Wanted, Refused> {
    let mut wanted = Wanted { fields: Vec::new(), level: None };
    for (name, value) in params.pairs() {
        if wanted.fields.iter().any(|(known, _)| known == name) || name == "lvl" && wanted.level.is_some() {
            return Err(Refused::bad("query params cannot contain duplicate params"));
        }
        if name != "lvl" {
            wanted.fields.push((name.to_string(), value.to_string()));
            continue;
        }
        // A plus sign reads as a blank in a query.
        let level = value.trim_end_matches(['+', ' ']);
        wanted.level = match level.to_ascii_lowercase().as_str() {
            "debug" => Some((Level::DEBUG, level.len() < value.len())),
            "info" => Some((Level::INFO, level.len() < value.len())),
            "warn" => Some((Level::WARN, level.len() < value.len())),
            "error" => Some((Level::ERROR, level.len() < value.len())),
            _ => {
                return Err(Refused::bad(format!(
                    "invalid level {level:?}: debug, info, warn or error, or with + behind"
                )));
            }
        };
    }
    Ok(wanted)
}

fn json_line(line: &Line) -> String {
    let mut time = String::new();
    model::write_rfc3339(line.time, &mut time);
    let mut object: Map<String, Value> = Map::new();
    object.insert("ts".to_string(), Value::from(time));
    object.insert("lvl".to_string(), Value::from(level_name(line.level)));
    object.insert("msg".to_string(), Value::from(line.message.as_str()));
    for (name, value) in &line.fields {
        match value {
            // The word that Kapacitor has for none.
            Value::Object(parts) if name == "dimension" && parts.is_empty() => {
                object.insert(name.clone(), Value::from("nil"));
            }
            // Tags and fields are objects, dimensions are not. Case: misc/log_batches_and_groups.
            Value::Object(parts) if name == "dimension" => {
                object.extend(parts.iter().map(|(part, value)| (format!("{name}_{part}"), value.clone())));
            }
            value => {
                object.insert(name.clone(), value.clone());
            }
        }
    }
    // A map with texts as keys can always be written.
    format!("{}\n", api::json::compact(&object).unwrap_or_default())
}

fn logfmt_line(line: &Line) -> String {
    format!("{}\n", logfmt(line.time, line.level, &line.message, &line.fields))
}
