//! `/tasks`: create, read, list, change and delete tasks, and what their httpOut nodes show.

use std::sync::Arc;

use api::{
    json::Each,
    task::{self as shown, ListedTask, ListedTasks, TaskOptions},
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{Method, StatusCode},
    routing::{any, get},
};
use serde_json::{Map, Value};
use store::Page;

use super::{
    Api,
    answer::{Answered, Params, aside, json, nothing, text_as_json},
    description::{FIELDS, LIMIT, OFFSET, Operation, PATTERN, Parameter, Routes},
    json_body::json_body,
};
use crate::definitions::{DotView, Executing, Refused, ScriptFormat, View};

pub(super) const SCRIPT_FORMAT: Parameter =
    Parameter::new("script-format", "As it was given, or in canonical form.").words(&["formatted", "raw"]);
const DOT_VIEW: Parameter =
    Parameter::new("dot-view", "How counters stand in the drawing.").words(&["attributes", "labels"]);
const REPLAY_ID: Parameter = Parameter::new("replay-id", "Show the task as that replay runs it.");

pub(super) fn routes() -> Routes {
    Routes::of("tasks")
        .add(
            Operation::get("/tasks", "List tasks.")
                .query(&[PATTERN, FIELDS.words(shown::FIELDS), OFFSET, LIMIT, DOT_VIEW, SCRIPT_FORMAT])
                .gives::<shown::TaskList>(200)
                .fails(&[400]),
            list,
        )
        .add(
            Operation::post("/tasks", "Define a task, and start it if it is enabled.")
                .takes::<TaskOptions>()
                .gives::<shown::Task>(200)
                .fails(&[400, 500]),
            create,
        )
        .silent("/tasks/", any(no_id))
        .add(
            Operation::get("/tasks/{id}", "Show a task.")
                .query(&[DOT_VIEW, SCRIPT_FORMAT, REPLAY_ID])
                .gives::<shown::Task>(200)
                .fails(&[400, 404]),
            show,
        )
        .add(
            Operation::patch("/tasks/{id}", "Change what is named of a task.")
                .takes::<TaskOptions>()
                .gives::<shown::Task>(200)
                .fails(&[400, 404, 500]),
            update,
        )
        .add(Operation::delete("/tasks/{id}", "Delete a task, running or not.").gives_nothing(), delete)
        .silent("/tasks/{id}/{*endpoint}", get(endpoint))
        .describe(
            Operation::get("/tasks/{id}/{endpoint}", "The latest data at an httpOut node.")
                .gives::<Map<String, Value>>(200)
                .fails(&[404]),
        )
}

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let mut fields = fields(&params, shown::FIELDS, None)?;
    fields.sort_unstable();
    let mut view = view(&params)?;
    let wants = |name: &str| fields.iter().any(|field| field == name);
    (view.error, view.stats) = (wants("error"), wants("stats"));
    if !wants("dot") {
        view.dot = DotView::Nothing;
    }
    let (offset, limit) = params.page()?;
    let pattern = params.get("pattern").to_string();
    let text = aside(move || {
        let page = Page { pattern: &pattern, offset, limit };
        let tasks = api.definitions.tasks(&page, view);
        let tasks = tasks.map(|task| task.map(|task| ListedTask { task, fields: &fields }));
        api::json::pretty(&ListedTasks { tasks: Each::of(tasks) }).map_err(|error| Refused::failed(error.to_string()))
    });
    Ok(text_as_json(StatusCode::OK, text.await?))
}

pub(super) async fn no_id() -> Answered {
    Err(Refused::bad("must specify task id on path"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let view = match view(&params) {
        Ok(view) => view,
        // That the task is not there is told first.
        Err(bad) => {
            aside(move || api.definitions.task(&id, View::default())).await?;
            return Err(bad);
        }
    };
    let replay = params.get("replay-id").to_string();
    let task = move || {
        if replay.is_empty() {
            return api.definitions.task(&id, view);
        }
        let work = api.recordings.replaying(&replay);
        let Some(replayed) = work.as_ref().and_then(|work| work.task()) else {
            return Err(Refused::bad(format!("no running replay with ID: {replay}")));
        };
        if replayed.id != id {
            return Err(Refused::bad(format!("replay {replay} is not for task: {id}")));
        }
        let run = Executing { stats: &replayed.stats, edges: &replayed.edges };
        api.definitions.task_in_replay(&id, view, &run)
    };
    json(&aside(task).await?)
}

pub(super) async fn create(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let options = options(&body)?;
    json(
        &aside(move || {
            let (task, warnings) = api.definitions.create_task(&options)?;
            Ok(shown::Task { warnings, ..api.definitions.show(task, View::default()) })
        })
        .await?,
    )
}

pub(super) async fn update(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> Answered {
    let options = options(&body)?;
    json(
        &aside(move || {
            let (task, warnings) = api.definitions.update_task(&id, &options)?;
            Ok(shown::Task { warnings, ..api.definitions.show(task, View::default()) })
        })
        .await?,
    )
}

pub(super) async fn delete(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    aside(move || api.definitions.delete_task(&id)).await?;
    Ok(nothing())
}

pub(super) async fn endpoint(
    State(api): State<Arc<Api>>,
    method: Method,
    Path((id, endpoint)): Path<(String, String)>,
) -> Answered {
    if method == Method::HEAD {
        return Err(Refused::missing("Not Found"));
    }
    match shown_by(&api, &id, &endpoint).await? {
        Some(text) => Ok(text_as_json(StatusCode::OK, text)),
        None => Err(Refused::missing("Not Found")),
    }
}

/// What an httpOut node shows now: the JSON of its series; `None` if there is no such task or endpoint.
pub(super) async fn shown_by(api: &Api, id: &str, endpoint: &str) -> Result<Option<String>, Refused> {
    let Some(running) = api.running.get(id) else { return Ok(None) };
    let Some(node) = running.endpoints.get(endpoint) else { return Ok(None) };
    let (send, receive) = tokio::sync::oneshot::channel();
    let answer = Box::new(move |text| {
        // Nobody waits any more if the client has gone.
        let _ = send.send(text);
    });
    if !api.running.show(id, node, answer) {
        return Ok(None);
    }
    match receive.await {
        Ok(Some(text)) => Ok(Some(text)),
        Ok(None) => Err(Refused::failed("json: unsupported value: the latest data hold NaN or infinity")),
        Err(_) => Ok(None),
    }
}

fn options(body: &[u8]) -> Result<TaskOptions, Refused> {
    json_body(body).map_err(|error| Refused::bad(format!("invalid JSON: {error}")))
}

/// The fields that a list was asked for, checked; without any, all but one that must be asked for.
pub(super) fn fields(params: &Params, known: &[&str], unless_asked: Option<&str>) -> Result<Vec<String>, Refused> {
    let mut fields: Vec<String> = params.all("fields").map(str::to_string).collect();
    if let Some(unknown) = fields.iter().find(|field| !known.contains(&field.as_str())) {
        return Err(Refused::bad(format!(
            "unsupported field {unknown:?}{}",
            declare::did_you_mean(&declare::nearest(unknown, known.iter().copied()))
        )));
    }
    if fields.is_empty() {
        fields = known.iter().filter(|field| Some(**field) != unless_asked).map(|field| field.to_string()).collect();
    }
    fields.extend(["link".to_string(), "id".to_string()]);
    Ok(fields)
}

/// A list with the fields asked for.
pub(super) fn listed(name: &str, items: Vec<Value>, fields: &[String]) -> Answered {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(object) = item else { continue };
        // A list says nothing of a template where there is none.
        let wanted = |(key, value): &(String, Value)| fields.contains(key) && (key != "template-id" || value != "");
        let mut kept: Vec<(String, Value)> = object.into_iter().filter(wanted).collect();
        kept.sort_by(|a, b| a.0.cmp(&b.0));
        out.push(Value::Object(kept.into_iter().collect()));
    }
    let list: Map<String, Value> = [(name.to_string(), Value::Array(out))].into_iter().collect();
    json(&list)
}

pub(super) fn script_format(params: &Params) -> Result<ScriptFormat, Refused> {
    match params.get("script-format") {
        "" | "formatted" => Ok(ScriptFormat::Formatted),
        "raw" => Ok(ScriptFormat::Raw),
        other => Err(Refused::bad(format!("invalid script-format parameter {other:?}"))),
    }
}

fn view(params: &Params) -> Result<View, Refused> {
    let dot = match params.get("dot-view") {
        "" | "attributes" => DotView::Attributes,
        "labels" => DotView::Labels,
        other => return Err(Refused::bad(format!("invalid dot-view parameter {other:?}"))),
    };
    Ok(View { script: script_format(params)?, dot, ..View::default() })
}
