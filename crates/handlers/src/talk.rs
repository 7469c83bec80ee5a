//! `talk`: a message by webhook of Talk.

use std::sync::Arc;

use alert::{Event, Kind};
use declare::{Declaration, Declared};
use serde_json::json;

use crate::http::{Posting, Request};
use crate::{AlertHost, Configs};

const NAME: &str = "talk";

/// The kind `talk`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |_: Options, _| Ok(Posting::boxed(&host, request))).method("talk").build()
}

#[derive(Clone, Default)]
struct Options;

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to Talk.")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).talk()")
    }
}

fn request(configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let state = &event.state;
    let body = json!({"title": &*state.id, "text": &*state.message, "authorName": config.text("author_name")});
    Ok(Request::json(config.text("url"), body, &[200]))
}

#[cfg(test)]
mod tests {
    use alert::{Level, Outcome};

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn messages_have_title_and_author() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let host = host(&[("talk", json!({"enabled": true, "url": sink.url("/talk"), "author_name": "Kapa"}))]);
        assert_eq!(send(&host, "talk", json!({}), Level::Info), Outcome::Done);
        let want = json!({"title": "svc/web-1", "text": "svc/web-1 is INFO", "authorName": "Kapa"});
        assert_eq!(sink.requests()[0].json(), want);
    }
}
