//! Why InfluxDB did not do what was asked.

use std::time::Duration;

/// What went wrong with a request to InfluxDB. `server` is scheme, host and port, never a password.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The configuration of the cluster cannot work.
    #[error("{0}")]
    Config(String),
    /// No server could be reached, or the connection broke.
    #[error("cannot reach InfluxDB at {server}: {reason}")]
    Connection { server: String, reason: String },
    /// The configured timeout passed.
    #[error("InfluxDB at {server} did not answer within {timeout:?}")]
    Timeout { server: String, timeout: Duration },
    /// User, password or token are wrong or do not suffice.
    #[error("InfluxDB refused the credentials: {text}")]
    Auth { status: u16, text: String },
    /// The server is of another generation than the configuration says.
    #[error(
        "InfluxDB at {server} is of version {found}, but the configuration of the cluster says version = {said:?}: \
         set version = {right:?} in its [[influxdb]], or name another server in urls"
    )]
    Version { server: String, found: String, said: &'static str, right: &'static str },
    /// The server refused the request: its words.
    #[error("{text}")]
    Refused { status: u16, text: String },
    /// The query was understood as a request, but not as a query, or it failed while it ran: InfluxDB's words.
    #[error("{0}")]
    Query(String),
    /// The answer is not what InfluxDB answers.
    #[error("failed to understand the answer of InfluxDB: {0}")]
    Decode(String),
    /// Whoever received the rows did not want them.
    #[error("{0}")]
    Unwanted(String),
}

impl Error {
    /// A body without an answer.
    pub(crate) fn empty() -> Error {
        Error::Decode("the answer is empty".to_owned())
    }

    /// Whether the same request may succeed later, unchanged.
    pub fn is_temporary(&self) -> bool {
        match self {
            Error::Connection { .. } | Error::Timeout { .. } => true,
            Error::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Whether another server of the cluster may do better.
    pub(crate) fn is_of_one_server(&self) -> bool {
        match self {
            Error::Connection { .. } | Error::Timeout { .. } => true,
            Error::Refused { status, .. } => matches!(status, 502..=504),
            _ => false,
        }
    }
}
