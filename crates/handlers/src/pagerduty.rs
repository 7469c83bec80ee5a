//! `pagerduty`: incidents by PagerDuty's events of version 1.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::json;

use crate::http::{Posting, Request};
use crate::render::{check_template, filled_in};
use crate::{AlertHost, Configs};

const NAME: &str = "pagerduty";

/// The kind `pagerduty`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let url = host.url.clone();
        Ok(Posting::boxed(&host, move |configs, event| request(&options, &url, configs, event)))
    })
    .method("pagerDuty")
    .ready(|options| check_template("serviceKey", &options.service_key))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    service_key: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Open and resolve incidents at PagerDuty, by its events of version 1.")
            .property("serviceKey", "The key of the service, a template.", |d| &mut d.service_key)
            .default_text("that of the config")
            .key("service-key")
            .secret()
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).pagerDuty().serviceKey('abc')")
    }
}

fn request(options: &Options, client_url: &str, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let event_type = match event.state.level {
        Level::Ok => "resolve",
        Level::Info => return Err("events of level INFO are not sent to PagerDuty".to_string()),
        Level::Warning | Level::Critical => "trigger",
    };
    let body = json!({
        "service_key": filled_in("serviceKey", config.or(&options.service_key, "service-key"), event)?,
        "event_type": event_type,
        "description": &*event.state.message,
        "incident_key": &*event.state.id,
        "client": "kapacitor",
        "client_url": client_url,
        "details": &*event.state.details,
    });
    Ok(Request::json(config.text("url"), body, &[200]))
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn incidents_are_opened_and_resolved() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "url": sink.url("/pd1"), "service-key": "conf"});
        let host = host(&[("pagerduty", section)]);
        assert_eq!(send(&host, "pagerduty", json!({}), Level::Critical), Outcome::Done);
        assert_eq!(send(&host, "pagerduty", json!({"service-key": "own"}), Level::Ok), Outcome::Done);
        assert!(matches!(send(&host, "pagerduty", json!({}), Level::Info), Outcome::GiveUp(_)));
        let got = sink.requests();
        assert_eq!(
            got[0].json(),
            json!({"service_key": "conf", "event_type": "trigger", "description": "svc/web-1 is CRITICAL",
                "incident_key": "svc/web-1", "client": "kapacitor",
                "client_url": "http://localhost:9092/kapacitor/v1", "details": "<b>details</b>"})
        );
        assert_eq!((&got[1].json()["service_key"], &got[1].json()["event_type"]), (&json!("own"), &json!("resolve")));
        assert_eq!(got.len(), 2);
    }
}
