//! `ntfy`: a notification to who has subscribed to a topic of an ntfy server.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared, Setting};
use serde_json::{Value as Json, json};

use crate::http::{Posting, Request};
use crate::render::{all_filled_in, check_template, check_templates, filled_in};
use crate::tls::Tls;
use crate::{AlertHost, Configs};

const NAME: &str = "ntfy";

/// The kind `ntfy`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("ntfy")
    .ready(Options::ready)
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    topic: Vec<String>,
    server: String,
    title: String,
    priority: i64,
    tags: Vec<String>,
    click: String,
    icon: String,
    email: String,
    markdown: bool,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Notify who has subscribed to a topic of ntfy. What is left out is taken from the config.")
            .variadic("topic", "The topic, a template.", |d| &mut d.topic)
            .method("topic", "value string", "The topic, a template.", |d, arguments| {
                d.topic = vec![Setting::from_argument(&arguments[0])?];
                Ok(())
            })
            .hidden()
            .property("server", "The [[ntfy]] section of the config to use.", |d| &mut d.server)
            .default_text("the default section")
            .property("title", "The title, a template.", |d| &mut d.title)
            .default_text("{{ .ID }}")
            .property("priority", "From 1, the least, to 5.", |d| &mut d.priority)
            .default_text("5 for CRITICAL, 4 for WARNING, else 3")
            .property("tags", "Words or names of emojis, templates.", |d| &mut d.tags)
            .default_text("an emoji for the level")
            .property("click", "What opens when the notification is clicked: a URL, a template.", |d| &mut d.click)
            .property("icon", "The URL of a picture, a template.", |d| &mut d.icon)
            .property("email", "An address that gets it as a mail, too, a template.", |d| &mut d.email)
            .flag("markdown", "The message is Markdown.", |d| &mut d.markdown)
            .example(
                "stream|from().measurement('cpu').groupBy('host')|alert().crit(lambda: TRUE)\
                 .ntfy('ops').click('https://example.com/{{ index .Tags \"host\" }}')",
            )
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        if !(0..=5).contains(&self.priority) {
            return Err(format!("priority must be from 1 to 5, got {}", self.priority));
        }
        self.tags.iter().try_for_each(|tag| check_template("tags", tag))?;
        self.topic.iter().try_for_each(|topic| check_template("topic", topic))?;
        check_templates([("title", &self.title), ("click", &self.click), ("icon", &self.icon), ("email", &self.email)])
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.chosen(NAME, "name", &options.server)?;
    let given = options.topic.first().map_or("", String::as_str);
    let topic = filled_in("topic", config.or(given, "topic"), event)?;
    if topic.is_empty() {
        return Err("missing topic: say .ntfy('TOPIC'), or set topic in [[ntfy]] of the config".to_string());
    }
    let (priority, emoji) = match event.state.level {
        Level::Critical => (5, "rotating_light"),
        Level::Warning => (4, "warning"),
        Level::Info => (3, "information_source"),
        Level::Ok => (3, "white_check_mark"),
    };
    let title = if options.title.is_empty() { "{{ .ID }}" } else { &options.title };
    let tags =
        if options.tags.is_empty() { vec![emoji.to_string()] } else { all_filled_in("tags", &options.tags, event)? };
    let mut body = json!({
        "topic": topic,
        "title": filled_in("title", title, event)?,
        "message": &*event.state.message,
        "priority": if options.priority == 0 { priority } else { options.priority },
        "tags": tags,
    });
    for (key, template) in [("click", &options.click), ("icon", &options.icon), ("email", &options.email)] {
        let text = filled_in(key, template, event)?;
        if !text.is_empty() {
            body[key] = Json::from(text);
        }
    }
    if options.markdown {
        body["markdown"] = Json::from(true);
    }
    let request = Request::json(config.text("url"), body, &[200]).tls(Tls::of(config));
    Ok(match config.text("token") {
        "" => request.basic_auth(config.text("username"), config.text("password")),
        token => request.header("Authorization", format!("Bearer {token}")),
    })
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, open, send};

    #[test]
    fn notifications_go_to_the_topic() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "name": "main", "url": sink.url("/"), "topic": "all",
            "username": "u", "password": "p"});
        let host = host(&[("ntfy", section)]);
        assert_eq!(send(&host, "ntfy", json!({}), Level::Critical), Outcome::Done);
        let options = json!({"topic": ["{{ index .Tags \"dc\" }}"], "title": "{{ .Level }}", "priority": 1,
            "tags": ["{{ .Name }}"], "click": "http://x/{{ .TaskName }}", "markdown": true});
        assert_eq!(send(&host, "ntfy", options, Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!((got[0].path.as_str(), got[0].header("authorization")), ("/", Some("Basic dTpw")));
        assert_eq!(
            got[0].json(),
            json!({"topic": "all", "title": "svc/web-1", "message": "svc/web-1 is CRITICAL", "priority": 5,
                "tags": ["rotating_light"]})
        );
        assert_eq!(
            got[1].json(),
            json!({"topic": "fra", "title": "OK", "message": "svc/web-1 is OK", "priority": 1, "tags": ["svc"],
                "click": "http://x/hnd", "markdown": true})
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let section = json!({"enabled": true, "name": "main", "url": "http://127.0.0.1:1"});
        let host = host(&[("ntfy", section)]);
        let outcome = send(&host, "ntfy", json!({}), Level::Info);
        assert!(matches!(&outcome, Outcome::GiveUp(why) if why.contains("missing topic")), "{outcome:?}");
        for options in [json!({"priority": 6}), json!({"topic": ["{{ .ID"]}), json!({"click": "{{ end }}"})] {
            assert!(open(&crate::kinds(&host), "ntfy", options.clone()).is_err(), "{options}");
        }
    }
}
