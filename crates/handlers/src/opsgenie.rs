//! `opsgenie`: alerts by version 1 of OpsGenie's API.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::{Value as Json, json};

use crate::http::{Posting, Request};
use crate::render::{all_filled_in, check_template};
use crate::{AlertHost, Configs};

const NAME: &str = "opsgenie";

/// The kind `opsgenie`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("opsGenie")
    .ready(Options::ready)
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    teams: Vec<String>,
    recipients: Vec<String>,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Open alerts at OpsGenie, by version 1 of its API. What is left out is taken from the config.")
            .property("teams", "The teams that are told, templates.", |d| &mut d.teams)
            .key("teams-list")
            .property("recipients", "The users that are told, templates.", |d| &mut d.recipients)
            .key("recipients-list")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).opsGenie().teams('ops')")
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        let named = |option, all: &[String]| all.iter().try_for_each(|one| check_template(option, one));
        named("teams", &self.teams)?;
        named("recipients", &self.recipients)
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let state = &event.state;
    let recovers = state.level == Level::Ok;
    let mut body = json!({
        "apiKey": config.text("api-key"),
        "entity": &*state.id,
        "alias": &*state.id,
        "message": &*state.message,
        "note": if recovers { &*state.message } else { "" },
        "monitoring_tool": "kapacitor",
        "description": event.data.result_json(),
        "details": {
            "Level": if recovers { "RECOVERY" } else { state.level.name() },
            "Monitoring Tool": "Kapacitor",
        },
    });
    for (key, names) in [
        ("teams", all_filled_in("teams", &config.or_texts(&options.teams, "teams"), event)?),
        ("recipients", all_filled_in("recipients", &config.or_texts(&options.recipients, "recipients"), event)?),
    ] {
        if !names.is_empty() {
            body[key] = Json::from(names);
        }
    }
    let url = config.text(if recovers { "recovery_url" } else { "url" });
    Ok(Request::json(format!("{url}/"), body, &[200]))
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send, series};

    #[test]
    fn alerts_are_opened_and_noted() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "url": sink.url("/og"), "recovery_url": sink.url("/og/close"),
            "api-key": "k", "teams": ["t1"], "recipients": null});
        let host = host(&[("opsgenie", section)]);
        assert_eq!(send(&host, "opsgenie", json!({}), Level::Info), Outcome::Done);
        let options = json!({"teams-list": ["a"], "recipients-list": ["b"]});
        assert_eq!(send(&host, "opsgenie", options, Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!((got[0].path.as_str(), got[1].path.as_str()), ("/og/", "/og/close/"));
        assert_eq!(
            got[0].json(),
            json!({"apiKey": "k", "entity": "svc/web-1", "alias": "svc/web-1", "message": "svc/web-1 is INFO",
                "note": "", "monitoring_tool": "kapacitor", "teams": ["t1"],
                "description": json!({"series": [series()]}).to_string(),
                "details": {"Level": "INFO", "Monitoring Tool": "Kapacitor"}})
        );
        let second = got[1].json();
        assert_eq!((&second["note"], &second["details"]["Level"]), (&json!("svc/web-1 is OK"), &json!("RECOVERY")));
        assert_eq!((&second["teams"], &second["recipients"]), (&json!(["a"]), &json!(["b"])));
    }
}
