//! Requests to a cluster: each goes to one server, and on to the next if that one cannot be reached.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use crate::config::{ClusterConfig, Credentials};
use crate::endpoints::Endpoints;
use crate::{Error, Format, Generation, answer, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that vanished is noticed after a few of these.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// More of an error's body is not read.
const LONGEST_ERROR: usize = 64 * 1024;
/// What InfluxDB says of itself with each answer.
const VERSION: &str = "x-influxdb-version";

/// An InfluxDB cluster. Cheap to share behind an `Arc`; holds its connections.
pub struct Cluster {
    config: ClusterConfig,
    client: Client,
    endpoints: Endpoints,
    /// The server that answered last called itself an InfluxDB 1.
    is_one: AtomicBool,
}

/// A request that can be sent to any server.
pub(crate) struct Request<'r> {
    pub(crate) method: Method,
    pub(crate) path: &'r str,
    /// Put into the URL.
    pub(crate) parameters: &'r [(&'r str, &'r str)],
    /// Adds body and headers.
    pub(crate) prepare: &'r (dyn Fn(RequestBuilder) -> RequestBuilder + Send + Sync),
}

/// An answer with a good status, and the server it came from.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) server: usize,
}

impl Cluster {
    /// A cluster as configured. Connects to nobody; the error names the setting that cannot work.
    pub fn new(config: ClusterConfig) -> Result<Cluster, Error> {
        let endpoints = Endpoints::new(&config.urls)?;
        let mut builder = Client::builder()
            .user_agent(config.user_agent.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(KEEP_ALIVE)
            .tcp_nodelay(true);
        if !config.timeout.is_zero() {
            builder = builder.timeout(config.timeout);
        }
        if endpoints.all_local() {
            builder = builder.no_proxy();
        }
        let client = tls::apply(builder, &config.tls, endpoints.any_encrypted())?
            .build()
            .map_err(|error| Error::Config(format!("cannot use the TLS options: {}", reason(&error))))?;
        Ok(Cluster { config, client, endpoints, is_one: AtomicBool::new(false) })
    }

    /// The name that scripts say.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What the user says about it.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// What to ask for answers to InfluxQL in.
    pub(crate) fn format(&self) -> Format {
        let generation = match self.config.generation {
            Generation::Unsaid if self.is_one.load(Ordering::Relaxed) => Generation::One,
            generation => generation,
        };
        self.config.format.unwrap_or(Format::by_default(generation))
    }

    /// Sends a request until a server answers it, each server at most once.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let mut last = None;
        for server in self.endpoints.order(Instant::now()) {
            match self.send_to(server, request).await {
                Err(error) if error.is_of_one_server() => {
                    self.endpoints.failed(server, Instant::now());
                    tracing::debug!(cluster = self.name(), server = self.endpoints.name(server), %error, "no answer");
                    last = Some(error);
                }
                result => {
                    self.endpoints.succeeded(server);
                    return result.map(|response| Answer { response, server });
                }
            }
        }
        Err(last.expect("a cluster has at least one server"))
    }

    async fn send_to(&self, server: usize, request: &Request<'_>) -> Result<Response, Error> {
        let mut url = self.endpoints.url(server, request.path);
        if !request.parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(request.parameters);
        }
        let sent = (request.prepare)(self.authorized(request.method.clone(), url)).send().await;
        let response = sent.map_err(|error| self.connection_error(server, &error))?;
        if let Some(version) = header(&response, VERSION) {
            self.is_one.store(Generation::of_version(version) == Generation::One, Ordering::Relaxed);
        }
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let format = format_of(&response);
        let text = error_text(status, format, &self.read_start(Answer { response, server }).await);
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Error::Auth { status: status.as_u16(), text });
        }
        Err(Error::Refused { status: status.as_u16(), text })
    }

    fn authorized(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.client.request(method, url);
        match &self.config.credentials {
            Credentials::None => request,
            Credentials::User { name, password } => request.basic_auth(name, Some(password)),
            Credentials::Token(token) if self.config.generation == Generation::Three => request.bearer_auth(token),
            Credentials::Token(token) => request.header(AUTHORIZATION, format!("Token {token}")),
            Credentials::Bearer(token) => request.bearer_auth(token),
        }
    }

    /// A server's address, fit for a log.
    pub(crate) fn server_name(&self, server: usize) -> String {
        self.endpoints.name(server)
    }

    /// The error for a connection that failed or broke.
    pub(crate) fn connection_error(&self, server: usize, error: &reqwest::Error) -> Error {
        let server = self.endpoints.name(server);
        if error.is_timeout() && !error.is_connect() {
            return Error::Timeout { server, timeout: self.config.timeout };
        }
        Error::Connection { server, reason: reason(error) }
    }

    /// The first bytes of a short body; what cannot be read is left out.
    pub(crate) async fn read_start(&self, mut answer: Answer) -> Vec<u8> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = answer.response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= LONGEST_ERROR {
                break;
            }
        }
        body
    }
}

/// The format of a body.
pub(crate) fn format_of(response: &Response) -> Format {
    Format::of_content_type(header(response, CONTENT_TYPE.as_str()).unwrap_or_default())
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The innermost cause says what happened; the outer ones only that something did.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// InfluxDB 1 and 3 say `error`, InfluxDB 2 says `message`; InfluxDB 3 names the lines of a write that it did not take.
#[derive(Deserialize)]
struct ErrorBody {
    error: Option<String>,
    message: Option<String>,
    #[serde(default)]
    data: Option<Vec<BadLine>>,
}

#[derive(Deserialize)]
struct BadLine {
    line_number: u64,
    error_message: String,
}

impl ErrorBody {
    fn text(self) -> Option<String> {
        let text = self.error.or(self.message)?;
        Some(match self.data.unwrap_or_default().first() {
            Some(BadLine { line_number, error_message }) => format!("{text}: line {line_number}: {error_message}"),
            None => text,
        })
    }
}

/// InfluxDB's own words, or the beginning of whatever a server said instead.
fn error_text(status: StatusCode, format: Format, body: &[u8]) -> String {
    let own = match format {
        Format::Json => serde_json::from_slice::<ErrorBody>(body).ok().and_then(ErrorBody::text),
        Format::MessagePack | Format::Csv => answer::told_error(format, body),
    };
    if let Some(text) = own.filter(|text| !text.is_empty()) {
        return text;
    }
    let text: String = String::from_utf8_lossy(body).trim().chars().take(300).collect();
    let separator = if text.is_empty() { "" } else { ": " };
    format!("invalid response: code {}{separator}{text}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_carry_the_servers_words() {
        let text = |status: u16, body: &str| {
            error_text(StatusCode::from_u16(status).expect("a status"), Format::Json, body.as_bytes())
        };
        assert_eq!(text(400, r#"{"error":"database not found: \"x\""}"#), "database not found: \"x\"");
        assert_eq!(text(401, r#"{"code":"unauthorized","message":"no"}"#), "no");
        assert_eq!(text(502, "<html>\n"), "invalid response: code 502: <html>");
        assert_eq!(text(500, ""), "invalid response: code 500");
    }
}
