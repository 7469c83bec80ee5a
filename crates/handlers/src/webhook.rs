//! `webhook`: a request of any form, whose body is a template that stands in the script.

use std::sync::Arc;
use std::time::Duration;

use alert::{Event, Kind, OpenError};
use declare::{Declaration, Declared};
use gotemplate::Template;

use crate::http::{Body, METHODS, Posting, Request, method};
use crate::pairs::Pairs;
use crate::tls::Tls;
use crate::{AlertHost, Configs, Section};

const NAME: &str = "webhook";

/// The kind `webhook`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let invalid = |why| OpenError::Invalid { kind: NAME, why };
        options.section(&host.configs()).map_err(invalid)?;
        Ok(Posting::boxed(&host, move |configs, event| options.request(configs, event)))
    })
    .method("webhook")
    .ready(Options::ready)
    .build()
}

#[derive(Clone, Default)]
struct Options {
    urls: Vec<String>,
    endpoint: String,
    method: String,
    headers: Pairs,
    body: String,
    timeout: Duration,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Send a request for each event. URL, headers and body are templates that see what the event's JSON holds: \
             .ID, .Message, .Details, .Time, .Duration, .Level, .PreviousLevel, .Data.Series; `json` and `jsonCompact` \
             write a value as JSON.",
        )
        .variadic("url", "Where to, a template; left out for that of the config.", |d| &mut d.urls)
        .property(
            "endpoint",
            "The [[webhook]] section of the config to use: its URL, headers, credentials, TLS.",
            |d| &mut d.endpoint,
        )
        .property("httpMethod", "The request's method.", |d| &mut d.method)
        .key("method")
        .choices(&METHODS)
        .default_text("POST")
        .method_json(
            "header",
            "k string, v string",
            "A header of the request, a template; it goes before one of the config.",
            |d, arguments| d.headers.add(arguments),
            |d| d.headers.calls(),
            |d| d.headers.json(),
            |d, json| d.headers.load_texts(json),
        )
        .key("headers")
        .property("body", "The request's body, a template.", |d| &mut d.body)
        .default_text("the event's JSON")
        .property("timeout", "How long to wait for the answer.", |d| &mut d.timeout)
        .default_text("30s")
        .example(
            "stream|from().measurement('cpu')|alert().crit(lambda: TRUE)\
             .webhook('https://example.com/hook').body('{\"text\": {{ json .Message }}, \"level\": \"{{ .Level }}\"}')",
        )
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        method(&self.method)?;
        let headers = self.headers.texts();
        let texts = self.urls.iter().map(|url| ("url", url.as_str())).chain(headers).chain([("body", &*self.body)]);
        texts.into_iter().try_for_each(|(option, source)| parsed(option, source).map(drop))
    }

    /// The section of the config that is meant, if one is.
    fn section<'a>(&self, configs: &'a Configs) -> Result<Option<&'a Section>, String> {
        if self.endpoint.is_empty() && !self.urls.is_empty() {
            return Ok(None);
        }
        configs.chosen(NAME, "name", &self.endpoint).map(Some)
    }

    fn request(&self, configs: &Configs, event: &Event) -> Result<Request, String> {
        let section = self.section(configs)?;
        let text = |key: &str| section.map_or("", |section| section.text(key));
        let data = event.wire_template_data();
        let filled = |option: &str, source: &str| {
            parsed(option, source)?.execute(&data).map_err(|why| format!("{option}: {why}"))
        };
        let url = self.urls.first().map_or_else(|| text("url"), String::as_str);
        let body = if self.body.is_empty() { text("body") } else { &self.body };
        let body = if body.is_empty() { event.json() + "\n" } else { filled("body", body)? };
        let mut headers = vec![("Content-Type".to_string(), "application/json".to_string())];
        let fixed = section.map(|section| section.table("headers")).unwrap_or_default();
        headers.extend(fixed);
        for (name, value) in self.headers.texts() {
            headers.push((name.to_string(), filled(name, value)?));
        }
        if !text("token").is_empty() {
            headers.push(("Authorization".to_string(), format!("Bearer {}", text("token"))));
        }
        let wanted = if self.method.is_empty() { text("method") } else { &self.method };
        let request = Request {
            method: method(wanted)?,
            headers,
            timeout: Some(self.timeout),
            tls: section.map(Tls::of).unwrap_or_default(),
            ..Request::new(filled("url", url)?, Body::Text(body))
        };
        Ok(request.basic_auth(text("username"), text("password")))
    }
}

fn parsed(option: &str, source: &str) -> Result<Template, String> {
    Template::text_with_json(option, source).map_err(|why| format!("{option}: {why}"))
}

#[cfg(test)]
mod tests {
    use alert::{Level, Outcome};
    use serde_json::json;

    use crate::testing::{Answer, HttpSink, event, host, open, send};

    #[test]
    fn the_script_says_how_the_request_looks() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "name": "chat", "url": sink.url("/chat"), "token": "t0",
            "headers": {"X-From": "config", "X-Team": "ops"}, "body": "from the config: {{ .ID }}"});
        let host = host(&[("webhook", section)]);
        let options = json!({"url": [sink.url("/{{ .Level }}")], "method": "PUT", "headers": {"X-Id": "{{ .ID }}"},
            "body": "{\"text\": {{ json .Message }}, \"was\": \"{{ .PreviousLevel }}\"}", "timeout": "5s"});
        assert_eq!(send(&host, "webhook", options, Level::Warning), Outcome::Done);
        assert_eq!(send(&host, "webhook", json!({"headers": {"X-From": "script"}}), Level::Ok), Outcome::Done);
        assert_eq!(send(&host, "webhook", json!({"url": [sink.url("/plain")]}), Level::Ok), Outcome::Done);
        let got = sink.requests();
        assert_eq!((got[0].method.as_str(), got[0].path.as_str()), ("PUT", "/WARNING"));
        assert_eq!(got[0].json(), json!({"text": "svc/web-1 is WARNING", "was": "INFO"}));
        assert_eq!(
            (got[0].header("x-id"), got[0].header("content-type")),
            (Some("svc/web-1"), Some("application/json"))
        );
        assert_eq!((got[1].method.as_str(), got[1].body.as_str()), ("POST", "from the config: svc/web-1"));
        assert_eq!((got[1].header("x-from"), got[1].header("x-team")), (Some("script"), Some("ops")));
        assert_eq!(got[1].header("authorization"), Some("Bearer t0"));
        assert_eq!(
            (got[2].body.as_str(), got[2].header("authorization")),
            ((event(Level::Ok).json() + "\n").as_str(), None)
        );
    }

    #[test]
    fn what_is_wrong_is_told_when_it_is_opened() {
        for (options, want) in [
            (json!({}), "service is not enabled"),
            (json!({"endpoint": "x"}), "service is not enabled"),
            (json!({"url": ["http://h"], "body": "{{ .ID"}), "body: template: body:1: unclosed action"),
            (json!({"url": ["http://h"], "method": "STEAL"}), "STEAL"),
        ] {
            let error = open(&crate::kinds(&host(&[])), "webhook", options).err().unwrap().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
