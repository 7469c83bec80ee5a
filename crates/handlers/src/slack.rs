//! `slack`: a message to a channel, by webhook or app, of one of several workspaces.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::json;

use crate::http::{Posting, Request};
use crate::render::{check_templates, filled_in};
use crate::tls::Tls;
use crate::{AlertHost, Configs};

const NAME: &str = "slack";

/// The kind `slack`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("slack")
    .ready(Options::ready)
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    workspace: String,
    channel: String,
    username: String,
    icon_emoji: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to a channel of Slack. What is left out is taken from the config.")
            .property("workspace", "The [[slack]] section of the config to use.", |d| &mut d.workspace)
            .default_text("the default section")
            .property("channel", "The channel, or a user: #alerts, @bob. A template.", |d| &mut d.channel)
            .property("username", "Who seems to send it, a template.", |d| &mut d.username)
            .property("iconEmoji", "The picture of who seems to send it: :fire:.", |d| &mut d.icon_emoji)
            .key("icon-emoji")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).slack().channel('#alerts')")
            .example(
                "stream|from().measurement('cpu').groupBy('team')|alert().crit(lambda: TRUE)\
                 .slack().channel('#{{ index .Tags \"team\" }}')",
            )
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        check_templates([("channel", &self.channel), ("username", &self.username)])
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.chosen(NAME, "workspace", &options.workspace)?;
    let message = &*event.state.message;
    let color = match event.state.level {
        Level::Ok | Level::Info => "good",
        Level::Warning => "warning",
        Level::Critical => "danger",
    };
    let body = json!({
        "channel": filled_in("channel", config.or(&options.channel, "channel"), event)?,
        "username": filled_in("username", config.or(&options.username, "username"), event)?,
        "icon_emoji": config.or(&options.icon_emoji, "icon-emoji"),
        "text": "",
        "attachments": [{"fallback": message, "color": color, "text": message, "mrkdwn_in": ["text"]}],
    });
    let mut request = Request::json(config.text("url"), body, &[200]).tls(Tls::of(config));
    if !config.text("token").is_empty() {
        request = request.header("Authorization", format!("Bearer {}", config.text("token")));
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use alert::{Global, Outcome};

    use super::*;
    use crate::testing::{Answer, HttpSink, host, open, send};

    #[test]
    fn messages_go_to_the_workspace() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let sections = json!([
            {"enabled": true, "default": true, "workspace": "one", "url": sink.url("/one"), "channel": "#alerts",
             "username": "kapa", "icon-emoji": ":dog:", "global": true, "state-changes-only": true},
            {"enabled": true, "workspace": "two", "url": sink.url("/two"), "channel": "@bob", "token": "xoxb-1"},
        ]);
        let host = host(&[("slack", sections)]);
        assert_eq!(send(&host, "slack", json!({}), Level::Critical), Outcome::Done);
        let options = json!({"workspace": "two", "channel": "#two", "username": "deux", "icon-emoji": ":x:"});
        assert_eq!(send(&host, "slack", options, Level::Info), Outcome::Done);
        let got = sink.requests();
        assert_eq!(
            got[0].json(),
            json!({"channel": "#alerts", "username": "kapa", "icon_emoji": ":dog:", "text": "", "attachments": [
                {"fallback": "svc/web-1 is CRITICAL", "color": "danger", "text": "svc/web-1 is CRITICAL",
                 "mrkdwn_in": ["text"]}]})
        );
        assert_eq!((got[0].path.as_str(), got[0].header("authorization")), ("/one", None));
        assert_eq!((got[1].path.as_str(), got[1].header("authorization")), ("/two", Some("Bearer xoxb-1")));
        assert_eq!(got[1].json()["channel"], "#two");
        assert_eq!(got[1].json()["attachments"][0]["color"], "good");
        assert_eq!(send(&host, "slack", json!({"channel": "#{{ index .Tags \"dc\" }}"}), Level::Ok), Outcome::Done);
        assert_eq!(sink.requests()[2].json()["channel"], "#fra");
        assert!(open(&crate::kinds(&host), "slack", json!({"channel": "#{{ .Tags"})).is_err());
        let unknown = send(&host, "slack", json!({"workspace": "three"}), Level::Info);
        assert!(matches!(unknown, Outcome::GiveUp(_)), "{unknown:?}");
        let global = crate::kinds(&host).by_name("slack").unwrap().global();
        assert_eq!(global, Some(Global { state_changes_only: true }));
    }

    #[test]
    fn without_config_events_are_given_up() {
        let outcome = send(&host(&[("slack", json!({"enabled": false}))]), "slack", json!({}), Level::Info);
        assert!(matches!(&outcome, Outcome::GiveUp(why) if why.contains("not enabled")), "{outcome:?}");
    }
}
