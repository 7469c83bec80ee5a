//! `post`: each event to a URL, or to an endpoint of the config.

use std::cell::LazyCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alert::{Event, Kind, OpenError};
use declare::{Declaration, Declared};
use gotemplate::Template;

use crate::http::{Body, Posting, Request};
use crate::pairs::Pairs;
use crate::tls::Tls;
use crate::{AlertHost, Configs, Section};

const NAME: &str = "post";

/// The kind `post`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let invalid = |why| OpenError::Invalid { kind: NAME, why };
        let mut post = Post { options, url: Cached::default(), body: Cached::default() };
        let configs = host.configs();
        let endpoint = post.options.endpoint(&configs).map_err(invalid)?;
        // Templates that do not parse are told now, not with the first event.
        post.url.parsed(post.options.url(endpoint), "").map_err(invalid)?;
        post.body_template(endpoint).map_err(invalid)?;
        Ok(Posting::boxed(&host, move |configs, event| post.request(configs, event)))
    })
    .method("post")
    .ready(|options| Template::text_with_json("body", options.own_url()).map(drop).map_err(|why| why.to_string()))
    .check(Options::check)
    .build()
}

#[derive(Clone, Default)]
struct Options {
    urls: Vec<String>,
    url: String,
    endpoint: String,
    headers: Pairs,
    capture_response: bool,
    timeout: Duration,
    skip_ssl_verification: bool,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Post each event as JSON.")
            .variadic("urls", "Where to; left out for an endpoint.", |d| &mut d.urls)
            .property("URL", "Where to, in place of the argument.", |d| &mut d.url)
            .key("url")
            .property("endpoint", "The name of an [[httppost]] section of the config.", |d| &mut d.endpoint)
            .method_json(
                "header",
                "k string, v string",
                "A header of the request; it goes before one of the endpoint.",
                |d, arguments| d.headers.add(arguments),
                |d| d.headers.calls(),
                |d| d.headers.json(),
                |d, json| d.headers.load_texts(json),
            )
            .key("headers")
            .flag("captureResponse", "Log what the other side answers if it does not take the event.", |d| {
                &mut d.capture_response
            })
            .key("capture-response")
            .property("timeout", "How long to wait for the answer.", |d| &mut d.timeout)
            .default_text("30s")
            .flag("skipSSLVerification", "Take any certificate of the server.", |d| &mut d.skip_ssl_verification)
            .key("skip-ssl-verification")
            .example(
                "stream|from().measurement('cpu')|alert().crit(lambda: TRUE)\
                 .post('http://example.com/alert').header('X-Token', 'abc').timeout(5s)",
            )
    }
}

impl Options {
    fn check(&self) -> Result<(), String> {
        if self.headers.texts().any(|(name, _)| name.eq_ignore_ascii_case("authenticate")) {
            return Err("cannot set 'authenticate' header, use basic-auth of an endpoint".to_string());
        }
        Ok(())
    }

    /// The section of the config that is meant, if one is named and there.
    fn endpoint<'a>(&self, configs: &'a Configs) -> Result<Option<&'a Section>, String> {
        let named = |section: &&Section| !self.endpoint.is_empty() && section.text("endpoint") == self.endpoint;
        let endpoint = configs.all("httppost").iter().find(named);
        if endpoint.is_some() || !self.own_url().is_empty() {
            return Ok(endpoint);
        }
        if self.endpoint.is_empty() {
            return Err("must specify a URL or an endpoint".to_string());
        }
        Err(format!("no [[httppost]] of the config has endpoint = \"{}\", and no URL is given", self.endpoint))
    }

    fn own_url(&self) -> &str {
        if self.url.is_empty() { self.urls.first().map_or("", String::as_str) } else { &self.url }
    }

    fn url<'a>(&'a self, endpoint: Option<&'a Section>) -> &'a str {
        endpoint.map_or_else(|| self.own_url(), |endpoint| endpoint.text("url"))
    }
}

struct Post {
    options: Options,
    url: Cached,
    body: Cached,
}

impl Post {
    fn request(&mut self, configs: &Configs, event: &Event) -> Result<Request, String> {
        let endpoint = self.options.endpoint(configs)?;
        // Most URLs are the same for all events.
        let data = LazyCell::new(|| event.wire_template_data());
        let execute = |template: &Template| match template.constant() {
            Some(text) => Ok(text),
            None => template.execute(&data).map_err(|why| why.to_string()),
        };
        let url = execute(self.url.parsed(self.options.url(endpoint), "")?)?;
        let mut headers: Vec<(String, String)> = endpoint.map_or_else(Vec::new, |section| section.table("headers"));
        headers.extend(self.options.headers.texts().map(|(name, value)| (name.to_string(), value.to_string())));
        let body = match self.body_template(endpoint)? {
            Some(template) => execute(template)?,
            None => {
                headers.push(("Content-Type".to_string(), "application/json".to_string()));
                event.json() + "\n"
            }
        };
        let tls = Tls { any_certificate: self.options.skip_ssl_verification, ..Tls::default() };
        let request = Request {
            headers,
            timeout: Some(self.options.timeout),
            show_answer: self.options.capture_response,
            tls,
            ..Request::new(url, Body::Text(body))
        };
        Ok(match endpoint {
            Some(section) => {
                request.basic_auth(section.text("basic-auth.username"), section.text("basic-auth.password"))
            }
            None => request,
        })
    }

    fn body_template(&mut self, endpoint: Option<&Section>) -> Result<Option<&Template>, String> {
        let Some(section) = endpoint else { return Ok(None) };
        let (text, file) = (section.text("alert-template"), section.text("alert-template-file"));
        if text.is_empty() && file.is_empty() {
            return Ok(None);
        }
        self.body.parsed(text, file).map(Some)
    }
}

/// A template that is parsed anew if the config has another one.
#[derive(Default)]
struct Cached {
    text: String,
    file: String,
    template: Option<Template>,
}

impl Cached {
    /// The template of a text, or of a file if the text is empty. A file is read once.
    fn parsed(&mut self, text: &str, file: &str) -> Result<&Template, String> {
        if self.template.is_none() || self.text != text || self.file != file {
            self.template = None;
            let source = if text.is_empty() && !file.is_empty() { read(file)? } else { text.to_string() };
            self.template = Some(Template::text_with_json("body", &source).map_err(|why| why.to_string())?);
            self.text = text.to_string();
            self.file = file.to_string();
        }
        self.template.as_ref().ok_or_else(|| "no template".to_string())
    }
}

fn read(file: &str) -> Result<String, String> {
    std::fs::read_to_string(Path::new(file)).map_err(|why| format!("cannot read template file {file}: {why}"))
}

#[cfg(test)]
mod tests {
    use alert::{Level, Outcome};
    use serde_json::json;

    use crate::testing::{Answer, HttpSink, event, host, open, send};

    #[test]
    fn events_are_posted_as_json() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let options = json!({"url": sink.url("/a/{{ .ID }}?l={{ .Level }}"), "headers": {"X-A": "1"}, "timeout": "5s"});
        assert_eq!(send(&host(&[]), "post", options, Level::Critical), Outcome::Done);
        let got = &sink.requests()[0];
        assert_eq!((got.path.as_str(), got.query.as_str()), ("/a/svc/web-1", "l=CRITICAL"));
        assert_eq!(got.body, event(Level::Critical).json() + "\n");
        assert_eq!(got.header("content-type"), Some("application/json"));
        assert_eq!(got.header("x-a"), Some("1"));
    }

    #[test]
    fn endpoints_of_the_config_are_used() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t");
        std::fs::write(&file, "from a file: {{ .ID }}").unwrap();
        let sections = json!([
            {"endpoint": "basic", "url": sink.url("/basic"), "headers": {"X-From": "config", "Content-Type": "text/x"},
             "basic-auth.username": "bob", "basic-auth.password": "s3 cret", "alert-template": "{{ .Level }} {{ .ID }}"},
            {"endpoint": "file", "url": sink.url("/file"), "alert-template-file": file},
        ]);
        let host = host(&[("httppost", sections)]);
        let options = json!({"endpoint": "basic", "url": "http://127.0.0.1:1", "headers": {"X-From": "script"}});
        assert_eq!(send(&host, "post", options, Level::Info), Outcome::Done);
        assert_eq!(send(&host, "post", json!({"endpoint": "file"}), Level::Info), Outcome::Done);
        let got = sink.requests();
        assert_eq!((got[0].path.as_str(), got[0].body.as_str()), ("/basic", "INFO svc/web-1"));
        assert_eq!(got[0].header("x-from"), Some("script"));
        assert_eq!(got[0].header("content-type"), Some("text/x"));
        assert_eq!(got[0].header("authorization"), Some("Basic Ym9iOnMzIGNyZXQ="));
        assert_eq!((got[1].body.as_str(), got[1].header("content-type")), ("from a file: svc/web-1", None));
    }

    #[test]
    fn what_is_wrong_is_told_when_it_is_opened() {
        for (options, want) in [
            (json!({}), "post: must specify a URL or an endpoint"),
            (json!({"endpoint": "x"}), "no [[httppost]] of the config has endpoint = \"x\""),
            (json!({"url": "http://h/{{ .ID"}), "unclosed action"),
        ] {
            let error = open(&crate::kinds(&host(&[])), "post", options).err().unwrap().to_string();
            assert!(error.contains(want), "{error}");
        }
        let refused = send(&host(&[]), "post", json!({"url": "not a url"}), Level::Info);
        assert!(matches!(refused, Outcome::GiveUp(_)), "{refused:?}");
    }
}
