//! The steps of a case, and which of them can be played in this process.

use std::{fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};

use crate::request::{self, Act, Request};

/// One step.
#[derive(Debug)]
pub(crate) enum Step {
    Define(Define),
    Write(Write),
    Http(Box<Request>),
    Settle(Settle),
    Wait(Wait),
    Sleep(Sleep),
    Forget,
    /// It only looks at something that a daemon alone shows; what it saw is not compared.
    LeftOut,
    /// It cannot be played here, and the others lean on it.
    Impossible(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Define {
    pub(crate) id: String,
    /// A file.
    script: Option<String>,
    text: Option<String>,
    #[serde(rename = "type", default)]
    kind: String,
    pub(crate) dbrps: Option<Vec<String>>,
    /// A file.
    pub(crate) vars: Option<String>,
    #[serde(default = "yes")]
    pub(crate) enable: bool,
    /// The answer is compared, too.
    #[serde(default)]
    pub(crate) save: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Write {
    file: Option<String>,
    lines: Option<String>,
    #[serde(default = "telegraf")]
    pub(crate) db: String,
    #[serde(default = "autogen")]
    pub(crate) rp: String,
    #[serde(default)]
    pub(crate) precision: String,
    /// Lines in one request.
    pub(crate) chunk: Option<usize>,
    #[serde(default)]
    pub(crate) save: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settle {
    #[serde(default = "fifteen")]
    pub(crate) limit: f64,
    #[serde(default = "four")]
    pub(crate) still: usize,
}

/// Wait for so many.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    pub(crate) sink: Option<usize>,
    pub(crate) influx: Option<usize>,
    pub(crate) queries: Option<usize>,
    /// A file below `@DIR@/out`, and its lines.
    pub(crate) file: Option<String>,
    #[serde(default)]
    pub(crate) lines: usize,
    #[serde(default = "fifteen")]
    pub(crate) limit: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sleep {
    pub(crate) seconds: f64,
}

fn yes() -> bool {
    true
}

fn telegraf() -> String {
    "telegraf".to_string()
}

fn autogen() -> String {
    "autogen".to_string()
}

fn fifteen() -> f64 {
    15.0
}

fn four() -> usize {
    4
}

/// The step that a table of `case.toml` means.
pub(crate) fn parse(table: &toml::Table) -> Step {
    let Some((verb, argument)) = table.iter().next() else {
        return Step::Impossible("a step without a verb".to_string());
    };
    let parsed = match verb.as_str() {
        "define" => typed(argument).map(|define: Define| match define.kind.as_str() {
            "" | "stream" | "batch" => Step::Define(define),
            // The API refuses it before the engine hears of it.
            _ => Step::LeftOut,
        }),
        "write" => typed(argument).map(Step::Write),
        "settle" => typed(argument).map(Step::Settle),
        "wait" => typed(argument).map(Step::Wait),
        "sleep" => typed(argument).map(Step::Sleep),
        "forget" => Ok(Step::Forget),
        "http" => request::parse(argument),
        "cli" if is_looking(argument) => Ok(Step::LeftOut),
        other => Err(format!("the step {other:?} needs a daemon")),
    };
    parsed.unwrap_or_else(Step::Impossible)
}

fn typed<T: DeserializeOwned>(argument: &toml::Value) -> Result<T, String> {
    argument.clone().try_into().map_err(|why: toml::de::Error| why.message().to_string())
}

/// A call of the command line that changes nothing.
fn is_looking(argument: &toml::Value) -> bool {
    let verb = argument.get("args").and_then(|args| args.get(0)).and_then(toml::Value::as_str);
    verb.is_some_and(|verb| ["list", "show", "version", "help"].contains(&verb))
}

/// What scripts say when their events ask for more of the world than is played here.
const AT_EVENTS: [(&str, &str); 7] = [
    (".exec(", "runs a program"),
    (".tcp(", "opens a connection"),
    (".email(", "sends mail"),
    (".snmpTrap(", "sends a trap"),
    (".kafka(", "asks for a broker"),
    (".mqtt(", "asks for a broker"),
    (".sensu(", "opens a connection"),
];
/// ... and when they do so at their start.
const AT_START: [(&str, &str); 6] = [
    ("|sideload(", "reads files"),
    ("|k8sAutoscale(", "asks for a cluster"),
    ("|swarmAutoscale(", "asks for a cluster"),
    ("|ec2Autoscale(", "asks for a cluster"),
    ("|queryFlux(", "asks for an InfluxDB 2"),
    ("@agent", "asks for another program"),
];

impl Step {
    /// Why it cannot be played here. `data`: there may be events.
    pub(crate) fn why_not(&self, folder: &Path, data: bool) -> Option<String> {
        let (id, text) = match self {
            Step::Impossible(why) => return Some(why.clone()),
            Step::Define(define) => (&define.id, define.text(folder).unwrap_or_default()),
            Step::Http(request) => {
                let Act::Create(task) = &request.act else { return None };
                let file = text_or_file(None, request.asked.script.as_ref(), folder).unwrap_or_default();
                (&task.id, file + &task.script)
            }
            _ => return None,
        };
        let at_events: &[_] = if data { &AT_EVENTS } else { &[] };
        let asks = AT_START.iter().chain(at_events).find(|(call, _)| text.contains(call));
        asks.map(|(_, what)| format!("the script of {id} {what}"))
    }

    /// Whether it makes a task.
    pub(crate) fn defines(&self) -> bool {
        matches!(self, Step::Define(_)) || self.act().is_some_and(|act| matches!(act, Act::Create(_)))
    }

    /// Whether it brings data.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Step::Write(_)) || self.act().is_some_and(|act| matches!(act, Act::Write { .. }))
    }

    fn act(&self) -> Option<&Act> {
        match self {
            Step::Http(request) => Some(&request.act),
            _ => None,
        }
    }
}

impl Define {
    /// The script as it lies in the case.
    pub(crate) fn text(&self, folder: &Path) -> Result<String, String> {
        text_or_file(self.text.as_ref(), self.script.as_ref(), folder)
    }
}

impl Write {
    pub(crate) fn text(&self, folder: &Path) -> Result<String, String> {
        text_or_file(self.lines.as_ref(), self.file.as_ref(), folder)
    }
}

pub(crate) fn text_or_file(text: Option<&String>, file: Option<&String>, folder: &Path) -> Result<String, String> {
    match (text, file) {
        (Some(text), _) => Ok(text.clone()),
        (None, Some(file)) => fs::read_to_string(folder.join(file)).map_err(|why| format!("{file}: {why}")),
        (None, None) => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_tell_why_they_need_a_daemon() {
        for (text, why) in [
            ("define = { id = 'a', text = 'stream|from()' }", ""),
            ("define = { id = 'a', template = 't' }", "unknown field `template`"),
            ("define = { id = 'a', text = \"stream|from()|alert().exec('x')\" }", "runs a program"),
            ("write = { lines = 'm x=1' }", ""),
            ("wait = { mail = 1 }", "unknown field `mail`"),
            ("http = { path = '/kapacitor/v1/tasks/a/x' }", ""),
            ("http = { path = '/kapacitor/v1/tasks/a', method = 'DELETE' }", ""),
            ("http = { path = '/kapacitor/v1/tasks', body = { id = 'a', template-id = 'b' } }", "needs a daemon"),
            (
                "http = { path = '/kapacitor/v1/tasks/a', method = 'PATCH', body = '{\"id\":\"b\"}', save = false }",
                "needs a daemon",
            ),
            (
                "http = { path = '/kapacitor/v1/tasks/a', method = 'PATCH', body = '{\"status\":\"disabled\"}', save = false }",
                "",
            ),
            ("restart = {}", "needs a daemon"),
            ("cli = { args = ['define', 'a'] }", "needs a daemon"),
            ("cli = { args = ['list', 'tasks'] }", ""),
        ] {
            let step = parse(&text.parse().unwrap());
            let got = step.why_not(Path::new(""), true).unwrap_or_default();
            assert!(if why.is_empty() { got.is_empty() } else { got.contains(why) }, "{text}: {got}");
        }
    }
}
