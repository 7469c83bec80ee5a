//! The InfluxDB clusters of the config by name: what is asked of them, what is written to them, and how they are.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::Duration,
};

use engine::{Answer, InfluxQuery, InfluxWrite};
use influx::{Cluster, Precision};
use model::{LiveSchema, Schema};
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
    manners: Manners,
    gate: Arc<Gate>,
    writes: Arc<Writes>,
    checkup: Arc<Checkup>,
}

/// See the module.
pub struct Clusters {
    now: RwLock<Arc<Members>>,
    runtime: Handle,
}

/// The clusters at one time.
#[derive(Default)]
struct Members {
    by_name: BTreeMap<String, Arc<Known>>,
    default: String,
}

/// Counters of a cluster by name.
pub(crate) type Counts = Vec<(&'static str, u64)>;

impl Clusters {
    /// `default` names the one that is meant where none is named. Each is checked once it answers, and what is wrong
    /// with it is logged.
    pub fn new(members: Vec<Member>, default: String, runtime: &Handle) -> Clusters {
        let clusters = Clusters { now: RwLock::default(), runtime: runtime.clone() };
        clusters.set(members, default);
        clusters
    }

    /// The clusters from now on. What waits to be written to one of them goes where it is now; what waits for one that
    /// is no more is lost, and told. Queries that are out get their answer.
    pub(crate) fn set(&self, members: Vec<Member>, default: String) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let mut by_name = BTreeMap::new();
        for member in members {
            let name = member.cluster.name().to_string();
            let known = self.follow(now.by_name.get(&name), member);
            by_name.insert(name, known);
        }
        for (name, known) in &now.by_name {
            if !by_name.contains_key(name) {
                known.writes.close();
            }
        }
        *now = Arc::new(Members { by_name, default });
    }

    /// A member that takes the place of an older one, if there was one.
    fn follow(&self, old: Option<&Arc<Known>>, member: Member) -> Arc<Known> {
        let Member { cluster, manners, write_buffer } = member;
        let Some(old) = old else {
            return Arc::new(Known {
                gate: Arc::new(Gate::new(Arc::clone(&cluster), manners)),
                writes: Writes::new(Arc::clone(&cluster), write_buffer, self.runtime.clone()),
                checkup: Checkup::start(Arc::clone(&cluster), &self.runtime),
                cluster,
                manners,
            });
        };
        old.writes.set_room(write_buffer);
        let is_same = old.cluster.config() == cluster.config();
        if is_same && old.manners == manners {
            return Arc::clone(old);
        }
        let checkup =
            if is_same { Arc::clone(&old.checkup) } else { Checkup::start(Arc::clone(&cluster), &self.runtime) };
        if !is_same {
            old.writes.move_to(Arc::clone(&cluster));
        }
        let gate = Arc::new(old.gate.follow(Arc::clone(&cluster), manners));
        Arc::new(Known { gate, writes: Arc::clone(&old.writes), checkup, cluster, manners })
    }

    fn now(&self) -> Arc<Members> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn known(&self, name: &str) -> Result<Arc<Known>, String> {
        let now = self.now();
        let name = if name.is_empty() { &now.default } else { name };
        now.by_name.get(name).map(Arc::clone).ok_or_else(|| {
            let near = declare::nearest(name, now.by_name.keys().map(String::as_str));
            format!("no such InfluxDB config {name}{}", declare::did_you_mean(&near))
        })
    }

    /// The cluster of this name; the default one if it is empty.
    pub fn get(&self, name: &str) -> Result<Arc<Cluster>, String> {
        self.known(name).map(|known| Arc::clone(&known.cluster))
    }

    /// How each cluster is.
    pub(crate) fn checkups(&self) -> Vec<Arc<Checkup>> {
        self.now().by_name.values().map(|known| Arc::clone(&known.checkup)).collect()
    }

    /// What each cluster was asked and given, if anything.
    pub(crate) fn counts(&self) -> Vec<(String, Counts)> {
        let now = self.now();
        let counted = now.by_name.iter().map(|(name, known)| {
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
            (name.clone(), counts.to_vec())
        });
        counted.filter(|(_, counts)| counts.iter().any(|(_, count)| *count > 0)).collect()
    }

    /// Waits until all writes are done, but no longer than this.
    pub(crate) async fn drain(&self, longest: Duration) {
        let deadline = tokio::time::Instant::now() + longest;
        for known in self.now().by_name.values() {
            known.writes.drain(deadline.saturating_duration_since(tokio::time::Instant::now())).await;
        }
    }

    /// Whether points can be written to a cluster in this precision.
    pub(super) fn check_write(&self, name: &str, precision: &str) -> Result<(), String> {
        let known = self.known(name)?;
        known.cluster.takes(Precision::named(precision).unwrap_or_default()).map_err(|error| error.to_string())
    }

    pub(super) fn query(&self, query: InfluxQuery, mail: Mail, schema: LiveSchema) {
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
