//! The subscriptions by which InfluxDB delivers what is written to it: made, mended and dropped, only our own.

mod destination;
mod listed;
mod plan;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

pub use destination::{Destinations, HttpDestination};
pub use listed::{Here, Subscription};
pub use plan::DatabasePolicy;

use crate::{Cell, Cluster, Error, Query, Series, statement};
use plan::Plan;

/// After a failure the next sync comes so soon, then twice as late each time, up to the usual interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What a user says about subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// Databases and their retention policies to subscribe to; if empty, all.
    pub include: BTreeMap<String, Vec<String>>,
    /// Databases and retention policies never to subscribe to.
    pub exclude: BTreeMap<String, Vec<String>>,
}

impl SubscriptionOptions {
    fn wants(&self, place: &DatabasePolicy) -> bool {
        let lists = |map: &BTreeMap<String, Vec<String>>| {
            map.get(&place.database).is_some_and(|policies| policies.contains(&place.policy))
        };
        (self.include.is_empty() || lists(&self.include)) && !lists(&self.exclude)
    }
}

/// What a sync found and did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Right before and left alone.
    pub kept: Vec<DatabasePolicy>,
    pub created: Vec<DatabasePolicy>,
    /// Dropped, because no longer wanted, or to be created anew with the right destination.
    pub dropped: Vec<DatabasePolicy>,
    /// Could not be created or dropped; the next sync tries again.
    pub failed: Vec<(DatabasePolicy, Error)>,
}

impl Report {
    /// How many subscriptions deliver after the sync.
    pub fn active(&self) -> usize {
        self.kept.len() + self.created.len()
    }

    /// Whether the sync changed nothing.
    pub fn is_quiet(&self) -> bool {
        self.created.is_empty() && self.dropped.is_empty() && self.failed.is_empty()
    }
}

/// Our subscriptions in one cluster. They bear a name with an id, and no others are touched.
pub struct Subscriptions {
    cluster: Arc<Cluster>,
    name: String,
    options: SubscriptionOptions,
    destinations: Box<dyn Destinations>,
}

impl Subscriptions {
    /// Subscriptions named after `id`, that of a cluster of Kapacitors or of one of them, which lead to `destinations`.
    pub fn new(
        cluster: Arc<Cluster>,
        id: &str,
        options: SubscriptionOptions,
        destinations: impl Destinations + 'static,
    ) -> Subscriptions {
        let name = format!("kapacitor-{id}");
        Subscriptions { cluster, name, options, destinations: Box::new(destinations) }
    }

    /// The name that all our subscriptions bear.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the subscriptions of the cluster what they should be. To be called again from time to time: databases
    /// come and go, and others may drop what is ours.
    pub async fn sync(&mut self) -> Result<Report, Error> {
        let wanted = self.wanted().await?;
        let existing = self.existing().await?;
        let plan = Plan::new(wanted, existing, &*self.destinations);
        let mut report = Report { kept: plan.keep, ..Report::default() };
        for place in plan.drop {
            self.drop_one(place, &mut report).await?;
        }
        for place in plan.create {
            // What could not be dropped cannot be created either.
            if !report.failed.iter().any(|(failed, _)| *failed == place) {
                self.create_one(place, &mut report).await?;
            }
        }
        Ok(report)
    }

    /// Syncs now and then every `interval`, sooner after a failure, and tells `heard` of each sync. Goes on until the
    /// future is dropped. A zero interval: until the first sync that succeeds.
    pub async fn keep(&mut self, interval: Duration, mut heard: impl FnMut(Result<Report, Error>)) -> Infallible {
        let longest = if interval.is_zero() { Duration::from_secs(60) } else { interval };
        let mut pause = FIRST_PAUSE.min(longest);
        loop {
            let result = self.sync().await;
            let succeeded = result.is_ok();
            heard(result);
            if succeeded && interval.is_zero() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(if succeeded { interval } else { pause }).await;
            pause = if succeeded { FIRST_PAUSE } else { pause * 2 }.min(longest);
        }
    }

    /// Drops all our subscriptions of the cluster.
    pub async fn drop_all(&mut self) -> Result<Report, Error> {
        let mut report = Report::default();
        for existing in self.existing().await? {
            self.drop_one(existing.place, &mut report).await?;
        }
        Ok(report)
    }

    async fn drop_one(&mut self, place: DatabasePolicy, report: &mut Report) -> Result<(), Error> {
        match self.cluster.drop_subscription(&self.name, &place).await {
            Ok(()) => {
                self.destinations.dropped(&place);
                report.dropped.push(place);
            }
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => report.failed.push((place, error)),
        }
        Ok(())
    }

    async fn create_one(&mut self, place: DatabasePolicy, report: &mut Report) -> Result<(), Error> {
        let destination = match self.destinations.url(&place) {
            Ok(destination) => destination,
            Err(text) => {
                report.failed.push((place, Error::Config(text)));
                return Ok(());
            }
        };
        let text = statement::create_subscription(&self.name, &place.database, &place.policy, &destination);
        match self.cluster.execute(&text).await {
            Ok(()) => report.created.push(place),
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => report.failed.push((place, error)),
        }
        Ok(())
    }

    /// All databases and policies that there are and that are wanted.
    async fn wanted(&self) -> Result<Vec<DatabasePolicy>, Error> {
        let mut wanted = Vec::new();
        for database in texts(&self.ask("SHOW DATABASES").await?, "name") {
            let policies = match self.ask(&statement::show_policies(&database)).await {
                Ok(answer) => texts(&answer, "name"),
                // Dropped since it was listed.
                Err(Error::Query(_)) => continue,
                Err(error) => return Err(error),
            };
            let places = policies.into_iter().map(|policy| DatabasePolicy { database: database.clone(), policy });
            wanted.extend(places.filter(|place| self.options.wants(place)));
        }
        Ok(wanted)
    }

    /// Our subscriptions that there are.
    async fn existing(&self) -> Result<Vec<Subscription>, Error> {
        let mut all = self.cluster.subscriptions().await?;
        all.retain(|subscription| subscription.name == self.name);
        Ok(all)
    }

    async fn ask(&self, text: &str) -> Result<Vec<Series>, Error> {
        self.cluster.collect(&Query::new(text)).await
    }
}

/// The texts of a column of all series.
fn texts(answer: &[Series], column: &str) -> Vec<String> {
    answer.iter().flat_map(|series| series.column(column)).filter_map(|cell| cell.text().map(str::to_owned)).collect()
}

/// The texts of a list.
fn texts_of(cell: &Cell<'static>) -> Vec<String> {
    match cell {
        Cell::List(cells) => cells.iter().filter_map(|cell| cell.text().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
