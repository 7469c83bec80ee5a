//! `telegram`: a message of a bot to a chat.

use std::sync::Arc;

use alert::{Event, Kind};
use declare::{Declaration, Declared};
use serde_json::{Value as Json, json};

use crate::http::{Posting, Request};
use crate::render::{check_template, filled_in};
use crate::{AlertHost, Configs};

const NAME: &str = "telegram";

/// The kind `telegram`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        Ok(Posting::boxed(&host, move |configs, event| request(&options, configs, event)))
    })
    .method("telegram")
    .ready(|options| check_template("chatId", &options.chat_id))
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    chat_id: String,
    parse_mode: String,
    disable_web_page_preview: bool,
    disable_notification: bool,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to a chat of Telegram. What is left out is taken from the config.")
            .property("chatId", "The chat, a template.", |d| &mut d.chat_id)
            .key("chat-id")
            .property("parseMode", "How the message is written: Markdown or HTML.", |d| &mut d.parse_mode)
            .key("parse-mode")
            .flag("disableWebPagePreview", "Show no preview of links.", |d| &mut d.disable_web_page_preview)
            .key("disable-web-page-preview")
            .flag("disableNotification", "Make no sound.", |d| &mut d.disable_notification)
            .key("disable-notification")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).telegram().chatId('77')")
    }
}

fn request(options: &Options, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.enabled(NAME)?;
    let mode = config.or(&options.parse_mode, "parse-mode");
    if !["", "markdown", "html"].contains(&mode.to_lowercase().as_str()) {
        return Err(format!("parseMode {mode} is not valid, it is Markdown or HTML"));
    }
    let mut body = json!({
        "chat_id": filled_in("chatId", config.or(&options.chat_id, "chat-id"), event)?,
        "text": &*event.state.message,
    });
    if !mode.is_empty() {
        body["parse_mode"] = Json::from(mode);
    }
    if options.disable_web_page_preview || config.bool("disable-web-page-preview") {
        body["disable_web_page_preview"] = Json::from(true);
    }
    if options.disable_notification || config.bool("disable-notification") {
        body["disable_notification"] = Json::from(true);
    }
    let url = format!("{}{}/sendMessage", config.text("url"), config.text("token"));
    Ok(Request::json(url, body, &[200]))
}

#[cfg(test)]
mod tests {
    use alert::{Level, Outcome};

    use super::*;
    use crate::testing::{Answer, HttpSink, host, send};

    #[test]
    fn messages_go_to_the_chat() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "url": sink.url("/bot"), "token": "12:AB", "chat-id": "-100"});
        let host = host(&[("telegram", section)]);
        assert_eq!(send(&host, "telegram", json!({}), Level::Info), Outcome::Done);
        let options = json!({"chat-id": "7", "parse-mode": "HTML", "disable-notification": true,
            "disable-web-page-preview": true});
        assert_eq!(send(&host, "telegram", options, Level::Info), Outcome::Done);
        let got = sink.requests();
        assert_eq!(got[0].path, "/bot12:AB/sendMessage");
        assert_eq!(got[0].json(), json!({"chat_id": "-100", "text": "svc/web-1 is INFO"}));
        assert_eq!(
            got[1].json(),
            json!({"chat_id": "7", "text": "svc/web-1 is INFO", "parse_mode": "HTML",
                "disable_web_page_preview": true, "disable_notification": true})
        );
        let wrong = send(&host, "telegram", json!({"parse-mode": "TeX"}), Level::Info);
        assert!(matches!(wrong, Outcome::GiveUp(_)), "{wrong:?}");
    }
}
