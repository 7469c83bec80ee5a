//! Routes with what is said of them: each is answered and described by one declaration, so that the description clients
//! get misses none.

mod openapi;

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

use super::Api;

pub(super) use openapi::document;

/// A parameter behind the `?`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// The words that it can be; any text if there are none.
    pub(super) words: &'static [&'static str],
    /// It may be given several times.
    pub(super) repeated: bool,
}

impl Parameter {
    pub(super) const fn new(name: &'static str, about: &'static str) -> Parameter {
        Parameter { name, about, words: &[], repeated: false }
    }

    pub(super) const fn words(self, words: &'static [&'static str]) -> Parameter {
        Parameter { words, ..self }
    }

    pub(super) const fn repeated(self) -> Parameter {
        Parameter { repeated: true, ..self }
    }
}

pub(super) const PATTERN: Parameter =
    Parameter::new("pattern", "Show those whose name fits the pattern, such as `cpu_*`.");
pub(super) const OFFSET: Parameter = Parameter::new("offset", "How many to pass over; 0 if not given.");
pub(super) const LIMIT: Parameter = Parameter::new("limit", "How many to show; 100 if not given, all for -1.");
pub(super) const FIELDS: Parameter =
    Parameter::new("fields", "A field to show; all if none is named. Names and links are always shown.").repeated();

/// What a body holds.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Another media type, with no schema.
    Other(&'static str),
}

/// One method of one path.
#[derive(Clone)]
pub(super) struct Operation {
    method: Method,
    path: &'static str,
    about: &'static str,
    query: Vec<Parameter>,
    takes: Option<Content>,
    gives: Vec<(u16, Option<Content>)>,
    fails: &'static [u16],
}

impl Operation {
    fn new(method: Method, path: &'static str, about: &'static str) -> Operation {
        Operation { method, path, about, query: Vec::new(), takes: None, gives: Vec::new(), fails: &[] }
    }

    pub(super) fn get(path: &'static str, about: &'static str) -> Operation {
        Operation::new(Method::GET, path, about)
    }

    pub(super) fn head(path: &'static str, about: &'static str) -> Operation {
        Operation::new(Method::HEAD, path, about)
    }

    pub(super) fn post(path: &'static str, about: &'static str) -> Operation {
        Operation::new(Method::POST, path, about)
    }

    pub(super) fn put(path: &'static str, about: &'static str) -> Operation {
        Operation::new(Method::PUT, path, about)
    }

    pub(super) fn patch(path: &'static str, about: &'static str) -> Operation {
        Operation::new(Method::PATCH, path, about)
    }

    pub(super) fn delete(path: &'static str, about: &'static str) -> Operation {
        Operation::new(Method::DELETE, path, about)
    }

    pub(super) fn query(mut self, parameters: &[Parameter]) -> Operation {
        self.query.extend_from_slice(parameters);
        self
    }

    /// The JSON of the request's body.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Operation {
        self.takes = Some(Content::Json(SchemaGenerator::subschema_for::<T>));
        self
    }

    /// The media type of the request's body, if it is not JSON.
    pub(super) fn takes_other(mut self, kind: &'static str) -> Operation {
        self.takes = Some(Content::Other(kind));
        self
    }

    /// The JSON of an answer, with its status.
    pub(super) fn gives<T: JsonSchema>(mut self, status: u16) -> Operation {
        self.gives.push((status, Some(Content::Json(SchemaGenerator::subschema_for::<T>))));
        self
    }

    /// The media type of an answer of status 200 that is not JSON.
    pub(super) fn gives_other(mut self, kind: &'static str) -> Operation {
        self.gives.push((200, Some(Content::Other(kind))));
        self
    }

    /// An answer of status 204, without a body.
    pub(super) fn gives_nothing(mut self) -> Operation {
        self.gives.push((204, None));
        self
    }

    /// The statuses of answers that tell why not.
    pub(super) fn fails(mut self, statuses: &'static [u16]) -> Operation {
        self.fails = statuses;
        self
    }
}

/// An operation at its whole path, with the group it belongs to.
pub(super) struct Described {
    group: &'static str,
    path: String,
    operation: Operation,
}

/// Paths of one resource, or of all.
pub(super) struct Routes {
    group: &'static str,
    router: Router<Arc<Api>>,
    described: Vec<Described>,
}

impl Routes {
    /// None yet; those to come belong to a group of that name.
    pub(super) fn of(group: &'static str) -> Routes {
        Routes { group, router: Router::new(), described: Vec::new() }
    }

    /// Answer an operation.
    pub(super) fn add<H, T>(self, operation: Operation, handler: H) -> Routes
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(operation.method.clone()).expect("each method here has a filter");
        let path = operation.path;
        self.silent(path, on(filter, handler)).describe(operation)
    }

    /// Answer a path without describing it: what is there to tell a mistake, or is described otherwise.
    pub(super) fn silent(mut self, path: &str, answers: MethodRouter<Arc<Api>>) -> Routes {
        self.router = self.router.route(path, answers);
        self
    }

    /// Describe an operation that a [`Routes::silent`] path answers.
    pub(super) fn describe(mut self, operation: Operation) -> Routes {
        self.described.push(Described { group: self.group, path: operation.path.to_string(), operation });
        self
    }

    /// All of another resource, too.
    pub(super) fn and(mut self, other: Routes) -> Routes {
        self.router = self.router.merge(other.router);
        self.described.extend(other.described);
        self
    }

    /// All below a prefix.
    pub(super) fn below(mut self, prefix: &str) -> Routes {
        self.router = Router::new().nest(prefix, self.router);
        for described in &mut self.described {
            described.path.insert_str(0, prefix);
        }
        self
    }

    pub(super) fn into_parts(self) -> (Router<Arc<Api>>, Vec<Described>) {
        (self.router, self.described)
    }
}

/// Each path with its methods, as `GET /:routes` shows them.
pub(super) fn methods_by_path(described: &[Described]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for one in described {
        let methods = paths.entry(one.path.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(methods) = methods {
            methods.push(Value::from(one.operation.method.as_str()));
        }
    }
    Value::Object(paths)
}
