//! `hipchat`: a notification in a room.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::json;

use crate::http::{Posting, Request};
use crate::render::{check_template, filled_in, with_path};
use crate::{AlertHost, Configs};

const NAME: &str = "hipchat";

/// The kind `hipchat`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("hipChat")
    .ready(|options| check_template("room", &options.room))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    room: String,
    token: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Notify a room of HipChat. What is left out is taken from the config.")
            .property("room", "The room, a template.", |d| &mut d.room)
            .property("token", "The token of the room.", |d| &mut d.token)
            .secret()
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).hipChat().room('alerts')")
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let color = match event.state.level {
        Level::Ok | Level::Info => "green",
        Level::Warning => "yellow",
        Level::Critical => "red",
    };
    let body = json!({"from": "kapacitor", "color": color, "message": &*event.state.message, "notify": true});
    let room = filled_in("room", config.or(&options.room, "room"), event)?;
    let url = with_path(config.text("url"), &[&room, "notification"])?;
    let mut url = reqwest::Url::parse(&url).map_err(|why| format!("the URL is not valid: {why}"))?;
    url.query_pairs_mut().clear().append_pair("auth_token", config.or(&options.token, "token"));
    Ok(Request::json(url, body, &[200, 204]))
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn rooms_are_notified() {
        let sink = HttpSink::start(vec![Answer::code(204)]);
        let section = json!({"enabled": true, "url": sink.url("/v2/room"), "room": "conf room", "token": "t0"});
        let host = host(&[("hipchat", section)]);
        assert_eq!(send(&host, "hipchat", json!({}), Level::Warning), Outcome::Done);
        assert_eq!(send(&host, "hipchat", json!({"room": "Other", "token": "t1"}), Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!(
            (got[0].path.as_str(), got[0].query.as_str()),
            ("/v2/room/conf%20room/notification", "auth_token=t0")
        );
        assert_eq!(
            got[0].json(),
            json!({"from": "kapacitor", "color": "yellow", "message": "svc/web-1 is WARNING", "notify": true})
        );
        assert_eq!((got[1].path.as_str(), got[1].query.as_str()), ("/v2/room/Other/notification", "auth_token=t1"));
    }
}
