//! Requests to services over HTTP, and what their answers mean for an event.

use std::collections::HashMap;
use std::error::Error as _;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use alert::{BoxFuture, Event, Handler, Outcome};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, ClientBuilder, Method, Response, Url};
use serde_json::Value as Json;
use tokio::time::timeout;

use crate::networks::Networks;
use crate::tls::Tls;
use crate::{AlertHost, Configs};

/// No service gets longer for its answer, unless the user says so.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Names the event for a service that gets it more than once. Not `X-Kapacitor-Event-Id`: RFC 6648.
pub(crate) const EVENT_ID: &str = "Kapacitor-Event-Id";
/// So many requests of one handler may be on their way to a slow service.
const MOST_AT_ONCE: usize = 8;
/// Of an answer, no more is read for a message.
const LONGEST_ANSWER: usize = 2000;

/// A request, a POST unless it says otherwise.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    /// User and password.
    pub(crate) basic_auth: Option<(String, String)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) tls: Tls,
    /// The codes that mean it was taken; empty for any of 2xx.
    pub(crate) success: &'static [u16],
    /// Whether a refusal shows the answer's text.
    pub(crate) show_answer: bool,
}

/// The methods that users may ask for.
pub(crate) const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "GET"];

/// The method of that name; empty for POST.
pub(crate) fn method(name: &str) -> Result<Method, String> {
    match METHODS.iter().find(|method| method.eq_ignore_ascii_case(name)) {
        Some(known) => known.parse().map_err(|_| format!("{known} is no method of HTTP")),
        None if name.is_empty() => Ok(Method::POST),
        None => Err(format!("method \"{name}\" is none of {}", METHODS.join(", "))),
    }
}

pub(crate) enum Body {
    Json(Json),
    Form(Vec<(&'static str, String)>),
    Text(String),
}

impl Request {
    /// A JSON body for a service that answers with one of these codes.
    pub(crate) fn json(url: impl Into<String>, body: Json, success: &'static [u16]) -> Self {
        Request { success, ..Request::new(url, Body::Json(body)) }
    }

    pub(crate) fn new(url: impl Into<String>, body: Body) -> Self {
        Request {
            method: Method::POST,
            url: url.into(),
            headers: Vec::new(),
            body,
            basic_auth: None,
            timeout: None,
            tls: Tls::default(),
            success: &[],
            show_answer: true,
        }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_string(), value.into()));
        self
    }

    #[must_use]
    pub(crate) fn basic_auth(mut self, user: &str, password: &str) -> Self {
        if !user.is_empty() {
            self.basic_auth = Some((user.to_string(), password.to_string()));
        }
        self
    }

    #[must_use]
    pub(crate) fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }
}

/// Connections, shared by all handlers.
#[derive(Default)]
pub(crate) struct Http {
    pub(crate) clients: Mutex<HashMap<(Tls, Proxies), Client>>,
    /// Where no request goes.
    pub(crate) networks: Networks,
    /// Takes the requests in the place of the network.
    pub(crate) network: Option<Network>,
}

/// Gets each request as it would have gone out.
pub(crate) type Network = Box<dyn Fn(Posted) -> BoxFuture<'static, Answered> + Send + Sync>;

/// The status of an answer, or why there is none.
pub type Answered = Result<u16, String>;

/// A request that was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Posted {
    fn of(request: &reqwest::Request) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        Posted { url: request.url().to_string(), headers: headers.collect(), body: text(body) }
    }
}

/// Whether a request may go by the proxies that the environment names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Proxies {
    FromEnvironment,
    None,
}

impl Proxies {
    /// What is here is never asked by a proxy.
    fn of(url: &Url) -> Self {
        if is_this_machine(url) { Proxies::None } else { Proxies::FromEnvironment }
    }
}

/// Where requests go, and the connections for that.
struct Way {
    text: String,
    tls: Tls,
    url: Url,
    place: String,
    client: Client,
}

/// The way of the last request: most handlers send all to the same place.
#[derive(Default)]
pub(crate) struct LastWay(Option<Way>);

impl LastWay {
    fn of(&mut self, http: &Http, request: &Request) -> Result<&Way, String> {
        let last = self.0.take().filter(|way| way.text == request.url && way.tls == request.tls);
        let way = match last {
            Some(way) => way,
            None => http.way(request)?,
        };
        Ok(self.0.insert(way))
    }
}

impl Http {
    /// Sends a request; how that went.
    pub(crate) async fn send(&self, request: Request, last: &mut LastWay) -> Outcome {
        let Way { url, place, client, .. } = match last.of(self, &request) {
            Ok(way) => way,
            Err(why) => return Outcome::give_up(why),
        };
        let (success, show_answer) = (request.success, request.show_answer);
        let request = to_reqwest(client, url.clone(), request);
        if let Some(network) = &self.network {
            let posted = match request.build() {
                Ok(request) => Posted::of(&request),
                Err(error) => return Outcome::give_up(format!("no request to {place}: {}", causes(error))),
            };
            let mut answer = network(posted);
            // What is answered at once needs no clock, and so no runtime.
            let answered = match poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
                Poll::Ready(answered) => answered,
                Poll::Pending => {
                    timeout(ANSWER_LIMIT, answer).await.unwrap_or_else(|_| Err("it took too long".to_string()))
                }
            };
            return match answered {
                Ok(status) => judge_status(status, success, place),
                Err(why) => Outcome::retry(format!("no answer from {place}: {why}")),
            };
        }
        match request.send().await {
            Ok(response) => judge(response, success, show_answer, place).await,
            Err(error) if error.is_builder() => Outcome::give_up(format!("no request to {place}: {}", causes(error))),
            Err(error) => Outcome::retry(format!("no answer from {place}: {}", causes(error))),
        }
    }

    fn way(&self, request: &Request) -> Result<Way, String> {
        // The URL itself may hold a token, so it is not shown.
        let url = Url::parse(&request.url).map_err(|why| format!("the URL is not valid: {why}"))?;
        self.networks.check_url(&url)?;
        let (place, client) = (place_of(&url), self.client(&request.tls, &url)?);
        Ok(Way { text: request.url.clone(), tls: request.tls.clone(), url, place, client })
    }

    fn client(&self, tls: &Tls, url: &Url) -> Result<Client, String> {
        let proxies = Proxies::of(url);
        let key = (tls.clone(), proxies);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = new_client(tls, proxies, &self.networks)?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// For requests that are no events.
pub(crate) fn plain_client(url: &str) -> Result<Client, String> {
    let url = Url::parse(url).map_err(|why| format!("the URL is not valid: {why}"))?;
    new_client(&Tls::default(), Proxies::of(&url), &Networks::default())
}

/// Connections that trust whom handlers trust, or anyone, and keep away from these networks. No certificates are read
/// before a server shows its own.
///
/// # Errors
/// TLS is not possible at all.
pub fn connections(any_certificate: bool, networks: &Networks) -> Result<ClientBuilder, String> {
    let tls = Tls { any_certificate, ..Tls::default() };
    Ok(networks.guard(Client::builder().use_preconfigured_tls(tls.client()?)))
}

fn new_client(tls: &Tls, proxies: Proxies, networks: &Networks) -> Result<Client, String> {
    let mut builder = networks.guard(Client::builder()).timeout(ANSWER_LIMIT).use_preconfigured_tls(tls.client()?);
    if proxies == Proxies::None {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|why| format!("cannot make connections: {}", causes(why)))
}

fn to_reqwest(client: &Client, url: Url, request: Request) -> reqwest::RequestBuilder {
    let mut headers = reqwest::header::HeaderMap::new();
    let mut builder = client.request(request.method, url);
    builder = match request.body {
        Body::Json(json) => builder.json(&json),
        Body::Form(pairs) => builder.form(&pairs),
        Body::Text(text) => builder.body(text),
    };
    for (name, value) in &request.headers {
        match (name.parse::<reqwest::header::HeaderName>(), value.parse()) {
            // The last one counts, as with a map.
            (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
            // What is no header makes the builder fail, which says so.
            _ => return builder.header(name, value),
        }
    }
    builder = builder.headers(headers);
    if let Some((user, password)) = &request.basic_auth {
        builder = builder.basic_auth(user, Some(password));
    }
    match request.timeout {
        Some(timeout) if !timeout.is_zero() => builder.timeout(timeout),
        _ => builder,
    }
}

/// Too much and broken servers may mend; all else is ours to mend.
async fn judge(response: Response, success: &[u16], show_answer: bool, place: &str) -> Outcome {
    let status = response.status();
    let code = status.as_u16();
    if if success.is_empty() { status.is_success() } else { success.contains(&code) } {
        return Outcome::Done;
    }
    let now = chrono::Utc::now();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| pause(value.to_str().ok()?, now));
    let text = if show_answer { beginning(response).await } else { String::new() };
    let colon = if text.is_empty() { "" } else { ": " };
    let why = format!("{place} answered {status}{colon}{text}");
    if code == 429 || status.is_server_error() {
        return Outcome::Retry { why, after };
    }
    Outcome::GiveUp(why)
}

/// How long a server wants to be left alone: it says seconds, or a date.
fn pause(text: &str, now: chrono::DateTime<chrono::Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((until.to_utc() - now).to_std().unwrap_or_default())
}

/// As `judge`, of an answer that has nothing but a status.
fn judge_status(code: u16, success: &[u16], place: &str) -> Outcome {
    let taken = if success.is_empty() { (200..300).contains(&code) } else { success.contains(&code) };
    match code {
        _ if taken => Outcome::Done,
        429 | 500.. => Outcome::retry(format!("{place} answered {code}")),
        _ => Outcome::GiveUp(format!("{place} answered {code}")),
    }
}

/// The beginning of an answer's body.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            _ => break,
        }
    }
    bytes.truncate(LONGEST_ANSWER);
    String::from_utf8_lossy(&bytes).trim().to_string()
}

/// Host and port: the part of a URL that is no secret.
fn place_of(url: &Url) -> String {
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_string(),
        _ => "a URL without a host".to_string(),
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// An error with all that caused it, without the URL.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    text
}

/// A handler that posts a request for each event.
pub(crate) struct Posting<F> {
    host: Arc<AlertHost>,
    request: F,
    last: LastWay,
}

impl<F> Posting<F>
where
    F: FnMut(&Configs, &Event) -> Result<Request, String> + Send + 'static,
{
    /// `request` makes the request of an event, or says why there is none.
    pub(crate) fn boxed(host: &Arc<AlertHost>, request: F) -> Box<dyn Handler> {
        Box::new(Posting { host: host.clone(), request, last: LastWay::default() })
    }
}

impl<F> Handler for Posting<F>
where
    F: FnMut(&Configs, &Event) -> Result<Request, String> + Send,
{
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = match (self.request)(&self.host.configs(), event) {
                Ok(request) => {
                    let request = request.header(EVENT_ID, event.uid());
                    self.host.http.send(request, &mut self.last).await
                }
                Err(why) => Outcome::GiveUp(why),
            };
            self.host.told(outcome)
        })
    }

    fn at_once(&self) -> usize {
        MOST_AT_ONCE
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, HttpSink};

    fn outcome(answer: Answer, change: impl FnOnce(Request) -> Request) -> Outcome {
        let sink = HttpSink::start(vec![answer]);
        let request = change(Request::new(sink.url("/x?token=secret"), Body::Json(json!({"a": 1}))));
        crate::testing::run(Http::default().send(request, &mut LastWay::default()))
    }

    #[test]
    fn answers_tell_whether_to_try_again() {
        assert_eq!(outcome(Answer::code(204), |request| request), Outcome::Done);
        assert!(matches!(outcome(Answer::code(204), |r| Request { success: &[200], ..r }), Outcome::GiveUp(_)));
        let bad = outcome(Answer::code(404).text("no such page"), |request| request);
        let Outcome::GiveUp(why) = bad else { panic!("{bad:?}") };
        assert!(why.ends_with("answered 404 Not Found: no such page"), "{why}");
        assert!(!why.contains("secret"), "{why}");
        assert!(matches!(outcome(Answer::code(500), |r| r), Outcome::Retry { after: None, .. }));
        let busy = outcome(Answer::code(429).header("Retry-After", "7"), |request| request);
        assert!(matches!(busy, Outcome::Retry { after: Some(after), .. } if after.as_secs() == 7), "{busy:?}");
        let past = outcome(Answer::code(503).header("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"), |request| request);
        assert!(matches!(past, Outcome::Retry { after: Some(Duration::ZERO), .. }), "{past:?}");
        let hung = outcome(Answer::never(), |r| Request { timeout: Some(Duration::from_millis(50)), ..r });
        assert!(matches!(hung, Outcome::Retry { .. }), "{hung:?}");
        let closed = outcome(Answer::close(), |request| request);
        let Outcome::Retry { why, .. } = closed else { panic!("{closed:?}") };
        assert!(!why.contains("secret"), "{why}");
    }

    #[test]
    fn pauses_are_seconds_or_a_date() {
        let now = chrono::DateTime::from_timestamp(1_445_412_470, 0).unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(10)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(pause(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_given_up() {
        let send = |request| crate::testing::run(Http::default().send(request, &mut LastWay::default()));
        for url in ["not a url", "ftp://127.0.0.1/x"] {
            assert!(matches!(send(Request::new(url, Body::Text(String::new()))), Outcome::GiveUp(_)), "{url}");
        }
        let odd = Request::new("http://127.0.0.1:1/", Body::Text(String::new())).header("bad name", "x");
        assert!(matches!(send(odd), Outcome::GiveUp(_)));
        let refused = send(Request::new("http://127.0.0.1:1/", Body::Text(String::new())));
        assert!(matches!(refused, Outcome::Retry { .. }), "{refused:?}");
    }

    #[test]
    fn headers_forms_and_users_are_sent() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let form = Body::Form(vec![("token", "a b".into())]);
        let request = Request::new(sink.url("/form"), form).header("X-A", "1").header("x-a", "2").basic_auth("u", "p");
        assert_eq!(crate::testing::run(Http::default().send(request, &mut LastWay::default())), Outcome::Done);
        let got = &sink.requests()[0];
        assert_eq!((got.method.as_str(), got.path.as_str(), got.body.as_str()), ("POST", "/form", "token=a+b"));
        assert_eq!(got.header("x-a"), Some("2"));
        assert_eq!(got.header("authorization"), Some("Basic dTpw"));
        assert_eq!(got.header("content-type"), Some("application/x-www-form-urlencoded"));
    }
}
