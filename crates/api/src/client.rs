//! The client: one call per thing to do with the daemon.
//!
//! A resource with a list needs no more than a [`Listed`] line and its types; the rest is [`Client::get`],
//! [`Client::post`] and their like on the links of former answers.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::recording::Recording;
use crate::replay::Replay;
use crate::service_test::ServiceTest;
use crate::system::{PING_PATH, VERSION_HEADER};
use crate::task::{Task, TaskOptions};
use crate::template::{Template, TemplateOptions};
use crate::topic::Topic;

/// Why a request had no result. The texts are for the user of a command line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The daemon's address can't be used.
    #[error("{0}")]
    Url(String),
    /// There was no answer.
    #[error("{method} {url:?}: {why}")]
    Unreachable { method: String, url: String, why: String },
    /// The daemon refused; its own words.
    #[error("{message}")]
    Refused { status: u16, message: String },
    /// The answer can't be understood.
    #[error("failed to decode JSON: {0}")]
    Answer(String),
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::Answer(error.to_string())
    }
}

impl Error {
    /// Whether the daemon knows nothing of what was asked for.
    pub fn is_missing(&self) -> bool {
        matches!(self, Error::Refused { status: 404, .. })
    }
}

/// Where the daemon is.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `http://HOST:PORT`; a path is passed over, a user and password are sent.
    pub url: String,
    /// Takes any certificate.
    pub skip_verify: bool,
}

/// A resource with a list below one path.
pub trait Listed: DeserializeOwned {
    /// The path of the list.
    const PATH: &'static str;
    /// The field of the answer that holds the list.
    const KEY: &'static str;
}

impl Listed for Task {
    const PATH: &'static str = crate::task::PATH;
    const KEY: &'static str = "tasks";
}

impl Listed for Template {
    const PATH: &'static str = crate::template::PATH;
    const KEY: &'static str = "templates";
}

impl Listed for Recording {
    const PATH: &'static str = crate::recording::PATH;
    const KEY: &'static str = "recordings";
}

impl Listed for Replay {
    const PATH: &'static str = crate::replay::PATH;
    const KEY: &'static str = "replays";
}

impl Listed for Topic {
    const PATH: &'static str = crate::topic::PATH;
    const KEY: &'static str = "topics";
}

impl Listed for ServiceTest {
    const PATH: &'static str = crate::service_test::PATH;
    const KEY: &'static str = "services";
}

/// Names and values after the question mark.
pub type Query<'a> = &'a [(&'a str, &'a str)];

/// How many items [`Client::list_all`] asks for at once.
pub const PAGE: usize = 100;

const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// The longest that a plain request may take; starting many tasks of a template can take a while.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);

/// Speaks to one daemon.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client for the daemon at the address; no request is made yet.
    ///
    /// # Errors
    /// [`Error::Url`] if the address is none.
    pub fn new(config: &Config) -> Result<Client, Error> {
        let base = parse_url(&config.url)?;
        let mut builder = reqwest::Client::builder()
            .user_agent("KapacitorClient")
            .connect_timeout(CONNECT_LIMIT)
            .danger_accept_invalid_certs(config.skip_verify);
        if base.scheme() == "http" {
            // Nobody's certificates are looked at, so the system's authorities need not be read.
            builder = builder.tls_built_in_root_certs(false);
        }
        // As Go's clients do: what is on this machine is not asked for through a proxy.
        if base.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| Error::Url(cause(&error)))?;
        Ok(Client { http, base })
    }

    /// The daemon's version.
    pub async fn ping(&self) -> Result<String, Error> {
        let answer = self.send(self.request(Method::GET, PING_PATH, &[]).timeout(ANSWER_LIMIT)).await?;
        let version = answer.headers().get(VERSION_HEADER).and_then(|value| value.to_str().ok());
        Ok(version.unwrap_or_default().to_string())
    }

    /// A task; `replay` asks for its state within that replay.
    pub async fn task(&self, id: &str, replay: &str) -> Result<Task, Error> {
        let query = [("dot-view", "attributes"), ("replay-id", replay), ("script-format", "formatted")];
        self.get(&format!("{}/{id}", Task::PATH), &query).await
    }

    /// Stores a new task.
    pub async fn create_task(&self, options: &TaskOptions) -> Result<Task, Error> {
        self.post(Task::PATH, options).await
    }

    /// Changes what the options name of a task.
    pub async fn update_task(&self, path: &str, options: &TaskOptions) -> Result<Task, Error> {
        self.patch(path, options).await
    }

    /// A template.
    pub async fn template(&self, id: &str) -> Result<Template, Error> {
        self.get(&format!("{}/{id}", Template::PATH), &[("script-format", "formatted")]).await
    }

    /// Stores a new template.
    pub async fn create_template(&self, options: &TemplateOptions) -> Result<Template, Error> {
        self.post(Template::PATH, options).await
    }

    /// Changes what the options name of a template.
    pub async fn update_template(&self, path: &str, options: &TemplateOptions) -> Result<Template, Error> {
        self.patch(path, options).await
    }

    /// A page of a resource's list, with the named fields.
    pub async fn list<T: Listed>(
        &self,
        pattern: &str,
        fields: &[&str],
        offset: usize,
        limit: usize,
    ) -> Result<Vec<T>, Error> {
        let (offset, limit) = (offset.to_string(), limit.to_string());
        let mut query = vec![("pattern", pattern), ("offset", &offset), ("limit", &limit)];
        query.extend(fields.iter().map(|field| ("fields", *field)));
        self.list_at(T::PATH, T::KEY, &query).await
    }

    /// All items of a resource's list, page by page.
    pub async fn list_all<T: Listed>(&self, pattern: &str, fields: &[&str]) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        loop {
            let page = self.list(pattern, fields, items.len(), PAGE).await?;
            let is_last = page.len() != PAGE;
            items.extend(page);
            if is_last {
                return Ok(items);
            }
        }
    }

    /// The items of a list that is not paged.
    pub async fn list_at<T: DeserializeOwned>(&self, path: &str, key: &str, query: Query<'_>) -> Result<Vec<T>, Error> {
        let mut answer: Value = self.get(path, query).await?;
        match answer.get_mut(key).map(Value::take) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(items) => Ok(serde_json::from_value(items)?),
        }
    }

    /// What is at the path.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<T, Error> {
        self.decode(self.request(Method::GET, path, query)).await
    }

    /// Posts a body; the answer's body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.decode(self.request(Method::POST, path, &[]).json(body)).await
    }

    /// Posts a body to a path that answers nothing.
    pub async fn post_only(&self, path: &str, body: &impl Serialize) -> Result<(), Error> {
        self.send(self.request(Method::POST, path, &[]).json(body).timeout(ANSWER_LIMIT)).await.map(drop)
    }

    /// Changes a part; the answer's body.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.decode(self.request(Method::PATCH, path, &[]).json(body)).await
    }

    /// Replaces the whole; the answer's body.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.decode(self.request(Method::PUT, path, &[]).json(body)).await
    }

    /// Deletes what is at the path.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        self.send(self.request(Method::DELETE, path, &[]).timeout(ANSWER_LIMIT)).await.map(drop)
    }

    /// An answer to read piece by piece; it may be without an end.
    pub async fn open(&self, path: &str, query: Query<'_>) -> Result<Stream, Error> {
        let request = self.request(Method::GET, path, query);
        let response = self.send(request).await?;
        Ok(Stream { url: response.url().to_string(), response })
    }

    fn request(&self, method: Method, path: &str, query: Query<'_>) -> RequestBuilder {
        let mut url = self.base.clone();
        // A link's path is plain text, so a percent sign in it is one.
        url.set_path(&path.replace('%', "%25"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.request(method, url)
    }

    async fn decode<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = self.send(request.timeout(ANSWER_LIMIT)).await?;
        let url = response.url().to_string();
        let body = response.bytes().await.map_err(|error| unreachable("read", &url, &error))?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Sends the request; an answer that refuses is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| Error::Url(cause(&error)))?;
        let (method, url) = (request.method().clone(), request.url().to_string());
        let name = method_name(&method);
        let response = client.execute(request).await.map_err(|error| unreachable(&name, &url, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.text().await.map_err(|error| unreachable(&name, &url, &error))?;
        Err(refusal(status, &body))
    }
}

/// An answer that comes piece by piece.
#[derive(Debug)]
pub struct Stream {
    response: Response,
    url: String,
}

impl Stream {
    /// How many bytes will come, if the daemon told.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let piece = self.response.chunk().await.map_err(|error| unreachable("read", &self.url, &error))?;
        Ok(piece.map(|bytes| bytes.to_vec()))
    }
}

fn parse_url(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| {
        let hint = "an address looks like http://localhost:9092";
        Error::Url(format!("parse {text:?}: {error}; {hint}"))
    })?;
    // `host:9092` parses as a scheme and a path.
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        let text = format!("Unsupported protocol scheme: {scheme}, your address must start with http:// or https://");
        return Err(Error::Url(text));
    }
    Ok(url)
}

fn method_name(method: &Method) -> String {
    let name = method.as_str();
    name[..1].to_string() + &name[1..].to_lowercase()
}

fn unreachable(method: &str, url: &str, error: &reqwest::Error) -> Error {
    let why = if error.is_timeout() { "no answer in time".to_string() } else { cause(error) };
    let why = if error.is_connect() { format!("can't reach kapacitord there: {why}") } else { why };
    Error::Unreachable { method: method.to_string(), url: url.to_string(), why }
}

/// The innermost reason, which is the one that users can act on.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    // The number of the system's error says nothing that its words don't.
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn refusal(status: StatusCode, body: &str) -> Error {
    let told = serde_json::from_str::<Value>(body).ok();
    // Those about tasks in Flux have a code and a message.
    let key = if told.as_ref().is_some_and(|body| body["code"].is_string()) { "message" } else { "error" };
    let told = told.as_ref().and_then(|body| body[key].as_str()).filter(|text| !text.is_empty());
    let message = match told {
        Some(text) => text.trim_end().to_string(),
        None => format!("invalid response: code {}: body: {}", status.as_u16(), body.trim_end()),
    };
    Error::Refused { status: status.as_u16(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Answers one request and hands back what it was.
    fn answer_once(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/some/path", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let read = connection.read(&mut request).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        (url, served)
    }

    fn client(url: &str) -> Client {
        Client::new(&Config { url: url.to_string(), skip_verify: false }).unwrap()
    }

    #[tokio::test]
    async fn asks_as_go_does() {
        let (url, served) =
            answer_once("HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{\"tasks\":[{\"id\":\"a b\"}]}    ");
        let tasks: Vec<Task> = client(&url).list("cpu_*", &["link", "status"], 0, 100).await.unwrap();
        assert_eq!(tasks[0].id, "a b");
        let request = served.join().unwrap();
        assert!(
            request.starts_with(
                "GET /kapacitor/v1/tasks?pattern=cpu_*&offset=0&limit=100&fields=link&fields=status HTTP/1.1\r\n"
            ),
            "{request}"
        );
        assert!(request.contains("user-agent: KapacitorClient\r\n"), "{request}");
    }

    #[tokio::test]
    async fn paths_are_plain_text() {
        let (url, served) = answer_once("HTTP/1.1 204 No Content\r\n\r\n");
        client(&url).delete("/kapacitor/v1/tasks/a b%20?é").await.unwrap();
        let request = served.join().unwrap();
        assert!(request.starts_with("DELETE /kapacitor/v1/tasks/a%20b%2520%3F%C3%A9 HTTP/1.1"), "{request}");
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_daemons_words() {
        let (url, _) =
            answer_once("HTTP/1.1 404 Not Found\r\nContent-Length: 26\r\n\r\n{\"error\":\"no task exists\"}");
        let error = client(&url).task("a", "").await.unwrap_err();
        assert_eq!(error.to_string(), "no task exists");
        assert!(error.is_missing());
        let (url, _) = answer_once("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops");
        let error = client(&url).ping().await.unwrap_err();
        assert_eq!(error.to_string(), "invalid response: code 502: body: oops");
    }

    #[tokio::test]
    async fn no_daemon_is_one_clear_line() {
        let error = client("http://127.0.0.1:1").ping().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Get \"http://127.0.0.1:1/kapacitor/v1/ping\": can't reach kapacitord there: connection refused"
        );
    }

    #[test]
    fn addresses_are_checked() {
        for (url, text) in [
            ("ftp://x", "Unsupported protocol scheme: ftp, your address must start with http:// or https://"),
            ("127.0.0.1:9092", "parse \"127.0.0.1:9092\": relative URL without a base; an address looks like"),
            ("", "parse \"\": relative URL without a base"),
        ] {
            let error = Client::new(&Config { url: url.to_string(), skip_verify: false }).unwrap_err();
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }
}
