//! What stored scripts come to, worked out once for each version of a task: to read a script takes longer than all else
//! that an answer about a task needs, and a list may have thousands.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::define::{Defined, dot};
use store::tasks::Task;

use super::{Refused, deprecations};

/// So many bytes of texts are kept; what does not fit is worked out each time.
const ROOM: usize = 8 << 20;
/// What an entry takes beside its texts.
const ENTRY: usize = 160;

/// What the script of a task comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The pipeline without counters, or why the script is not understood any more.
    pub(super) drawing: Result<String, String>,
    /// What is to be said of its dialect.
    pub(super) remarks: Vec<String>,
}

impl Reading {
    pub(super) fn of(task: &Task, defined: &Result<Defined, Refused>) -> Reading {
        match defined {
            Ok(defined) => {
                Reading { drawing: Ok(dot(&task.id, &defined.pipeline)), remarks: deprecations(task, defined) }
            }
            Err(why) => Reading { drawing: Err(why.text.clone()), remarks: Vec::new() },
        }
    }

    fn size(&self) -> usize {
        let (Ok(text) | Err(text)) = &self.drawing;
        ENTRY + text.len() + self.remarks.iter().map(|remark| size_of::<String>() + remark.len()).sum::<usize>()
    }
}

/// Readings by the ids of tasks, bounded.
#[derive(Default)]
pub(super) struct Readings(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// With the time of the task's version: no two versions of it have the same.
    by_id: HashMap<String, (i64, Arc<Reading>)>,
    bytes: usize,
}

impl Readings {
    /// The reading of a task; worked out by `read` if this version of it is not the one that was met last.
    pub(super) fn of(&self, task: &Task, read: impl FnOnce() -> Reading) -> Arc<Reading> {
        let known = self.kept().by_id.get(&task.id).filter(|(version, _)| *version == task.modified).cloned();
        known.map_or_else(|| self.keep(task, read()), |(_, reading)| reading)
    }

    /// A reading that was worked out for something else.
    pub(super) fn keep(&self, task: &Task, reading: Reading) -> Arc<Reading> {
        let reading = Arc::new(reading);
        self.kept().keep(task, &reading);
        reading
    }

    /// The task is gone.
    pub(super) fn forget(&self, id: &str) {
        self.kept().remove(id);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, task: &Task, reading: &Arc<Reading>) {
        self.remove(&task.id);
        let size = task.id.len() + reading.size();
        if self.bytes + size <= ROOM {
            self.bytes += size;
            self.by_id.insert(task.id.clone(), (task.modified, Arc::clone(reading)));
        }
    }

    fn remove(&mut self, id: &str) {
        if let Some((_, reading)) = self.by_id.remove(id) {
            self.bytes -= id.len() + reading.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::tasks::{Status, TaskType};

    use super::*;

    fn task(id: &str, modified: i64) -> Task {
        Task {
            id: id.to_string(),
            task_type: TaskType::Stream,
            dbrps: Vec::new(),
            script: String::new(),
            raw_script: String::new(),
            template_id: None,
            vars: json!({}),
            status: Status::Disabled,
            error: String::new(),
            created: 0,
            modified,
            last_enabled: None,
        }
    }

    fn drawn(text: &str) -> Reading {
        Reading { drawing: Ok(text.to_string()), remarks: vec![format!("of {text}")] }
    }

    #[test]
    fn a_script_is_read_once_for_each_version() {
        let readings = Readings::default();
        let again = || -> Reading { panic!("it is known") };
        for (id, modified, text) in [("a", 1, "one"), ("a", 2, "two"), ("b", 2, "three")] {
            assert_eq!(*readings.of(&task(id, modified), || drawn(text)), drawn(text));
            assert_eq!(*readings.of(&task(id, modified), again), drawn(text));
        }
        readings.keep(&task("b", 3), drawn("four"));
        assert_eq!(*readings.of(&task("b", 3), again), drawn("four"));
        readings.forget("b");
        readings.forget("a");
        readings.forget("never");
        assert_eq!(readings.kept().bytes, 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let readings = Readings::default();
        let large = "x".repeat(1 << 19);
        for number in 0..20 {
            assert_eq!(*readings.of(&task(&number.to_string(), 1), || drawn(&large)), drawn(&large));
        }
        let kept = readings.kept();
        assert!(kept.bytes <= ROOM && kept.by_id.len() == 7, "{} in {}", kept.by_id.len(), kept.bytes);
    }
}
