//! `opsgenie2`: alerts by version 2 of OpsGenie's API.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::{Map, Value as Json, json};

use crate::http::{Posting, Request};
use crate::render::{all_filled_in, check_template, with_path};
use crate::{AlertHost, Configs, Section};

const NAME: &str = "opsgenie2";

/// The kind `opsgenie2`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("opsGenie2")
    .ready(Options::ready)
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    teams: Vec<String>,
    recipients: Vec<String>,
    recovery_action: String,
    details: bool,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Open and close alerts at OpsGenie. What is left out is taken from the config.")
            .property("teams", "The teams that are told, templates.", |d| &mut d.teams)
            .key("teams-list")
            .property("recipients", "The users that are told, templates.", |d| &mut d.recipients)
            .key("recipients-list")
            .property("recoveryAction", "What to do when all is well again: notes or close.", |d| {
                &mut d.recovery_action
            })
            .key("recovery_action")
            .choices(&["notes", "close"])
            .flag("details", "Describe the alert by its details, not by the rows that raised it.", |d| &mut d.details)
            .example(
                "stream|from().measurement('cpu')|alert().crit(lambda: TRUE)\
                 .opsGenie2().teams('ops').recoveryAction('close')",
            )
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
    let alias = base64url(event.state.id.as_bytes());
    let request = if event.state.level == Level::Ok {
        let url = with_path(config.text("url"), &[&alias, recovery_action(options, config)])?;
        let mut url = reqwest::Url::parse(&url).map_err(|why| format!("the URL is not valid: {why}"))?;
        url.set_query(Some("identifierType=alias"));
        Request::json(url, json!({"note": &*event.state.message}), &[202])
    } else {
        Request::json(config.text("url"), opening(options, config, &alias, event)?, &[202])
    };
    Ok(request.header("Authorization", format!("GenieKey {}", config.text("api-key"))))
}

fn opening(options: &Options, config: &Section, alias: &str, event: &Event) -> Result<Json, String> {
    let state = &event.state;
    let priority = match state.level {
        Level::Critical => "P1",
        Level::Warning => "P3",
        Level::Ok | Level::Info => "P5",
    };
    let described = (options.details || config.bool("details")) && !state.details.is_empty();
    let mut body = json!({
        "message": &*state.message,
        "alias": alias,
        "description": if described { state.details.to_string() } else { event.data.result_json() },
        "details": details(event),
        "entity": &*state.id,
        "note": "",
        "priority": priority,
    });
    let teams = all_filled_in("teams", &config.or_texts(&options.teams, "teams"), event)?;
    let recipients = all_filled_in("recipients", &config.or_texts(&options.recipients, "recipients"), event)?;
    let teams = teams.into_iter().map(|name| json!({"name": name, "type": "team"}));
    let users = recipients.into_iter().map(|name| json!({"username": name, "type": "user"}));
    let responders: Vec<Json> = teams.chain(users).collect();
    if !responders.is_empty() {
        body["responders"] = Json::from(responders);
    }
    Ok(body)
}

/// Texts that alerts are found by: level and tags.
fn details(event: &Event) -> Map<String, Json> {
    let mut details = Map::new();
    details.insert("Monitoring Tool".into(), "Kapacitor".into());
    details.insert("Level".into(), event.state.level.name().into());
    if !event.data.series.is_empty() {
        details.extend(event.data.tags.iter().map(|(key, value)| (key.to_string(), Json::from(&**value))));
        // The measurement: what other programs have read under this name ever since.
        details.insert("Kapacitor Task Name".into(), Json::from(&*event.data.name));
    }
    details
}

fn recovery_action<'a>(options: &'a Options, config: &'a Section) -> &'a str {
    let known = |action: &&str| matches!(*action, "notes" | "close");
    let wanted = [options.recovery_action.as_str(), config.text("recovery_action")];
    wanted.into_iter().find(known).unwrap_or("notes")
}

/// Base64 for URLs, with padding.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send, series};

    #[test]
    fn ids_become_aliases() {
        for (id, alias) in [("svc/web-1", "c3ZjL3dlYi0x"), ("", ""), ("a", "YQ=="), ("ab", "YWI="), ("ü?>", "w7w_Pg==")]
        {
            assert_eq!(base64url(id.as_bytes()), alias);
        }
    }

    #[test]
    fn alerts_are_opened_and_closed() {
        let sink = HttpSink::start(vec![Answer::code(202)]);
        let section = json!({"enabled": true, "url": sink.url("/v2/alerts"), "api-key": "k", "teams": ["t1"],
            "recipients": ["r1"], "recovery_action": "notes"});
        let host = host(&[("opsgenie2", section)]);
        assert_eq!(send(&host, "opsgenie2", json!({}), Level::Warning), Outcome::Done);
        let options = json!({"recovery_action": "close"});
        for options in [json!({}), options, json!({"recovery_action": "dance"})] {
            assert_eq!(send(&host, "opsgenie2", options, Level::Ok), Outcome::Done);
        }
        let got = sink.requests();
        assert_eq!(
            got[0].json(),
            json!({"message": "svc/web-1 is WARNING", "alias": "c3ZjL3dlYi0x",
                "description": json!({"series": [series()]}).to_string(), "entity": "svc/web-1", "note": "",
                "priority": "P3", "details": {"Monitoring Tool": "Kapacitor", "Level": "WARNING", "dc": "fra",
                    "host": "web-1", "Kapacitor Task Name": "svc"},
                "responders": [{"name": "t1", "type": "team"}, {"username": "r1", "type": "user"}]})
        );
        assert_eq!(got[0].header("authorization"), Some("GenieKey k"));
        let paths: Vec<_> = got[1..].iter().map(|got| got.path.as_str()).collect();
        let path = |action| format!("/v2/alerts/c3ZjL3dlYi0x/{action}");
        assert_eq!(paths, [path("notes"), path("close"), path("notes")]);
        assert_eq!(
            (got[1].query.as_str(), got[1].json()),
            ("identifierType=alias", json!({"note": "svc/web-1 is OK"}))
        );
    }
}
