//! All subscriptions of a cluster, whoever they belong to, and which of them are left over.

use reqwest::Url;

use super::{DatabasePolicy, texts_of};
use crate::{Cell, Cluster, Error, Query, Series, statement};

/// What names of our subscriptions begin with; very old ones have no more than the word.
const PREFIX: &str = "kapacitor-";
const OLD_NAME: &str = "kapacitor";

/// A subscription as InfluxDB lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub name: String,
    pub place: DatabasePolicy,
    /// `ANY` or `ALL`
    pub mode: String,
    pub destinations: Vec<String>,
}

/// Where a daemon takes points: what its own subscriptions say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    pub host: String,
    pub port: u16,
}

impl Subscription {
    /// Whether it bears the name of a Kapacitor that is not the one of the id, and all that is delivered by it comes to
    /// us: nobody else can want it, and we get everything twice.
    ///
    /// `is_unused` tells whether a port of this machine for UDP is used by nobody; then its Kapacitor is gone.
    pub fn is_left_over(&self, own_name: &str, here: &Here, is_unused: impl Fn(u16) -> bool) -> bool {
        let of_a_kapacitor = self.name.starts_with(PREFIX) || self.name == OLD_NAME;
        of_a_kapacitor
            && self.name != own_name
            && !self.destinations.is_empty()
            && self.destinations.iter().all(|destination| here.takes(destination, &is_unused))
    }
}

impl Here {
    fn takes(&self, destination: &str, is_unused: &impl Fn(u16) -> bool) -> bool {
        let Ok(url) = Url::parse(destination) else { return false };
        let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if url.host_str().map(bare) != Some(bare(&self.host)) {
            return false;
        }
        match url.scheme() {
            "http" | "https" => url.port_or_known_default() == Some(self.port),
            "udp" => url.port().is_some_and(is_unused),
            _ => false,
        }
    }
}

impl Cluster {
    /// All subscriptions that there are.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        let answer = self.collect(&Query::new("SHOW SUBSCRIPTIONS")).await?;
        Ok(answer.iter().flat_map(listed).collect())
    }

    /// Ends a subscription.
    pub async fn drop_subscription(&self, name: &str, place: &DatabasePolicy) -> Result<(), Error> {
        self.execute(&statement::drop_subscription(name, &place.database, &place.policy)).await
    }
}

/// The subscriptions in a series of `SHOW SUBSCRIPTIONS`, which bears the database's name.
fn listed(series: &Series) -> Vec<Subscription> {
    let index = |column: &str| series.columns.iter().position(|found| found == column);
    let (policy, name) = (index("retention_policy"), index("name"));
    let (mode, destinations) = (index("mode"), index("destinations"));
    let read = |row: &Vec<Cell<'static>>| {
        let text = |at: Option<usize>| row.get(at?)?.text().map(str::to_owned);
        Some(Subscription {
            name: text(name)?,
            place: DatabasePolicy { database: series.name.clone(), policy: text(policy)? },
            mode: text(mode)?,
            destinations: destinations.and_then(|at| row.get(at)).map(texts_of).unwrap_or_default(),
        })
    };
    series.rows.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_here_and_belongs_to_no_one_is_left_over() {
        let here = Here { host: "Me".to_owned(), port: 9092 };
        let left = |name: &str, destinations: &[&str]| {
            let subscription = Subscription {
                name: name.to_owned(),
                place: DatabasePolicy { database: "d".to_owned(), policy: "r".to_owned() },
                mode: "ANY".to_owned(),
                destinations: destinations.iter().map(|&one| one.to_owned()).collect(),
            };
            subscription.is_left_over("kapacitor-own", &here, |port| port == 7)
        };
        assert!(left("kapacitor-other", &["http://me:9092"]));
        assert!(left("kapacitor", &["https://~subscriber:secret@me:9092/path"]));
        assert!(left("kapacitor-other", &["udp://me:7"]));
        for (name, destinations) in [
            ("kapacitor-own", &["http://me:9092"] as &[&str]),
            ("telegraf", &["http://me:9092"]),
            ("kapacitor-other", &["http://me:9093"]),
            ("kapacitor-other", &["http://you:9092"]),
            ("kapacitor-other", &["http://me:9092", "http://you:9092"]),
            ("kapacitor-other", &["udp://me:8"]),
            ("kapacitor-other", &["?"]),
            ("kapacitor-other", &[]),
        ] {
            assert!(!left(name, destinations), "{name} {destinations:?}");
        }
        let ipv6 = Here { host: "::1".to_owned(), port: 80 };
        assert!(ipv6.takes("http://[::1]", &|_| false));
    }
}
