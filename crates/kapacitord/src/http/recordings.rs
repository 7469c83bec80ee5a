//! `/recordings` and `/replays`: record data, replay it to tasks, and see how far that is.

use std::sync::Arc;

use api::{
    link::Link,
    recording::{self, Progress, RecordBatch, RecordQuery, RecordStream},
    replay::{self, Clock, ReplayBatch, ReplayQuery, ReplayRecording},
    task::TaskType,
    time::Time,
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    routing::{any, get},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use store::{Page, recordings as stored, tasks::TaskType as StoredType};

use super::{
    Api,
    answer::{Answered, Params, aside, nothing, text_as_json, values},
    description::{FIELDS, LIMIT, OFFSET, Operation, PATTERN, Routes},
    json_body::json_body,
    tasks::{fields, listed},
};
use crate::{
    definitions::{Refused, now},
    recordings::{Data, Options, Wanted, Work},
};

pub(super) fn routes() -> Routes {
    let list_of = [PATTERN, OFFSET, LIMIT];
    let recordings = Routes::of("recordings")
        .add(
            Operation::get("/recordings", "List recordings.")
                .query(&list_of)
                .query(&[FIELDS.words(recording::FIELDS)])
                .gives::<recording::RecordingList>(200)
                .fails(&[400]),
            list,
        )
        .silent("/recordings/", any(no_recording))
        .add(
            recorded::<RecordStream>("/recordings/stream", "Record what a stream task reads, until a time."),
            record_stream,
        )
        .add(
            recorded::<RecordBatch>("/recordings/batch", "Record what the queries of a batch task answer."),
            record_batch,
        )
        .add(recorded::<RecordQuery>("/recordings/query", "Record what a query answers."), record_query)
        .add(
            Operation::get("/recordings/{id}", "Show a recording: 202 while it is made.")
                .gives::<recording::Recording>(200)
                .gives::<recording::Recording>(202)
                .fails(&[400, 500]),
            show,
        )
        .add(
            Operation::delete("/recordings/{id}", "Delete a recording, stopping it if it is being made.")
                .gives_nothing(),
            delete,
        );
    let replays = Routes::of("replays")
        .add(
            Operation::get("/replays", "List replays.")
                .query(&list_of)
                .query(&[FIELDS.words(replay::FIELDS)])
                .gives::<replay::ReplayList>(200)
                .fails(&[400]),
            list_replays,
        )
        .add(replayed::<ReplayRecording>("/replays", "Replay a recording to a task."), self::replay)
        .silent("/replays/", any(no_replay))
        .add(
            replayed::<ReplayBatch>("/replays/batch", "Ask a batch task's queries of a time and replay the answers."),
            replay_batch,
        )
        .add(replayed::<ReplayQuery>("/replays/query", "Ask a query and replay the answer to a task."), replay_query)
        .add(
            Operation::get("/replays/{id}", "Show a replay: 202 while it runs.")
                .gives::<replay::Replay>(200)
                .gives::<replay::Replay>(202)
                .fails(&[404]),
            show_replay,
        )
        .add(
            Operation::delete("/replays/{id}", "Delete a replay, stopping it if it runs.").gives_nothing(),
            delete_replay,
        );
    // A recording may be called as what makes one.
    let recordings = ["stream", "batch", "query"].into_iter().fold(recordings, |routes, name| {
        let show = get(move |api| show(api, Path(name.to_string())));
        routes.silent(&format!("/recordings/{name}"), show.delete(move |api| delete(api, Path(name.to_string()))))
    });
    let replays = ["batch", "query"].into_iter().fold(replays, |routes, name| {
        let show = get(move |api| show_replay(api, Path(name.to_string())));
        routes.silent(&format!("/replays/{name}"), show.delete(move |api| delete_replay(api, Path(name.to_string()))))
    });
    recordings.and(replays)
}

fn recorded<T: JsonSchema>(path: &'static str, about: &'static str) -> Operation {
    Operation::post(path, about).takes::<T>().gives::<recording::Recording>(201).fails(&[400, 404, 500])
}

fn replayed<T: JsonSchema>(path: &'static str, about: &'static str) -> Operation {
    Operation::post(path, about).takes::<T>().gives::<replay::Replay>(201).fails(&[400, 404, 500])
}

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let shared = Arc::clone(&api);
    let params = Params::of(query.as_deref());
    let (offset, limit) = page(&params)?;
    let pattern = params.get("pattern").to_string();
    let all =
        aside(move || Ok(api.recordings.store().recordings().list(&Page { pattern: &pattern, offset, limit })?));
    shown_list(
        "recordings",
        values(all.await?.iter().map(|one| shown_recording(&shared, one)))?,
        &params,
        recording::FIELDS,
    )
}

pub(super) async fn list_replays(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let shared = Arc::clone(&api);
    let params = Params::of(query.as_deref());
    let (offset, limit) = page(&params)?;
    let pattern = params.get("pattern").to_string();
    let all = aside(move || Ok(api.recordings.store().replays().list(&Page { pattern: &pattern, offset, limit })?));
    shown_list("replays", values(all.await?.iter().map(|one| shown_replay(&shared, one)))?, &params, replay::FIELDS)
}

/// Unknown fields are refused only where there is something to show, as in Kapacitor.
fn shown_list(name: &str, items: Vec<Value>, params: &Params, known: &[&str]) -> Answered {
    let fields = if items.is_empty() { Vec::new() } else { fields(params, known, None)? };
    listed(name, items, &fields)
}

/// `offset` and `limit`; what is no number is told as Go tells it.
fn page(params: &Params) -> Result<(usize, usize), Refused> {
    for key in ["offset", "limit"] {
        let text = params.get(key);
        if !text.is_empty() && text.parse::<i64>().is_err() {
            return Err(Refused::bad(format!(
                "invalid {key} parameter {text:?} must be an integer: strconv.ParseInt: parsing {text:?}: invalid syntax"
            )));
        }
    }
    params.page()
}

pub(super) async fn no_recording() -> Answered {
    Err(Refused::bad("must specify recording id on path"))
}

pub(super) async fn no_replay() -> Answered {
    Err(Refused::bad("must specify replay id on path"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    let shared = Arc::clone(&api);
    let found = aside(move || api.recordings.find(&id)).await?;
    let found = found.ok_or_else(|| Refused::failed("error finding recording: no recording exists"))?;
    answer(progress_status(found.state), &shown_recording(&shared, &found))
}

pub(super) async fn show_replay(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    let shared = Arc::clone(&api);
    let found = aside(move || Ok(api.recordings.store().replays().get(&id)?)).await?;
    let found = found.ok_or_else(|| Refused::missing("could not find replay: no replay exists"))?;
    answer(progress_status(found.state), &shown_replay(&shared, &found))
}

pub(super) async fn delete(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    aside(move || api.recordings.delete(&id)).await?;
    Ok(nothing())
}

pub(super) async fn delete_replay(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    aside(move || api.recordings.delete_replay(&id)).await?;
    Ok(nothing())
}

pub(super) async fn record_stream(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let asked: RecordStream = parsed(&body)?;
    let stop = asked.stop.nanos().unwrap_or(i64::MIN);
    record(api, asked.id, Wanted::Stream { task: asked.task, stop }).await
}

pub(super) async fn record_batch(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let asked: RecordBatch = parsed(&body)?;
    let wanted = Wanted::Batch { task: asked.task, start: asked.start.nanos(), stop: asked.stop.nanos() };
    record(api, asked.id, wanted).await
}

pub(super) async fn record_query(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let asked: RecordQuery = parsed(&body)?;
    let task_type = match asked.task_type {
        TaskType::Stream => StoredType::Stream,
        TaskType::Batch => StoredType::Batch,
        TaskType::Invalid => return Err(Refused::bad("must provide the type: stream or batch")),
    };
    record(api, asked.id, Wanted::Query { query: asked.query, task_type, cluster: asked.cluster }).await
}

async fn record(api: Arc<Api>, id: String, wanted: Wanted) -> Answered {
    let shared = Arc::clone(&api);
    let recording = aside(move || api.recordings.record(&id, wanted)).await?;
    // It shows the beginning, however far the work has come meanwhile.
    answer(StatusCode::CREATED, &recording::Recording { progress: 0.0, ..shown_recording(&shared, &recording) })
}

pub(super) async fn replay(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let asked: ReplayRecording = parsed(&body)?;
    let options = options(asked.id, asked.task, asked.recording_time, asked.clock);
    start_replay(api, options, Data::Recording(asked.recording)).await
}

pub(super) async fn replay_batch(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let asked: ReplayBatch = parsed(&body)?;
    let options = options(asked.id, asked.task, asked.recording_time, asked.clock);
    let (start, stop) = (asked.start.nanos().unwrap_or(0), asked.stop.nanos().unwrap_or_else(now));
    start_replay(api, options, Data::Batch { start, stop }).await
}

pub(super) async fn replay_query(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let asked: ReplayQuery = parsed(&body)?;
    let options = options(asked.id, asked.task, asked.recording_time, asked.clock);
    start_replay(api, options, Data::Query { query: asked.query, cluster: asked.cluster }).await
}

fn options(id: String, task: String, recording_time: bool, clock: Clock) -> Options {
    Options { id, task, recording_time, real_clock: clock == Clock::Real }
}

async fn start_replay(api: Arc<Api>, options: Options, data: Data) -> Answered {
    let shared = Arc::clone(&api);
    let replay = aside(move || api.recordings.replay(options, data)).await?;
    answer(StatusCode::CREATED, &replay::Replay { progress: 0.0, ..shown_replay(&shared, &replay) })
}

/// The body, its words checked first so that errors name what is wrong.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let bad = |why: String| Refused::bad(format!("invalid JSON: {why}"));
    let object: Map<String, Value> = json_body(body).map_err(bad)?;
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    for key in ["start", "stop"] {
        if let Some(text) = text(key)
            && text.parse::<Time>().is_err()
        {
            return Err(Refused::bad(format!(
                "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
            )));
        }
    }
    if let Some(word) = text("type").filter(|word| !matches!(*word, "stream" | "batch")) {
        return Err(Refused::bad(format!("unknown TaskType {word}")));
    }
    if let Some(word) = text("clock").filter(|word| !matches!(*word, "fast" | "real")) {
        return Err(Refused::bad(format!("unknown Clock {word}")));
    }
    serde_json::from_value(Value::Object(object)).map_err(|why| bad(why.to_string()))
}

fn answer(status: StatusCode, value: &impl Serialize) -> Answered {
    let text = api::json::pretty(value).map_err(|error| Refused::failed(error.to_string()))?;
    Ok(text_as_json(status, text))
}

fn progress_status(state: stored::State) -> StatusCode {
    if state == stored::State::Running { StatusCode::ACCEPTED } else { StatusCode::OK }
}

/// And how much of it is done, from 0 to 1.
fn status(state: stored::State, work: impl Fn() -> Option<Arc<Work>>) -> (Progress, f64) {
    match state {
        stored::State::Running => (Progress::Running, work().map_or(0.0, |work| work.part())),
        stored::State::Failed => (Progress::Failed, 1.0),
        stored::State::Finished => (Progress::Finished, 1.0),
    }
}

fn shown_recording(api: &Api, recording: &stored::Recording) -> recording::Recording {
    let (status, progress) = status(recording.state, || api.recordings.recording(&recording.id));
    recording::Recording {
        link: Link::to_self(format!("{}/{}", recording::PATH, recording.id)),
        id: recording.id.clone(),
        task_type: match recording.task_type {
            StoredType::Stream => TaskType::Stream,
            StoredType::Batch => TaskType::Batch,
        },
        size: recording.size,
        date: Time::At(recording.date),
        error: recording.error.clone(),
        status,
        progress,
    }
}

fn shown_replay(api: &Api, replay: &stored::Replay) -> replay::Replay {
    let (status, progress) = status(replay.state, || api.recordings.replaying(&replay.id));
    let stats = if status == Progress::Finished { replay.stats.clone() } else { Value::Null };
    replay::Replay {
        link: Link::to_self(format!("{}/{}", replay::PATH, replay.id)),
        id: replay.id.clone(),
        task: replay.task.clone(),
        recording: replay.recording.clone(),
        recording_time: replay.recording_time,
        clock: if replay.real_clock { Clock::Real } else { Clock::Fast },
        date: Time::At(replay.date),
        error: replay.error.clone(),
        status,
        progress,
        stats: serde_json::from_value(stats).unwrap_or_default(),
    }
}
