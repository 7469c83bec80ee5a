//! Tasks written in Flux, as users define them.

use serde::{Deserialize, Serialize};

use crate::record::{self, Record};
use crate::{Error, Store};

/// A task in Flux.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FluxTask {
    /// Sixteen hexadecimal digits.
    pub id: String,
    pub name: String,
    pub description: String,
    /// Switched on.
    pub active: bool,
    /// The script.
    pub flux: String,
    /// As written in the script's options; empty for none.
    pub every: String,
    pub cron: String,
    pub offset: String,
    /// Nanoseconds since 1970.
    pub created: i64,
    /// Of the last change, if there was one.
    pub updated: Option<i64>,
}

impl Record for FluxTask {
    const KIND: &'static str = "flux-task";
}

/// The stored tasks.
#[derive(Debug, Clone)]
pub struct FluxTasks(pub(crate) Store);

impl FluxTasks {
    /// The task of this id.
    pub fn get(&self, id: &str) -> Result<Option<FluxTask>, Error> {
        self.0.db.get(&key(id))?.map(|bytes| record::decode(id, &bytes)).transpose()
    }

    /// All, by id.
    pub fn list(&self) -> Result<Vec<FluxTask>, Error> {
        record::Items::new(&self.0.db, &[], &crate::Page::ALL).collect()
    }

    /// Stores a task, in place of the one of the same id.
    pub fn put(&self, task: &FluxTask) -> Result<(), Error> {
        self.0.db.put(&key(&task.id), &record::encode(task)?)
    }

    /// Stores a new task under an id after all others.
    pub fn create(&self, mut task: FluxTask) -> Result<FluxTask, Error> {
        let _change = self.0.change();
        let last = self.list()?.last().and_then(|last| u64::from_str_radix(&last.id, 16).ok()).unwrap_or(0);
        task.id = format!("{:016x}", last + 1);
        self.put(&task)?;
        Ok(task)
    }

    /// Forgets a task.
    pub fn delete(&self, id: &str) -> Result<(), Error> {
        self.0.db.delete(&key(id))
    }
}

fn key(id: &str) -> Vec<u8> {
    record::key(FluxTask::KIND, &[], id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_up() {
        let tasks = Store::in_memory().flux_tasks();
        let make = |name: &str| tasks.create(FluxTask { name: name.into(), ..FluxTask::default() }).unwrap();
        let (a, b) = (make("a"), make("b"));
        assert!(a.id.len() == 16 && a.id < b.id);
        tasks.delete(&a.id).unwrap();
        assert_eq!(tasks.list().unwrap(), [b]);
        assert_eq!(tasks.get(&a.id).unwrap(), None);
    }
}
