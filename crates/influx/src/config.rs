//! What a user says about an InfluxDB cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, Format};

/// A cluster: where it is and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The name that scripts say.
    pub name: String,
    /// `http://` or `https://` URLs of its servers; each request goes to one of them.
    pub urls: Vec<String>,
    pub credentials: Credentials,
    pub generation: Generation,
    /// Of answers to InfluxQL. None: MessagePack of InfluxDB 1, which is known by the configuration or by what the server
    /// says of itself, and JSON of all others.
    pub format: Option<Format>,
    /// The organisation of an InfluxDB 2, by name or by id; where both are empty, the token's own.
    pub organization: String,
    pub organization_id: String,
    /// Where InfluxDB 2 and 3 keep what a script calls `database.policy` or `database`: the name of a bucket, or of a
    /// database of InfluxDB 3.
    pub buckets: BTreeMap<String, String>,
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
            generation: Generation::Unsaid,
            format: None,
            organization: String::new(),
            organization_id: String::new(),
            buckets: BTreeMap::new(),
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

    /// Where what a script calls by `database` and `policy` is kept, in InfluxDB 2 and 3.
    ///
    /// What the user does not map goes by the rule of InfluxDB itself: `database/policy`; without a policy, and in
    /// InfluxDB 3 with that of the name `autogen`, it is the database.
    pub fn bucket(&self, database: &str, policy: &str) -> String {
        let full = format!("{database}.{policy}");
        if let Some(bucket) = self.buckets.get(&full).or_else(|| self.buckets.get(database)) {
            return bucket.clone();
        }
        match (policy, self.generation) {
            ("", _) | ("autogen", Generation::Three) => database.to_owned(),
            _ => format!("{database}/{policy}"),
        }
    }
}

/// Which InfluxDB a cluster is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Generation {
    /// Nobody said: it is spoken to as Kapacitor does, by the API of InfluxDB 1 that its successors have as well.
    #[default]
    Unsaid,
    One,
    Two,
    Three,
}

impl Generation {
    /// The words of the config.
    pub const WORDS: &'static [&'static str] = &["", "1", "2", "3"];

    /// The generation of a word of the config.
    pub fn named(word: &str) -> Result<Generation, Error> {
        match word {
            "" => Ok(Generation::Unsaid),
            "1" => Ok(Generation::One),
            "2" => Ok(Generation::Two),
            "3" => Ok(Generation::Three),
            _ => Err(Error::Config(format!("version {word:?} of InfluxDB is unknown, write \"1\", \"2\" or \"3\""))),
        }
    }

    /// The word of the config.
    pub fn word(self) -> &'static str {
        match self {
            Generation::Unsaid => "",
            Generation::One => "1",
            Generation::Two => "2",
            Generation::Three => "3",
        }
    }

    /// That of a version such as `1.8.10`, `v2.7.1` or `3.0.2-nightly`; `Unsaid` for what begins with no known number.
    pub fn of_version(version: &str) -> Generation {
        match version.trim_start_matches('v').split(['.', '-']).next() {
            Some("0" | "1") => Generation::One,
            Some("2") => Generation::Two,
            Some("3") => Generation::Three,
            _ => Generation::Unsaid,
        }
    }

    /// Whether it has subscriptions.
    pub fn subscribes(self) -> bool {
        matches!(self, Generation::Unsaid | Generation::One)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_buckets() {
        let config = |generation, buckets: &[(&str, &str)]| ClusterConfig {
            generation,
            buckets: buckets.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())).collect(),
            ..ClusterConfig::default()
        };
        let two = config(Generation::Two, &[("a.week", "short"), ("a", "long"), ("c.r", "x")]);
        for (database, policy, bucket) in [
            ("a", "week", "short"),
            ("a", "year", "long"),
            ("a", "", "long"),
            ("b", "", "b"),
            ("b", "autogen", "b/autogen"),
        ] {
            assert_eq!(two.bucket(database, policy), bucket, "{database}.{policy}");
        }
        let three = config(Generation::Three, &[]);
        assert_eq!((three.bucket("b", "autogen"), three.bucket("b", "week")), ("b".to_owned(), "b/week".to_owned()));
    }

    #[test]
    fn generations_of_versions() {
        for (version, generation) in [
            ("1.8.10", Generation::One),
            ("0.13.0", Generation::One),
            ("v2.7.1", Generation::Two),
            ("3.0.2-nightly", Generation::Three),
            ("relay", Generation::Unsaid),
            ("", Generation::Unsaid),
        ] {
            assert_eq!(Generation::of_version(version), generation, "{version}");
        }
        for word in Generation::WORDS {
            assert_eq!(Generation::named(word).map(Generation::word), Ok(*word));
        }
        assert!(Generation::named("2.7").is_err());
    }
}
