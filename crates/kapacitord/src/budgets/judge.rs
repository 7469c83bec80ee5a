//! Who holds more than it may, and what is to be done about it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine::Running;
use store::pattern::Pattern;

use crate::config::{AtLimit, TaskLimit};

/// After so many times of letting go without getting below the limit, the task is stopped.
const TRIES: u32 = 10;
/// At a limit of memory so much of it is kept, so that not every look lets go of a little.
const KEPT: f64 = 0.9;
/// Hundredths of the points of windows that go at a time.
const POINTS: u8 = 20;

/// How much may be held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    /// Bytes.
    pub(super) memory: u64,
    pub(super) groups: u64,
    pub(super) at_limit: AtLimit,
}

/// What a task holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holding {
    pub(super) id: Arc<str>,
    pub(super) memory: u64,
    pub(super) groups: u64,
    /// What was let go of so far, groups and points together.
    pub(super) dropped: u64,
}

impl Holding {
    pub(super) fn of(task: &Running) -> Holding {
        let dropped = task.footprint.dropped();
        Holding {
            id: Arc::clone(&task.info().id),
            memory: task.memory(),
            groups: task.groups(),
            dropped: dropped.groups + dropped.points,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Act {
    /// None for the daemon.
    pub(super) task: Option<String>,
    pub(super) what: What,
    /// For the log, and for clients whose writes are refused.
    pub(super) why: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum What {
    PushBack,
    /// Keep so many groups.
    Groups(usize),
    /// Let go of so many hundredths of the points.
    Points(u8),
    Stop,
}

pub(super) struct Judge {
    own: Limit,
    tasks: Vec<(Pattern, Limit)>,
    /// How often a task was told to let go in vain.
    tries: Mutex<HashMap<String, Tries>>,
}

#[derive(Default, Clone, Copy)]
struct Tries {
    in_vain: u32,
    dropped: u64,
}

impl Judge {
    pub(super) fn new(own: Limit, tasks: &[TaskLimit]) -> Judge {
        let bound = |value: i64| if value == 0 { u64::MAX } else { u64::try_from(value).unwrap_or(u64::MAX) };
        let limit = |found: &TaskLimit| Limit {
            memory: bound(found.memory),
            groups: bound(found.groups),
            at_limit: found.at_limit(),
        };
        let tasks = tasks.iter().filter_map(|found| Some((Pattern::new(&found.task).ok()?, limit(found)))).collect();
        Judge { own, tasks, tries: Mutex::default() }
    }

    /// The daemon's own limit.
    pub(super) fn own(&self) -> Limit {
        self.own
    }

    /// A task's limit, if it has one.
    pub(super) fn of(&self, id: &str) -> Option<Limit> {
        self.tasks.iter().find(|(pattern, _)| pattern.matches(id)).map(|(_, limit)| *limit)
    }

    /// What is to be done about these tasks; `common` are the bytes that belong to none of them.
    pub(super) fn judge(&self, holdings: &[Holding], common: u64) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut over: Vec<&str> = Vec::new();
        for held in holdings {
            if let Some(limit) = self.of(&held.id)
                && let Some(why) = excess(held, limit)
            {
                over.push(&held.id);
                acts.push(act(held, limit, why, &mut tries));
            }
        }
        let all = holdings.iter().map(|held| held.memory).sum::<u64>().saturating_add(common);
        if all > self.own.memory {
            let why = format!(
                "the daemon holds {} in its tasks, tables and queues, more than its limit of {} (limit in [memory])",
                mib(all),
                mib(self.own.memory)
            );
            let largest = holdings.iter().filter(|held| !over.contains(&&*held.id)).max_by_key(|held| held.memory);
            match (self.own.at_limit, largest) {
                (AtLimit::PushBack, _) => acts.push(Act { task: None, what: What::PushBack, why }),
                (_, None) => {}
                (at_limit, Some(held)) => {
                    over.push(&held.id);
                    let memory = self.own.memory.saturating_sub(all - held.memory);
                    let limit = Limit { memory, groups: u64::MAX, at_limit };
                    acts.push(act(held, limit, format!("{why}, and task {} holds most of it", held.id), &mut tries));
                }
            }
        }
        tries.retain(|id, _| over.contains(&id.as_str()));
        acts
    }
}

/// What is too much, in words.
fn excess(held: &Holding, limit: Limit) -> Option<String> {
    let id = &held.id;
    if held.memory > limit.memory {
        let (held, limit) = (mib(held.memory), mib(limit.memory));
        return Some(format!("task {id} holds {held}, more than its limit of {limit} (memory in [[task-limit]])"));
    }
    if held.groups > limit.groups {
        let (held, limit) = (held.groups, limit.groups);
        return Some(format!(
            "task {id} holds {held} groups, more than its limit of {limit} (groups in [[task-limit]])"
        ));
    }
    None
}

fn act(held: &Holding, limit: Limit, why: String, tries: &mut HashMap<String, Tries>) -> Act {
    let task = Some(held.id.to_string());
    match limit.at_limit {
        AtLimit::PushBack => Act { task, what: What::PushBack, why },
        AtLimit::Stop => Act { task, what: What::Stop, why },
        AtLimit::DropOldest => {
            let tried = tries.entry(held.id.to_string()).or_default();
            tried.in_vain = if held.dropped > tried.dropped { 0 } else { tried.in_vain + 1 };
            tried.dropped = held.dropped;
            if tried.in_vain > TRIES {
                let why = format!("{why}; nothing was left that could be let go");
                return Act { task, what: What::Stop, why };
            }
            Act { task, what: less(held, limit, tried.in_vain), why }
        }
    }
}

/// What to let go of: groups while there are several of them, and points every other time if that does not help.
fn less(held: &Holding, limit: Limit, in_vain: u32) -> What {
    if held.memory <= limit.memory {
        return What::Groups(usize::try_from(limit.groups).unwrap_or(usize::MAX));
    }
    if held.groups < 2 || in_vain.is_multiple_of(2) && in_vain > 0 {
        return What::Points(POINTS);
    }
    let share = limit.memory as f64 / held.memory as f64 * KEPT;
    What::Groups((held.groups as f64 * share).min(limit.groups as f64) as usize)
}

pub(super) fn mib(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{bytes} bytes") } else { format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)) }
}
