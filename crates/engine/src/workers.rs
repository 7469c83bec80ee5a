//! The threads that run tasks: each task lives on one of them, and nothing is locked on its way through the pipeline.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use model::Time;

use crate::{Extent, Host, Letter, Selection, Snapshot, Task, Write};

/// The number of a task that runs.
pub(crate) type TaskNumber = u64;

/// Told what a task that was ended remembers, if that was asked for, and the number of the last write that is part of it.
pub(crate) type LastWord = Box<dyn FnOnce(Option<(Snapshot, u64)>) + Send>;

/// Called when a task ends by itself, with the reason.
pub(crate) type Ended = Arc<dyn Fn(TaskNumber, String) + Send + Sync>;

pub(crate) enum Parcel {
    Add(TaskNumber, Box<Task>),
    Write(Arc<Write>, Vec<(TaskNumber, Selection)>, Held),
    Letter(TaskNumber, Letter),
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
    pub(crate) fn start(count: usize, host: &Arc<dyn Host>, ended: &Ended) -> std::io::Result<Workers> {
        let mut workers = Workers { inboxes: Vec::new(), threads: Vec::new(), load: Vec::new() };
        for number in 0..count.max(1) {
            // Not bounded here: what waits is bounded by the writers' budget, and letters of tasks by their own work.
            let (send, receive) = crossbeam_channel::unbounded();
            let (host, ended) = (Arc::clone(host), Arc::clone(ended));
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || Worker { tasks: HashMap::new(), leaving: HashMap::new(), host, ended }.run(&receive))?;
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

    pub(crate) fn add(&self, worker: usize, number: TaskNumber, task: Box<Task>) {
        self.load[worker].fetch_add(1, Ordering::Relaxed);
        self.send(worker, Parcel::Add(number, task));
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

struct Worker {
    tasks: HashMap<TaskNumber, Box<Task>>,
    /// Tasks that come to their end, and whom to tell when they have.
    leaving: HashMap<TaskNumber, (Option<Extent>, LastWord)>,
    host: Arc<dyn Host>,
    ended: Ended,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Parcel>) {
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
            if let Some(parcel) = parcel {
                self.take(parcel);
            }
            self.wake();
        }
    }

    fn next_wake(&self) -> Option<Time> {
        self.tasks.values().filter_map(|task| task.next_wake()).min()
    }

    fn wake(&mut self) {
        let now = self.host.now();
        let due: Vec<TaskNumber> =
            self.tasks.iter().filter(|(_, task)| task.is_due(now)).map(|(number, _)| *number).collect();
        for number in due {
            self.step(number, Letter::Wake(now), None);
        }
    }

    fn take(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Add(number, task) => {
                self.tasks.insert(number, task);
                self.step(number, Letter::Start, None);
            }
            Parcel::Write(write, tasks, held) => {
                for (number, selection) in tasks {
                    self.step(number, Letter::Write(Arc::clone(&write), selection), held.clone());
                }
            }
            Parcel::Letter(number, letter) => self.step(number, letter, None),
            Parcel::Remove(number, ending, done) => {
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
            Parcel::Stop => {}
        }
    }

    /// A task that panics or fails ends; the others go on.
    fn step(&mut self, number: TaskNumber, letter: Letter, held: Held) {
        let Some(task) = self.tasks.get_mut(&number) else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| task.take(letter, held)));
        let why = match outcome {
            Ok(()) => match task.failure() {
                None if task.is_finished() => return self.leave(number),
                None => return,
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
        (self.ended)(number, why);
        self.tasks.remove(&number);
        self.leave(number);
    }

    /// Drop a task that is at its end, and tell who waits for that. Of one that has failed there is no state.
    fn leave(&mut self, number: TaskNumber) {
        let task = self.tasks.remove(&number);
        if let Some((wanted, done)) = self.leaving.remove(&number) {
            done(task.and_then(|mut task| Some((task.snapshot(wanted?)?, task.covered()))));
        }
    }
}
