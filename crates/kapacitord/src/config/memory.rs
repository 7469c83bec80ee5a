//! How much memory the daemon and its tasks may take, and what happens at the limit.

use declare::{Declaration, Section, Shape};

use super::checks;

/// What happens at a limit, as the config says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtLimit {
    /// Writes are refused, to be sent again later.
    PushBack,
    /// Groups that were seen longest ago end, and the oldest points of windows go.
    DropOldest,
    /// The task stops with an error.
    Stop,
}

const POLICIES: &[&str] = &["push-back", "drop-oldest", "stop"];
const ABOUT_POLICY: &str = "push-back: writes are refused with 503 and Retry-After; drop-oldest: groups that were seen longest ago end, and \
     if that is not enough, the oldest points of windows go; stop: the task stops with an error.";

impl AtLimit {
    pub(crate) fn name(self) -> &'static str {
        POLICIES[self as usize]
    }

    fn of(name: &str) -> AtLimit {
        match name {
            "drop-oldest" => AtLimit::DropOldest,
            "stop" => AtLimit::Stop,
            // Other words were refused when the config was read.
            _ => AtLimit::PushBack,
        }
    }
}

/// What the whole daemon may take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    /// Bytes; 0 for three quarters of what there is, below 0 for no limit.
    pub(crate) limit: i64,
    at_limit: String,
    /// Bytes; 0 for half of `limit`.
    pub(crate) series_limit: i64,
    /// Bytes; 0 for never.
    pub(crate) renew_at: i64,
    /// Bytes.
    pub(crate) write_queue: i64,
}

impl Default for Memory {
    fn default() -> Self {
        Memory { limit: 0, at_limit: "push-back".into(), series_limit: 0, renew_at: 0, write_queue: 256 << 20 }
    }
}

impl Memory {
    pub(crate) fn at_limit(&self) -> AtLimit {
        AtLimit::of(&self.at_limit)
    }
}

impl Section for Memory {
    const NAME: &'static str = "memory";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(format!(
            "How much memory tasks, the tables of series and waiting writes may take. At a limit, {ABOUT_POLICY} Those of \
             the task that holds most, where the limit is that of all."
        ))
        .property(
            "limit",
            "Bytes for all together; 0 for three quarters of the machine's (or its control group's), -1 for no limit.",
            |d| &mut d.limit,
        )
        .ours()
        .property("at-limit", "What happens at the limit.", |d| &mut d.at_limit)
        .choices(POLICIES)
        .ours()
        .property(
            "series-limit",
            "Bytes for the tables of series, tags, groups and fields; 0 for half of limit, -1 for no limit. Once they \
             are full, what is new is refused with 503, and what is known is taken.",
            |d| &mut d.series_limit,
        )
        .ours()
        .property(
            "renew-at",
            "Bytes of these tables from which on the daemon begins them anew, to forget series that are gone: it starts \
             again within its process, and tasks go on where they were. 0 for never; it takes [checkpoint] enabled.",
            |d| &mut d.renew_at,
        )
        .ours()
        .property("write-queue", "Bytes of writes that may wait for tasks; further ones wait, then get 503.", |d| {
            &mut d.write_queue
        })
        .ours()
    }

    fn check(&self) -> Result<(), String> {
        const LEAST: i64 = 1 << 20;
        if self.write_queue < LEAST {
            return Err(format!("write-queue must be {LEAST} bytes at least"));
        }
        if self.renew_at < 0 {
            return Err("renew-at must not be negative; 0 is never".to_string());
        }
        if self.write_queue > 1 << 40 {
            return Err("write-queue must be 1 TiB at most".to_string());
        }
        check_policy(&self.at_limit)
    }
}

/// What some tasks may take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaskLimit {
    /// A pattern of ids: `cpu_*`.
    pub(crate) task: String,
    /// Bytes; 0 for no limit.
    pub(crate) memory: i64,
    /// 0 for no limit.
    pub(crate) groups: i64,
    at_limit: String,
}

impl Default for TaskLimit {
    fn default() -> Self {
        TaskLimit { task: "*".into(), memory: 0, groups: 0, at_limit: "push-back".into() }
    }
}

impl TaskLimit {
    pub(crate) fn at_limit(&self) -> AtLimit {
        AtLimit::of(&self.at_limit)
    }

    /// For each task, or those whose ids match.
    #[cfg(test)]
    pub(crate) fn of(task: &str, memory: i64, groups: i64, at_limit: &str) -> TaskLimit {
        TaskLimit { task: task.to_string(), memory, groups, at_limit: at_limit.to_string() }
    }
}

impl Section for TaskLimit {
    const NAME: &'static str = "task-limit";
    const SHAPE: Shape = Shape::Array { default_elements: 0 };

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("How much a task may hold. The first of these sections whose pattern fits a task's id is its limit.")
            .property("task", "The ids that are meant, with * for any letters.", |d| &mut d.task)
            .ours()
            .property("memory", "Bytes that its nodes may take; 0 for no limit.", |d| &mut d.memory)
            .ours()
            .property("groups", "Groups that a node of it may hold; 0 for no limit.", |d| &mut d.groups)
            .ours()
            .property("at-limit", "What happens at the limit: see [memory].", |d| &mut d.at_limit)
            .choices(POLICIES)
            .ours()
    }

    fn check(&self) -> Result<(), String> {
        checks::task_ids(&self.task)?;
        if self.memory < 0 || self.groups < 0 {
            return Err("memory and groups must not be negative".to_string());
        }
        check_policy(&self.at_limit)
    }
}

fn check_policy(name: &str) -> Result<(), String> {
    if POLICIES.contains(&name) {
        return Ok(());
    }
    Err(format!("at-limit {name:?} must be one of {}", POLICIES.join(", ")))
}
