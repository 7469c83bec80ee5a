//! A task that runs: its nodes, and the one loop that takes letters and sweeps them.

mod footprint;
mod letter;
mod numbers;
mod pace;
mod shard;
mod snapshot;
mod sweep;
mod trace;
mod unseen;
mod waiting;

use std::sync::Arc;

use model::{Edge, Frame, Schema, Time};

pub use footprint::Footprint;
pub use letter::{Letter, Origin, SnapshotAnswer, Write};
use pace::Pace;
pub(crate) use shard::Shard;
pub use snapshot::BeginsAnew;
pub use trace::{Taken, Tracer};
use waiting::Waiting;

use crate::{Counters, EdgeKind, Host, Node, NodeStats, TaskInfo, cx::Wakes};

/// Rows of a write go through the pipeline in runs of this length.
const CHUNK: usize = 512;

/// One node of a task with what surrounds it.
struct Place {
    node: Box<dyn Node>,
    name: String,
    parents: Vec<usize>,
    /// All that it gets was made by nodes of the task, so it came from no database and retention policy.
    gets_made: bool,
    /// Its inputs in the order in which it takes from them.
    turns: Vec<usize>,
    edge: Edge,
    counters: Counters,
    stats: Arc<NodeStats>,
    /// Of its definition and the format of its state.
    fingerprint: u64,
    /// It was called since the last snapshot.
    touched: bool,
    /// How many groups it would know besides if it had been shown the rows that passed it by: see [`crate::index`].
    unmet: usize,
}

impl Place {
    /// Show its counters to those who ask.
    fn publish(&mut self) {
        let groups = self.node.cardinality().map(|known| known + self.unmet);
        self.stats.publish(&self.counters, groups, self.node.passing_stats());
    }
}

/// The inputs with these parents by when the script made those: what a row leaves on several ways comes by the way that
/// begins first, whichever the node names first. Case: join/parents_in_order_of_script.
fn turns(parents: &[usize]) -> Vec<usize> {
    let mut turns: Vec<usize> = (0..parents.len()).collect();
    turns.sort_by_key(|&input| parents[input]);
    turns
}

/// Which nodes get nothing but points that nodes of the task made. Case: misc/influxdb_out_made_points_have_no_place.
fn gets_made(parts: &[Part]) -> Vec<bool> {
    let mut made: Vec<bool> = Vec::with_capacity(parts.len());
    for part in parts {
        let from_made = |&parent: &usize| made[parent] || parts[parent].node.makes_points();
        let all = !part.parents.is_empty() && part.parents.iter().all(from_made);
        made.push(all);
    }
    made
}

/// What is needed to put a node into a task; see [`crate::define`].
pub struct Part {
    pub node: Box<dyn Node>,
    pub name: String,
    /// Indexes of earlier parts.
    pub parents: Vec<usize>,
    /// What its children get.
    pub gives: EdgeKind,
    /// Its errors are counted, not logged.
    pub quiet: bool,
    /// Tells whether what was saved of a node is of one like this.
    pub fingerprint: u64,
}

/// A compiled pipeline. It is stepped by whoever owns it, letter by letter; it never blocks.
pub struct Task {
    info: Arc<TaskInfo>,
    schema: Arc<Schema>,
    host: Arc<dyn Host>,
    places: Vec<Place>,
    stats: Vec<Arc<NodeStats>>,
    footprint: Arc<Footprint>,
    frame: Frame,
    wakes: Wakes,
    failure: Option<String>,
    origin: Arc<Origin>,
    /// That of points which nodes make.
    nowhere: Arc<Origin>,
    /// How many rows go through at once.
    chunk: usize,
    /// How rows go through where several parents meet, so that they meet in order.
    pace: Pace,
    /// The time at which the letter at hand was taken.
    now: Time,
    spare: Edge,
    tracer: Option<Tracer>,
    /// The last of the nodes that can take no more.
    full: Option<usize>,
    waiting: Waiting,
    end: End,
    /// Its end is for a while: nodes keep what they hold.
    suspends: bool,
    /// The alert that its first nodes are the gate of.
    gate: Option<usize>,
    /// The number of the last write of the log that its state has.
    covered: u64,
    /// Somebody is told of what changes in its state.
    told: bool,
    /// Which part of the rows it takes, if it is one of several shards.
    shard: Option<Shard>,
}

/// How far a task has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum End {
    #[default]
    Not,
    /// This node has still something to hand on; those behind it were not told of the end yet.
    At(usize),
    Done,
}

impl Task {
    /// A task of these parts, parents before children.
    pub fn new(info: Arc<TaskInfo>, schema: Arc<Schema>, host: Arc<dyn Host>, parts: Vec<Part>) -> Task {
        let longest = parts.iter().map(|part| part.node.longest_chunk()).min().unwrap_or(CHUNK).clamp(1, CHUNK);
        let pace = Pace::of(&parts);
        let mut children = vec![0; parts.len()];
        for &parent in parts.iter().filter(|part| !part.node.watches()).flat_map(|part| &part.parents) {
            children[parent] += 1;
        }
        let gets_made = gets_made(&parts);
        let places: Vec<Place> = parts
            .into_iter()
            .zip(children)
            .zip(gets_made)
            .map(|((part, children), gets_made)| Place {
                stats: Arc::new(NodeStats::new(&part.name, part.gives, &*part.node, children)),
                node: part.node,
                name: part.name,
                turns: turns(&part.parents),
                parents: part.parents,
                gets_made,
                edge: Edge::default(),
                counters: Counters::new(part.quiet),
                fingerprint: part.fingerprint,
                touched: false,
                unmet: 0,
            })
            .collect();
        let stats = places.iter().map(|place| Arc::clone(&place.stats)).collect();
        let now = host.now();
        let mut task = Task {
            info,
            schema,
            host,
            places,
            stats,
            footprint: Arc::default(),
            frame: Frame::default(),
            wakes: Wakes::default(),
            failure: None,
            origin: Arc::default(),
            nowhere: Arc::default(),
            chunk: longest,
            pace,
            now,
            spare: Edge::default(),
            tracer: None,
            full: None,
            waiting: Waiting::default(),
            end: End::Not,
            suspends: false,
            gate: None,
            covered: 0,
            told: false,
            shard: None,
        };
        task.gate = task.find_gate();
        task
    }

    /// It takes a part of the rows only. What it does with each row is not felt by others, so no index stands before it.
    pub(crate) fn divide(&mut self, shard: Shard) {
        self.shard = Some(shard);
        self.gate = None;
    }

    pub fn info(&self) -> &Arc<TaskInfo> {
        &self.info
    }

    /// Counters of its nodes, readable from anywhere.
    pub fn stats(&self) -> &[Arc<NodeStats>] {
        &self.stats
    }

    /// How much it holds, readable from anywhere.
    pub fn footprint(&self) -> &Arc<Footprint> {
        &self.footprint
    }

    /// Why it stopped by itself, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// It has handed on all that it held, or has failed: nothing more will come of it.
    pub fn is_finished(&self) -> bool {
        self.end == End::Done || self.failure.is_some()
    }

    /// When it next wants a [`Letter::Wake`]. One that is full is not to be woken.
    pub fn next_wake(&self) -> Option<Time> {
        if self.is_full() {
            return None;
        }
        self.wakes.peek().map(|wake| wake.0.0)
    }
}
