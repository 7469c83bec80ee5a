//! The tasks that run: started, stopped, found by name, fed with writes.

mod looks;

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
    Extent, Host, Letter, Origin, Reply, Router, Running, Selection, Shed, Snapshot, SnapshotAnswer, Task, TaskInfo,
    Ticket, Workers, Write,
    define::Built,
    running::{Gathering, RunningShard},
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
    pub fn start(&self, built: Built) -> u64 {
        let Built { task, more, interest, edges, endpoints } = built;
        let info = Arc::clone(task.info());
        self.stop(&info.id);
        let first = self.workers.least_loaded();
        let index = task.gate().map(|gate| (gate.measurement(), self.join_index(first, &info, gate.measurement())));
        let place = |(place, task): (usize, Task)| {
            let worker = (first + place) % self.workers.count();
            (RunningShard::new(&task, self.next.fetch_add(1, Ordering::Relaxed), worker), task)
        };
        let shards: Vec<(RunningShard, Task)> = std::iter::once(task).chain(more).enumerate().map(place).collect();
        let known = shards.iter().map(|(shard, _)| shard.clone()).collect();
        let running = Running::new(known, index, edges, endpoints);
        self.running.write().unwrap_or_else(PoisonError::into_inner).insert(info.id.to_string(), running);
        let mut router = self.router.write().unwrap_or_else(PoisonError::into_inner);
        let mut covered = u64::MAX;
        for (RunningShard { number, worker, .. }, mut task) in shards {
            covered = covered.min(task.cover(self.delivered.load(Ordering::Acquire)));
            self.workers.add(worker, number, Box::new(task), index.map(|(_, index)| index));
            if info.stream {
                let receiver = index.map_or(Taker::Task(number), |(_, index)| Taker::Index(index));
                router.add(&self.schema.now(), (worker, receiver), &info.dbrps, &interest);
            }
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
    fn receivers_without(&self, running: &Running) -> Vec<(usize, Taker)> {
        let Some((measurement, number)) = running.index else {
            return running.shards.iter().map(|shard| (shard.worker, Taker::Task(shard.number))).collect();
        };
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = running.shards[0].worker;
        let key = (worker, running.info().dbrps.clone(), measurement);
        let Some((_, tasks)) = indexes.get_mut(&key) else { return Vec::new() };
        *tasks -= 1;
        if *tasks > 0 {
            return Vec::new();
        }
        indexes.remove(&key);
        vec![(worker, Taker::Index(number))]
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
            self.receivers_without(&running).into_iter().for_each(|receiver| router.remove(receiver));
            self.delivered.load(Ordering::Acquire)
        };
        let (done, wait) = crossbeam_channel::bounded(running.shards.len());
        for shard in &running.shards {
            let done = done.clone();
            let hand_over = move |last: Option<(Snapshot, u64)>| {
                drop(done.send(last.map(|(snapshot, covered)| (snapshot, covered.max(delivered)))));
            };
            self.workers.remove(shard.worker, shard.number, ending, Box::new(hand_over));
        }
        drop(done);
        // All of them are waited for, also if one has failed.
        let last: Vec<Option<(Snapshot, u64)>> =
            running.shards.iter().map(|_| wait.recv().unwrap_or_default()).collect();
        let mut stopping = self.stopping.write().unwrap_or_else(PoisonError::into_inner);
        stopping.retain(|task| task.shards[0].number != running.shards[0].number);
        drop(stopping);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        running.shards.iter().for_each(|shard| drop(failures.remove(&shard.number)));
        let both = |one: Option<(Snapshot, u64)>, other: Option<(Snapshot, u64)>| {
            let (one, other) = one.zip(other)?;
            Some((Snapshot::both(Some(one.0), Some(other.0))?, one.1.min(other.1)))
        };
        Some(last.into_iter().reduce(both).flatten())
    }

    /// What a task's nodes remember, between two letters: the answer goes to the function, which is dropped if the task
    /// has ended. False if it does not run.
    pub fn snapshot(&self, id: &str, extent: Extent, answer: SnapshotAnswer) -> bool {
        let _between_writes = self.router.write().unwrap_or_else(PoisonError::into_inner);
        let delivered = self.delivered.load(Ordering::Acquire);
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let Some(task) = running.get(id) else { return false };
        let answers = Gathering::answers(task.shards.len(), answer);
        for (shard, answer) in task.shards.iter().zip(answers) {
            self.send_letter(shard, Letter::Snapshot { extent, delivered, answer });
        }
        true
    }

    /// With its counters as they are now.
    pub fn get(&self, id: &str) -> Option<Running> {
        let mut running = self.running.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()?;
        running.look();
        Some(running)
    }

    /// Why a task that was started no longer runs.
    pub fn failure(&self, running: &Running) -> Option<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        running.shards.iter().find_map(|shard| failures.get(&shard.number).cloned())
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

    /// Whether a task reads anything of this database and retention policy.
    pub fn is_read(&self, origin: &Origin) -> bool {
        self.router.read().unwrap_or_else(PoisonError::into_inner).reads(origin)
    }

    /// Hand a write to all tasks that want something of it. `held` is let go when the last of them is done with it.
    pub fn write(&self, write: &Arc<Write>, held: Held) {
        self.hand_out(write, &held, Workers::send);
    }

    /// As [`Tasks::write`], by one who may be held up for a moment: a small write is worked off here and now if those who
    /// would do that sleep.
    pub fn write_and_help(&self, write: &Arc<Write>, held: Held) {
        self.hand_out(write, &held, Workers::send_and_help);
    }

    fn hand_out(&self, write: &Arc<Write>, held: &Held, send: fn(&Workers, usize, Parcel)) {
        for (_, tap) in &*self.taps.read().unwrap_or_else(PoisonError::into_inner) {
            tap(write);
        }
        let router = self.router.read().unwrap_or_else(PoisonError::into_inner);
        let selections = router.select(&self.schema.now(), write);
        // One of the log is handed to all or to none, as seen by who asks for their states.
        let _router = (write.number != 0).then_some(router);
        self.send(write, selections, held, send);
        if write.number != 0 {
            self.set_delivered(write.number);
        }
    }

    /// All writes of the log up to this number have been handed out, or are not to be.
    pub fn set_delivered(&self, number: u64) {
        self.delivered.fetch_max(number, Ordering::AcqRel);
    }

    fn send(
        &self,
        write: &Arc<Write>,
        selections: Vec<((usize, Taker), Selection)>,
        held: &Held,
        send: fn(&Workers, usize, Parcel),
    ) {
        if selections.is_empty() {
            return;
        }
        let mut parcels: Vec<Vec<(Taker, Selection)>> = vec![Vec::new(); self.workers.count()];
        for ((worker, receiver), selection) in selections {
            parcels[worker].push((receiver, selection));
        }
        for (worker, tasks) in parcels.into_iter().enumerate() {
            if !tasks.is_empty() {
                send(&self.workers, worker, Parcel::Write(Arc::clone(write), tasks, held.clone()));
            }
        }
    }

    /// Bring the answer of outside work to the node that asked. It is dropped if that run of the task has ended.
    pub fn reply(&self, ticket: &Ticket, reply: Reply) {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let stopping = self.stopping.read().unwrap_or_else(PoisonError::into_inner);
        let asked = running.get(&*ticket.task.id).into_iter().chain(&*stopping);
        let mut shards = asked.flat_map(|task| &task.shards);
        if let Some(shard) = shards.find(|shard| Arc::ptr_eq(&shard.info, &ticket.task)) {
            self.send_letter(shard, Letter::Reply { node: ticket.node, reply });
        }
    }

    /// What a node shows to HTTP clients; the answer goes to the function. False if the task does not run.
    pub fn show(&self, id: &str, node: &str, answer: Box<dyn FnOnce(Option<String>) + Send>) -> bool {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        // A task with nodes that show something is not divided.
        let Some(shard) = running.get(id).and_then(|task| task.shards.first()) else { return false };
        self.send_letter(shard, Letter::Show { node: node.to_string(), answer });
        true
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
        self.letters(id, |_| Letter::Measure);
    }

    /// Have a task let go of some of what it holds.
    pub fn shed(&self, id: &str, how: Shed) {
        self.letters(id, |shards| {
            Letter::Shed(match how {
                Shed::Groups(most) => Shed::Groups(most.div_ceil(shards)),
                points @ Shed::Points(_) => points,
            })
        });
    }

    /// Have a task stop by itself, for this reason.
    pub fn fail(&self, id: &str, why: String) {
        self.letters(id, |_| Letter::Fail(why.clone()));
    }

    /// A letter to each shard of a task; it is told how many there are.
    fn letters(&self, id: &str, letter: impl Fn(usize) -> Letter) {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let shards = running.get(id).map(|task| task.shards.as_slice()).unwrap_or_default();
        shards.iter().for_each(|shard| self.send_letter(shard, letter(shards.len())));
    }

    fn send_letter(&self, shard: &RunningShard, letter: Letter) {
        self.workers.send(shard.worker, Parcel::Letter(shard.number, letter));
    }

    /// Stop all tasks, each handing on what it held.
    pub fn stop_all(&self) {
        for name in self.names() {
            self.stop(&name);
        }
    }
}
