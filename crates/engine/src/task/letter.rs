//! What comes to a task: writes, times, answers, questions.

use std::sync::Arc;

use model::{Row, Time, Words};

use crate::{Extent, Reply, Selection, Shed, Snapshot};

/// Database and retention policy of a write.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Origin {
    pub database: String,
    pub retention_policy: String,
}

/// A write, parsed once and shared by all tasks that read it.
#[derive(Debug, Default)]
pub struct Write {
    pub origin: Arc<Origin>,
    pub rows: Vec<Row>,
    pub words: Arc<Words>,
    /// Its number in the log of writes, from which it can be had again; 0 if it is not there.
    pub number: u64,
}

/// Gets what a task remembers, nothing if nothing has changed; and the number of the last write that is part of it.
pub type SnapshotAnswer = Box<dyn FnOnce(Option<Snapshot>, u64) + Send>;

/// One thing for a task to do.
pub enum Letter {
    /// The first one: nodes may ask for wakes and work.
    Start,
    /// Rows of a write that some `from` of the task may want.
    Write(Arc<Write>, Selection),
    /// The clock has come to this time.
    Wake(Time),
    /// The answer to outside work of a node.
    Reply { node: usize, reply: Reply },
    /// What a node shows to HTTP clients; the answer goes to the function.
    Show { node: String, answer: Box<dyn FnOnce(Option<String>) + Send> },
    /// Bring the figures of memory up to date.
    Measure,
    /// The task holds too much: make room.
    Shed(Shed),
    /// Stop, for this reason.
    Fail(String),
    /// What the nodes remember goes to the function. All writes up to the number `delivered` were sent to the task before.
    Snapshot { extent: Extent, delivered: u64, answer: SnapshotAnswer },
    /// No more input for a while; what is held will be saved.
    Suspend,
    /// No more input: hand on what is held.
    Finish,
}
