//! The HTTP API: `routes.rs` shows every path, one file per resource has what answers.

mod answer;
mod legacy;
mod routes;
mod system;
mod tasks;
mod templates;
mod write;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use engine::{Origin, Tasks};
use model::Schema;

pub use routes::router;

use crate::definitions::Definitions;

/// What Kapacitor's version our answers claim, for clients that look at it.
pub const VERSION: &str = "1.8.3";

/// What all routes share.
pub struct Api {
    pub definitions: Arc<Definitions>,
    pub running: Arc<Tasks>,
    pub schema: Arc<Schema>,
    pub identity: store::meta::Identity,
    pub hostname: String,
    pub default_retention_policy: String,
    /// Bytes of writes that may wait for tasks, a permit for each KiB.
    pub budget: Arc<tokio::sync::Semaphore>,
    pub ingress: Ingress,
    pub log_level: crate::logging::LevelHandle,
}

/// Points received by database and retention policy.
#[derive(Default)]
pub struct Ingress {
    counts: Mutex<HashMap<Arc<Origin>, Arc<Count>>>,
}

/// One database's count, with its name shared by all its writes.
pub struct Count {
    pub origin: Arc<Origin>,
    pub points: AtomicU64,
}

impl Ingress {
    /// The count of a database and retention policy. Beyond a bound new ones are not remembered.
    pub fn of(&self, origin: Origin) -> Arc<Count> {
        const MOST: usize = 10_000;
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(count) = counts.get(&origin) {
            return Arc::clone(count);
        }
        let origin = Arc::new(origin);
        let count = Arc::new(Count { origin: Arc::clone(&origin), points: AtomicU64::new(0) });
        if counts.len() < MOST {
            counts.insert(origin, Arc::clone(&count));
        }
        count
    }

    pub fn all(&self) -> Vec<Arc<Count>> {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).values().cloned().collect()
    }
}
