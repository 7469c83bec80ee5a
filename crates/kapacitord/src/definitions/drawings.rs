//! Drawings of tasks that do not run, kept so that a list of thousands does not understand each script anew.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use store::tasks::Task;

/// So many bytes of texts are kept; what does not fit is drawn each time.
const ROOM: usize = 8 << 20;
/// What an entry takes beside its texts.
const ENTRY: usize = 96;

/// The drawing, or why the script is not understood any more.
pub(super) type Drawing = Result<String, String>;

/// Drawings by the ids of tasks.
#[derive(Default)]
pub(super) struct Drawings(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_id: HashMap<String, (u64, Drawing)>,
    bytes: usize,
}

impl Drawings {
    /// The drawing of a task, made by `draw` if it is not known or the task is another than it was.
    pub(super) fn of(&self, task: &Task, draw: impl FnOnce() -> Drawing) -> Drawing {
        let version = version(task);
        if let Some((known, drawing)) = self.kept().by_id.get(&task.id)
            && *known == version
        {
            return drawing.clone();
        }
        let drawing = draw();
        self.kept().keep(&task.id, version, &drawing);
        drawing
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
    fn keep(&mut self, id: &str, version: u64, drawing: &Drawing) {
        self.remove(id);
        let size = size(id, drawing);
        if self.bytes + size <= ROOM {
            self.bytes += size;
            self.by_id.insert(id.to_string(), (version, drawing.clone()));
        }
    }

    fn remove(&mut self, id: &str) {
        if let Some((_, drawing)) = self.by_id.remove(id) {
            self.bytes -= size(id, &drawing);
        }
    }
}

fn size(id: &str, drawing: &Drawing) -> usize {
    let text = match drawing {
        Ok(text) | Err(text) => text,
    };
    ENTRY + id.len() + text.len()
}

/// All that a drawing is made of beside the id.
fn version(task: &Task) -> u64 {
    let mut hasher = DefaultHasher::new();
    task.raw_script.hash(&mut hasher);
    task.vars.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::tasks::{Status, TaskType};

    use super::*;

    fn task(id: &str, script: &str, vars: serde_json::Value) -> Task {
        Task {
            id: id.to_string(),
            task_type: TaskType::Stream,
            dbrps: Vec::new(),
            script: String::new(),
            raw_script: script.to_string(),
            template_id: None,
            vars,
            status: Status::Disabled,
            error: String::new(),
            created: 0,
            modified: 0,
            last_enabled: None,
        }
    }

    #[test]
    fn a_drawing_is_made_once_for_each_version() {
        let drawings = Drawings::default();
        let again = || -> Drawing { panic!("it is known") };
        let first = task("a", "stream", json!({}));
        assert_eq!(drawings.of(&first, || Ok("one".into())), Ok("one".into()));
        assert_eq!(drawings.of(&first, again), Ok("one".into()));
        for (number, other) in
            [task("a", "batch", json!({})), task("a", "stream", json!({ "x": 1 })), task("b", "stream", json!({}))]
                .iter()
                .enumerate()
        {
            assert_eq!(drawings.of(other, || Err(number.to_string())), Err(number.to_string()));
            assert_eq!(drawings.of(other, again), Err(number.to_string()));
        }
        drawings.forget("b");
        drawings.forget("a");
        drawings.forget("never");
        assert_eq!(drawings.kept().bytes, 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let drawings = Drawings::default();
        for number in 0..20 {
            let large = task(&number.to_string(), "stream", json!({}));
            assert_eq!(drawings.of(&large, || Ok("x".repeat(1 << 20))).map(|text| text.len()), Ok(1 << 20));
        }
        let kept = drawings.kept();
        assert!(kept.bytes <= ROOM && kept.by_id.len() == 7, "{} in {}", kept.by_id.len(), kept.bytes);
    }
}
