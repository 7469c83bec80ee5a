//! Requests over HTTP that can be answered in this process: tasks made, switched, deleted and looked at, and writes.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::step::Step;

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) act: Act,
    pub(crate) asked: Asked,
}

/// What it asks for.
#[derive(Debug)]
pub(crate) enum Act {
    Get,
    Create(Box<NewTask>),
    Switch { id: String, enable: bool },
    Delete { id: String },
    Write { database: String, retention_policy: String, precision: String, lines: String },
}

/// How it is asked, and what is kept of the answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// Ask until the answer matches.
    pub(crate) until: Option<String>,
    /// ... but no longer than so many seconds.
    #[serde(default)]
    pub(crate) wait: f64,
    #[serde(default = "yes")]
    pub(crate) save: bool,
    /// Keys of a task that depend on the moment.
    #[serde(default)]
    pub(crate) racy: Vec<String>,
    /// Lists of the answer that come in no order.
    #[serde(default)]
    pub(crate) unordered: Vec<String>,
    /// Headers of the answer that were recorded.
    #[serde(default)]
    pub(crate) show: Vec<String>,
    /// A file whose text goes into the body.
    pub(crate) script: Option<String>,
    method: Option<String>,
    body: Option<toml::Value>,
    body_file: Option<toml::Value>,
    /// What answers need that are not made here.
    capture: Option<toml::Value>,
    types: Option<toml::Value>,
}

/// A task as it is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct NewTask {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, rename = "template-id")]
    template: String,
    #[serde(default)]
    pub(crate) dbrps: Vec<Dbrp>,
    #[serde(default)]
    pub(crate) script: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) vars: Json,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dbrp {
    pub(crate) db: String,
    pub(crate) rp: String,
}

fn yes() -> bool {
    true
}

/// The step that an `http` of `case.toml` means.
pub(crate) fn parse(argument: &toml::Value) -> Result<Step, String> {
    let asked: Asked = argument.clone().try_into().map_err(|why: toml::de::Error| why.message().to_string())?;
    let has_body = asked.body.is_some() || asked.body_file.is_some() || asked.script.is_some();
    let method = asked.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" });
    if asked.capture.is_some() {
        return Err("a later step needs a part of an answer".to_string());
    }
    if method == "GET" {
        let known = asked.path.starts_with("/kapacitor/v1/tasks") && asked.types.is_none();
        return Ok(if known { Step::Http(Box::new(Request { act: Act::Get, asked })) } else { Step::LeftOut });
    }
    let refused = format!("the request {method} {} needs a daemon", asked.path);
    let act = if asked.types.is_some() || asked.body_file.is_some() { None } else { act(method, &asked) };
    act.map(|act| Step::Http(Box::new(Request { act, asked }))).ok_or(refused)
}

fn act(method: &str, asked: &Asked) -> Option<Act> {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let id = path.strip_prefix("/kapacitor/v1/tasks/").filter(|id| !id.is_empty() && !id.contains('/'));
    match (method, path, id) {
        ("POST", "/kapacitor/v1/tasks", _) => new_task(asked),
        ("POST", "/write" | "/kapacitor/v1/write", _) => write(query, asked.body.as_ref()?.as_str()?),
        ("DELETE", _, Some(id)) => Some(Act::Delete { id: id.to_string() }),
        ("PATCH", _, Some(id)) => {
            let body = body(asked)?;
            let status = body["status"].as_str().filter(|_| body.as_object().is_some_and(|body| body.len() == 1))?;
            let enable = ["disabled", "enabled"].iter().position(|known| *known == status)? == 1;
            Some(Act::Switch { id: id.to_string(), enable })
        }
        _ => None,
    }
}

fn body(asked: &Asked) -> Option<Json> {
    match &asked.body {
        Some(toml::Value::String(text)) => serde_json::from_str(text).ok(),
        Some(value) => serde_json::to_value(value).ok(),
        None => None,
    }
}

/// A task whose request is plain; others are refused, or made, by the daemon alone.
fn new_task(asked: &Asked) -> Option<Act> {
    let task: NewTask = serde_json::from_value(body(asked)?).ok()?;
    let plain = !task.id.is_empty()
        && task.template.is_empty()
        && ["", "stream", "batch"].contains(&task.kind.as_str())
        && ["", "disabled", "enabled"].contains(&task.status.as_str());
    plain.then(|| Act::Create(Box::new(task)))
}

fn write(query: &str, lines: &str) -> Option<Act> {
    let (mut database, mut retention_policy, mut precision) = Default::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("db", value) => database = value.to_string(),
            ("rp", value) => retention_policy = value.to_string(),
            ("precision", value) => precision = value.to_string(),
            _ => return None,
        }
    }
    Some(Act::Write { database, retention_policy, precision, lines: lines.to_string() })
}
