//! `alerta`: alerts for the Alerta console.

use std::sync::Arc;
use std::time::Duration;

use alert::{Event, Kind, Level, OpenError};
use declare::{Declaration, Declared};
use gotemplate::{Template, Value};
use serde_json::{Map, Value as Json, json};

use crate::http::{Posting, Request};
use crate::pairs::Pairs;
use crate::render::{render, render_all, template, templates, why, with_path};
use crate::tls::Tls;
use crate::{AlertHost, Configs};

const NAME: &str = "alerta";
const DAY: Duration = Duration::from_secs(86_400);

/// The kind `alerta`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let templates = Templates::of(&options)?;
        Ok(Posting::boxed(&host, move |configs, event| request(&options, &templates, configs, event)))
    })
    .method("alerta")
    .ready(|options| Templates::of(options).map(drop).map_err(why))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    token: String,
    token_prefix: String,
    resource: String,
    event: String,
    environment: String,
    group: String,
    value: String,
    origin: String,
    services: Vec<String>,
    correlated: Vec<String>,
    attributes: Pairs,
    timeout: Duration,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to Alerta. Most properties are templates; token, environment and origin have defaults in the config.")
            .property("token", "The token to be let in with.", |d| &mut d.token)
            .secret()
            .property("tokenPrefix", "The word before the token.", |d| &mut d.token_prefix)
            .key("token-prefix")
            .default_text("Bearer")
            .hidden()
            .property("resource", "What the alert is about.", |d| &mut d.resource)
            .default_text("{{ .Name }}")
            .property("event", "What has happened to it.", |d| &mut d.event)
            .default_text("{{ .ID }}")
            .property("environment", "Where the resource is.", |d| &mut d.environment)
            .property("group", "What the resource belongs to.", |d| &mut d.group)
            .default_text("{{ .Group }}")
            .property("value", "What was measured.", |d| &mut d.value)
            .property("origin", "Who tells it.", |d| &mut d.origin)
            .property("services", "What depends on the resource.", |d| &mut d.services)
            .key("service")
            .default_text("{{ .Name }}")
            .property("correlated", "Events of the same resource that this one replaces.", |d| &mut d.correlated)
            .key("correlate")
            .default_text("{{ .Name }}")
            .method_json(
                "attribute",
                "k string, v any",
                "More to tell, by name; texts are templates.",
                |d, arguments| d.attributes.add(arguments),
                |d| d.attributes.calls(),
                |d| d.attributes.json(),
                |d, json| d.attributes.load(json),
            )
            .key("attributes")
            .property("timeout", "When Alerta forgets the alert.", |d| &mut d.timeout)
            .default_text("24h")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).alerta().resource('cpu').event('high')")
    }
}

/// The properties that are templates.
struct Templates {
    resource: Template,
    event: Template,
    environment: Template,
    group: Template,
    value: Template,
    services: Vec<Template>,
    correlated: Vec<Template>,
    attributes: Vec<(String, Attribute)>,
}

enum Attribute {
    Text(Template),
    Other(Json),
}

impl Templates {
    fn of(options: &Options) -> Result<Self, OpenError> {
        let or = |name, given: &str, default| template(NAME, name, if given.is_empty() { default } else { given });
        let name = || vec!["{{ .Name }}".to_string()];
        let services = if options.services.is_empty() { name() } else { options.services.clone() };
        let correlated = if options.correlated.is_empty() { name() } else { options.correlated.clone() };
        let attribute = |(name, value): (&String, &Json)| {
            let value = match value {
                Json::String(text) => Attribute::Text(template(NAME, name, text)?),
                other => Attribute::Other(other.clone()),
            };
            Ok((name.clone(), value))
        };
        Ok(Templates {
            resource: or("resource", &options.resource, "{{ .Name }}")?,
            event: or("event", &options.event, "{{ .ID }}")?,
            environment: or("environment", &options.environment, "")?,
            group: or("group", &options.group, "{{ .Group }}")?,
            value: or("value", &options.value, "")?,
            services: templates(NAME, "services", &services)?,
            correlated: templates(NAME, "correlated", &correlated)?,
            attributes: options.attributes.0.iter().map(attribute).collect::<Result<_, OpenError>>()?,
        })
    }

    fn attributes(&self, data: &Value) -> Result<Map<String, Json>, String> {
        let attribute = |(name, value): &(String, Attribute)| {
            let value = match value {
                Attribute::Text(template) => Json::from(render(template, data)?),
                Attribute::Other(value) => value.clone(),
            };
            Ok((name.clone(), value))
        };
        self.attributes.iter().map(attribute).collect()
    }
}

fn request(options: &Options, templates: &Templates, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let data = event.template_data();
    let (resource, name) = (render(&templates.resource, &data)?, render(&templates.event, &event_data(event))?);
    if resource.is_empty() || name.is_empty() {
        return Err("resource and event must not be empty".to_string());
    }
    let severity = match event.state.level {
        Level::Ok => "ok",
        Level::Info => "informational",
        Level::Warning => "warning",
        Level::Critical => "critical",
    };
    let environment = render(&templates.environment, &data)?;
    let timeout = [options.timeout, config.duration("timeout")].into_iter().find(|timeout| !timeout.is_zero());
    let tags: Vec<String> = event.data.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let rows: Json = serde_json::from_str(&event.data.result_json()).unwrap_or_default();
    let mut body = json!({
        "resource": resource,
        "event": name,
        "group": render(&templates.group, &data)?,
        "environment": config.or(&environment, "environment"),
        "text": &*event.state.message,
        "origin": config.or(&options.origin, "origin"),
        "service": render_all(&templates.services, &data)?,
        "severity": severity,
        "value": render(&templates.value, &data)?,
        "correlate": render_all(&templates.correlated, &data)?,
        "timeout": timeout.unwrap_or(DAY).as_secs(),
        "tags": tags,
        "rawData": rows,
    });
    let attributes = templates.attributes(&data)?;
    if !attributes.is_empty() {
        body["attributes"] = Json::Object(attributes);
    }
    let prefix = match config.or(&options.token_prefix, "token-prefix") {
        "" => "Bearer",
        prefix => prefix,
    };
    let url = with_path(config.text("url"), &["alert"])?;
    Ok(Request::json(url, body, &[201])
        .header("Authorization", format!("{prefix} {}", config.or(&options.token, "token")))
        .tls(Tls::of(config)))
}

/// What the template of `event` sees: less than the others, so that it stays the same while the level changes.
fn event_data(event: &Event) -> Value {
    let (state, data) = (&event.state, &event.data);
    let fields = vec![
        ("ID", state.id.clone().into()),
        ("Name", data.name.clone().into()),
        ("TaskName", data.task_name.clone().into()),
        ("Group", data.group.clone().into()),
        ("Tags", data.template_tags()),
    ];
    Value::structure("alerta.eventData", fields)
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send, series};

    #[test]
    fn alerts_have_defaults_and_templates() {
        let sink = HttpSink::start(vec![Answer::code(201)]);
        let section = json!({"enabled": true, "url": sink.url("/alerta"), "token": "conf", "token-prefix": "Key",
            "environment": "staging", "origin": "kapa", "timeout": "0s"});
        let host = host(&[("alerta", section)]);
        assert_eq!(send(&host, "alerta", json!({}), Level::Info), Outcome::Done);
        let options = json!({"token": "own", "resource": "r {{ index .Tags \"host\" }}", "event": "{{ .TaskName }}",
            "environment": "{{ index .Tags \"dc\" }}", "group": "g", "value": "{{ index .Fields \"lat\" }}",
            "origin": "me", "service": ["s1", "{{ .Name }}"], "correlate": ["c {{ .Level }}"],
            "attributes": {"a": "text {{ .ID }}", "n": 5}, "timeout": "90s"});
        assert_eq!(send(&host, "alerta", options, Level::Critical), Outcome::Done);
        let wrong = send(&host, "alerta", json!({"event": "{{ .Level }}"}), Level::Info);
        assert!(matches!(wrong, Outcome::GiveUp(_)), "{wrong:?}");
        let got = sink.requests();
        assert_eq!((got[0].path.as_str(), got[0].header("authorization")), ("/alerta/alert", Some("Key conf")));
        assert_eq!(
            got[0].json(),
            json!({"resource": "svc", "event": "svc/web-1", "group": "host=web-1", "environment": "staging",
                "text": "svc/web-1 is INFO", "origin": "kapa", "service": ["svc"], "severity": "informational",
                "value": "", "correlate": ["svc"], "timeout": 86400, "tags": ["dc=fra", "host=web-1"],
                "rawData": {"series": [series()]}})
        );
        assert_eq!(got[1].header("authorization"), Some("Key own"));
        assert_eq!(
            got[1].json(),
            json!({"resource": "r web-1", "event": "hnd", "group": "g", "environment": "fra",
                "text": "svc/web-1 is CRITICAL", "origin": "me", "service": ["s1", "svc"], "severity": "critical",
                "value": "310.5", "correlate": ["c CRITICAL"], "timeout": 90, "tags": ["dc=fra", "host=web-1"],
                "rawData": {"series": [series()]}, "attributes": {"a": "text svc/web-1", "n": 5}})
        );
    }
}
