//! The threads that run tasks: each task lives on one of them, and nothing is locked on its way through the pipeline.
//!
//! `worker.rs` is what such a thread does. What comes for it waits in its inbox. To wake a thread takes as long as a small
//! write does, so whoever brings one works it off in the place of the thread if that one sleeps; one at a time.

mod worker;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use crossbeam_channel::Sender;
use model::{LiveSchema, Marks};

use crate::{Extent, Host, Letter, Selection, Snapshot, Task, Write};
use worker::Next;
pub(crate) use worker::Worker;

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

/// A worker and what waits for it.
struct Desk {
    inbox: crossbeam_channel::Receiver<Parcel>,
    /// Held by who works: its thread, or who brings something while that sleeps.
    worker: Mutex<Worker>,
}

impl Desk {
    /// What the thread does.
    fn run(&self) {
        loop {
            let next = self.worker.lock().unwrap_or_else(PoisonError::into_inner).work(&self.inbox);
            // Who sends something unparks the thread after that, so nothing is slept over.
            match next {
                Next::Sleep => std::thread::park(),
                Next::SleepFor(time) => std::thread::park_timeout(time),
                Next::Stop => return,
            }
        }
    }

    /// The worker, if nobody works.
    fn idle(&self) -> Option<MutexGuard<'_, Worker>> {
        match self.worker.try_lock() {
            Ok(worker) => Some(worker),
            Err(TryLockError::Poisoned(worker)) => Some(worker.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A fixed set of worker threads.
pub struct Workers {
    desks: Vec<Arc<Desk>>,
    inboxes: Vec<Sender<Parcel>>,
    threads: Vec<JoinHandle<()>>,
    load: Vec<AtomicUsize>,
}

impl Workers {
    pub(crate) fn start(
        count: usize,
        host: &Arc<dyn Host>,
        schema: &LiveSchema,
        ended: &Ended,
    ) -> std::io::Result<Workers> {
        let (desks, inboxes, threads, load) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut workers = Workers { desks, inboxes, threads, load };
        for number in 0..count.max(1) {
            // Not bounded here: what waits is bounded by the writers' budget, and letters of tasks by their own work.
            let (send, inbox) = crossbeam_channel::unbounded();
            let worker = Mutex::new(Worker::new(Arc::clone(host), schema.clone(), Arc::clone(ended)));
            let desk = Arc::new(Desk { inbox, worker });
            let at = Arc::clone(&desk);
            workers.threads.push(std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || at.run())?);
            workers.desks.push(desk);
            workers.inboxes.push(send);
            workers.load.push(AtomicUsize::default());
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
        self.rouse(worker);
    }

    /// As [`Workers::send`]. A small write is worked off here and now if the worker is idle.
    pub(crate) fn send_and_help(&self, worker: usize, parcel: Parcel) {
        let rows = if let Parcel::Write(write, ..) = &parcel { write.rows.len() } else { usize::MAX };
        let _ = self.inboxes[worker].send(parcel);
        let desk = &self.desks[worker];
        let is_done = desk.idle().is_some_and(|mut worker| worker.help(&desk.inbox, rows));
        if !is_done {
            self.rouse(worker);
        }
    }

    /// Have counters told, of one task or all: here and now if the worker is idle, else `done` is dropped when they are.
    pub(crate) fn tell_counts(&self, worker: usize, number: Option<TaskNumber>, done: Sender<()>) {
        let desk = &self.desks[worker];
        if !desk.idle().is_some_and(|mut worker| worker.count_now(&desk.inbox, number)) {
            self.send(worker, Parcel::Count(number, done));
        }
    }

    fn rouse(&self, worker: usize) {
        if let Some(thread) = self.threads.get(worker) {
            thread.thread().unpark();
        }
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
