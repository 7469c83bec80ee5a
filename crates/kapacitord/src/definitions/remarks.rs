//! What is to be said of stored scripts, worked out once for each version of a task: reading a script takes longer than
//! all else that an answer about a task needs.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use store::tasks::Task;

/// Those of so many tasks are remembered.
const MOST: usize = 10_000;

/// See the module.
#[derive(Default)]
pub(super) struct Remarks {
    /// By task: the time of the version, and what is said of it.
    known: Mutex<HashMap<String, (i64, Vec<String>)>>,
}

impl Remarks {
    /// What is to be said of a task; worked out if this version of it is not the one that was met last.
    pub(super) fn of(&self, task: &Task, work_out: impl FnOnce() -> Vec<String>) -> Vec<String> {
        if let Some((_, remarks)) = self.lock().get(&task.id).filter(|(version, _)| *version == task.modified) {
            return remarks.clone();
        }
        let remarks = work_out();
        self.keep(task, remarks.clone());
        remarks
    }

    /// This is to be said of a task.
    pub(super) fn keep(&self, task: &Task, remarks: Vec<String>) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(task.id.clone(), (task.modified, remarks));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (i64, Vec<String>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
