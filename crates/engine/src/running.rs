//! A task that was started, as those outside the workers see it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use model::Name;

use crate::{Footprint, NodeStats, Snapshot, SnapshotAnswer, Task, TaskInfo, workers::TaskNumber};

/// A task that was started.
#[derive(Clone)]
pub struct Running {
    /// Where it is divided, its shards; else it alone.
    pub(crate) shards: Vec<RunningShard>,
    /// The measurement of the index that sorts out its rows, if one does, and the index's number.
    pub(crate) index: Option<(Name, u64)>,
    /// Of all shards together.
    pub stats: Vec<Arc<NodeStats>>,
    pub footprint: Arc<Footprint>,
    /// Edges between nodes by index, for those who draw the task.
    pub edges: Vec<(usize, usize)>,
    /// Node names of httpOut endpoints by the endpoint's name.
    pub endpoints: BTreeMap<String, String>,
}

/// One of the tasks that a divided task is.
#[derive(Clone)]
pub(crate) struct RunningShard {
    /// Of this run alone.
    pub(crate) info: Arc<TaskInfo>,
    pub(crate) number: TaskNumber,
    pub(crate) worker: usize,
    stats: Vec<Arc<NodeStats>>,
    footprint: Arc<Footprint>,
}

impl RunningShard {
    pub(crate) fn new(task: &Task, number: TaskNumber, worker: usize) -> RunningShard {
        let (info, stats) = (Arc::clone(task.info()), task.stats().to_vec());
        RunningShard { info, number, worker, stats, footprint: Arc::clone(task.footprint()) }
    }
}

impl Running {
    pub(crate) fn new(
        shards: Vec<RunningShard>,
        index: Option<(Name, u64)>,
        edges: Vec<(usize, usize)>,
        endpoints: BTreeMap<String, String>,
    ) -> Running {
        let (stats, footprint) = match shards.as_slice() {
            [only] => (only.stats.clone(), Arc::clone(&only.footprint)),
            _ => Default::default(),
        };
        let mut running = Running { shards, index, stats, footprint, edges, endpoints };
        running.look();
        running
    }

    /// Bring the counters up to date: those of one task alone are its own, those of shards are added up.
    pub(crate) fn look(&mut self) {
        if self.shards.len() == 1 {
            return;
        }
        let nodes = self.shards.iter().map(|shard| shard.stats.len()).min().unwrap_or_default();
        let of = |node: usize| self.shards.iter().map(|shard| &*shard.stats[node]).collect::<Vec<_>>();
        self.stats = (0..nodes).filter_map(|node| NodeStats::sum(&of(node)).map(Arc::new)).collect();
        self.footprint = Arc::new(Footprint::sum(self.shards.iter().map(|shard| &*shard.footprint)));
    }

    /// Whose run it is.
    ///
    /// # Panics
    /// Never: there is one shard at least.
    pub fn info(&self) -> &Arc<TaskInfo> {
        &self.shards[0].info
    }

    /// How many workers share it.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Bytes that its nodes took when they were last measured.
    pub fn memory(&self) -> u64 {
        self.stats.iter().map(|node| node.memory.load(Ordering::Relaxed)).sum()
    }

    /// Groups of the node that has most.
    pub fn groups(&self) -> u64 {
        let groups = self.stats.iter().map(|node| node.cardinality.load(Ordering::Relaxed));
        groups.max().unwrap_or(0).max(0).unsigned_abs()
    }
}

/// Snapshots of shards on their way to one answer. It is dropped unsaid if that of a shard is.
pub(crate) struct Gathering {
    left: usize,
    snapshot: Option<Snapshot>,
    covered: u64,
    answer: Option<SnapshotAnswer>,
}

impl Gathering {
    /// As many answers as there are shards, which become one.
    pub(crate) fn answers(shards: usize, answer: SnapshotAnswer) -> Vec<SnapshotAnswer> {
        if shards == 1 {
            return vec![answer];
        }
        let gathering = Gathering { left: shards, snapshot: None, covered: u64::MAX, answer: Some(answer) };
        let gathering = Arc::new(Mutex::new(gathering));
        let one = |_| -> SnapshotAnswer {
            let gathering = Arc::clone(&gathering);
            Box::new(move |snapshot, covered| {
                gathering.lock().unwrap_or_else(PoisonError::into_inner).take(snapshot, covered);
            })
        };
        (0..shards).map(one).collect()
    }

    fn take(&mut self, snapshot: Option<Snapshot>, covered: u64) {
        self.left -= 1;
        self.covered = self.covered.min(covered);
        self.snapshot = Snapshot::both(self.snapshot.take(), snapshot);
        if self.left == 0
            && let Some(answer) = self.answer.take()
        {
            answer(self.snapshot.take(), self.covered);
        }
    }
}
