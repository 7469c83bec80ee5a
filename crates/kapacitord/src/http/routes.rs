//! Every path and method, and what every answer has.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};

use super::{Api, VERSION, answer::percent_decoded, config, legacy, system, tasks, templates, write};
use crate::definitions::Refused;

/// All routes of the daemon.
pub fn router(api: Arc<Api>) -> Router {
    let v1 = Router::new()
        .route("/ping", any(system::ping))
        .route("/write", post(write::write))
        .route("/debug/vars", get(system::vars))
        .route("/loglevel", post(system::log_level))
        .route("/config", get(config::all))
        .route("/config/", get(config::no_section).post(config::update_nothing))
        .route("/config/{*path}", get(config::show).post(config::update))
        .route("/sideload/reload", post(system::reload_sideloads))
        .route("/tasks", get(tasks::list).post(tasks::create))
        .route("/tasks/", get(tasks::no_id))
        .route("/tasks/{id}", get(tasks::show).patch(tasks::update).delete(tasks::delete))
        .route("/tasks/{id}/{endpoint}", get(tasks::endpoint))
        .route("/templates", get(templates::list).post(templates::create))
        .route("/templates/{id}", get(templates::show).patch(templates::update).delete(templates::delete));
    Router::new()
        .nest("/kapacitor/v1", v1)
        .nest("/api/v1", legacy::router())
        .route("/write", post(write::write))
        .route("/ping", any(system::ping))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(middleware::from_fn(around))
        .with_state(api)
}

/// The paths below `v1preview` are those of `v1`. Every path that is not as it would be written is redirected.
fn rewritten(uri: &Uri) -> Option<Uri> {
    let path_and_query = uri.path_and_query()?.as_str();
    let rest = path_and_query.strip_prefix("/kapacitor/v1preview")?;
    if !(rest.is_empty() || rest.starts_with(['/', '?'])) {
        return None;
    }
    format!("/kapacitor/v1{rest}").parse().ok()
}

async fn around(mut request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let options = request.method() == Method::OPTIONS;
    if let Some(uri) = rewritten(request.uri()) {
        *request.uri_mut() = uri;
    }
    let path = request.uri().path();
    let mut response = if options {
        StatusCode::OK.into_response()
    } else if path.contains("//") {
        let mut clean = path.to_string();
        while clean.contains("//") {
            clean = clean.replace("//", "/");
        }
        (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, clean)]).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert("X-Kapacitor-Version", HeaderValue::from_static(VERSION));
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("Request-Id", id);
    }
    if let Some(origin) = origin {
        headers.insert("Access-Control-Allow-Origin", origin);
        headers.insert("Access-Control-Allow-Methods", HeaderValue::from_static("DELETE, GET, OPTIONS, POST, PATCH"));
        headers.insert(
            "Access-Control-Allow-Headers",
            HeaderValue::from_static(
                "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, \
                 X-HTTP-Method-Override",
            ),
        );
    }
    response
}

async fn not_found(uri: Uri) -> Response {
    tracing::debug!(path = percent_decoded(uri.path()), "no such path");
    Refused::missing("Not Found").into_response()
}
