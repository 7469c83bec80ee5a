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
use store::{
    Page,
    recordings::{Recording, State as Progress},
    tasks::TaskType as StoredType,
};

use super::{
    Api,
    answer::{Params, aside, nothing, text_as_json},
    system,
    tasks::shown_by,
};
use crate::{
    definitions::{DotView, Refused, View, now},
    recordings::{Data, Options, Wanted},
};

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
        .route("/task", get(task).post(save).delete(delete))
        .route("/tasks", get(tasks))
        .route("/enable", post(enable))
        .route("/disable", post(disable))
        .route("/recordings", get(recordings))
        .route("/recording", axum::routing::delete(delete_recording))
        .route("/record", get(recorded).post(record))
        .route("/replay", post(replay))
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
    let view = View { dot: DotView::Nothing, error: false, stats: false, ..View::default() };
    let tasks = aside(move || api.definitions.tasks(&Page::ALL, view).collect::<Result<Vec<_>, _>>()).await?;
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

/// A recording as v0.2 shows it.
fn shown(recording: &Recording) -> Value {
    json!({
        "ID": recording.id,
        "Type": match recording.task_type { StoredType::Stream => "stream", StoredType::Batch => "batch" },
        "Size": recording.size,
        "Created": api::time::Time::At(recording.date).to_string(),
        "Error": recording.error,
    })
}

async fn recordings(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let wanted: Vec<String> = params.get("rids").split(',').filter(|id| !id.is_empty()).map(str::to_string).collect();
    let all = aside(move || Ok(api.recordings.store().recordings().list(&Page::ALL)?)).await?;
    let all = all.iter().filter(|recording| wanted.is_empty() || wanted.contains(&recording.id));
    Ok(ok(&json!({ "Recordings": all.map(shown).collect::<Vec<_>>() })))
}

async fn delete_recording(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let id = Params::of(query.as_deref()).get("rid").to_string();
    aside(move || api.recordings.delete(&id)).await?;
    Ok(nothing())
}

async fn record(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let duration = |key: &str| {
        api::duration::parse(params.get(key)).map_err(|_| Refused::bad(format!("{key} must be a duration such as 10m")))
    };
    let time = |key: &str| match params.get(key) {
        "" => Ok(None),
        text => match text.parse::<api::time::Time>() {
            Ok(time) => Ok(time.nanos()),
            Err(error) => Err(Refused::bad(format!("{key}: {error}"))),
        },
    };
    let wanted = match params.get("type") {
        "stream" => Wanted::Stream { task: name(&params)?, stop: now().saturating_add(duration("duration")?) },
        "batch" => {
            let start = match params.get("past") {
                "" => time("start")?,
                _ => Some(now().saturating_sub(duration("past")?)),
            };
            Wanted::Batch { task: name(&params)?, start, stop: time("stop")? }
        }
        "query" => {
            let task_type = match params.get("ttype") {
                "stream" => StoredType::Stream,
                "batch" => StoredType::Batch,
                other => return Err(Refused::bad(format!("unknown ttype {other:?}: write stream or batch")).into()),
            };
            Wanted::Query { query: params.get("query").to_string(), task_type, cluster: String::new() }
        }
        other => return Err(Refused::bad(format!("unknown type {other:?}: write stream, batch or query")).into()),
    };
    let recording = aside(move || api.recordings.record("", wanted)).await?;
    Ok(ok(&json!({ "RecordingID": recording.id })))
}

/// How often we look whether what is waited for is done.
const LOOK: std::time::Duration = std::time::Duration::from_millis(50);

/// A recording, when it is complete.
async fn recorded(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let id = Params::of(query.as_deref()).get("id").to_string();
    loop {
        let (recordings, id) = (Arc::clone(&api.recordings), id.clone());
        let found = aside(move || recordings.find(&id)).await?;
        let found = found.ok_or_else(|| Refused::missing("no recording exists"))?;
        if found.state != Progress::Running {
            return Ok(ok(&shown(&found)));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Answers when the replay is done.
async fn replay(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let real_clock = match params.get("clock") {
        "" | "wall" | "real" => true,
        "fast" => false,
        other => return Err(Refused::bad(format!("invalid clock type {other:?}")).into()),
    };
    let recording_time = matches!(params.get("rec-time"), "true" | "1");
    let options = Options { id: String::new(), task: name(&params)?, recording_time, real_clock };
    let data = Data::Recording(params.get("id").to_string());
    let recordings = Arc::clone(&api.recordings);
    let started = aside(move || recordings.replay(options, data)).await?;
    loop {
        let (recordings, id) = (Arc::clone(&api.recordings), started.id.clone());
        let found = aside(move || Ok(recordings.store().replays().get(&id)?)).await?;
        match found {
            Some(replay) if replay.state == Progress::Running => tokio::time::sleep(LOOK).await,
            Some(replay) if replay.state == Progress::Failed => return Err(Refused::failed(replay.error).into()),
            _ => return Ok(nothing()),
        }
    }
}

async fn endpoint(State(api): State<Arc<Api>>, Path((task, endpoint)): Path<(String, String)>) -> Answered {
    let Some(text) = shown_by(&api, &task, &endpoint).await? else {
        return Err(Refused::missing("Not Found").into());
    };
    let series: Value = serde_json::from_str(&text).map_err(|error| Refused::failed(error.to_string()))?;
    let series = series.get("series").cloned().unwrap_or(Value::Null);
    Ok(ok(&json!({ "Series": series, "Err": null })))
}
