//! The InfluxDB clusters of the config by name: what is asked of them, what is written to them, and how they are.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{Answer, InfluxQuery, InfluxWrite};
use influx::{Cluster, Precision};
use model::Schema;
use tokio::runtime::Handle;

use super::{
    Mail,
    checkup::Checkup,
    gate::{Gate, Manners},
    queries::Found,
    writes::Writes,
};

/// One cluster, and how it is treated.
pub struct Member {
    pub cluster: Arc<Cluster>,
    pub manners: Manners,
    /// Bytes of writes that may wait for it.
    pub write_buffer: usize,
}

struct Known {
    cluster: Arc<Cluster>,
    gate: Arc<Gate>,
    writes: Arc<Writes>,
    checkup: Arc<Checkup>,
}

/// See the module.
pub struct Clusters {
    by_name: BTreeMap<String, Known>,
    default: String,
    runtime: Handle,
}

/// Counters of a cluster by name.
pub(crate) type Counts = Vec<(&'static str, u64)>;

impl Clusters {
    /// `default` names the one that is meant where none is named. Each is checked once it answers, and what is wrong
    /// with it is logged.
    pub fn new(members: Vec<Member>, default: String, runtime: &Handle) -> Clusters {
        let by_name = members.into_iter().map(|Member { cluster, manners, write_buffer }| {
            let known = Known {
                gate: Arc::new(Gate::new(Arc::clone(&cluster), manners)),
                writes: Writes::new(Arc::clone(&cluster), write_buffer, runtime.clone()),
                checkup: Checkup::start(Arc::clone(&cluster), runtime),
                cluster,
            };
            (known.cluster.name().to_string(), known)
        });
        Clusters { by_name: by_name.collect(), default, runtime: runtime.clone() }
    }

    fn known(&self, name: &str) -> Result<&Known, String> {
        let name = if name.is_empty() { &self.default } else { name };
        self.by_name
            .get(name)
            .ok_or_else(|| format!("no such InfluxDB config {name}{}", declare::did_you_mean(&self.near(name))))
    }

    fn near(&self, name: &str) -> Vec<String> {
        declare::nearest(name, self.by_name.keys().map(String::as_str))
    }

    /// The cluster of this name; the default one if it is empty.
    pub fn get(&self, name: &str) -> Result<Arc<Cluster>, String> {
        self.known(name).map(|known| Arc::clone(&known.cluster))
    }

    /// How each cluster is.
    pub(crate) fn checkups(&self) -> impl Iterator<Item = &Arc<Checkup>> {
        self.by_name.values().map(|known| &known.checkup)
    }

    /// What each cluster was asked and given, if anything.
    pub(crate) fn counts(&self) -> Vec<(&str, Counts)> {
        let counted = self.by_name.iter().map(|(name, known)| {
            let (queries, writes) = (known.gate.counts(), known.writes.counts());
            let counts = [
                ("queries_asked", &queries.asked),
                ("queries_shared", &queries.shared),
                ("queries_failed", &queries.failed),
                ("points_written", &writes.written),
                ("points_dropped", &writes.dropped),
                ("points_retried", &writes.retried),
                ("points_queued", &writes.queued),
            ];
            let counts = counts.map(|(name, count)| (name, count.load(Ordering::Relaxed)));
            (name.as_str(), counts.to_vec())
        });
        counted.filter(|(_, counts)| counts.iter().any(|(_, count)| *count > 0)).collect()
    }

    /// Waits until all writes are done, but no longer than this.
    pub(crate) async fn drain(&self, longest: Duration) {
        let deadline = tokio::time::Instant::now() + longest;
        for known in self.by_name.values() {
            known.writes.drain(deadline.saturating_duration_since(tokio::time::Instant::now())).await;
        }
    }

    /// Whether points can be written to a cluster in this precision.
    pub(super) fn check_write(&self, name: &str, precision: &str) -> Result<(), String> {
        let cluster = &self.known(name)?.cluster;
        cluster.takes(Precision::named(precision).unwrap_or_default()).map_err(|error| error.to_string())
    }

    pub(super) fn query(&self, query: InfluxQuery, mail: Mail, schema: Arc<Schema>) {
        match self.known(&query.cluster) {
            Ok(known) => known.gate.ask(query, mail, schema, &self.runtime),
            Err(why) => mail.send(Answer::Failed(why)),
        }
    }

    /// Ask a query now; all its batches. Blocks.
    pub(super) fn ask(&self, query: &InfluxQuery, schema: &Arc<Schema>) -> Result<Found, String> {
        let known = self.known(&query.cluster)?;
        self.runtime.block_on(known.gate.find(schema, query))
    }

    pub(super) fn write(&self, write: InfluxWrite, mail: Mail) {
        match self.known(&write.cluster) {
            Err(why) => mail.send(Answer::Failed(why)),
            Ok(known) => known.writes.write(write, mail),
        }
    }

    pub(super) fn create_database(&self, cluster: &str, database: &str, policy: &str) {
        if let Ok(known) = self.known(cluster) {
            known.writes.create(database, policy);
        }
    }
}
