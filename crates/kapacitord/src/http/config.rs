//! `/config`: the sections that can be changed while the daemon runs, shown without secrets, and changed.

use std::sync::Arc;

use api::{
    config::{self as shape, Config, ConfigUpdate, Element, Section},
    link::Link,
};
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use declare::Update;
use serde::Serialize;
use serde_json::Value;

use super::{
    Api,
    answer::{Answered, aside, nothing, text_as_json},
    description::{Operation, Routes},
};
use crate::{
    definitions::Refused,
    live_config::{ShownElement, ShownSection},
};

pub(super) fn routes() -> Routes {
    Routes::of("config")
        .add(
            Operation::get("/config", "Show the sections that can be changed, without their secrets.")
                .gives::<Config>(200)
                .fails(&[403]),
            all,
        )
        .silent("/config/", axum::routing::get(no_section).post(update_nothing))
        .silent("/config/{*path}", axum::routing::get(show).post(update))
        .describe(Operation::get("/config/{section}", "Show a section.").gives::<Section>(200).fails(&[403, 404]))
        .describe(
            Operation::get("/config/{section}/{element}", "Show an element of a section.")
                .gives::<Element>(200)
                .fails(&[403, 404]),
        )
        .describe(
            Operation::post("/config/{section}", "Change a section, or add and remove elements of it.")
                .takes::<ConfigUpdate>()
                .gives_nothing()
                .fails(&[400, 403, 404, 500]),
        )
        .describe(
            Operation::post("/config/{section}/{element}", "Change an element.")
                .takes::<ConfigUpdate>()
                .gives_nothing()
                .fails(&[400, 403, 404, 500]),
        )
}

pub(super) async fn all(State(api): State<Arc<Api>>) -> Answered {
    allowed(&api)?;
    let sections =
        api.config.shown().iter().map(|section| (section.name.to_string(), self::section(section))).collect();
    compact(&Config { link: Link::to_self(shape::PATH), sections })
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
        (Some(section), None) => compact(&self::section(section)),
        (Some(section), Some(id)) => match section.elements.iter().find(|element| element.id == id) {
            Some(element) => compact(&self::element(name, element)),
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
    Err(Refused::new(403, "config override service is not enabled"))
}

/// The section, and the element if the path goes on after it: `slack` is the section, `slack/` its nameless element.
fn split(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((section, element)) => (section, Some(element)),
        None => (path, None),
    }
}

fn section(section: &ShownSection) -> Section {
    Section {
        link: Link::to_self(format!("{}/{}", shape::PATH, section.name)),
        elements: section.elements.iter().map(|element| self::element(section.name, element)).collect(),
    }
}

fn element(section: &str, element: &ShownElement) -> Element {
    let redacted = Some(&element.values.redacted).filter(|names| !names.is_empty());
    Element {
        link: Link::to_self(format!("{}/{section}/{}", shape::PATH, element.id)),
        options: element.values.options.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        redacted: redacted.map(|names| names.iter().map(ToString::to_string).collect()),
    }
}

fn compact(value: &impl Serialize) -> Answered {
    let text = api::json::compact(value).map_err(|error| Refused::failed(error.to_string()))?;
    Ok(text_as_json(StatusCode::OK, text))
}
