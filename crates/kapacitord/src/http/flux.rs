//! `/api/v2/tasks`: tasks in Flux. They are kept and shown for clients that have a page for them; nothing runs them.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::flux_tasks::{FluxTask, FluxTasks};

use super::{
    Api,
    answer::{Params, aside, text_as_json},
    description::{Operation, Parameter, Routes},
};
use crate::{
    definitions::{Refused, now},
    flux_options::flux_options,
};

const BASE: &str = "/kapacitor/v1/api/v2/tasks";
const MOST: usize = 500;

/// Why there is no answer: `{"code", "message"}`.
pub(super) struct FluxRefused(Refused);

type Answered = Result<Response, FluxRefused>;

impl From<Refused> for FluxRefused {
    fn from(refused: Refused) -> Self {
        FluxRefused(refused)
    }
}

impl IntoResponse for FluxRefused {
    fn into_response(self) -> Response {
        let (code, message) = match (self.0.status, self.0.text.as_str()) {
            // Without tasks in Flux there are no such paths.
            (404, "Not Found") => return self.0.into_response(),
            (400, text) => ("invalid", text),
            (404, text) => ("not found", text),
            (_, text) => ("internal error", text),
        };
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = text_as_json(status, json!({ "code": code, "message": message }).to_string());
        response.headers_mut().insert("X-Platform-Error-Code", HeaderValue::from_static(code));
        response
    }
}

/// The body of a POST or PATCH.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(default)]
struct Given {
    flux: Option<String>,
    status: Option<String>,
    description: Option<String>,
}

pub(super) fn routes() -> Routes {
    const RUN: &str = "/api/v2/tasks/{id}/runs/{run}";
    let one = |operation: Operation| operation.gives::<Map<String, Value>>(200).fails(&[400, 404]);
    Routes::of("tasks in Flux")
        .add(
            one(Operation::get("/api/v2/tasks", "List tasks in Flux, if `[fluxtask]` is on.").query(&[
                Parameter::new("after", "Those behind this id."),
                Parameter::new("name", "The one of this name."),
                Parameter::new("status", "Those of this status.").words(&["active", "inactive"]),
                Parameter::new("limit", "How many to show, 1 to 500; 100 if not given."),
            ])),
            list,
        )
        .add(
            Operation::post("/api/v2/tasks", "Keep a task in Flux.")
                .takes::<Given>()
                .gives::<Map<String, Value>>(201)
                .fails(&[400, 404]),
            create,
        )
        .add(one(Operation::get("/api/v2/tasks/{id}", "Show a task in Flux.")), show)
        .add(one(Operation::patch("/api/v2/tasks/{id}", "Change a task in Flux.").takes::<Given>()), update)
        .add(
            Operation::delete("/api/v2/tasks/{id}", "Delete a task in Flux.").gives_nothing().fails(&[400, 404]),
            delete,
        )
        .add(one(Operation::get("/api/v2/tasks/{id}/runs", "Runs of a task in Flux: none.")), runs)
        .add(
            Operation::post("/api/v2/tasks/{id}/runs", "Run a task in Flux: refused.").fails(&[400, 404, 500]),
            run_now,
        )
        .add(one(Operation::get("/api/v2/tasks/{id}/logs", "The log of a task in Flux: empty.")), logs)
        .add(Operation::get(RUN, "Show a run.").fails(&[400, 404]), no_run_to_find)
        .add(Operation::delete(RUN, "Cancel a run.").fails(&[400, 404]), no_run_to_cancel)
        .add(
            Operation::post("/api/v2/tasks/{id}/runs/{run}/retry", "Try a run again.").fails(&[400, 404]),
            no_run_to_retry,
        )
        .add(Operation::get("/api/v2/tasks/{id}/runs/{run}/logs", "The log of a run.").fails(&[400, 404]), no_run_logs)
}

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let tasks = tasks(&api)?;
    let params = Params::of(query.as_deref());
    let limit = match params.get("limit") {
        "" => 100,
        text => text
            .parse()
            .ok()
            .filter(|limit| (1..=MOST).contains(limit))
            .ok_or_else(|| Refused::bad(format!("failed to decode request: limit must be between 1 and {MOST}")))?,
    };
    let (after, name) = (params.get("after").to_string(), params.get("name").to_string());
    let status = params.get("status").to_string();
    let mut found = aside(move || Ok(tasks.list()?)).await?;
    found.retain(|task| {
        task.id > after
            && (name.is_empty() || task.name == name)
            && (status.is_empty() || status_name(task.active) == status)
    });
    let last = found.get(limit.saturating_sub(1)).map(|task| task.id.clone());
    found.truncate(limit);
    let mut links = Map::new();
    let after = params.get("after");
    let after = if after.is_empty() { String::new() } else { format!("after={after}&") };
    links.insert("self".to_string(), json!(format!("{BASE}?{after}limit={limit}")));
    if let Some(last) = last {
        links.insert("next".to_string(), json!(format!("{BASE}?after={last}&limit={limit}")));
    }
    let shown: Vec<Value> = found.iter().map(shown).collect();
    ok(StatusCode::OK, &json!({ "links": links, "tasks": shown }))
}

pub(super) async fn create(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let tasks = tasks(&api)?;
    let mut task = FluxTask { active: true, created: now(), ..FluxTask::default() };
    change(&mut task, &given(&body)?)?;
    if task.flux.is_empty() {
        return Err(Refused::bad("failed to decode request: missing flux").into());
    }
    tell(&task);
    let task = aside(move || Ok(tasks.create(task)?)).await?;
    ok(StatusCode::CREATED, &shown(&task))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    ok(StatusCode::OK, &shown(&find(&api, &id, "find").await?))
}

pub(super) async fn update(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> Answered {
    let given = given(&body)?;
    let mut task = find(&api, &id, "update").await?;
    change(&mut task, &given)?;
    task.updated = Some(now());
    tell(&task);
    let (tasks, changed) = (tasks(&api)?, task.clone());
    aside(move || Ok(tasks.put(&changed)?)).await?;
    ok(StatusCode::OK, &shown(&task))
}

pub(super) async fn delete(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    let task = find(&api, &id, "delete").await?;
    let tasks = tasks(&api)?;
    aside(move || Ok(tasks.delete(&task.id)?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Nothing has run.
pub(super) async fn runs(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    tasks(&api)?;
    let id = valid(&id)?;
    let links = json!({ "self": format!("{BASE}/{id}/runs"), "task": format!("{BASE}/{id}") });
    ok(StatusCode::OK, &json!({ "links": links, "runs": [] }))
}

pub(super) async fn logs(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    tasks(&api)?;
    valid(&id)?;
    ok(StatusCode::OK, &json!({ "events": Value::Null }))
}

pub(super) async fn run_now(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    find(&api, &id, "force run").await?;
    Err(Refused::failed("failed to force run: this daemon keeps tasks in Flux, but does not run them").into())
}

async fn no_run_to_find(State(api): State<Arc<Api>>, Path((id, run)): Path<(String, String)>) -> Answered {
    no_run(&api, &id, &run, "find run")
}

async fn no_run_to_cancel(State(api): State<Arc<Api>>, Path((id, run)): Path<(String, String)>) -> Answered {
    no_run(&api, &id, &run, "cancel run")
}

async fn no_run_to_retry(State(api): State<Arc<Api>>, Path((id, run)): Path<(String, String)>) -> Answered {
    no_run(&api, &id, &run, "retry run")
}

async fn no_run_logs(State(api): State<Arc<Api>>, Path((id, run)): Path<(String, String)>) -> Answered {
    no_run(&api, &id, &run, "find task logs")
}

/// There are no runs, so whatever is wanted of one fails.
fn no_run(api: &Api, id: &str, run: &str, action: &str) -> Answered {
    tasks(api)?;
    valid(id)?;
    valid(run)?;
    Err(Refused::missing(format!("failed to {action}: run not found")).into())
}

fn tasks(api: &Api) -> Result<FluxTasks, Refused> {
    if api.flux_tasks { Ok(api.definitions.store().flux_tasks()) } else { Err(Refused::missing("Not Found")) }
}

fn valid(id: &str) -> Result<&str, Refused> {
    if id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id);
    }
    Err(Refused::bad("failed to decode request: id must have a length of 16 bytes"))
}

async fn find(api: &Api, id: &str, action: &str) -> Result<FluxTask, Refused> {
    let tasks = tasks(api)?;
    let id = valid(id)?.to_ascii_lowercase();
    let found = aside(move || Ok(tasks.get(&id)?)).await?;
    found.ok_or_else(|| Refused::missing(format!("failed to {action} task: task not found")))
}

fn given(body: &[u8]) -> Result<Given, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::bad(format!("failed to decode request: {error}")))
}

fn change(task: &mut FluxTask, given: &Given) -> Result<(), Refused> {
    match given.status.as_deref() {
        None | Some("") => {}
        Some("active") => task.active = true,
        Some("inactive") => task.active = false,
        Some(other) => return Err(Refused::bad(format!("failed to decode request: invalid task status: {other:?}"))),
    }
    if let Some(description) = &given.description {
        task.description.clone_from(description);
    }
    if let Some(flux) = &given.flux {
        let options = flux_options(flux).map_err(|why| Refused::bad(format!("invalid options: {why}")))?;
        task.flux.clone_from(flux);
        (task.name, task.every, task.cron, task.offset) = (options.name, options.every, options.cron, options.offset);
    }
    Ok(())
}

/// Nobody shall wait for what never comes.
fn tell(task: &FluxTask) {
    if task.active {
        tracing::warn!(task = task.name, "tasks in Flux are kept and shown, but this daemon does not run them");
    }
}

fn status_name(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

fn shown(task: &FluxTask) -> Value {
    let link = format!("{BASE}/{}", task.id);
    let mut object = Map::new();
    let mut add = |name: &str, value: Value| drop(object.insert(name.to_string(), value));
    add("links", json!({ "self": link, "runs": format!("{link}/runs"), "logs": format!("{link}/logs") }));
    add("labels", Value::Null);
    add("id", json!(task.id));
    add("orgID", json!(""));
    add("ownerID", json!("ADMIN_USER"));
    add("name", json!(task.name));
    add("status", json!(status_name(task.active)));
    add("flux", json!(task.flux));
    let texts =
        [("description", &task.description), ("every", &task.every), ("cron", &task.cron), ("offset", &task.offset)];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        add(name, json!(text));
    }
    add("latestCompleted", json!(time(task.created)));
    add("createdAt", json!(time(task.created)));
    if let Some(updated) = task.updated {
        add("updatedAt", json!(time(updated)));
    }
    Value::Object(object)
}

fn time(time: model::Time) -> String {
    let mut text = String::new();
    model::write_rfc3339(time, &mut text);
    text
}

fn ok(status: StatusCode, value: &Value) -> Answered {
    let text = api::json::compact(value).map_err(|error| Refused::failed(error.to_string()))?;
    Ok(text_as_json(status, text))
}
