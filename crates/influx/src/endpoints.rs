//! Which server of a cluster is asked next: all in turn, those that failed lately only when no other is left.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;

use crate::Error;

/// How long a server that failed once is avoided; twice as long after each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The servers of a cluster.
pub(crate) struct Endpoints {
    urls: Vec<Url>,
    state: Mutex<State>,
}

struct State {
    /// The server asked first by the next request.
    turn: usize,
    health: Vec<Health>,
}

#[derive(Clone, Copy, Default)]
struct Health {
    failures: u32,
    avoid_until: Option<Instant>,
}

impl Endpoints {
    pub(crate) fn new(urls: &[String]) -> Result<Endpoints, Error> {
        if urls.is_empty() {
            return Err(Error::Config("must specify at least one InfluxDB URL".to_owned()));
        }
        let urls = urls.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        let state = State { turn: 0, health: vec![Health::default(); urls.len()] };
        Ok(Endpoints { urls, state: Mutex::new(state) })
    }

    /// The state is whole between any two statements: whoever panicked left nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers in the order in which a request that begins `now` tries them.
    pub(crate) fn order(&self, now: Instant) -> Vec<usize> {
        let mut state = self.state();
        let count = self.urls.len();
        let mut order: Vec<usize> = (0..count).map(|step| (state.turn + step) % count).collect();
        state.turn = (state.turn + 1) % count;
        order.sort_by_key(|index| state.health[*index].avoid_until.filter(|until| *until > now));
        order
    }

    pub(crate) fn succeeded(&self, index: usize) {
        self.state().health[index] = Health::default();
    }

    pub(crate) fn failed(&self, index: usize, now: Instant) {
        let health = &mut self.state().health[index];
        let pause = FIRST_PAUSE.saturating_mul(1 << health.failures.min(16)).min(LONGEST_PAUSE);
        *health = Health { failures: health.failures.saturating_add(1), avoid_until: Some(now + pause) };
    }

    /// The URL of `path` on a server.
    pub(crate) fn url(&self, index: usize, path: &str) -> Url {
        let mut url = self.urls[index].clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }

    /// Scheme, host and port of a server, fit for a log.
    pub(crate) fn name(&self, index: usize) -> String {
        self.urls[index].origin().ascii_serialization()
    }

    /// Whether TLS is spoken with any server.
    pub(crate) fn any_encrypted(&self) -> bool {
        self.urls.iter().any(|url| url.scheme() == "https")
    }

    /// Whether all servers are on this machine.
    pub(crate) fn all_local(&self) -> bool {
        self.urls.iter().all(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
    }
}

fn parse(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| Error::Config(format!("invalid InfluxDB URL {text:?}: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        let reason = format!("unsupported protocol scheme {scheme}, the address must start with http:// or https://");
        return Err(Error::Config(format!("invalid InfluxDB URL {text:?}: {reason}")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(count: usize) -> Endpoints {
        let urls: Vec<String> = (0..count).map(|index| format!("http://h{index}:8086/base/")).collect();
        Endpoints::new(&urls).expect("good URLs")
    }

    #[test]
    fn takes_turns_and_avoids_the_failed() {
        let (three, now) = (endpoints(3), Instant::now());
        assert_eq!(three.order(now), [0, 1, 2]);
        assert_eq!(three.order(now), [1, 2, 0]);
        three.failed(2, now);
        assert_eq!(three.order(now), [0, 1, 2]);
        assert_eq!(three.order(now), [0, 1, 2]);
        three.failed(0, now);
        three.failed(0, now);
        // The one whose pause ends first comes before the other.
        assert_eq!(three.order(now), [1, 2, 0]);
        assert_eq!(three.order(now + FIRST_PAUSE), [2, 1, 0]);
        three.succeeded(0);
        assert_eq!(three.order(now), [0, 1, 2]);
        assert_eq!(three.order(now + LONGEST_PAUSE), [1, 2, 0]);
    }

    #[test]
    fn pauses_are_bounded() {
        let (one, now) = (endpoints(1), Instant::now());
        for _ in 0..100 {
            one.failed(0, now);
        }
        assert_eq!(one.state().health[0].avoid_until, Some(now + LONGEST_PAUSE));
        assert_eq!(one.order(now), [0]);
    }

    #[test]
    fn urls_keep_their_base_and_hide_passwords() {
        let with_password = Endpoints::new(&["https://u:p@host/x".to_owned()]).expect("a good URL");
        assert_eq!(with_password.name(0), "https://host");
        assert_eq!(endpoints(1).url(0, "query").as_str(), "http://h0:8086/base/query");
        for bad in ["", "host:8086", "ftp://host", "http://"] {
            assert!(matches!(Endpoints::new(&[bad.to_owned()]), Err(Error::Config(_))), "{bad}");
        }
        assert!(Endpoints::new(&[]).is_err());
        assert!(!endpoints(1).all_local());
        assert!(Endpoints::new(&["http://localhost:1".to_owned()]).expect("a good URL").all_local());
    }
}
