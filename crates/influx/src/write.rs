//! Line protocol, written to a database, and databases to write to.

use std::io::Write as _;

use bytes::Bytes;
use flate2::GzBuilder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::json;

use crate::cluster::{Cluster, Request};
use crate::{Compression, Error, Generation, statement};

/// The unit of the times of written points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Precision {
    /// The precision of a script's word: `ns`, `us`, `ms`, `s`, `m`, `h`, or InfluxDB's `n` and `u`.
    pub fn named(word: &str) -> Option<Precision> {
        match word {
            "" | "n" | "ns" => Some(Precision::Nanoseconds),
            "u" | "us" | "µ" | "µs" => Some(Precision::Microseconds),
            "ms" => Some(Precision::Milliseconds),
            "s" => Some(Precision::Seconds),
            "m" => Some(Precision::Minutes),
            "h" => Some(Precision::Hours),
            _ => None,
        }
    }

    /// What a time in nanoseconds is divided by.
    pub fn nanoseconds(self) -> i64 {
        match self {
            Precision::Nanoseconds => 1,
            Precision::Microseconds => 1_000,
            Precision::Milliseconds => 1_000_000,
            Precision::Seconds => 1_000_000_000,
            Precision::Minutes => 60_000_000_000,
            Precision::Hours => 3_600_000_000_000,
        }
    }

    fn parameter(self) -> &'static str {
        match self {
            Precision::Nanoseconds => "ns",
            Precision::Microseconds => "u",
            Precision::Milliseconds => "ms",
            Precision::Seconds => "s",
            Precision::Minutes => "m",
            Precision::Hours => "h",
        }
    }
}

/// Points for a database.
#[derive(Debug, Clone, Default)]
pub struct Write {
    pub database: String,
    /// Empty: the default policy of the database.
    pub policy: String,
    pub precision: Precision,
    /// `any`, `one`, `quorum`, `all`, or empty.
    pub consistency: String,
    /// Line protocol.
    pub lines: Bytes,
}

impl Cluster {
    /// Writes points. A refusal that names single points (`partial write: ...`) has written the others.
    pub async fn write(&self, write: &Write) -> Result<(), Error> {
        let config = self.config();
        let bucket = || config.bucket(&write.database, &write.policy);
        match config.generation {
            Generation::Unsaid | Generation::One => {
                let parameters = [
                    ("consistency", write.consistency.as_str()),
                    ("db", &write.database),
                    ("precision", write.precision.parameter()),
                    ("rp", &write.policy),
                ];
                self.write_to("write", &parameters, &write.lines).await
            }
            Generation::Two => {
                let (bucket, precision) = (bucket(), self.precision(write.precision)?);
                let mut parameters = vec![("bucket", bucket.as_str()), ("precision", precision)];
                let organization = [("org", config.organization.as_str()), ("orgID", &config.organization_id)];
                parameters.extend(organization.into_iter().filter(|(_, value)| !value.is_empty()));
                self.write_to("api/v2/write", &parameters, &write.lines).await
            }
            Generation::Three => {
                let (bucket, precision) = (bucket(), self.precision(write.precision)?);
                let parameters = [("db", bucket.as_str()), ("precision", precision)];
                self.write_to("api/v3/write_lp", &parameters, &write.lines).await
            }
        }
    }

    /// Whether points can be written with times of this unit; the error says what would be right.
    pub fn takes(&self, precision: Precision) -> Result<(), Error> {
        match self.config().generation {
            Generation::Unsaid | Generation::One => Ok(()),
            Generation::Two | Generation::Three => self.precision(precision).map(drop),
        }
    }

    /// Creates `database` unless it exists; `policy` names its default retention policy if not empty. In InfluxDB 2 it
    /// is a bucket without an end.
    pub async fn create_database(&self, database: &str, policy: &str) -> Result<(), Error> {
        match self.config().generation {
            Generation::Unsaid | Generation::One => self.execute(&statement::create_database(database, policy)).await,
            Generation::Two => self.create_bucket(&self.config().bucket(database, policy)).await,
            Generation::Three => {
                let body = json!({ "db": self.config().bucket(database, policy) });
                self.create("api/v3/configure/database", &body).await
            }
        }
    }

    async fn create_bucket(&self, name: &str) -> Result<(), Error> {
        let config = self.config();
        let id = match config.organization_id.as_str() {
            "" => self.organization_id(&config.organization).await?,
            id => id.to_owned(),
        };
        self.create("api/v2/buckets", &json!({ "orgID": id, "name": name, "retentionRules": [] })).await
    }

    async fn organization_id(&self, name: &str) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Organization {
            id: String,
        }
        #[derive(Deserialize)]
        struct List {
            orgs: Vec<Organization>,
        }
        let parameters: &[(&str, &str)] = if name.is_empty() { &[] } else { &[("org", name)] };
        let request = Request { method: Method::GET, path: "api/v2/orgs", parameters, prepare: &|request| request };
        let answer = self.send(&request).await?;
        let list: List = serde_json::from_slice(&self.read_start(answer).await)
            .map_err(|error| Error::Decode(format!("the list of organisations: {error}")))?;
        match <[Organization; 1]>::try_from(list.orgs) {
            Ok([one]) => Ok(one.id),
            Err(several) => Err(Error::Config(format!(
                "the token sees {} organisations; set org or org-id in the cluster's [[influxdb]]",
                several.len()
            ))),
        }
    }

    /// Creates what may exist already.
    async fn create(&self, path: &str, body: &serde_json::Value) -> Result<(), Error> {
        let body = Bytes::from(body.to_string());
        let prepare = |request: RequestBuilder| request.header(CONTENT_TYPE, "application/json").body(body.clone());
        match self.send(&Request { method: Method::POST, path, parameters: &[], prepare: &prepare }).await {
            Ok(_) | Err(Error::Refused { status: 409, .. }) => Ok(()),
            Err(Error::Refused { status: 422, text }) if text.contains("already exists") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What InfluxDB 2 and 3 call a unit of times.
    fn precision(&self, precision: Precision) -> Result<&'static str, Error> {
        let long = self.config().generation == Generation::Three;
        let (word, short) = match precision {
            Precision::Nanoseconds => ("nanosecond", "ns"),
            Precision::Microseconds => ("microsecond", "us"),
            Precision::Milliseconds => ("millisecond", "ms"),
            Precision::Seconds => ("second", "s"),
            Precision::Minutes | Precision::Hours => {
                let (word, generation) = (precision.parameter(), self.config().generation.word());
                return Err(Error::Config(format!(
                    "InfluxDB {generation} takes no times in the precision {word}: write one of ns, u, ms and s"
                )));
            }
        };
        Ok(if long { word } else { short })
    }

    async fn write_to(&self, path: &str, parameters: &[(&str, &str)], lines: &Bytes) -> Result<(), Error> {
        let gzip = self.config().compression == Compression::Gzip;
        let body = if gzip { compress(lines) } else { lines.clone() };
        let prepare = |request: RequestBuilder| {
            let request = request.header(CONTENT_TYPE, "application/octet-stream").body(body.clone());
            if gzip { request.header(CONTENT_ENCODING, "gzip") } else { request }
        };
        self.send(&Request { method: Method::POST, path, parameters, prepare: &prepare }).await?;
        Ok(())
    }
}

/// Level 1: more effort costs far more time than it saves bytes.
fn compress(lines: &[u8]) -> Bytes {
    let mut encoder = GzBuilder::new().write(Vec::with_capacity(lines.len() / 4 + 64), flate2::Compression::fast());
    let compressed = encoder.write_all(lines).and_then(|()| encoder.finish());
    Bytes::from(compressed.expect("memory takes all that is written"))
}
