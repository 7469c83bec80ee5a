//! `teams`: a card in a channel of Microsoft Teams.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::json;

use crate::http::{Posting, Request};
use crate::render::{check_template, cut, filled_in};
use crate::{AlertHost, Configs};

const NAME: &str = "teams";
const LONGEST_SUMMARY: usize = 70;

/// The kind `teams`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("teams")
    .ready(|options| check_template("channelURL", &options.channel_url))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    channel_url: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to a channel of Microsoft Teams.")
            .property("channelURL", "The webhook of the channel, a template.", |d| &mut d.channel_url)
            .default_text("that of the config")
            .key("channel-url")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).teams()")
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let (level, message) = (event.state.level, &*event.state.message);
    let title = match (&*event.state.id, &*event.topic) {
        ("", "") => level.to_string(),
        ("", topic) => format!("{level}: [{topic}]"),
        (id, _) => format!("{level}: [{id}]"),
    };
    let summary = format!("{title} - {message}");
    let color = match level {
        Level::Critical => "CC4A31",
        Level::Warning => "FFA533",
        Level::Ok | Level::Info => "34CC25",
    };
    let body = json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "title": title,
        "text": message,
        "summary": format!("{}...", cut(&summary, LONGEST_SUMMARY)),
        "themeColor": color,
    });
    let url = filled_in("channelURL", config.or(&options.channel_url, "channel-url"), event)?;
    Ok(Request::json(url, body, &[200, 204]))
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn cards_go_to_the_channel() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let host = host(&[("teams", json!({"enabled": true, "channel-url": sink.url("/conf")}))]);
        assert_eq!(send(&host, "teams", json!({}), Level::Critical), Outcome::Done);
        assert_eq!(send(&host, "teams", json!({"channel-url": sink.url("/own")}), Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!((got[0].path.as_str(), got[1].path.as_str()), ("/conf", "/own"));
        assert_eq!(
            got[0].json(),
            json!({"@type": "MessageCard", "@context": "http://schema.org/extensions",
                "title": "CRITICAL: [svc/web-1]", "text": "svc/web-1 is CRITICAL",
                "summary": "CRITICAL: [svc/web-1] - svc/web-1 is CRITICAL...", "themeColor": "CC4A31"})
        );
    }
}
