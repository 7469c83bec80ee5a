//! `pagerduty2`: incidents by PagerDuty's events of version 2.

use std::sync::Arc;

use alert::{Event, Kind, Level, OpenError};
use declare::{Argument, Declaration, Declared, Mismatch, Setting};
use gotemplate::{Template, Value};
use serde_json::{Value as Json, json};

use crate::http::{Posting, Request};
use crate::render::{check_template, check_templates, filled_in, render, template};
use crate::{AlertHost, Configs};

const NAME: &str = "pagerduty2";

/// The kind `pagerduty2`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let links = options.links.iter().map(Link::templates).collect::<Result<Vec<_>, _>>()?;
        let url = host.url.clone();
        Ok(Posting::boxed(&host, move |configs, event| request(&options, &links, &url, configs, event)))
    })
    .method("pagerDuty2")
    .ready(Options::ready)
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    routing_key: String,
    links: Vec<Link>,
}

/// A link of an incident; without a text it is its own.
#[derive(Clone, Default)]
struct Link {
    href: String,
    text: String,
}

/// The templates of a link.
struct LinkTemplates {
    href: Template,
    text: Option<Template>,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Open and resolve incidents at PagerDuty, by its events of version 2.")
            .property("routingKey", "The key of the integration, a template.", |d| &mut d.routing_key)
            .default_text("that of the config")
            .key("routing-key")
            .secret()
            .method("serviceKey", "serviceKey string", "Another name of routingKey.", |d, arguments| {
                d.routing_key = Setting::from_argument(&arguments[0])?;
                Ok(())
            })
            .method_json(
                "link",
                "url string, text ...string",
                "A link that is shown with the incident, and its text; both are templates.",
                |d, arguments| {
                    let text = arguments.get(1).map_or_else(|| Ok(String::new()), Setting::from_argument)?;
                    d.links.push(Link { href: Setting::from_argument(&arguments[0])?, text });
                    Ok(())
                },
                |d| d.links.iter().map(Link::call).collect(),
                |d| d.links.iter().map(|link| json!({"href": link.href, "text": link.text})).collect(),
                |d, json| {
                    d.links = Vec::<Json>::from_json(json)?.iter().map(Link::from_json).collect::<Result<_, _>>()?;
                    Ok(())
                },
            )
            .key("links")
            .example(
                "stream|from().measurement('cpu')|alert().crit(lambda: TRUE)\
                 .pagerDuty2().link('https://example.com/{{ .Name }}', 'dashboard')",
            )
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        check_template("routingKey", &self.routing_key)?;
        self.links.iter().try_for_each(|link| check_templates([("href", &link.href), ("text", &link.text)]))
    }
}

impl Link {
    fn call(&self) -> Vec<Argument> {
        let texts = [&self.href, &self.text].into_iter();
        texts.enumerate().filter(|(n, text)| *n == 0 || !text.is_empty()).map(|(_, t)| t.as_str().into()).collect()
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        let texts = std::collections::BTreeMap::<String, String>::from_json(json)?;
        let text = |key: &str| texts.get(key).cloned().unwrap_or_default();
        Ok(Link { href: text("href"), text: text("text") })
    }

    fn templates(&self) -> Result<LinkTemplates, OpenError> {
        let text = if self.text.is_empty() { None } else { Some(template(NAME, "text", &self.text)?) };
        Ok(LinkTemplates { href: template(NAME, "href", &self.href)?, text })
    }
}

impl LinkTemplates {
    fn json(&self, data: &Value) -> Result<Json, String> {
        let href = render(&self.href, data)?;
        let text = self.text.as_ref().map_or_else(|| Ok(href.clone()), |text| render(text, data))?;
        Ok(json!({"href": href, "text": text}))
    }
}

fn request(
    options: &Options,
    links: &[LinkTemplates],
    client_url: &str,
    configs: &Configs,
    event: &Event,
) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let (action, severity) = match event.state.level {
        Level::Ok => ("resolve", "info"),
        Level::Info => ("trigger", "info"),
        Level::Warning => ("trigger", "warning"),
        Level::Critical => ("trigger", "critical"),
    };
    let data = event.template_data();
    let links: Vec<Json> = links.iter().map(|link| link.json(&data)).collect::<Result<_, _>>()?;
    let rows: Json = serde_json::from_str(&event.data.result_json()).unwrap_or_default();
    let body = json!({
        "routing_key": filled_in("routingKey", config.or(&options.routing_key, "routing-key"), event)?,
        "event_action": action,
        "dedup_key": &*event.state.id,
        "payload": {
            "summary": &*event.state.message,
            "source": event.data.tag("host").map_or("unknown", |host| host),
            "severity": severity,
            "timestamp": nine_digits(event.state.time),
            "class": &*event.data.task_name,
            "component": "",
            "group": "",
            "custom_details": {"result": rows},
        },
        "images": null,
        "links": if links.is_empty() { Json::Null } else { Json::Array(links) },
        "client": "kapacitor",
        "client_url": client_url,
    });
    let request = Request::json(config.text("url"), body, &[200, 202]);
    Ok(request.header("Accept", "application/vnd.pagerduty+json;version=2"))
}

/// A time with all digits of its second.
fn nine_digits(time: model::Time) -> String {
    let nanos = time.rem_euclid(1_000_000_000);
    let mut out = String::new();
    model::write_rfc3339(time - nanos, &mut out);
    out.pop();
    format!("{out}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send, series};

    #[test]
    fn incidents_are_opened_and_resolved_with_links() {
        let sink = HttpSink::start(vec![Answer::code(202)]);
        let section = json!({"enabled": true, "url": sink.url("/pd2"), "routing-key": "conf"});
        let host = host(&[("pagerduty2", section)]);
        let links =
            json!([{"href": "http://x/{{ index .Tags \"host\" }}", "text": "dash {{ .Level }}"}, {"href": "http://y"}]);
        assert_eq!(send(&host, "pagerduty2", json!({"links": links}), Level::Warning), Outcome::Done);
        assert_eq!(send(&host, "pagerduty2", json!({"routing-key": "own"}), Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!(
            got[0].json(),
            json!({"routing_key": "conf", "event_action": "trigger", "dedup_key": "svc/web-1", "payload": {
                    "summary": "svc/web-1 is WARNING", "source": "web-1", "severity": "warning",
                    "timestamp": "2021-01-01T12:00:30.500000000Z", "class": "hnd", "component": "", "group": "",
                    "custom_details": {"result": {"series": [series()]}}},
                "images": null, "client": "kapacitor", "client_url": "http://localhost:9092/kapacitor/v1",
                "links": [{"href": "http://x/web-1", "text": "dash WARNING"}, {"href": "http://y", "text": "http://y"}]})
        );
        assert_eq!(got[0].header("accept"), Some("application/vnd.pagerduty+json;version=2"));
        let second = got[1].json();
        assert_eq!(
            (&second["routing_key"], &second["event_action"], &second["links"]),
            (&json!("own"), &json!("resolve"), &Json::Null)
        );
    }
}
