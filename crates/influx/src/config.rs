//! What a user says about an InfluxDB cluster.

use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

/// A cluster: where it is and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The name that scripts say.
    pub name: String,
    /// `http://` or `https://` URLs of its servers; each request goes to one of them.
    pub urls: Vec<String>,
    pub credentials: Credentials,
    /// For a whole request; zero is no limit.
    pub timeout: Duration,
    pub tls: Tls,
    /// Of what is written.
    pub compression: Compression,
    /// What the server's log shows as the client.
    pub user_agent: String,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        ClusterConfig {
            name: "default".to_owned(),
            urls: vec!["http://localhost:8086".to_owned()],
            credentials: Credentials::None,
            timeout: Duration::ZERO,
            tls: Tls::default(),
            compression: Compression::Gzip,
            user_agent: "KapacitorInfluxDBClient".to_owned(),
        }
    }
}

impl ClusterConfig {
    /// A cluster of one server that asks nobody for a password.
    pub fn at(url: impl Into<String>) -> ClusterConfig {
        ClusterConfig { urls: vec![url.into()], ..ClusterConfig::default() }
    }
}

/// How a request shows who it comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    User {
        name: String,
        password: String,
    },
    /// `Authorization: Token ...`
    Token(String),
    /// `Authorization: Bearer ...`
    Bearer(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credentials::None => out.write_str("None"),
            Credentials::User { name, .. } => write!(out, "User({name}, <secret>)"),
            Credentials::Token(_) => out.write_str("Token(<secret>)"),
            Credentials::Bearer(_) => out.write_str("Bearer(<secret>)"),
        }
    }
}

/// Files in PEM format, and whether to trust anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Authorities that are trusted beside the usual ones.
    pub ca: Option<PathBuf>,
    /// The certificate that shows who we are; needs `key`.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Believe any certificate.
    pub insecure_skip_verify: bool,
}

/// How written bodies are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
}

impl Compression {
    /// The compression of a config value: `gzip`, `none`, or empty for the default.
    pub fn named(word: &str) -> Result<Compression, Error> {
        match word.trim().to_ascii_lowercase().as_str() {
            "" | "gzip" => Ok(Compression::Gzip),
            "none" => Ok(Compression::None),
            _ => Err(Error::Config(format!("Invalid compression, must be one of 'gzip' or 'none', got {word}"))),
        }
    }
}
