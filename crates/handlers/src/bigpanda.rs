//! `bigpanda`: alerts for BigPanda.

use std::sync::Arc;

use alert::{Event, Kind, Level, OpenError};
use declare::{Declaration, Declared};
use gotemplate::Template;
use serde_json::{Map, Value as Json};

use crate::http::{Posting, Request};
use crate::pairs::Pairs;
use crate::render::{as_text, field_json, render_partly, template, why};
use crate::tls::Tls;
use crate::{AlertHost, Configs};

const NAME: &str = "bigpanda";

/// The kind `bigpanda`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let attributes = attributes(&options)?;
        Ok(Posting::boxed(&host, move |configs, event| request(&options, &attributes, configs, event)))
    })
    .method("bigPanda")
    .ready(|options| attributes(options).map(drop).map_err(why))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    app_key: String,
    url: String,
    host: String,
    primary_property: String,
    secondary_property: String,
    attributes: Pairs,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to BigPanda. What is left out is taken from the config.")
            .property("appKey", "The key of the application.", |d| &mut d.app_key)
            .key("app-key")
            .property("url", "Where to.", |d| &mut d.url)
            .hidden()
            .property("host", "What the alert is about, a template.", |d| &mut d.host)
            .property("primaryProperty", "The attribute that names what the alert is about.", |d| {
                &mut d.primary_property
            })
            .key("primary-property")
            .property("secondaryProperty", "The attribute that tells its alerts apart.", |d| &mut d.secondary_property)
            .key("secondary-property")
            .method_json(
                "attribute",
                "key string, value any",
                "More to tell, by name; texts are templates.",
                |d, arguments| d.attributes.add(arguments),
                |d| d.attributes.calls(),
                |d| d.attributes.json(),
                |d, json| d.attributes.load(json),
            )
            .key("attributes")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).bigPanda().attribute('team', 'ops')")
    }
}

/// The attributes that the user wrote, `host` first.
fn attributes(options: &Options) -> Result<Vec<(String, Template)>, OpenError> {
    let host = Json::from(options.host.as_str());
    let own = std::iter::once(("host", &host)).chain(options.attributes.0.iter().map(|(k, v)| (k.as_str(), v)));
    own.map(|(name, value)| {
        // Only texts of users are templates; a number has no braces.
        Ok((name.to_string(), template(NAME, name, &as_text(value))?))
    })
    .collect()
}

fn request(
    options: &Options,
    attributes: &[(String, Template)],
    configs: &Configs,
    event: &Event,
) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let (state, data) = (&event.state, &event.data);
    let status = match state.level {
        Level::Ok | Level::Info => "ok",
        Level::Warning => "warning",
        Level::Critical => "critical",
    };
    let mut body: Map<String, Json> = Map::new();
    let mut put = |key: &str, value: Json| drop(body.insert(key.to_string(), value));
    put("app_key", config.or(&options.app_key, "app-key").into());
    put("status", status.into());
    put("timestamp", state.time.div_euclid(1_000_000_000).into());
    put("task", format!("{}:{}", data.task_name, data.name).into());
    let details = unescaped(&state.details);
    // Details that are the whole event, as they are by default, would say all twice.
    let details = if details.starts_with('{') { "" } else { details.as_str() };
    for (key, text) in [
        ("check", &*state.id),
        ("description", &*state.message),
        ("details", details),
        ("primary_property", &options.primary_property),
        ("secondary_property", &options.secondary_property),
    ] {
        if !text.is_empty() {
            put(key, text.into());
        }
    }
    let automatic = config.text("auto-attributes").to_lowercase();
    if automatic.contains("tags") {
        data.tags.iter().for_each(|(key, value)| put(key, Json::from(&**value)));
    }
    if automatic.contains("fields") {
        data.fields.iter().for_each(|(name, value)| put(name, as_text(&field_json(value)).into()));
    }
    let values = event.template_data();
    for (name, value) in attributes {
        put(name, render_partly(value, &values).into());
    }
    let request = Request::json(config.or(&options.url, "url"), Json::Object(body), &[201]);
    Ok(request.header("Authorization", format!("Bearer {}", config.text("token"))).tls(Tls::of(config)))
}

/// A text without the escapes that HTML templates write.
fn unescaped(text: &str) -> String {
    let mut text = text.to_string();
    for (escape, plain) in [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#43;", "+"),
        ("&amp;", "&"),
    ] {
        text = text.replace(escape, plain);
    }
    text
}

#[cfg(test)]
mod tests {
    use alert::Outcome;
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn alerts_have_tags_fields_and_attributes() {
        let sink = HttpSink::start(vec![Answer::code(201)]);
        let section = |automatic: &str| json!({"enabled": true, "url": sink.url("/bp"), "app-key": "app", "token": "tok", "auto-attributes": automatic});
        let both = host(&[("bigpanda", section("tags,fields"))]);
        assert_eq!(send(&both, "bigpanda", json!({}), Level::Info), Outcome::Done);
        let options = json!({"app-key": "app2", "host": "{{ index .Tags \"host\" }}", "primary-property": "dc",
            "secondary-property": "route", "attributes": {"runbook": "http://x/{{ .ID }}", "n": 7, "flag": false}});
        let none = host(&[("bigpanda", section(""))]);
        assert_eq!(send(&none, "bigpanda", options, Level::Critical), Outcome::Done);
        let got = sink.requests();
        assert_eq!(
            got[0].json(),
            json!({"app_key": "app", "status": "ok", "timestamp": 1_609_502_430, "task": "hnd:svc",
                "check": "svc/web-1", "description": "svc/web-1 is INFO", "details": "<b>details</b>", "dc": "fra",
                "host": "", "lat": "310.5", "route": "/api"})
        );
        assert_eq!(got[0].header("authorization"), Some("Bearer tok"));
        assert_eq!(
            got[1].json(),
            json!({"app_key": "app2", "status": "critical", "timestamp": 1_609_502_430, "task": "hnd:svc",
                "check": "svc/web-1", "description": "svc/web-1 is CRITICAL", "details": "<b>details</b>",
                "primary_property": "dc", "secondary_property": "route", "host": "web-1",
                "runbook": "http://x/svc/web-1", "n": "7", "flag": "false"})
        );
    }
}
