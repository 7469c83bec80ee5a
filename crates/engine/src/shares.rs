//! What the nodes of one definition share where a task is divided into shards.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

type Shared = Arc<dyn Any + Send + Sync>;

/// See the module. Things are known by the node's name.
#[derive(Default)]
pub struct Shares(Mutex<HashMap<String, Shared>>);

impl Shares {
    /// What the node of this name shares; made by the first shard that asks.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn of<T: Any + Send + Sync, E>(&self, node: &str, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all.get(node).and_then(|known| Arc::clone(known).downcast().ok()) {
            return Ok(found);
        }
        let made = Arc::new(make()?);
        all.insert(node.to_string(), Arc::clone(&made) as Shared);
        Ok(made)
    }
}
