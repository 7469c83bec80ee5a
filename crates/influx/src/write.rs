//! Line protocol, written to a database.

use std::io::Write as _;

use bytes::Bytes;
use flate2::GzBuilder;
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::cluster::{Cluster, Request};
use crate::{Compression, Error};

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
        let parameters = [
            ("consistency", write.consistency.as_str()),
            ("db", &write.database),
            ("precision", write.precision.parameter()),
            ("rp", &write.policy),
        ];
        let gzip = self.compression() == Compression::Gzip;
        let body = if gzip { compress(&write.lines) } else { write.lines.clone() };
        let prepare = |request: reqwest::RequestBuilder| {
            let request = request.header(CONTENT_TYPE, "application/octet-stream").body(body.clone());
            if gzip { request.header(CONTENT_ENCODING, "gzip") } else { request }
        };
        self.send(&Request { method: Method::POST, path: "write", parameters: &parameters, prepare: &prepare }).await?;
        Ok(())
    }
}

/// Level 1: more effort costs far more time than it saves bytes.
fn compress(lines: &[u8]) -> Bytes {
    let mut encoder = GzBuilder::new().write(Vec::with_capacity(lines.len() / 4 + 64), flate2::Compression::fast());
    let compressed = encoder.write_all(lines).and_then(|()| encoder.finish());
    Bytes::from(compressed.expect("memory takes all that is written"))
}
