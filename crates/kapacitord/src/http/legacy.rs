//! `/api/v1`: the API of v0.2, for clients of that time.

use std::sync::Arc;

use api::task::{Dbrp, Status, TaskOptions, TaskType};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};
use store::Page;

use super::{
    Api,
    answer::{Params, aside, nothing, text_as_json},
    system,
    tasks::shown_by,
    write,
};
use crate::definitions::{Refused, View};

/// Errors are `{"Error": text}` there.
struct LegacyRefused(Refused);

impl From<Refused> for LegacyRefused {
    fn from(refused: Refused) -> Self {
        LegacyRefused(refused)
    }
}

impl IntoResponse for LegacyRefused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        text_as_json(status, json!({ "Error": self.0.text }).to_string())
    }
}

type Answered = Result<Response, LegacyRefused>;

pub(super) fn router() -> Router<Arc<Api>> {
    Router::new()
        .route("/ping", any(system::ping))
        .route("/write", post(write::write))
        .route("/task", get(task).post(save).delete(delete))
        .route("/tasks", get(tasks))
        .route("/enable", post(enable))
        .route("/disable", post(disable))
        .route("/recordings", get(recordings))
        .route("/recording", axum::routing::delete(no_recordings))
        .route("/record", get(no_recordings).post(no_recordings))
        .route("/replay", post(no_recordings))
        .route("/loglevel", post(log_level))
        .route("/{task}/{endpoint}", get(endpoint))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
}

async fn not_found() -> LegacyRefused {
    Refused::missing("Not Found").into()
}

fn ok(value: &Value) -> Response {
    text_as_json(StatusCode::OK, value.to_string())
}

fn name(params: &Params) -> Result<String, Refused> {
    match params.get("name") {
        "" => Err(Refused::bad("must pass task name")),
        name => Ok(name.to_string()),
    }
}

fn type_name(task_type: TaskType) -> &'static str {
    task_type.name()
}

async fn task(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let name = name(&Params::of(query.as_deref()))?;
    let task = aside(move || api.definitions.task(&name, View::default())).await?;
    Ok(ok(&json!({
        "Name": task.id,
        "Type": type_name(task.task_type),
        "DBRPs": task.dbrps,
        "TICKscript": task.script,
        "Dot": task.dot,
        "Enabled": task.status == Status::Enabled,
        "Executing": task.executing,
        "Error": task.error,
    })))
}

async fn tasks(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let wanted: Vec<String> = params.get("tasks").split(',').filter(|n| !n.is_empty()).map(str::to_string).collect();
    let tasks = aside(move || api.definitions.tasks(&Page::ALL, View::default())).await?;
    let shown: Vec<Value> = tasks
        .iter()
        .filter(|task| wanted.is_empty() || wanted.contains(&task.id))
        .map(|task| {
            json!({
                "Name": task.id,
                "Type": type_name(task.task_type),
                "DBRPs": task.dbrps,
                "Enabled": task.status == Status::Enabled,
                "Executing": task.executing,
            })
        })
        .collect();
    Ok(ok(&json!({ "Tasks": shown })))
}

/// A new task, or parts of an old one.
async fn save(State(api): State<Arc<Api>>, RawQuery(query): RawQuery, body: Bytes) -> Answered {
    let params = Params::of(query.as_deref());
    let name = name(&params)?;
    let script = String::from_utf8(body.to_vec()).map_err(|_| Refused::bad("the script is not valid UTF-8"))?;
    let dbrps: Vec<Dbrp> = match params.get("dbrps") {
        "" => Vec::new(),
        text => serde_json::from_str(text).map_err(|error| Refused::bad(format!("invalid dbrps: {error}")))?,
    };
    if !matches!(params.get("type"), "" | "stream" | "batch") {
        return Err(Refused::bad(format!("unknown type {:?}: write stream or batch", params.get("type"))).into());
    }
    aside(move || {
        let exists = api.definitions.store().tasks().get(&name)?.is_some();
        let options = TaskOptions { script, dbrps, ..TaskOptions::default() };
        if exists {
            api.definitions.update_task(&name, &options)?;
        } else {
            api.definitions.create_task(&TaskOptions { id: name, ..options })?;
        }
        Ok(())
    })
    .await?;
    Ok(nothing())
}

async fn delete(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let name = name(&Params::of(query.as_deref()))?;
    aside(move || api.definitions.delete_task(&name)).await?;
    Ok(nothing())
}

async fn enable(state: State<Arc<Api>>, query: RawQuery) -> Answered {
    switch(state, query, Status::Enabled).await
}

async fn disable(state: State<Arc<Api>>, query: RawQuery) -> Answered {
    switch(state, query, Status::Disabled).await
}

async fn switch(State(api): State<Arc<Api>>, RawQuery(query): RawQuery, status: Status) -> Answered {
    let name = name(&Params::of(query.as_deref()))?;
    let options = TaskOptions { status: Some(status), ..TaskOptions::default() };
    aside(move || api.definitions.update_task(&name, &options)).await?;
    Ok(nothing())
}

async fn log_level(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    api.log_level.set(params.get("level")).map_err(Refused::bad)?;
    Ok(nothing())
}

async fn recordings() -> Answered {
    Ok(ok(&json!({ "Recordings": [] })))
}

async fn no_recordings() -> Answered {
    Err(Refused { status: 501, text: "this version cannot record and replay".to_string() }.into())
}

async fn endpoint(State(api): State<Arc<Api>>, Path((task, endpoint)): Path<(String, String)>) -> Answered {
    let Some(text) = shown_by(&api, &task, &endpoint).await? else {
        return Err(Refused::missing("Not Found").into());
    };
    let series: Value = serde_json::from_str(&text).map_err(|error| Refused::failed(error.to_string()))?;
    let series = series.get("series").cloned().unwrap_or(Value::Null);
    Ok(ok(&json!({ "Series": series, "Err": null })))
}
