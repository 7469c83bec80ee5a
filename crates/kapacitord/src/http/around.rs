//! What all requests and answers share: paths as they should be, credentials, gzip, headers, a line in the log.

use std::{io::Write, time::Instant};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};

use super::{Api, VERSION, answer::percent_decoded};

const METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, OPTIONS, POST, PATCH");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override",
);

/// An answer that goes on while it is read: it is sent as it comes.
#[derive(Clone, Copy)]
pub(super) struct Streamed;

/// Answers a request: `inner` does that once the path is as it should be and the user may ask; what all answers have is
/// added.
pub(super) async fn around<B, F, A>(api: &Api, mut request: Request<B>, inner: F) -> Response
where
    F: FnOnce(Request<B>) -> A,
    A: Future<Output = Response>,
{
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_string());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let zipped = takes_gzip(request.headers());
    if let Some(uri) = rewritten(request.uri()) {
        *request.uri_mut() = uri;
    }
    let mut user = String::new();
    let clean = redirection(request.uri());
    // Neither a redirection nor a preflight request is told the version.
    let tells_version = clean.is_none() && method != Method::OPTIONS;
    let mut response = if let Some(clean) = clean {
        moved(&method, &clean)
    } else if method == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        match api.auth.admit(&method, request.uri(), request.headers()).await {
            Ok(name) => {
                user = name.unwrap_or_default();
                inner(request).await
            }
            Err(refused) => refused.into_response(),
        }
    };
    if zipped {
        response = compressed(response).await;
    }
    let headers = response.headers_mut();
    if tells_version {
        headers.insert("X-Kapacitor-Version", HeaderValue::from_static(VERSION));
    }
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("Request-Id", id);
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    }
    if api.log_requests {
        let (status, duration) = (response.status().as_u16(), format!("{:?}", started.elapsed()));
        tracing::info!(service = "http", %method, uri = path, status, username = user, duration, "http request");
    }
    response
}

/// The paths below `v1preview` are those of `v1`, but for the logs, which are only there.
fn rewritten(uri: &Uri) -> Option<Uri> {
    let path_and_query = uri.path_and_query()?.as_str();
    let rest = path_and_query.strip_prefix("/kapacitor/v1preview")?;
    let is_below = rest.is_empty() || rest.starts_with(['/', '?']);
    if !is_below || uri.path() == super::logs::PATH {
        return None;
    }
    format!("/kapacitor/v1{rest}").parse().ok()
}

/// Where a path leads that is not as it should be written: `//`, `.` and `..` in it.
fn redirection(uri: &Uri) -> Option<String> {
    let path = uri.path();
    // Each part that is to go follows a slash and is empty or begins with a dot.
    if path.starts_with('/') && !path.contains("//") && !path.contains("/.") {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    if clean == path || path == "*" {
        return None;
    }
    match uri.query() {
        Some(query) => Some(format!("{clean}?{query}")),
        None => Some(clean),
    }
}

/// Only those who read a page are shown where it is.
fn moved(method: &Method, to: &str) -> Response {
    let mut response = StatusCode::MOVED_PERMANENTLY.into_response();
    if matches!(*method, Method::GET | Method::HEAD) {
        let shown = to.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;");
        *response.body_mut() = Body::from(format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n"));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    if let Ok(location) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0")
    })
}

/// The answer with its body compressed, if it has one and is not sent bit by bit.
async fn compressed(response: Response) -> Response {
    if response.extensions().get::<Streamed>().is_some() || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if bytes.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4 + 64), Compression::fast());
    match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
        Ok(zipped) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Response::from_parts(parts, Body::from(zipped))
        }
        Err(_) => Response::from_parts(parts, Body::from(bytes)),
    }
}

pub(super) async fn not_found(uri: Uri) -> Response {
    tracing::debug!(path = percent_decoded(uri.path()), "no such path");
    crate::definitions::Refused::missing("Not Found").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unclean_paths_lead_to_clean_ones() {
        let cases = [
            ("/kapacitor/v1/tasks/../ping", Some("/kapacitor/v1/ping")),
            ("/kapacitor/v1//tasks?limit=1", Some("/kapacitor/v1/tasks?limit=1")),
            ("/../..", Some("/")),
            ("/kapacitor/v1/config/smtp/", None),
            ("/kapacitor/v1/tasks?a=//", None),
            ("/", None),
        ];
        for (path, expected) in cases {
            assert_eq!(redirection(&path.parse().unwrap()).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn previews_are_what_they_preview() {
        let to = |path: &str| rewritten(&path.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(to("/kapacitor/v1preview/tasks?limit=1").as_deref(), Some("/kapacitor/v1/tasks?limit=1"));
        assert_eq!(to("/kapacitor/v1preview/logs?task=a"), None);
        assert_eq!(to("/kapacitor/v1previews/tasks"), None);
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let takes = |value: &'static str| {
            takes_gzip(&[(header::ACCEPT_ENCODING, HeaderValue::from_static(value))].into_iter().collect())
        };
        assert!(takes("gzip") && takes("deflate, GZIP;q=0.5"));
        assert!(!takes("identity") && !takes("gzip;q=0"));
    }
}
