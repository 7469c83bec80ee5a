//! Whether a cluster answers, is what the configuration says, and takes the credentials.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde::Deserialize;

use crate::cluster::{Cluster, Request};
use crate::{Error, Generation};

/// The answer to a ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pong {
    /// Empty if the server does not tell.
    pub version: String,
    pub took: Duration,
    /// The address of the server that answered.
    pub server: String,
}

impl Cluster {
    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<Pong, Error> {
        let start = Instant::now();
        let answer = self.send(&get("ping", &[])).await?;
        let header = answer.response.headers().get("X-Influxdb-Version").and_then(|value| value.to_str().ok());
        let (header, server) = (header.map(str::to_owned), self.server_name(answer.server));
        let version = match header {
            Some(version) => version,
            None => version_of(&self.read_start(answer).await),
        };
        Ok(Pong { version, took: start.elapsed(), server })
    }

    /// Asks for a sign of life, and whether the server is of the configured generation and knows who we are.
    ///
    /// # Errors
    /// The one thing that hinders, with its remedy where there is one.
    pub async fn check(&self) -> Result<Pong, Error> {
        let pong = self.ping().await?;
        let (said, found) = (self.config().generation, Generation::of_version(&pong.version));
        if said != Generation::Unsaid && found != Generation::Unsaid && said != found {
            let (said, right) = (said.word(), found.word());
            return Err(Error::Version { server: pong.server, found: pong.version, said, right });
        }
        match if said == Generation::Unsaid { found } else { said } {
            // A write of nothing to nowhere: who it is from is looked at first, and the rest is refused.
            Generation::Unsaid | Generation::One => {
                self.may(&Request { method: Method::POST, ..get("write", &[]) }).await?
            }
            Generation::Two => self.may(&get("api/v2/buckets", &[("limit", "1")])).await?,
            Generation::Three => self.may(&get("api/v3/configure/database", &[("format", "json")])).await?,
        }
        Ok(pong)
    }

    /// Whether whoever we are is known; what a known one may not see does not matter here.
    async fn may(&self, request: &Request<'_>) -> Result<(), Error> {
        match self.send(request).await {
            Err(error @ Error::Auth { status: 401, .. }) => Err(error),
            Err(error) if error.is_temporary() => Err(error),
            _ => Ok(()),
        }
    }
}

fn get<'r>(path: &'r str, parameters: &'r [(&'r str, &'r str)]) -> Request<'r> {
    Request { method: Method::GET, path, parameters, prepare: &|request| request }
}

/// The version in the body of a ping, as InfluxDB 3 answers it.
fn version_of(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        version: String,
    }
    serde_json::from_slice::<Body>(body).map(|body| body.version).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_the_body() {
        assert_eq!(version_of(br#"{"version":"3.0.2","revision":"x"}"#), "3.0.2");
        assert_eq!(version_of(b""), "");
    }
}
