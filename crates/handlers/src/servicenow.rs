//! `servicenow`: events for ServiceNow's event management.

use std::sync::Arc;

use alert::{Event, Kind, Level, OpenError};
use declare::{Declaration, Declared};
use gotemplate::{Template, Value};
use serde_json::{Map, Value as Json, json};

use crate::http::{Posting, Request};
use crate::pairs::Pairs;
use crate::render::{as_text, cut, render_partly, template, why};
use crate::{AlertHost, Configs};

const NAME: &str = "servicenow";
/// What ServiceNow's columns hold.
const LONGEST: usize = 100;
const LONGEST_KEY: usize = 1024;
const LONGEST_DESCRIPTION: usize = 4000;

/// The kind `servicenow`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let templates = Templates::of(&options)?;
        Ok(Posting::boxed(&host, move |configs, event| request(&options, &templates, configs, event)))
    })
    .method("serviceNow")
    .ready(|options| Templates::of(options).map(drop).map_err(why))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    url: String,
    username: String,
    password: String,
    source: String,
    node: String,
    metric_type: String,
    resource: String,
    metric_name: String,
    message_key: String,
    additional_info: Pairs,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to ServiceNow. What is left out is taken from the config.")
            .property("URL", "Where to.", |d| &mut d.url)
            .key("url")
            .property("username", "The user to be.", |d| &mut d.username)
            .property("password", "The user's password.", |d| &mut d.password)
            .secret()
            .property("source", "Who tells it.", |d| &mut d.source)
            .property("node", "The machine it is about, a template.", |d| &mut d.node)
            .key("Node")
            .property("type", "The type of the metric, a template.", |d| &mut d.metric_type)
            .key("Type")
            .property("resource", "The part of the machine it is about, a template.", |d| &mut d.resource)
            .key("Resource")
            .property("metricName", "The metric, a template.", |d| &mut d.metric_name)
            .key("MetricName")
            .property("messageKey", "What tells alerts apart, a template.", |d| &mut d.message_key)
            .key("MessageKey")
            .default_text("{{ .ID }}")
            .method_json(
                "additionalInfo",
                "key string, value any",
                "More to tell, by name; texts are templates.",
                |d, arguments| d.additional_info.add_text(arguments),
                |d| d.additional_info.calls(),
                |d| d.additional_info.json(),
                |d, json| d.additional_info.load(json),
            )
            .key("additional_info")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).serviceNow().node('web')")
    }
}

/// The properties that are templates, by their key in the event.
struct Templates {
    columns: Vec<(&'static str, Template)>,
    message_key: Template,
    additional_info: Vec<(String, Template)>,
}

impl Templates {
    fn of(options: &Options) -> Result<Self, OpenError> {
        let columns = [
            ("node", &options.node),
            ("type", &options.metric_type),
            ("resource", &options.resource),
            ("metric_name", &options.metric_name),
        ];
        let column = |(key, text): (&'static str, &String)| Ok((key, template(NAME, key, text)?));
        let info = |(key, value): (&String, &Json)| Ok((key.clone(), template(NAME, key, &as_text(value))?));
        Ok(Templates {
            columns: columns.into_iter().map(column).collect::<Result<_, OpenError>>()?,
            message_key: template(NAME, "messageKey", &options.message_key)?,
            additional_info: options.additional_info.0.iter().map(info).collect::<Result<_, OpenError>>()?,
        })
    }
}

fn request(options: &Options, templates: &Templates, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let data = template_data(event);
    let severity = match event.state.level {
        Level::Ok | Level::Info => "5",
        Level::Warning => "4",
        Level::Critical => "1",
    };
    let mut record: Map<String, Json> = Map::new();
    record.insert("source".into(), cut(config.or(&options.source, "source"), LONGEST).into());
    let mut put = |key: &str, text: &str, longest: usize| {
        if !text.is_empty() {
            record.insert(key.into(), cut(text, longest).into());
        }
    };
    for (key, column) in &templates.columns {
        put(key, &render_partly(column, &data), LONGEST);
    }
    let key = render_partly(&templates.message_key, &data);
    put("message_key", if key.is_empty() { &event.state.id } else { &key }, LONGEST_KEY);
    put("severity", severity, LONGEST);
    put("description", &event.state.message, LONGEST_DESCRIPTION);
    if !templates.additional_info.is_empty() {
        let mut info: Map<String, Json> = Map::new();
        for (key, value) in &templates.additional_info {
            info.insert(key.clone(), render_partly(value, &data).into());
        }
        record.insert("additional_info".into(), Json::Object(info).to_string().into());
    }
    let request = Request::json(config.or(&options.url, "url"), json!({"records": [record]}), &[200]);
    let password = config.or(&options.password, "password");
    Ok(request.basic_auth(config.or(&options.username, "username"), password))
}

fn template_data(event: &Event) -> Value {
    let fields = vec![
        ("ID", event.state.id.clone().into()),
        ("Name", event.data.name.clone().into()),
        ("TaskName", event.data.task_name.clone().into()),
        ("Fields", event.data.template_fields()),
        ("Tags", event.data.template_tags()),
    ];
    Value::structure("servicenow.dataInfo", fields)
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn events_are_records() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section =
            json!({"enabled": true, "url": sink.url("/snow"), "source": "Kapa", "username": "u", "password": "p"});
        let host = host(&[("servicenow", section)]);
        assert_eq!(send(&host, "servicenow", json!({}), Level::Critical), Outcome::Done);
        let options = json!({"source": "src", "Node": "{{ index .Tags \"host\" }}", "Type": "{{ .Name }}",
            "Resource": "x".repeat(200), "MetricName": "{{ index .Fields \"route\" }}", "MessageKey": "key {{ .ID }}",
            "additional_info": {"dc": "{{ index .Tags \"dc\" }}", "n": 5, "f": 1.5}});
        assert_eq!(send(&host, "servicenow", options, Level::Warning), Outcome::Done);
        // What a template cannot say is left out, and the event is told.
        let options = json!({"Node": "n {{ .Nope }} x", "additional_info": {"a": "{{ .Level }}"}});
        assert_eq!(send(&host, "servicenow", options, Level::Ok), Outcome::Done);
        let got = sink.requests();
        let record = &got[2].json()["records"][0];
        assert_eq!((&record["node"], &record["additional_info"]), (&json!("n "), &json!("{\"a\":\"\"}")));
        assert_eq!(got[0].header("authorization"), Some("Basic dTpw"));
        assert_eq!(
            got[0].json(),
            json!({"records": [{"source": "Kapa", "message_key": "svc/web-1", "severity": "1",
                "description": "svc/web-1 is CRITICAL"}]})
        );
        assert_eq!(
            got[1].json(),
            json!({"records": [{"source": "src", "node": "web-1", "type": "svc", "resource": "x".repeat(100),
                "metric_name": "/api", "message_key": "key svc/web-1", "severity": "4",
                "description": "svc/web-1 is WARNING",
                "additional_info": "{\"dc\":\"fra\",\"f\":\"1.5\",\"n\":\"5\"}"}]})
        );
    }
}
