//! The list of resources, each with its routes, and what is around them all.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::Request,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value};

use super::{
    Api, VERSION,
    answer::json,
    around::{around, not_found},
    bodies, config, debug, deliveries,
    description::{Operation, Routes, document, methods_by_path},
    flux, legacy, logs, memory, recordings, service_tests, silences, storage, subscriptions, system, tasks, templates,
    topics, users, vars, write,
};

/// All resources, with their whole paths.
fn resources() -> Routes {
    let resources = system::routes()
        .and(debug::routes())
        .and(vars::routes())
        .and(memory::routes())
        .and(write::routes())
        .and(tasks::routes())
        .and(templates::routes())
        .and(recordings::routes())
        .and(topics::routes())
        .and(deliveries::routes())
        .and(silences::routes())
        .and(config::routes())
        .and(service_tests::routes())
        .and(storage::routes())
        .and(subscriptions::routes())
        .and(users::routes())
        .and(flux::routes());
    resources.below("/kapacitor/v1").and(logs::routes()).and(write::root())
}

/// What the API says of itself: its paths, and its description in OpenAPI.
/// Made for whoever asks first: it takes longer than all else at the daemon's start.
type Document = LazyLock<Value, Box<dyn FnOnce() -> Value + Send>>;

fn with_description(resources: Routes) -> (Router<Arc<Api>>, Arc<Document>) {
    const PATHS: &str = "/kapacitor/v1/:routes";
    const DOCUMENT: &str = "/kapacitor/v1/openapi.json";
    let (router, described) = resources
        .describe(Operation::get(PATHS, "Each path with its methods.").gives::<Map<String, Value>>(200))
        .describe(Operation::get(DOCUMENT, "This description.").gives::<Map<String, Value>>(200))
        .into_parts();
    let paths = methods_by_path(&described);
    let document: Arc<Document> = Arc::new(LazyLock::new(Box::new(move || document(&described, VERSION))));
    let shown = Arc::clone(&document);
    // A colon begins a literal part of a path here.
    let router = router
        .without_v07_checks()
        .route(PATHS, get(async move || json(&paths)))
        .route(DOCUMENT, get(async move || json(&**shown)));
    (router, document)
}

/// What answers requests.
pub struct App {
    api: Arc<Api>,
    routes: TowerToHyperService<Router>,
}

impl App {
    pub fn new(api: Arc<Api>) -> App {
        let (described, _) = with_description(resources());
        let routes = described
            .nest("/api/v1", legacy::router())
            .route("/ping", any(system::ping))
            .fallback(not_found)
            .method_not_allowed_fallback(not_found)
            // Bodies are here, and within our limits, before a route gets them.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&api));
        App { api, routes: TowerToHyperService::new(routes) }
    }

    /// The answer to a request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: hyper::body::Body<Data = Bytes, Error: std::fmt::Display> + Send + Unpin,
    {
        around(&self.api, request, |request| self.route(request)).await
    }

    /// A write is answered at once: there are more of them than of all else, and what a router does for one takes longer
    /// than the write itself if it is small.
    async fn route<B>(&self, request: Request<B>) -> Response
    where
        B: hyper::body::Body<Data = Bytes, Error: std::fmt::Display> + Send + Unpin,
    {
        let (parts, body) = request.into_parts();
        let (body, room) = match bodies::received(&self.api, &parts, body).await {
            Ok(received) => received,
            Err(refused) => return refused,
        };
        if write::is_write(&parts) {
            return write::write(&self.api, &parts, body, room).await;
        }
        let answered = self.routes.call(Request::from_parts(parts, Body::from(body))).await;
        drop(room);
        answered.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The routes of Kapacitor 1.8: method, path, names of query parameters.
    const KAPACITOR: &str = include_str!("../../tests/data/routes.json");

    #[test]
    fn every_route_of_kapacitor_is_described() {
        let (_, document) = with_description(resources());
        let known: Vec<(String, String, Vec<String>)> = serde_json::from_str(KAPACITOR).unwrap();
        assert!(known.len() > 70);
        for (method, path, query) in known {
            let operation = &document["paths"][&path][method.to_ascii_lowercase()];
            assert!(operation.is_object(), "{method} {path} is not described");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for name in query {
                assert!(parameters.iter().any(|one| one["name"] == name), "{method} {path}: no parameter {name}");
            }
        }
    }

    #[test]
    fn no_two_operations_have_one_name() {
        let (_, document) = with_description(resources());
        let mut names: Vec<&str> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|methods| methods.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
