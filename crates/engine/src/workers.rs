//! The threads that run tasks: each task lives on one of them, and nothing is locked on its way through the pipeline.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use crossbeam_channel::{RecvTimeoutError, Sender};
use model::{LiveSchema, Marks, Schema, Time};

use crate::{
    Extent, Host, Letter, Selection, Snapshot, Task, Write,
    index::{Index, PassedOver},
};

/// The number of a task that runs.
pub(crate) type TaskNumber = u64;

/// Told what a task that was ended remembers, if that was asked for, and the number of the last write that is part of it.
pub(crate) type LastWord = Box<dyn FnOnce(Option<(Snapshot, u64)>) + Send>;

/// Called when a task ends by itself, with the reason.
pub(crate) type Ended = Arc<dyn Fn(TaskNumber, String) + Send + Sync>;

/// Who gets rows of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Receiver {
    Task(TaskNumber),
    /// The tasks of an index, by its number.
    Index(u64),
}

pub(crate) enum Parcel {
    /// With the index that sorts out its rows, if one does.
    Add(TaskNumber, Box<Task>, Option<u64>),
    Write(Arc<Write>, Vec<(Receiver, Selection)>, Held),
    Letter(TaskNumber, Letter),
    /// Tell a task, or all, what was counted for it; then let go of what comes along.
    Count(Option<TaskNumber>, Sender<()>),
    /// All that came before has been taken.
    Pass(Sender<()>),
    /// Mark the numbers that all tasks of the worker use.
    Mark(Sender<Marks>),
    /// There is something new: see [`LiveSchema`].
    Look,
    /// End and drop the task, then call the function with what was wanted of its state.
    Remove(TaskNumber, Ending, LastWord),
    Stop,
}

/// How a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It hands on what it holds, and is forgotten.
    Forgotten,
    /// It hands on what it holds; what it still remembers is wanted.
    Finished(Extent),
    /// It will go on: what it holds is wanted with all that it remembers.
    Suspended(Extent),
}

/// A write's share of the memory that waits for workers; given back when it is dropped.
pub(crate) type Held = Option<Arc<dyn Send + Sync>>;

/// A fixed set of worker threads.
pub struct Workers {
    inboxes: Vec<Sender<Parcel>>,
    threads: Vec<JoinHandle<()>>,
    load: Vec<Arc<AtomicUsize>>,
}

impl Workers {
    pub(crate) fn start(
        count: usize,
        host: &Arc<dyn Host>,
        schema: &LiveSchema,
        ended: &Ended,
    ) -> std::io::Result<Workers> {
        let mut workers = Workers { inboxes: Vec::new(), threads: Vec::new(), load: Vec::new() };
        for number in 0..count.max(1) {
            // Not bounded here: what waits is bounded by the writers' budget, and letters of tasks by their own work.
            let (send, receive) = crossbeam_channel::unbounded();
            let (host, schema, ended) = (Arc::clone(host), schema.clone(), Arc::clone(ended));
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || Worker::new(host, schema, ended).run(&receive))?;
            workers.inboxes.push(send);
            workers.threads.push(thread);
            workers.load.push(Arc::default());
        }
        Ok(workers)
    }

    /// The worker with the fewest tasks.
    pub(crate) fn least_loaded(&self) -> usize {
        (0..self.load.len()).min_by_key(|&i| self.load[i].load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub(crate) fn count(&self) -> usize {
        self.inboxes.len()
    }

    pub(crate) fn add(&self, worker: usize, number: TaskNumber, task: Box<Task>, index: Option<u64>) {
        self.load[worker].fetch_add(1, Ordering::Relaxed);
        self.send(worker, Parcel::Add(number, task, index));
    }

    pub(crate) fn remove(&self, worker: usize, number: TaskNumber, ending: Ending, done: LastWord) {
        self.load[worker].fetch_sub(1, Ordering::Relaxed);
        self.send(worker, Parcel::Remove(number, ending, done));
    }

    /// A parcel to a worker that has stopped is dropped: that happens at the daemon's end only.
    pub(crate) fn send(&self, worker: usize, parcel: Parcel) {
        let _ = self.inboxes[worker].send(parcel);
    }

    pub(crate) fn stop(&mut self) {
        for worker in 0..self.inboxes.len() {
            self.send(worker, Parcel::Stop);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) struct Worker {
    tasks: HashMap<TaskNumber, Box<Task>>,
    indexes: HashMap<u64, Index>,
    /// The index of each task that is in one.
    indexed: HashMap<TaskNumber, u64>,
    /// Tasks that have still to be taken out of an index.
    gone: Vec<(u64, TaskNumber)>,
    /// The number of the last write of the log that a task may have had before it came.
    known: u64,
    /// When each task wants to be woken, the earliest first; what is not among the awaited is out of date.
    wakes: BinaryHeap<Reverse<(Time, TaskNumber)>>,
    awaited: HashMap<TaskNumber, Time>,
    /// Tasks that come to their end, and whom to tell when they have.
    leaving: HashMap<TaskNumber, (Option<Extent>, LastWord)>,
    host: Arc<dyn Host>,
    live: LiveSchema,
    /// What its tasks go by.
    schema: Arc<Schema>,
    ended: Ended,
}

impl Worker {
    pub(crate) fn new(host: Arc<dyn Host>, live: LiveSchema, ended: Ended) -> Worker {
        let (tasks, indexes, indexed, leaving) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Worker {
            tasks,
            indexes,
            indexed,
            gone: Vec::new(),
            known: 0,
            wakes: BinaryHeap::new(),
            awaited: HashMap::new(),
            leaving,
            host,
            schema: live.now(),
            live,
            ended,
        }
    }

    fn run(mut self, inbox: &crossbeam_channel::Receiver<Parcel>) {
        loop {
            let parcel = match self.next_wake() {
                None => match inbox.recv() {
                    Ok(parcel) => Some(parcel),
                    Err(_) => return,
                },
                Some(at) => {
                    let wait = at.saturating_sub(self.host.now()).max(0) as u64;
                    match inbox.recv_timeout(std::time::Duration::from_nanos(wait)) {
                        Ok(parcel) => Some(parcel),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            };
            if matches!(parcel, Some(Parcel::Stop)) {
                return;
            }
            self.renew();
            if let Some(parcel) = parcel {
                self.take(parcel);
            }
            self.wake();
        }
    }

    /// Go on with the newest schema.
    #[inline]
    fn renew(&mut self) {
        if !self.live.is_now(&self.schema) {
            self.schema = self.live.now();
            self.tasks.values_mut().for_each(|task| task.renew(&self.schema));
            self.indexes.values_mut().for_each(|index| index.renew(&self.schema));
        }
    }

    /// Mark what tasks use. One that cannot say so ends.
    fn mark(&mut self) -> Marks {
        let mut marks = Marks::default();
        let mut faulty = Vec::new();
        for (number, task) in &mut self.tasks {
            if catch_unwind(AssertUnwindSafe(|| task.mark(&mut marks))).is_err() {
                faulty.push(*number);
            }
        }
        let why = "the task ended by a fault of the program: its state cannot be looked through";
        faulty.into_iter().for_each(|number| self.step(number, Letter::Fail(why.to_string()), None));
        marks
    }

    /// When a task wants to be woken, and none earlier.
    fn next_wake(&mut self) -> Option<Time> {
        while let Some(&Reverse((at, number))) = self.wakes.peek() {
            if self.awaited.get(&number) == Some(&at) {
                return Some(at);
            }
            self.wakes.pop();
        }
        None
    }

    fn wake(&mut self) {
        let now = self.host.now();
        let mut due = Vec::new();
        while self.next_wake().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, number))) = self.wakes.pop() {
                self.awaited.remove(&number);
                due.push(number);
            }
        }
        due.into_iter().for_each(|number| self.step(number, Letter::Wake(now), None));
    }

    /// Remember when a task wants to be woken.
    fn await_wake(&mut self, number: TaskNumber) {
        match self.tasks.get(&number).and_then(|task| task.next_wake()) {
            Some(at) if self.awaited.get(&number) != Some(&at) => {
                self.awaited.insert(number, at);
                self.wakes.push(Reverse((at, number)));
            }
            Some(_) => {}
            None => drop(self.awaited.remove(&number)),
        }
    }

    pub(crate) fn take(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Add(number, task, index) => {
                self.known = self.known.max(task.covered());
                self.add(number, task, index);
                self.step(number, Letter::Start, None);
            }
            Parcel::Write(write, receivers, held) => {
                for (receiver, selection) in receivers {
                    match receiver {
                        Receiver::Task(number) => {
                            self.step(number, Letter::Write(Arc::clone(&write), selection), held.clone());
                        }
                        Receiver::Index(index) => self.write_by_index(index, &write, &selection, &held),
                    }
                }
            }
            Parcel::Letter(number, letter) => {
                if matches!(letter, Letter::Snapshot { .. }) {
                    self.count_for(number);
                }
                self.step(number, letter, None);
            }
            Parcel::Remove(number, ending, done) => {
                self.forget(number);
                let (letter, wanted) = match ending {
                    Ending::Forgotten => (Letter::Finish, None),
                    Ending::Finished(extent) => (Letter::Finish, Some(extent)),
                    Ending::Suspended(extent) => (Letter::Suspend, Some(extent)),
                };
                if self.tasks.contains_key(&number) {
                    self.leaving.insert(number, (wanted, done));
                    self.step(number, letter, None);
                } else {
                    done(None);
                }
            }
            Parcel::Count(Some(number), _done) => self.count_for(number),
            Parcel::Count(None, _done) => self.count(),
            // Who asked may have gone.
            Parcel::Pass(answer) => drop(answer.send(())),
            Parcel::Mark(answer) => drop(answer.send(self.mark())),
            Parcel::Look | Parcel::Stop => {}
        }
    }

    fn add(&mut self, number: TaskNumber, mut task: Box<Task>, index: Option<u64>) {
        task.renew(&self.schema);
        if let Some((index, gate)) = index.zip(task.gate()) {
            let of = self.indexes.entry(index);
            of.or_insert_with(|| Index::new(Arc::clone(&self.schema), Arc::clone(&self.host)));
            self.indexed.insert(number, index);
            self.count_all_of(index);
            if let Some(index) = self.indexes.get_mut(&index) {
                index.add(number, &gate);
            }
        }
        self.tasks.insert(number, task);
    }

    /// Have those tasks of an index take rows in which they do something.
    fn write_by_index(&mut self, number: u64, write: &Arc<Write>, selection: &Selection, held: &Held) {
        if write.number != 0 && write.number <= self.known {
            return self.write_around_index(number, write, selection, held);
        }
        // Tasks that end meanwhile are taken out of it when it is back.
        let Some(mut index) = self.indexes.remove(&number) else { return };
        index.write(write, selection, |task, group| self.tasks.get(&task).is_none_or(|task| task.is_quiet(group)));
        index.take_shown(|task, rows| {
            let rows = Selection::Some(rows.into());
            self.step(task, Letter::Write(Arc::clone(write), rows), held.clone());
        });
        index.settle(|task, group| self.tasks.get(&task).is_none_or(|task| task.is_quiet(group)));
        self.indexes.insert(number, index);
        self.drop_gone();
    }

    /// A write that some tasks have in their state already and pass over: the index cannot know what it does to whom.
    fn write_around_index(&mut self, number: u64, write: &Arc<Write>, selection: &Selection, held: &Held) {
        self.count_all_of(number);
        let Some(index) = self.indexes.get_mut(&number) else { return };
        index.begin_anew();
        let tasks: Vec<TaskNumber> = index.tasks().collect();
        for task in tasks {
            self.step(task, Letter::Write(Arc::clone(write), selection.clone()), held.clone());
        }
    }

    /// Tell all tasks what was counted for them. Nobody needs to know until somebody asks: it costs more than the counting.
    pub(crate) fn count(&mut self) {
        let Worker { tasks, indexes, .. } = self;
        indexes.values_mut().for_each(|index| index.take_counts(|task, over| pass_over(tasks, task, over)));
    }

    /// The same for the tasks of an index.
    fn count_all_of(&mut self, index: u64) {
        if let Some(index) = self.indexes.get_mut(&index) {
            index.take_counts(|task, over| pass_over(&mut self.tasks, task, over));
        }
    }

    /// The same for one task.
    fn count_for(&mut self, number: TaskNumber) {
        if let Some(index) = self.indexed.get(&number).and_then(|index| self.indexes.get_mut(index)) {
            index.take_counts_of(number, |task, over| pass_over(&mut self.tasks, task, over));
        }
    }

    /// A task that panics or fails ends; the others go on.
    fn step(&mut self, number: TaskNumber, letter: Letter, held: Held) {
        let Some(task) = self.tasks.get_mut(&number) else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| task.take(letter, held)));
        let why = match outcome {
            Ok(()) => match task.failure() {
                None if task.is_finished() => return self.leave(number),
                None => return self.await_wake(number),
                Some(why) => why.to_string(),
            },
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(|text| text.to_string())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                format!("the task ended by a fault of the program: {text}")
            }
        };
        if let Some(task) = self.tasks.remove(&number) {
            task.tell_others(&why);
        }
        (self.ended)(number, why);
        self.leave(number);
    }

    /// A task needs no rows any more.
    fn forget(&mut self, number: TaskNumber) {
        if let Some(of) = self.indexed.remove(&number) {
            self.gone.push((of, number));
            self.drop_gone();
        }
    }

    /// An index that is sorting out rows is not there to be told.
    fn drop_gone(&mut self) {
        let Worker { tasks, gone, indexes, .. } = self;
        gone.retain(|(of, number)| {
            let Some(index) = indexes.get_mut(of) else { return true };
            index.take_counts(|task, over| pass_over(tasks, task, over));
            index.remove(*number);
            if index.is_empty() {
                indexes.remove(of);
            }
            false
        });
    }

    /// Drop a task that is at its end, and tell who waits for that. Of one that has failed there is no state.
    fn leave(&mut self, number: TaskNumber) {
        let task = self.tasks.remove(&number);
        self.forget(number);
        self.awaited.remove(&number);
        if let Some((wanted, done)) = self.leaving.remove(&number) {
            let last = task.and_then(|mut task| {
                // As with letters: its fault is nobody else's.
                let snapshot = catch_unwind(AssertUnwindSafe(|| task.snapshot(wanted?))).unwrap_or_default();
                Some((snapshot?, task.covered()))
            });
            done(last);
        }
    }
}

fn pass_over(tasks: &mut HashMap<TaskNumber, Box<Task>>, number: TaskNumber, over: PassedOver) {
    if let Some(task) = tasks.get_mut(&number) {
        task.pass_over(over);
    }
}
