//! `zenoss`: events for the router of Zenoss.

use std::sync::Arc;

use alert::{Event, Kind, Level, OpenError};
use declare::{Declaration, Declared};
use gotemplate::{Template, Value};
use serde_json::{Map, Value as Json, json};

use crate::http::{Posting, Request};
use crate::pairs::Pairs;
use crate::render::{cut, render_partly, template, why};
use crate::{AlertHost, Configs, Section};

const NAME: &str = "zenoss";
const LONGEST_SUMMARY: usize = 256;
const LONGEST_MESSAGE: usize = 4096;

/// The kind `zenoss`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let templates = Templates::of(&options)?;
        Ok(Posting::boxed(&host, move |configs, event| request(&options, &templates, configs, event)))
    })
    .method("zenoss")
    .ready(|options| Templates::of(options).map(drop).map_err(why))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone)]
struct Options {
    url: String,
    username: String,
    password: String,
    action: String,
    method: String,
    event_type: String,
    tid: i64,
    summary: String,
    device: String,
    component: String,
    event_class_key: String,
    event_class: String,
    message: String,
    collector: String,
    custom_fields: Pairs,
}

impl Default for Options {
    fn default() -> Self {
        let empty = String::new;
        Options {
            url: empty(),
            username: empty(),
            password: empty(),
            action: empty(),
            method: empty(),
            event_type: empty(),
            tid: 0,
            summary: "{{ .Message }}".into(),
            device: empty(),
            component: empty(),
            event_class_key: empty(),
            event_class: empty(),
            message: empty(),
            collector: empty(),
            custom_fields: Pairs::default(),
        }
    }
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to Zenoss. What is left out is taken from the config.")
            .property("URL", "Where to.", |d| &mut d.url)
            .key("url")
            .property("username", "The user to be.", |d| &mut d.username)
            .property("password", "The user's password.", |d| &mut d.password)
            .secret()
            .property("action", "The name of the router.", |d| &mut d.action)
            .property("method", "The method of the router.", |d| &mut d.method)
            .property("type", "The type of the request.", |d| &mut d.event_type)
            .property("tid", "The number of the request.", |d| &mut d.tid)
            .property("summary", "The event in short, a template.", |d| &mut d.summary)
            .key("Summary")
            .property("device", "The device it is about, a template.", |d| &mut d.device)
            .key("Device")
            .property("component", "The part of the device it is about, a template.", |d| &mut d.component)
            .key("Component")
            .property("eventClassKey", "The key that finds its class, a template.", |d| &mut d.event_class_key)
            .key("EventClassKey")
            .property("eventClass", "Its class, a template.", |d| &mut d.event_class)
            .key("EventClass")
            .property("message", "The event at length, a template.", |d| &mut d.message)
            .key("Message")
            .property("collector", "Who tells it, a template.", |d| &mut d.collector)
            .key("Collector")
            .method_json(
                "customField",
                "key string, value any",
                "More to tell, by name; texts are templates, and may be JSON.",
                |d, arguments| d.custom_fields.add(arguments),
                |d| d.custom_fields.calls(),
                |d| d.custom_fields.json(),
                |d, json| d.custom_fields.load(json),
            )
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).zenoss().device('web')")
    }
}

/// The properties that are templates.
struct Templates {
    summary: Template,
    message: Template,
    collector: Template,
    /// By their key in the event.
    others: [(&'static str, Template); 4],
    custom_fields: Vec<(String, CustomField)>,
}

enum CustomField {
    Text(Template),
    Other(Json),
}

impl Templates {
    fn of(options: &Options) -> Result<Self, OpenError> {
        let other = |key: &'static str, text: &str| Ok((key, template(NAME, key, text)?));
        let custom = |(key, value): (&String, &Json)| {
            let value = match value {
                Json::String(text) => CustomField::Text(template(NAME, key, text)?),
                other => CustomField::Other(other.clone()),
            };
            Ok((key.clone(), value))
        };
        Ok(Templates {
            summary: template(NAME, "summary", &options.summary)?,
            message: template(NAME, "message", &options.message)?,
            collector: template(NAME, "collector", &options.collector)?,
            others: [
                other("device", &options.device)?,
                other("component", &options.component)?,
                other("evclasskey", &options.event_class_key)?,
                other("evclass", &options.event_class)?,
            ],
            custom_fields: options.custom_fields.0.iter().map(custom).collect::<Result<_, OpenError>>()?,
        })
    }
}

fn request(options: &Options, templates: &Templates, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let body = json!({
        "action": config.or(&options.action, "action"),
        "method": config.or(&options.method, "method"),
        "data": [record(templates, config, event)?],
        "type": config.or(&options.event_type, "type"),
        "tid": if options.tid == 0 { config.int("tid") } else { options.tid },
    });
    let request = Request::json(config.or(&options.url, "url"), body, &[200]);
    let password = config.or(&options.password, "password");
    Ok(request.basic_auth(config.or(&options.username, "username"), password))
}

fn record(templates: &Templates, config: &Section, event: &Event) -> Result<Map<String, Json>, String> {
    let data = template_data(event);
    let summary = render_partly(&templates.summary, &data);
    let summary = if summary.is_empty() { &*event.state.message } else { &summary };
    let mut record: Map<String, Json> = Map::new();
    record.insert("summary".into(), cut(summary, LONGEST_SUMMARY).into());
    for (key, text) in &templates.others {
        record.insert((*key).into(), render_partly(text, &data).into());
    }
    record.insert("severity".into(), severity(config, event.state.level));
    let collector = render_partly(&templates.collector, &data);
    let message = render_partly(&templates.message, &data);
    for (key, text) in [("collector", config.or(&collector, "collector")), ("message", cut(&message, LONGEST_MESSAGE))]
    {
        if !text.is_empty() {
            record.insert(key.into(), text.into());
        }
    }
    for (key, value) in &templates.custom_fields {
        let value = match value {
            CustomField::Text(template) => text_or_json(render_partly(template, &data)),
            CustomField::Other(value) => value.clone(),
        };
        record.insert(key.clone(), value);
    }
    Ok(record)
}

/// What the config calls a level: a text or a number.
fn severity(config: &Section, level: Level) -> Json {
    let name = match level {
        Level::Ok => "OK",
        Level::Info => "Info",
        Level::Warning => "Warning",
        Level::Critical => "Critical",
    };
    config.json(&format!("severity-map.{name}")).clone()
}

fn text_or_json(text: String) -> Json {
    let parsed = if text.starts_with(['{', '[']) { serde_json::from_str(&text).ok() } else { None };
    parsed.unwrap_or(Json::String(text))
}

fn template_data(event: &Event) -> Value {
    let (state, data) = (&event.state, &event.data);
    let fields = vec![
        ("Name", data.name.clone().into()),
        ("TaskName", data.task_name.clone().into()),
        ("ID", state.id.clone().into()),
        ("Message", state.message.clone().into()),
        ("Details", state.details.clone().into()),
        ("Time", Value::Time(state.time)),
        ("Duration", Value::Duration(state.duration)),
        ("Level", Value::Level(state.level as u8)),
        ("Recoverable", data.recoverable.into()),
        ("Tags", data.template_tags()),
    ];
    Value::structure("zenoss.event", fields)
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn events_go_to_the_router() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "url": sink.url("/zen"), "username": "u", "password": "p",
            "action": "EventsRouter", "method": "add_event", "type": "rpc", "tid": 3, "collector": "Kapa",
            "severity-map.OK": "Clear", "severity-map.Warning": 3});
        let host = host(&[("zenoss", section)]);
        assert_eq!(send(&host, "zenoss", json!({}), Level::Ok), Outcome::Done);
        let options = json!({"action": "A", "method": "M", "type": "T", "tid": 9, "Collector": "C",
            "Summary": "{{ .ID }} s", "Message": "m {{ .Level }}", "Device": "{{ index .Tags \"host\" }}",
            "Component": "x", "EventClassKey": "key", "EventClass": "/App",
            "customField": {"n": 1, "t": "x {{ .Level }}", "o": "{\"a\": [1]}"}});
        assert_eq!(send(&host, "zenoss", options, Level::Warning), Outcome::Done);
        let got = sink.requests();
        assert_eq!(got[0].header("authorization"), Some("Basic dTpw"));
        assert_eq!(
            got[0].json(),
            json!({"action": "EventsRouter", "method": "add_event", "type": "rpc", "tid": 3, "data": [{
                "summary": "svc/web-1 is OK", "device": "", "component": "", "evclasskey": "", "evclass": "",
                "severity": "Clear", "collector": "Kapa"}]})
        );
        assert_eq!(
            got[1].json(),
            json!({"action": "A", "method": "M", "type": "T", "tid": 9, "data": [{
                "summary": "svc/web-1 s", "device": "web-1", "component": "x", "evclasskey": "key",
                "evclass": "/App", "severity": 3, "collector": "C", "message": "m WARNING", "n": 1,
                "t": "x WARNING", "o": {"a": [1]}}]})
        );
    }
}
