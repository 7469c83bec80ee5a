//! What a node may do while it is called, and the counters it leaves behind.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt::Display,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use model::{BatchHead, Edge, Frame, GroupId, Row, Schema, Time};

use crate::{EdgeKind, Host, LogLevel, LogRecord, Node, Origin, TaskInfo};

/// The name of a statistic of one kind of node.
pub type StatName = &'static str;

/// Counters of one node, kept by its task alone.
#[derive(Debug, Default)]
pub struct Counters {
    pub collected: u64,
    pub emitted: u64,
    pub errors: u64,
    pub extra: Vec<(StatName, i64)>,
    /// `.quiet()`: errors are neither counted nor logged.
    pub(crate) quiet: bool,
    /// Errors that were logged lately: no more than a few are.
    logged: u32,
    logged_since: Time,
}

impl Counters {
    pub(crate) fn new(quiet: bool) -> Counters {
        Counters { quiet, ..Counters::default() }
    }
}

/// Counters of one node as everybody may read them; they are brought up to date after each letter.
#[derive(Debug, Default)]
pub struct NodeStats {
    pub name: String,
    /// What its children get.
    pub gives: EdgeKind,
    pub collected: AtomicU64,
    /// What went over each edge to a child.
    pub processed: AtomicU64,
    /// How many children read it.
    pub children: u32,
    pub errors: AtomicU64,
    /// -1: does not apply.
    pub cardinality: AtomicI64,
    /// Bytes that its state took when it was last measured.
    pub memory: AtomicU64,
    extra: Vec<(StatName, AtomicI64)>,
    /// Shown once they are not zero: those that Kapacitor has not got.
    rare: Vec<(StatName, AtomicI64)>,
    /// Those that are shown only while there is something to say.
    passing: Mutex<Vec<(String, i64)>>,
    /// Whether there are any of those.
    passes: AtomicBool,
    /// What failed last of that which the node needs, and whether it still does.
    trouble: Mutex<Option<Trouble>>,
}

/// Bytes of a node's state from which on its statistics speak of it: Kapacitor's know nothing of memory.
const MUCH: u64 = 1 << 20;

/// What failed of that which a node needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub what: String,
    /// It is still so.
    pub now: bool,
}

impl NodeStats {
    pub(crate) fn new(name: &str, gives: EdgeKind, node: &dyn Node, children: usize) -> NodeStats {
        let zeros = |stats: &[StatName]| stats.iter().map(|&stat| (stat, AtomicI64::new(0))).collect();
        NodeStats {
            name: name.to_string(),
            gives,
            children: children as u32,
            cardinality: AtomicI64::new(-1),
            extra: zeros(node.stats()),
            rare: zeros(node.rare_stats()),
            ..NodeStats::default()
        }
    }

    /// Those of a node of all shards together.
    pub(crate) fn sum(shards: &[&NodeStats]) -> Option<NodeStats> {
        let first = shards.first()?;
        let sum = |of: fn(&NodeStats) -> &AtomicU64| {
            AtomicU64::new(shards.iter().map(|stats| of(stats).load(Ordering::Relaxed)).sum())
        };
        let groups = shards.iter().map(|stats| stats.cardinality.load(Ordering::Relaxed));
        let named = |of: fn(&NodeStats) -> &Vec<(StatName, AtomicI64)>| {
            let value = |at: usize| shards.iter().map(|stats| of(stats)[at].1.load(Ordering::Relaxed)).sum();
            of(first).iter().enumerate().map(|(at, (name, _))| (*name, AtomicI64::new(value(at)))).collect()
        };
        let mut passing: Vec<(String, i64)> = Vec::new();
        for (name, value) in shards.iter().flat_map(|stats| stats.own_passing()) {
            match passing.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += value,
                None => passing.push((name, value)),
            }
        }
        let troubles = shards.iter().filter_map(|stats| stats.trouble());
        Some(NodeStats {
            name: first.name.clone(),
            gives: first.gives,
            collected: sum(|stats| &stats.collected),
            processed: sum(|stats| &stats.processed),
            children: first.children,
            errors: sum(|stats| &stats.errors),
            cardinality: AtomicI64::new(groups.reduce(|one, other| if one < 0 { other } else { one + other.max(0) })?),
            memory: sum(|stats| &stats.memory),
            extra: named(|stats| &stats.extra),
            rare: named(|stats| &stats.rare),
            passes: AtomicBool::new(!passing.is_empty()),
            passing: Mutex::new(passing),
            trouble: Mutex::new(troubles.max_by_key(|trouble| trouble.now)),
        })
    }

    /// What it handed on, to all children together.
    pub fn emitted(&self) -> u64 {
        self.processed.load(Ordering::Relaxed) * u64::from(self.children)
    }

    /// What failed last, if anything ever did.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, what: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (what, &mut *trouble) {
            (Some(what), trouble) => *trouble = Some(Trouble { what, now: true }),
            (None, Some(trouble)) => trouble.now = false,
            (None, None) => {}
        }
    }

    /// Those of its kind of node, by name.
    pub fn own(&self) -> impl Iterator<Item = (StatName, i64)> + '_ {
        let read = |(name, value): &(StatName, AtomicI64)| (*name, value.load(Ordering::Relaxed));
        self.extra.iter().map(read).chain(self.rare.iter().map(read).filter(|(_, value)| *value != 0))
    }

    /// Its statistics by name, as drawings and the API show them; counters of time are texts of Go's durations.
    pub fn shown(&self) -> Vec<(String, String)> {
        let mut values = vec![
            ("avg_exec_time_ns".to_string(), "0s".to_string()),
            ("errors".to_string(), self.errors.load(Ordering::Relaxed).to_string()),
            ("working_cardinality".to_string(), self.cardinality.load(Ordering::Relaxed).max(0).to_string()),
        ];
        values.extend(self.own().map(|(name, value)| (name.to_string(), value.to_string())));
        values.extend(self.passing().into_iter().map(|(name, value)| (name, value.to_string())));
        values.sort();
        values
    }

    /// Statistics that are there only while there is something to say.
    pub fn passing(&self) -> Vec<(String, i64)> {
        let mut passing = self.own_passing();
        let memory = self.memory.load(Ordering::Relaxed);
        if memory >= MUCH {
            passing.push(("memory_bytes".to_string(), memory as i64));
        }
        passing
    }

    fn own_passing(&self) -> Vec<(String, i64)> {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish(&self, counters: &Counters, cardinality: Option<usize>, passing: &[(String, i64)]) {
        if !passing.is_empty() || self.passes.load(Ordering::Relaxed) {
            *self.passing.lock().unwrap_or_else(PoisonError::into_inner) = passing.to_vec();
            self.passes.store(!passing.is_empty(), Ordering::Relaxed);
        }
        self.collected.store(counters.collected, Ordering::Relaxed);
        self.processed.store(counters.emitted, Ordering::Relaxed);
        self.errors.store(counters.errors, Ordering::Relaxed);
        self.cardinality.store(cardinality.map_or(-1, |n| n as i64), Ordering::Relaxed);
        for (stat, value) in self.extra.iter().chain(&self.rare) {
            if let Some((_, counted)) = counters.extra.iter().find(|(name, _)| name == stat) {
                value.store(*counted, Ordering::Relaxed);
            }
        }
    }
}

/// Times at which nodes want to be woken, the earliest first.
pub(crate) type Wakes = BinaryHeap<Reverse<(Time, usize)>>;

/// All that a node may do and see while one of its methods runs.
pub struct Cx<'a> {
    pub schema: &'a Schema,
    /// The words behind the rows at hand, and those the node makes.
    pub frame: &'a mut Frame,
    /// What the node gives to its children.
    pub out: &'a mut Edge,
    /// Database and retention policy of the write at hand; empty behind nodes that
    /// [make points](crate::Node::makes_points).
    pub origin: &'a Arc<Origin>,
    /// The task's clock.
    pub now: Time,
    pub host: &'a Arc<dyn Host>,
    /// The daemon's time zone.
    pub(crate) zone: &'a lambda::Zone,
    pub task: &'a Arc<TaskInfo>,
    /// The node's name: `alert4`.
    pub name: &'a str,
    pub(crate) node: usize,
    pub(crate) counters: &'a mut Counters,
    pub(crate) wakes: &'a mut Wakes,
    pub(crate) failure: &'a mut Option<String>,
    /// Counters of all nodes, for those that report on others.
    pub(crate) stats: &'a [Arc<NodeStats>],
}

impl Cx<'_> {
    /// Hand on a point.
    #[inline]
    pub fn emit(&mut self, row: Row) {
        self.out.point(row);
    }

    /// Hand on a whole batch.
    pub fn emit_batch(&mut self, head: BatchHead, rows: &[Row]) {
        self.out.batch(head, rows);
    }

    pub fn emit_barrier(&mut self, group: GroupId, time: Time) {
        self.out.barrier(group, time);
    }

    pub fn emit_delete_group(&mut self, group: GroupId) {
        self.out.delete_group(group);
    }

    /// This datum cannot be used: it is counted, logged at a bounded rate (neither if the node is quiet), and the task goes on.
    #[cold]
    pub fn row_error(&mut self, what: impl Display) {
        // A node told to be quiet does not even count, as in Kapacitor. Case: stream/eval_quiet_errors.
        if self.counters.quiet {
            return;
        }
        self.counters.errors += 1;
        self.log_error(&what);
    }

    fn log_error(&mut self, what: &dyn Display) {
        const PER_TEN_SECONDS: u32 = 20;
        if self.now.saturating_sub(self.counters.logged_since) > 10_000_000_000 {
            self.counters.logged_since = self.now;
            self.counters.logged = 0;
        }
        self.counters.logged += 1;
        if self.counters.logged <= PER_TEN_SECONDS {
            self.log(LogLevel::Error, &what.to_string());
        }
    }

    /// What a lambda needs to look at a row.
    #[inline]
    pub fn lambda<'b>(&'b self, row: &'b Row) -> lambda::Context<'b> {
        lambda::Context { schema: self.schema, frame: self.frame, row, extra: &[], zone: self.zone, now: self.now }
    }

    /// A line in the daemon's log, with the task's and the node's name.
    pub fn log(&self, level: LogLevel, message: &str) {
        self.host.log(&LogRecord { level, task: &self.task.id, node: self.name, message, fields: &[] });
    }

    /// The task cannot go on: it stops, and its status shows this.
    #[cold]
    pub fn fail(&mut self, why: impl Display) {
        self.failure.get_or_insert_with(|| format!("{}: {why}", self.name));
    }

    /// Something that the node needs has failed for now (or works again): the task goes on, and its status shows this.
    #[cold]
    pub fn trouble(&mut self, what: Option<String>) {
        if let Some(stats) = self.stats.get(self.node) {
            stats.set_trouble(what);
        }
    }

    /// Have `wake` called at this time.
    pub fn wake_at(&mut self, time: Time) {
        self.wakes.push(Reverse((time, self.node)));
    }

    /// Add to one of the node's own statistics.
    pub fn stat(&mut self, name: StatName, by: i64) {
        match self.counters.extra.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value += by,
            None => self.counters.extra.push((name, by)),
        }
    }

    /// What to hand out with outside work, so that its answer finds this node.
    pub fn ticket(&self, ticket: u64) -> crate::Ticket {
        crate::Ticket { task: Arc::clone(self.task), node: self.node, ticket }
    }

    /// Counters of the node with this name.
    pub fn stats_of(&self, name: &str) -> Option<&NodeStats> {
        self.stats.iter().find(|stats| stats.name == name).map(AsRef::as_ref)
    }
}
