//! `pushover`: a notification on phones.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};

use crate::http::{Body, Posting, Request};
use crate::render::{check_templates, filled_in};
use crate::{AlertHost, Configs};

const NAME: &str = "pushover";

/// The kind `pushover`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("pushover")
    .ready(Options::ready)
    .build()
}

#[derive(Clone, Default)]
struct Options {
    user_key: String,
    device: String,
    title: String,
    url: String,
    url_title: String,
    sound: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Notify phones by Pushover.")
            .property("userKey", "The user or group, a template.", |d| &mut d.user_key)
            .default_text("that of the config")
            .key("user-key")
            .secret()
            .property("device", "The devices, separated by commas.", |d| &mut d.device)
            .default_text("all devices of the user")
            .property("title", "The title of the notification, a template.", |d| &mut d.title)
            .property("URL", "A link that is shown, a template.", |d| &mut d.url)
            .key("url")
            .property("URLTitle", "The text of the link.", |d| &mut d.url_title)
            .key("url-title")
            .property("sound", "The sound to make.", |d| &mut d.sound)
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).pushover().sound('siren')")
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        check_templates([("userKey", &self.user_key), ("title", &self.title), ("URL", &self.url)])
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let priority = match event.state.level {
        Level::Ok => "-2",
        Level::Info => "-1",
        Level::Warning => "0",
        Level::Critical => "1",
    };
    let user = filled_in("userKey", config.or(&options.user_key, "user-key"), event)?;
    let title = filled_in("title", &options.title, event)?;
    let url = filled_in("URL", &options.url, event)?;
    let optional = [
        ("device", &options.device),
        ("sound", &options.sound),
        ("title", &title),
        ("url", &url),
        ("url_title", &options.url_title),
    ];
    let always =
        [("message", &*event.state.message), ("priority", priority), ("token", config.text("token")), ("user", &user)];
    let given = optional.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (*key, value.as_str()));
    let mut form: Vec<(&'static str, String)> =
        given.chain(always).map(|(key, value)| (key, value.to_string())).collect();
    form.sort();
    Ok(Request { success: &[200], ..Request::new(config.text("url"), Body::Form(form)) })
}

#[cfg(test)]
mod tests {
    use alert::Outcome;
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn forms_have_what_is_given() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "url": sink.url("/push"), "token": "tok", "user-key": "user"});
        let host = host(&[("pushover", section)]);
        assert_eq!(send(&host, "pushover", json!({}), Level::Critical), Outcome::Done);
        let options = json!({"user-key": "other", "device": "phone", "title": "T & ü", "url": "http://x.test/?a=b",
            "url-title": "link", "sound": "siren"});
        assert_eq!(send(&host, "pushover", options, Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!(got[0].body, "message=svc%2Fweb-1+is+CRITICAL&priority=1&token=tok&user=user");
        assert_eq!(
            got[1].body,
            "device=phone&message=svc%2Fweb-1+is+OK&priority=-2&sound=siren&title=T+%26+%C3%BC&token=tok\
             &url=http%3A%2F%2Fx.test%2F%3Fa%3Db&url_title=link&user=other"
        );
    }
}
