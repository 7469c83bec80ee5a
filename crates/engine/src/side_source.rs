//! What a sideload source holds: values by key in files or parts by name, replaced as a whole when it is read again.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;

/// Values by key, by the name of the file or part that holds them.
pub type SideTables = HashMap<String, HashMap<String, Value>>;

/// A source that several nodes may look into.
#[derive(Debug, Default)]
pub struct SideSource {
    version: AtomicU64,
    tables: RwLock<Arc<SideTables>>,
}

impl SideSource {
    pub fn new(tables: SideTables) -> SideSource {
        SideSource { version: AtomicU64::new(0), tables: RwLock::new(Arc::new(tables)) }
    }

    /// A number that changes whenever the tables do.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn tables(&self) -> Arc<SideTables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was read again takes the place of all that was there.
    pub fn replace(&self, tables: SideTables) {
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tables);
        self.version.fetch_add(1, Ordering::AcqRel);
    }
}
