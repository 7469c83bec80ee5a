//! `/config`: the sections that can be changed while the daemon runs, shown without secrets, and changed.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use declare::Update;
use serde_json::{Map, Value, json};

use super::{
    Api,
    answer::{Answered, aside, nothing, text_as_json},
};
use crate::{
    definitions::Refused,
    live_config::{ShownElement, ShownSection},
};

const BASE: &str = "/kapacitor/v1/config";

pub(super) async fn all(State(api): State<Arc<Api>>) -> Answered {
    allowed(&api)?;
    let sections: Map<String, Value> =
        api.config.shown().iter().map(|section| (section.name.to_string(), section_json(section))).collect();
    compact(&json!({ "link": { "rel": "self", "href": BASE }, "sections": sections }))
}

pub(super) async fn no_section(State(api): State<Arc<Api>>) -> Answered {
    allowed(&api)?;
    Err(Refused::bad("section not specified, do you have an extra trailing '/'?"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(path): Path<String>) -> Answered {
    allowed(&api)?;
    let (name, element) = split(&path);
    let shown = api.config.shown();
    let section = shown.iter().find(|section| section.name == name);
    match (section, element) {
        (Some(section), None) => compact(&section_json(section)),
        (Some(section), Some(id)) => match section.elements.iter().find(|element| element.id == id) {
            Some(element) => compact(&element_json(name, element)),
            None => Err(Refused::missing(format!("unknown section/element: {name}/{id}"))),
        },
        (None, _) => Err(Refused::missing(format!("unknown section: {name}"))),
    }
}

pub(super) async fn update(State(api): State<Arc<Api>>, Path(path): Path<String>, body: Bytes) -> Answered {
    change(api, path, body).await
}

pub(super) async fn update_nothing(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    change(api, String::new(), body).await
}

async fn change(api: Arc<Api>, path: String, body: Bytes) -> Answered {
    allowed(&api)?;
    let json: Value =
        serde_json::from_slice(&body).map_err(|error| Refused::bad(format!("failed to decode JSON: {error}")))?;
    let update = Update::from_json(&json).map_err(|error| Refused::bad(format!("failed to decode JSON: {error}")))?;
    aside(move || {
        let (section, element) = split(&path);
        api.config.update(section, element, &update)
    })
    .await?;
    Ok(nothing())
}

fn allowed(api: &Api) -> Result<(), Refused> {
    if api.config_can_change {
        return Ok(());
    }
    Err(Refused { status: 403, text: "config override service is not enabled".to_string() })
}

/// The section, and the element if the path goes on after it: `slack` is the section, `slack/` its nameless element.
fn split(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((section, element)) => (section, Some(element)),
        None => (path, None),
    }
}

fn section_json(section: &ShownSection) -> Value {
    let elements: Vec<Value> = section.elements.iter().map(|element| element_json(section.name, element)).collect();
    json!({ "link": { "rel": "self", "href": format!("{BASE}/{}", section.name) }, "elements": elements })
}

fn element_json(section: &str, element: &ShownElement) -> Value {
    let redacted = Some(&element.values.redacted).filter(|names| !names.is_empty());
    let mut options: Vec<(&String, &Value)> = element.values.options.iter().collect();
    options.sort_by_key(|(key, _)| *key);
    let options: Map<String, Value> = options.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    json!({
        "link": { "rel": "self", "href": format!("{BASE}/{section}/{}", element.id) },
        "options": options,
        "redacted": redacted,
    })
}

fn compact(value: &Value) -> Answered {
    let text = api::json::compact(value).map_err(|error| Refused::failed(error.to_string()))?;
    Ok(text_as_json(StatusCode::OK, text))
}
