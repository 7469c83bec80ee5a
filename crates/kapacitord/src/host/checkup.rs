//! How a cluster is: told once at the start, and whenever somebody asks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use influx::{Cluster, Error, Pong};
use tokio::runtime::Handle;

/// A check is good for this long.
const FRESH: Duration = Duration::from_secs(5);
/// Longer than this nobody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pauses until a cluster that is away is looked for again, doubling.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// See the module.
pub(crate) struct Checkup {
    cluster: Arc<Cluster>,
    last: tokio::sync::Mutex<Option<(Instant, Outcome)>>,
    told: Mutex<String>,
}

/// How a cluster was when it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// Its version.
    Well(String),
    /// It does not answer, which may pass.
    Away(String),
    /// Somebody must change the configuration, here or there.
    Wrong(String),
}

impl Checkup {
    pub(super) fn start(cluster: Arc<Cluster>, runtime: &Handle) -> Arc<Checkup> {
        let checkup = Arc::new(Checkup { cluster, last: tokio::sync::Mutex::default(), told: Mutex::default() });
        let first = Arc::downgrade(&checkup);
        runtime.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                // Whoever stops the daemon does not wait for this.
                let Some(checkup) = first.upgrade() else { return };
                if !matches!(checkup.now().await, Outcome::Away(_)) {
                    return;
                }
                drop(checkup);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
        checkup
    }

    pub(crate) fn name(&self) -> &str {
        self.cluster.name()
    }

    /// How the cluster is now, or was a moment ago.
    pub(crate) async fn now(&self) -> Outcome {
        let mut last = self.last.lock().await;
        if let Some((when, outcome)) = &*last
            && when.elapsed() < FRESH
        {
            return outcome.clone();
        }
        let outcome = match tokio::time::timeout(PATIENCE, self.cluster.check()).await {
            Ok(checked) => outcome_of(checked),
            Err(_) => Outcome::Away(format!("InfluxDB did not answer within {PATIENCE:?}")),
        };
        self.tell(&outcome);
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }

    /// One line for each change to something wrong.
    fn tell(&self, outcome: &Outcome) {
        let why = if let Outcome::Wrong(why) = outcome { why.as_str() } else { "" };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !why.is_empty() && why != *told {
            tracing::error!(cluster = self.name(), "[[influxdb]] {:?} cannot be used: {why}", self.name());
        }
        why.clone_into(&mut told);
    }
}

fn outcome_of(checked: Result<Pong, Error>) -> Outcome {
    match checked {
        Ok(pong) => Outcome::Well(pong.version),
        Err(error) if error.is_temporary() => Outcome::Away(error.to_string()),
        Err(error) => Outcome::Wrong(error.to_string()),
    }
}
