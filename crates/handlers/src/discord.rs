//! `discord`: a message by webhook, of one of several workspaces.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::json;

use crate::http::{Posting, Request};
use crate::render::{check_templates, filled_in, render, template};
use crate::tls::Tls;
use crate::{AlertHost, Configs};

const NAME: &str = "discord";

/// The kind `discord`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("discord")
    .ready(|options| check_templates([("username", &options.username), ("embed-title", &options.embed_title)]))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    workspace: String,
    username: String,
    avatar_url: String,
    embed_title: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to a channel of Discord. What is left out is taken from the config.")
            .property("workspace", "The [[discord]] section of the config to use.", |d| &mut d.workspace)
            .default_text("the default section")
            .property("username", "Who seems to send it, a template.", |d| &mut d.username)
            .property("avatarURL", "The picture of who seems to send it.", |d| &mut d.avatar_url)
            .key("avatar-url")
            .property("embedTitle", "The title of the message, a template.", |d| &mut d.embed_title)
            .key("embed-title")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).discord().username('Kapacitor')")
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.chosen(NAME, "workspace", &options.workspace)?;
    let title = template(NAME, "embed-title", config.or(&options.embed_title, "embed-title"));
    let title = render(&title.map_err(|why| why.to_string())?, &event.template_data())?;
    let color = match event.state.level {
        Level::Critical => 0x00F9_5F53,
        Level::Warning => 0x00F4_8D38,
        Level::Ok | Level::Info => 0x007A_65F2,
    };
    let time = if config.bool("timestamp") { seconds(event.state.time) } else { String::new() };
    let body = json!({
        "username": filled_in("username", config.or(&options.username, "username"), event)?,
        "avatar_url": config.or(&options.avatar_url, "avatar-url"),
        "embeds": [{"color": color, "title": title, "description": &*event.state.message, "timestamp": time}],
    });
    Ok(Request::json(config.text("url"), body, &[204]).tls(Tls::of(config)))
}

/// A time without the fraction of its second.
fn seconds(time: model::Time) -> String {
    let mut out = String::new();
    model::write_rfc3339(time - time.rem_euclid(1_000_000_000), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn messages_have_color_title_and_time() {
        let sink = HttpSink::start(vec![Answer::code(204)]);
        let section = json!({"enabled": true, "default": true, "url": sink.url("/guild"), "timestamp": true,
            "username": "Kapa", "embed-title": "Alert {{ .ID }}"});
        let host = host(&[("discord", section)]);
        assert_eq!(send(&host, "discord", json!({}), Level::Warning), Outcome::Done);
        assert_eq!(send(&host, "discord", json!({"embed-title": "T {{ .Level }}"}), Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!(
            got[0].json(),
            json!({"username": "Kapa", "avatar_url": "", "embeds": [{"color": 16_026_936, "title": "Alert svc/web-1",
                "description": "svc/web-1 is WARNING", "timestamp": "2021-01-01T12:00:30Z"}]})
        );
        assert_eq!(got[1].json()["embeds"][0]["title"], "T OK");
        assert_eq!(got[1].json()["embeds"][0]["color"], 8_021_490);
    }
}
