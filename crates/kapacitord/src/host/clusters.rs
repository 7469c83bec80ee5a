//! The InfluxDB clusters of the config by name, and the writes that nodes send to them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use engine::{Answer, InfluxWrite};
use influx::{Cluster, Precision, Write};
use tokio::sync::mpsc;

use super::{Mail, posts::text_of};

/// Writes that may wait for one cluster.
const WAITING: usize = 1_000;
/// A write is tried this often, with pauses that double.
const TRIES: u32 = 5;

struct Member {
    cluster: Arc<Cluster>,
    work: mpsc::Sender<Work>,
}

/// What is done for a cluster in the order in which it was asked for: a database is there before it is written to.
enum Work {
    Write(InfluxWrite, Mail),
    Create { database: String, policy: String },
}

/// See the module.
#[derive(Default)]
pub struct Clusters {
    by_name: HashMap<String, Member>,
    default: String,
}

impl Clusters {
    /// `default` names the one that is meant where none is named.
    pub fn new(clusters: Vec<Arc<Cluster>>, default: String, runtime: &tokio::runtime::Handle) -> Clusters {
        let by_name = clusters.into_iter().map(|cluster| {
            let (work, receive) = mpsc::channel(WAITING);
            runtime.spawn(do_all(Arc::clone(&cluster), receive));
            (cluster.name().to_string(), Member { cluster, work })
        });
        Clusters { by_name: by_name.collect(), default }
    }

    fn member(&self, name: &str) -> Result<&Member, String> {
        let name = if name.is_empty() { &self.default } else { name };
        self.by_name.get(name).ok_or_else(|| {
            if self.by_name.is_empty() {
                "no InfluxDB cluster is configured".to_string()
            } else {
                format!("no InfluxDB cluster is called {name:?}{}", declare::did_you_mean(&self.near(name)))
            }
        })
    }

    fn near(&self, name: &str) -> Vec<String> {
        declare::nearest(name, self.by_name.keys().map(String::as_str))
    }

    /// The cluster of this name; the default one if it is empty.
    pub fn get(&self, name: &str) -> Result<Arc<Cluster>, String> {
        self.member(name).map(|member| Arc::clone(&member.cluster))
    }

    pub(super) fn write(&self, write: InfluxWrite, mail: Mail) {
        match self.member(&write.cluster) {
            Err(why) => mail.send(Answer::Failed(why)),
            Ok(member) => {
                if let Err(error) = member.work.try_send(Work::Write(write, mail))
                    && let Work::Write(_, mail) = error.into_inner()
                {
                    mail.send(Answer::Failed(format!("{WAITING} writes wait already; this one is dropped")));
                }
            }
        }
    }

    pub(super) fn create_database(&self, cluster: &str, database: &str, policy: &str) {
        let Ok(member) = self.member(cluster) else { return };
        let work = Work::Create { database: database.to_string(), policy: policy.to_string() };
        if member.work.try_send(work).is_err() {
            tracing::error!(cluster, database, "cannot create the database: {WAITING} writes wait already");
        }
    }
}

async fn do_all(cluster: Arc<Cluster>, mut work: mpsc::Receiver<Work>) {
    while let Some(work) = work.recv().await {
        match work {
            Work::Write(write, mail) => write_one(&cluster, write, mail).await,
            Work::Create { database, policy } => {
                if let Err(error) = cluster.create_database(&database, &policy).await {
                    tracing::error!(cluster = cluster.name(), database, "cannot create the database: {error}");
                }
            }
        }
    }
}

async fn write_one(cluster: &Cluster, write: InfluxWrite, mail: Mail) {
    let points = write.points;
    let write = Write {
        database: write.database,
        policy: write.retention_policy,
        precision: Precision::named(&write.precision).unwrap_or_default(),
        consistency: write.consistency,
        lines: write.lines.into(),
    };
    mail.send(match try_write(cluster, &write).await {
        Ok(()) => Answer::Done(points),
        Err(why) => Answer::Failed(why),
    });
}

async fn try_write(cluster: &Cluster, write: &Write) -> Result<(), String> {
    let mut pause = Duration::from_millis(200);
    for attempt in 1.. {
        match cluster.write(write).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_temporary() && attempt < TRIES => {
                tracing::warn!(cluster = cluster.name(), "a write is tried again: {error}");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(text_of(&error)),
        }
    }
    Ok(())
}
