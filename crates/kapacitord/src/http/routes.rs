//! Every path and method.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, get, post},
};

use super::{
    Api,
    around::{around, not_found},
    bodies, config, debug, flux, legacy, logs, recordings, service_tests, storage, system, tasks, templates, topics,
    users, vars, write,
};

/// All routes of the daemon.
pub fn router(api: Arc<Api>) -> Router {
    let v1 = Router::new()
        .route("/ping", any(system::ping))
        .route("/write", post(write::write))
        .route("/debug/vars", get(vars::vars))
        .route("/debug/pprof/", get(debug::index))
        .route("/debug/pprof/{profile}", get(debug::profile).post(debug::profile))
        .route("/loglevel", post(system::log_level))
        .route("/config", get(config::all))
        .route("/config/", get(config::no_section).post(config::update_nothing))
        .route("/config/{*path}", get(config::show).post(config::update))
        .route("/service-tests", get(service_tests::list))
        .route("/service-tests/", get(service_tests::no_name).post(service_tests::no_name))
        .route("/service-tests/{name}", get(service_tests::show).post(service_tests::run))
        .route("/users", get(users::list).post(users::create))
        .route("/users/", any(users::no_name))
        .route("/users/{name}", get(users::show).patch(users::update).delete(users::delete))
        .route("/api/v2/tasks", get(flux::list).post(flux::create))
        .route("/api/v2/tasks/{id}", get(flux::show).patch(flux::update).delete(flux::delete))
        .route("/api/v2/tasks/{id}/runs", get(flux::runs).post(flux::run_now))
        .route("/api/v2/tasks/{id}/logs", get(flux::logs))
        .route("/storage/stores", get(storage::list))
        .route("/storage/stores/{name}", post(storage::act))
        .route("/storage/backup", get(storage::backup))
        .route("/subscriptions", post(system::relink))
        .route("/sideload/reload", post(system::reload_sideloads))
        .route("/tasks", get(tasks::list).post(tasks::create))
        .route("/tasks/", any(tasks::no_id))
        .route("/tasks/{id}", get(tasks::show).patch(tasks::update).delete(tasks::delete))
        .route("/tasks/{id}/{*endpoint}", get(tasks::endpoint))
        .route("/alerts/topics", get(topics::list))
        .route("/alerts/topics/", any(topics::below))
        .route("/alerts/topics/{*below}", any(topics::below))
        .route("/recordings", get(recordings::list))
        .route("/recordings/", any(recordings::no_recording))
        .route("/recordings/stream", post(recordings::record_stream))
        .route("/recordings/batch", post(recordings::record_batch))
        .route("/recordings/query", post(recordings::record_query))
        .route("/recordings/{id}", get(recordings::show).delete(recordings::delete))
        .route("/replays", get(recordings::list_replays).post(recordings::replay))
        .route("/replays/", any(recordings::no_replay))
        .route("/replays/batch", post(recordings::replay_batch))
        .route("/replays/query", post(recordings::replay_query))
        .route("/replays/{id}", get(recordings::show_replay).delete(recordings::delete_replay))
        .route("/templates", get(templates::list).post(templates::create))
        .route("/templates/", any(templates::no_id))
        .route("/templates/{id}", get(templates::show).patch(templates::update).delete(templates::delete));
    let routes = Router::new()
        .nest("/kapacitor/v1", v1)
        .nest("/api/v1", legacy::router())
        .route("/write", post(write::write))
        .route("/ping", any(system::ping))
        .route(logs::PATH, get(logs::stream))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(DefaultBodyLimit::max(bodies::LARGEST))
        .layer(middleware::from_fn(bodies::bounded))
        .with_state(Arc::clone(&api));
    // Around it all, since it changes paths before routes are looked for.
    Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(api, around))
}
