//! `victorops`: incidents by VictorOps' generic REST integration.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::{Value as Json, json};

use crate::http::{Posting, Request};
use crate::render::{check_template, filled_in, with_path};
use crate::{AlertHost, Configs};

const NAME: &str = "victorops";

/// The kind `victorops`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("victorOps")
    .ready(|options| check_template("routingKey", &options.routing_key))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    routing_key: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Open and resolve incidents at VictorOps.")
            .property("routingKey", "Who is told, a template.", |d| &mut d.routing_key)
            .default_text("that of the config")
            .key("routing-key")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).victorOps().routingKey('team')")
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let state = &event.state;
    let rows = event.data.result_json();
    let data =
        if config.bool("json-data") { serde_json::from_str(&rows).unwrap_or_default() } else { Json::from(rows) };
    let body = json!({
        "message_type": if state.level == Level::Ok { "RECOVERY" } else { state.level.name() },
        "entity_id": &*state.id,
        "state_message": &*state.message,
        "timestamp": state.time.div_euclid(1_000_000_000),
        "monitoring_tool": "kapacitor",
        "data": data,
    });
    let routing_key = filled_in("routingKey", config.or(&options.routing_key, "routing-key"), event)?;
    let url = with_path(config.text("url"), &[config.text("api-key"), &routing_key])?;
    Ok(Request::json(url, body, &[200]))
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send, series};

    #[test]
    fn incidents_are_opened_and_resolved() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = |json_data: bool| json!({"enabled": true, "url": sink.url("/vo"), "api-key": "key", "routing-key": "team", "json-data": json_data});
        let texts = host(&[("victorops", section(false))]);
        assert_eq!(send(&texts, "victorops", json!({}), Level::Critical), Outcome::Done);
        let objects = host(&[("victorops", section(true))]);
        assert_eq!(send(&objects, "victorops", json!({"routing-key": "a b"}), Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!((got[0].path.as_str(), got[1].path.as_str()), ("/vo/key/team", "/vo/key/a%20b"));
        assert_eq!(
            got[0].json(),
            json!({"message_type": "CRITICAL", "entity_id": "svc/web-1", "state_message": "svc/web-1 is CRITICAL",
                "timestamp": 1_609_502_430, "monitoring_tool": "kapacitor",
                "data": json!({"series": [series()]}).to_string()})
        );
        assert_eq!(got[1].json()["message_type"], "RECOVERY");
        assert_eq!(got[1].json()["data"], json!({"series": [series()]}));
    }
}
