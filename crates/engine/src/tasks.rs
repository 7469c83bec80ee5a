//! The tasks that run: started, stopped, found by name, fed with writes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crossbeam_channel::Receiver;
use model::{LiveSchema, Marks, Name};

use crate::{
    Extent, Footprint, Host, Interest, Letter, NodeStats, Reply, Router, Selection, Shed, Snapshot, SnapshotAnswer,
    Task, TaskInfo, Ticket, Workers, Write,
    workers::{Ended, Ending, Held, Parcel, Receiver as Taker, TaskNumber},
};

/// The indexes of each worker, by the measurement they are for and where that comes from: their numbers, and how many
/// tasks they are for.
type Indexes = HashMap<(usize, Vec<(String, String)>, Name), (u64, usize)>;

/// Sees every write, as it goes to the tasks.
pub type Tap = Box<dyn Fn(&Arc<Write>) + Send + Sync>;

/// All running tasks and the workers under them.
pub struct Tasks {
    schema: LiveSchema,
    workers: Workers,
    next: AtomicU64,
    running: RwLock<BTreeMap<String, Running>>,
    /// Those that were stopped and have not yet handed on all that they held.
    stopping: RwLock<Vec<Running>>,
    /// Held for writing while a task comes, goes or is asked for its state, so that each write of the log is before or
    /// after that.
    router: RwLock<Router<(usize, Taker)>>,
    indexes: Mutex<Indexes>,
    /// The number of the last write of the log that was handed to all tasks.
    delivered: AtomicU64,
    taps: RwLock<Vec<(u64, Tap)>>,
    /// Why tasks that ended by themselves did so.
    failures: Arc<Mutex<HashMap<TaskNumber, String>>>,
}

/// A task that was started.
#[derive(Clone)]
pub struct Running {
    /// Of this run alone.
    info: Arc<TaskInfo>,
    number: TaskNumber,
    worker: usize,
    /// The measurement of the index that sorts out its rows, if one does, and the index's number.
    index: Option<(Name, u64)>,
    pub stats: Vec<Arc<NodeStats>>,
    pub footprint: Arc<Footprint>,
    /// Edges between nodes by index, for those who draw the task.
    pub edges: Vec<(usize, usize)>,
    /// Node names of httpOut endpoints by the endpoint's name.
    pub endpoints: BTreeMap<String, String>,
}

impl Running {
    /// Whose run it is.
    pub fn info(&self) -> &Arc<TaskInfo> {
        &self.info
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

impl Tasks {
    /// `workers` threads are started.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn new(schema: impl Into<LiveSchema>, host: &Arc<dyn Host>, workers: usize) -> std::io::Result<Tasks> {
        let schema = schema.into();
        let failures = Arc::new(Mutex::new(HashMap::new()));
        let known = Arc::clone(&failures);
        let ended: Ended = Arc::new(move |number, why| {
            known.lock().unwrap_or_else(PoisonError::into_inner).insert(number, why);
        });
        Ok(Tasks {
            workers: Workers::start(workers, host, &schema, &ended)?,
            schema,
            next: AtomicU64::new(0),
            running: RwLock::default(),
            stopping: RwLock::default(),
            router: RwLock::default(),
            indexes: Mutex::default(),
            delivered: AtomicU64::new(0),
            taps: RwLock::default(),
            failures,
        })
    }

    /// Start a task; one of the same name is stopped first. The number of the last write of the log that it does not get.
    pub fn start(
        &self,
        mut task: Task,
        interest: &Interest,
        edges: Vec<(usize, usize)>,
        endpoints: BTreeMap<String, String>,
    ) -> u64 {
        let info = Arc::clone(task.info());
        self.stop(&info.id);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let worker = self.workers.least_loaded();
        let index = task.gate().map(|gate| (gate.measurement(), self.join_index(worker, &info, gate.measurement())));
        let (stats, footprint) = (task.stats().to_vec(), Arc::clone(task.footprint()));
        let running = Running { info: Arc::clone(&info), number, worker, index, stats, footprint, edges, endpoints };
        self.running.write().unwrap_or_else(PoisonError::into_inner).insert(info.id.to_string(), running);
        let mut router = self.router.write().unwrap_or_else(PoisonError::into_inner);
        let covered = task.cover(self.delivered.load(Ordering::Acquire));
        self.workers.add(worker, number, Box::new(task), index.map(|(_, index)| index));
        if info.stream {
            let receiver = index.map_or(Taker::Task(number), |(_, index)| Taker::Index(index));
            router.add(&self.schema.now(), (worker, receiver), &info.dbrps, interest);
        }
        covered
    }

    /// The number of the index that a task is to be in; made if there is none.
    fn join_index(&self, worker: usize, info: &TaskInfo, measurement: Name) -> u64 {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = indexes.entry((worker, info.dbrps.clone(), measurement));
        let (number, tasks) = index.or_insert_with(|| (self.next.fetch_add(1, Ordering::Relaxed), 0));
        *tasks += 1;
        *number
    }

    /// Who gets rows for nobody once this task is gone.
    fn receiver_without(&self, running: &Running) -> Option<Taker> {
        let Some((measurement, number)) = running.index else { return Some(Taker::Task(running.number)) };
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (running.worker, running.info.dbrps.clone(), measurement);
        let (_, tasks) = indexes.get_mut(&key)?;
        *tasks -= 1;
        if *tasks > 0 {
            return None;
        }
        indexes.remove(&key);
        Some(Taker::Index(number))
    }

    /// Stop a task and wait until it has handed on all that it held. False if it did not run.
    pub fn stop(&self, id: &str) -> bool {
        self.end(id, Ending::Forgotten).is_some()
    }

    /// Stop a task and wait for its end. What was wanted of its state, unless it has failed, with the number of the last
    /// write of the log that is part of it; `None` if it did not run.
    pub fn end(&self, id: &str, ending: Ending) -> Option<Option<(Snapshot, u64)>> {
        let running = {
            let mut all = self.running.write().unwrap_or_else(PoisonError::into_inner);
            let running = all.remove(id)?;
            self.stopping.write().unwrap_or_else(PoisonError::into_inner).push(running.clone());
            running
        };
        let delivered = {
            let mut router = self.router.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(receiver) = self.receiver_without(&running) {
                router.remove((running.worker, receiver));
            }
            self.delivered.load(Ordering::Acquire)
        };
        let (done, wait) = crossbeam_channel::bounded(1);
        let hand_over = move |last: Option<(Snapshot, u64)>| {
            drop(done.send(last.map(|(snapshot, covered)| (snapshot, covered.max(delivered)))));
        };
        self.workers.remove(running.worker, running.number, ending, Box::new(hand_over));
        let snapshot = wait.recv().unwrap_or_default();
        let mut stopping = self.stopping.write().unwrap_or_else(PoisonError::into_inner);
        stopping.retain(|task| task.number != running.number);
        drop(stopping);
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&running.number);
        Some(snapshot)
    }

    /// What a task's nodes remember, between two letters: the answer goes to the function, which is dropped if the task
    /// has ended. False if it does not run.
    pub fn snapshot(&self, id: &str, extent: Extent, answer: SnapshotAnswer) -> bool {
        let _between_writes = self.router.write().unwrap_or_else(PoisonError::into_inner);
        let delivered = self.delivered.load(Ordering::Acquire);
        self.letter(id, Letter::Snapshot { extent, delivered, answer })
    }

    pub fn get(&self, id: &str) -> Option<Running> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Why a task that was started no longer runs.
    pub fn failure(&self, running: &Running) -> Option<String> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).get(&running.number).cloned()
    }

    /// Names of all that were started and not stopped.
    pub fn names(&self) -> Vec<String> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Show every write to this function, which must not block, until [`Tasks::untap`] gets the number given back.
    pub fn tap(&self, tap: Tap) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.taps.write().unwrap_or_else(PoisonError::into_inner).push((number, tap));
        number
    }

    pub fn untap(&self, number: u64) {
        self.taps.write().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| *known != number);
    }

    /// Hand a write to all tasks that want something of it. `held` is let go when the last of them is done with it.
    pub fn write(&self, write: &Arc<Write>, held: Held) {
        for (_, tap) in &*self.taps.read().unwrap_or_else(PoisonError::into_inner) {
            tap(write);
        }
        let router = self.router.read().unwrap_or_else(PoisonError::into_inner);
        let selections = router.select(&self.schema.now(), write);
        // One of the log is handed to all or to none, as seen by who asks for their states.
        let _router = (write.number != 0).then_some(router);
        self.send(write, selections, &held);
        if write.number != 0 {
            self.set_delivered(write.number);
        }
    }

    /// All writes of the log up to this number have been handed out, or are not to be.
    pub fn set_delivered(&self, number: u64) {
        self.delivered.fetch_max(number, Ordering::AcqRel);
    }

    fn send(&self, write: &Arc<Write>, selections: Vec<((usize, Taker), Selection)>, held: &Held) {
        if selections.is_empty() {
            return;
        }
        let mut parcels: Vec<Vec<(Taker, Selection)>> = vec![Vec::new(); self.workers.count()];
        for ((worker, receiver), selection) in selections {
            parcels[worker].push((receiver, selection));
        }
        for (worker, tasks) in parcels.into_iter().enumerate() {
            if !tasks.is_empty() {
                self.workers.send(worker, Parcel::Write(Arc::clone(write), tasks, held.clone()));
            }
        }
    }

    /// Bring the answer of outside work to the node that asked. It is dropped if that run of the task has ended.
    pub fn reply(&self, ticket: &Ticket, reply: Reply) {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let stopping = self.stopping.read().unwrap_or_else(PoisonError::into_inner);
        let asked = running.get(&*ticket.task.id).into_iter().chain(&*stopping);
        if let Some(task) = asked.into_iter().find(|task| Arc::ptr_eq(&task.info, &ticket.task)) {
            let letter = Letter::Reply { node: ticket.node, reply };
            self.workers.send(task.worker, Parcel::Letter(task.number, letter));
        }
    }

    /// What a node shows to HTTP clients; the answer goes to the function. False if the task does not run.
    pub fn show(&self, id: &str, node: &str, answer: Box<dyn FnOnce(Option<String>) + Send>) -> bool {
        self.letter(id, Letter::Show { node: node.to_string(), answer })
    }

    /// The tables of series that they go by.
    pub fn schema(&self) -> &LiveSchema {
        &self.schema
    }

    /// Ask for the numbers that tasks use. The answers come from as many workers as is said.
    pub fn mark(&self) -> (Receiver<Marks>, usize) {
        let workers = self.workers.count();
        let (send, answers) = crossbeam_channel::bounded(workers);
        (0..workers).for_each(|worker| self.workers.send(worker, Parcel::Mark(send.clone())));
        (answers, workers)
    }

    /// Forget what tasks do not use, as they said when they were asked in this version of the tables.
    pub fn forget(&self, version: u32, marks: &Marks) {
        self.schema.forget(version, marks);
        (0..self.workers.count()).for_each(|worker| self.workers.send(worker, Parcel::Look));
    }

    /// Bring the figures of a task's memory up to date.
    pub fn measure(&self, id: &str) {
        self.letter(id, Letter::Measure);
    }

    /// Have a task let go of some of what it holds.
    pub fn shed(&self, id: &str, how: Shed) {
        self.letter(id, Letter::Shed(how));
    }

    /// Have a task stop by itself, for this reason.
    pub fn fail(&self, id: &str, why: String) {
        self.letter(id, Letter::Fail(why));
    }

    fn letter(&self, id: &str, letter: Letter) -> bool {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let Some(task) = running.get(id) else { return false };
        self.workers.send(task.worker, Parcel::Letter(task.number, letter));
        true
    }

    /// Stop all tasks, each handing on what it held.
    pub fn stop_all(&self) {
        for name in self.names() {
            self.stop(&name);
        }
    }
}
