//! `/debug/pprof`: what can be answered of it. Profiles of a Go runtime there are none.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::description::{Operation, Routes};

/// Profiles that programs for Go may ask for.
const GO_PROFILES: &[&str] = &["allocs", "block", "goroutine", "heap", "mutex", "profile", "threadcreate", "trace"];

pub(super) fn routes() -> Routes {
    Routes::of("system")
        .add(Operation::get("/debug/pprof/", "What can be asked of a profiler.").gives_other("text/html"), index)
        .silent("/debug/pprof/{profile}", axum::routing::get(profile).post(profile))
        .describe(
            Operation::get("/debug/pprof/{profile}", "`cmdline` and `symbol`; profiles of Go there are none.")
                .gives_other("text/plain")
                .fails(&[404, 501]),
        )
}

pub(super) async fn index() -> Response {
    let page = "<html><head><title>/debug/pprof/</title></head><body>\n\
                <p>This daemon has no Go runtime to profile; use the system's tools, such as perf.</p>\n\
                <ul>\n<li><a href=\"cmdline\">cmdline</a></li>\n<li><a href=\"symbol\">symbol</a></li>\n\
                <li><a href=\"../vars\">vars</a></li>\n</ul>\n</body></html>\n";
    answer(StatusCode::OK, "text/html; charset=utf-8", page.to_string())
}

pub(super) async fn profile(Path(name): Path<String>) -> Response {
    const TEXT: &str = "text/plain; charset=utf-8";
    match name.as_str() {
        "cmdline" => answer(StatusCode::OK, TEXT, std::env::args().collect::<Vec<String>>().join("\0")),
        "symbol" => answer(StatusCode::OK, TEXT, "num_symbols: 0\n".to_string()),
        known if GO_PROFILES.contains(&known) => {
            let why =
                format!("{known}: this daemon has no Go runtime to profile; use the system's tools, such as perf\n");
            answer(StatusCode::NOT_IMPLEMENTED, TEXT, why)
        }
        _ => answer(StatusCode::NOT_FOUND, TEXT, "Unknown profile\n".to_string()),
    }
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}
