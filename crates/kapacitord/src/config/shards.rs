//! Which tasks are divided among workers.

use declare::{Declaration, Section, Shape};

use super::checks;

/// Tasks that are divided.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaskShards {
    /// A pattern of ids: `cpu_*`.
    pub(crate) task: String,
    /// 0 for one a core.
    pub(crate) shards: i64,
}

impl Default for TaskShards {
    fn default() -> Self {
        TaskShards { task: "*".into(), shards: 0 }
    }
}

/// More than any machine needs.
const MOST: i64 = 64;

impl Section for TaskShards {
    const NAME: &'static str = "task-shards";
    const SHAPE: Shape = Shape::Array { default_elements: 0 };

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Tasks that are too much for one core: each shard takes a part of the groups, on a core of its own. Events of \
             different groups then come in any order among each other. A task whose nodes look at several groups \
             together is not divided, and the log says why. The first of these sections whose pattern fits a task's id \
             counts.",
        )
        .property("task", "The ids that are meant, with * for any letters.", |d| &mut d.task)
        .ours()
        .property("shards", "Into how many shards; 0 for as many as there are cores, 1 for none.", |d| &mut d.shards)
        .ours()
    }

    fn check(&self) -> Result<(), String> {
        checks::task_ids(&self.task)?;
        if !(0..=MOST).contains(&self.shards) {
            return Err(format!("shards must be from 0, for one a core, to {MOST}"));
        }
        Ok(())
    }
}
