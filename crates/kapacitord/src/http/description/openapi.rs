//! The API's description in OpenAPI 3.1, made of the routes themselves.
//!
//! Format: <https://spec.openapis.org/oas/v3.1.0>.

use api::error::ErrorBody;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Content, Described, Operation, Parameter};

/// The whole document.
pub(in crate::http) fn document(described: &[Described], version: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|it| {
        it.definitions_path = "/components/schemas".into();
        it.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    let mut groups: Vec<&str> = Vec::new();
    for one in described {
        if !groups.contains(&one.group) {
            groups.push(one.group);
        }
        let path = one.path.replace("{*", "{");
        let shown = operation(one, &path, &mut generator);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[one.operation.method.as_str().to_ascii_lowercase()] = shown;
    }
    let tags: Vec<Value> = groups.into_iter().map(|name| json!({ "name": name })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kapacitor",
            "version": version,
            "description": "What is below /kapacitor/v1 is below /kapacitor/v1preview, too; the log only there. \
                            An answer is compressed for who takes gzip.",
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
        // Credentials are asked for only if `[http] auth-enabled` is on.
        "security": [{}, { "basic": [] }, { "token": [] }],
    })
}

fn operation(one: &Described, path: &str, generator: &mut SchemaGenerator) -> Value {
    let Operation { about, query, takes, gives, fails, .. } = &one.operation;
    let mut parameters: Vec<Value> = path_parameters(path);
    parameters.extend(query.iter().map(parameter));
    let mut answers: Map<String, Value> = Map::new();
    for (status, body) in gives {
        let text = reason(*status);
        let answer = match body {
            Some(body) => json!({ "description": text, "content": content(*body, generator) }),
            None => json!({ "description": text }),
        };
        answers.insert(status.to_string(), answer);
    }
    for status in *fails {
        let body = content(Content::Json(SchemaGenerator::subschema_for::<ErrorBody>), generator);
        answers.insert(status.to_string(), json!({ "description": reason(*status), "content": body }));
    }
    let mut shown = json!({ "tags": [one.group], "summary": about, "operationId": name(one), "responses": answers });
    if !parameters.is_empty() {
        shown["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = takes {
        shown["requestBody"] = json!({ "required": true, "content": content(*body, generator) });
    }
    shown
}

/// `getTasksId` for `GET /kapacitor/v1/tasks/{id}`.
fn name(one: &Described) -> String {
    let mut name = one.operation.method.as_str().to_ascii_lowercase();
    let path = one.path.strip_prefix("/kapacitor/v1/").unwrap_or_else(|| {
        name.push_str("Root");
        &one.path
    });
    for part in path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    names
        .map(|(name, _)| {
            let schema = json!({ "type": "string", "minLength": 1 });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect()
}

fn parameter(of: &Parameter) -> Value {
    let mut schema = json!({ "type": "string" });
    if !of.words.is_empty() {
        schema["enum"] = json!(of.words);
    }
    if of.repeated {
        schema = json!({ "type": "array", "items": schema });
    }
    json!({ "name": of.name, "in": "query", "description": of.about, "schema": schema })
}

fn content(of: Content, generator: &mut SchemaGenerator) -> Value {
    match of {
        Content::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Content::Other(kind) => json!({ kind: {} }),
    }
}

fn reason(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Answer")
}
