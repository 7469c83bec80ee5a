//! What one thread of the workers does: it has its tasks take what comes, one after the other.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::Receiver;
use model::{FastMap, LiveSchema, Marks, Schema, Time};

use super::{Ended, Ending, Held, LastWord, Parcel, Receiver as Taker, TaskNumber};
use crate::{
    Extent, Host, Letter, Selection, Task, Write,
    index::{Index, PassedOver},
};

/// A write that takes more nanoseconds is left to the thread: who brings it has more to do.
const SHORT: f64 = 500e3;
/// So many rows are no small write.
const MANY_ROWS: usize = 1000;

/// What the thread does next.
pub(super) enum Next {
    Sleep,
    SleepFor(Duration),
    Stop,
}

/// How long writes take.
#[derive(Debug, Default)]
struct Pace {
    /// Nanoseconds a row: the mean of the last writes; `None` before the first.
    row: Option<f64>,
}

impl Pace {
    fn took(&mut self, rows: usize, time: Time) {
        let now = time.max(0) as f64 / rows.max(1) as f64;
        self.row = Some(self.row.map_or(now, |before| before + (now - before) / 8.0));
    }

    /// Whether a write of so many rows will be done soon, as far as one knows.
    fn is_short(&self, rows: usize) -> bool {
        rows <= MANY_ROWS && self.row.is_some_and(|row| row * rows as f64 <= SHORT)
    }
}

pub(crate) struct Worker {
    tasks: FastMap<TaskNumber, Box<Task>>,
    indexes: FastMap<u64, Index>,
    /// The index of each task that is in one.
    indexed: FastMap<TaskNumber, u64>,
    /// Tasks that have still to be taken out of an index.
    gone: Vec<(u64, TaskNumber)>,
    /// The number of the last write of the log that a task may have had before it came.
    known: u64,
    /// When each task wants to be woken, the earliest first; what is not among the awaited is out of date.
    wakes: BinaryHeap<Reverse<(Time, TaskNumber)>>,
    awaited: FastMap<TaskNumber, Time>,
    /// Tasks that come to their end, and whom to tell when they have.
    leaving: FastMap<TaskNumber, (Option<Extent>, LastWord)>,
    host: Arc<dyn Host>,
    live: LiveSchema,
    /// What its tasks go by.
    schema: Arc<Schema>,
    ended: Ended,
    /// What was taken out of the inbox and has still to be done.
    set_aside: Option<Parcel>,
    /// What the thread sleeps until, if it does and nothing comes.
    sleeps_until: Option<Time>,
    pace: Pace,
}

impl Worker {
    pub(crate) fn new(host: Arc<dyn Host>, live: LiveSchema, ended: Ended) -> Worker {
        Worker {
            tasks: FastMap::default(),
            indexes: FastMap::default(),
            indexed: FastMap::default(),
            gone: Vec::new(),
            known: 0,
            wakes: BinaryHeap::new(),
            awaited: FastMap::default(),
            leaving: FastMap::default(),
            host,
            schema: live.now(),
            live,
            ended,
            set_aside: None,
            sleeps_until: None,
            pace: Pace::default(),
        }
    }

    /// Do what is to be done by now: what waits in the inbox, and what was to be done at a time that has come.
    pub(super) fn work(&mut self, inbox: &Receiver<Parcel>) -> Next {
        loop {
            while let Some(parcel) = self.set_aside.take().or_else(|| inbox.try_recv().ok()) {
                if matches!(parcel, Parcel::Stop) {
                    return Next::Stop;
                }
                self.renew();
                self.take(parcel);
                self.wake();
            }
            self.renew();
            self.wake();
            self.sleeps_until = self.next_wake();
            let Some(at) = self.sleeps_until else { return Next::Sleep };
            let left = at.saturating_sub(self.host.now());
            if left > 0 {
                return Next::SleepFor(Duration::from_nanos(left.unsigned_abs()));
            }
        }
    }

    /// Work off a write of so many rows in the place of the thread. Whether nothing is left for that one.
    pub(super) fn help(&mut self, inbox: &Receiver<Parcel>, rows: usize) -> bool {
        if self.set_aside.is_some() || !self.pace.is_short(rows) {
            return false;
        }
        match inbox.try_recv() {
            Ok(write @ Parcel::Write(..)) => {
                self.renew();
                self.take(write);
            }
            // It came before, and may take long.
            Ok(other) => self.set_aside = Some(other),
            Err(_) => {}
        }
        let wakes_in_time = self.next_wake().is_none_or(|at| self.sleeps_until.is_some_and(|until| until <= at));
        wakes_in_time && self.set_aside.is_none() && inbox.is_empty()
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
        self.indexes.values().for_each(|index| index.mark(&mut marks));
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
            Parcel::Write(write, takers, held) => {
                let begun = self.host.now();
                for (taker, selection) in takers {
                    match taker {
                        Taker::Task(number) => {
                            self.step(number, Letter::Write(Arc::clone(&write), selection), held.clone());
                        }
                        Taker::Index(index) => self.write_by_index(index, &write, &selection, &held),
                    }
                }
                self.pace.took(write.rows.len(), self.host.now().saturating_sub(begun));
            }
            Parcel::Letter(number, letter) => {
                if matches!(letter, Letter::Snapshot { .. }) {
                    self.count_for(number);
                    self.hand_over_to(number);
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
            self.close_account(index);
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
        index.write(write, selection, &mut self.tasks);
        index.take_shown(|task, rows| {
            let rows = Selection::Some(rows.into());
            self.step(task, Letter::Write(Arc::clone(write), rows), held.clone());
        });
        index.settle(&self.tasks);
        self.indexes.insert(number, index);
        self.drop_gone();
    }

    /// A write that some tasks have in their state already and pass over: the index cannot know what it does to whom.
    fn write_around_index(&mut self, number: u64, write: &Arc<Write>, selection: &Selection, held: &Held) {
        self.close_account(number);
        let Some(index) = self.indexes.get_mut(&number) else { return };
        index.begin_anew();
        let tasks: Vec<TaskNumber> = index.tasks().collect();
        for task in tasks {
            self.step(task, Letter::Write(Arc::clone(write), selection.clone()), held.clone());
        }
    }

    /// Tell a task what was counted for it, or all tasks, in the place of the thread. Whether all is told: what came before
    /// has to be counted first.
    pub(super) fn count_now(&mut self, inbox: &Receiver<Parcel>, number: Option<TaskNumber>) -> bool {
        if self.set_aside.is_some() || !inbox.is_empty() {
            return false;
        }
        match number {
            Some(number) => self.count_for(number),
            None => self.count(),
        }
        true
    }

    /// Tell all tasks what was counted for them. Nobody needs to know until somebody asks: it costs more than the counting.
    pub(crate) fn count(&mut self) {
        let Worker { tasks, indexes, .. } = self;
        indexes.values_mut().for_each(|index| index.take_counts(|task, over| pass_over(tasks, task, over)));
    }

    /// Have the tasks of an index know all that was kept from them: it begins anew.
    fn close_account(&mut self, index: u64) {
        if let Some(index) = self.indexes.get_mut(&index) {
            index.take_counts(|task, over| pass_over(&mut self.tasks, task, over));
            index.hand_over(&mut self.tasks);
        }
    }

    /// The same for one task.
    fn count_for(&mut self, number: TaskNumber) {
        if let Some(index) = self.indexed.get(&number).and_then(|index| self.indexes.get_mut(index)) {
            index.take_counts_of(number, |task, over| pass_over(&mut self.tasks, task, over));
        }
    }

    /// Have a task know the groups of which rows passed it by.
    fn hand_over_to(&mut self, number: TaskNumber) {
        if let Some(index) = self.indexed.get(&number).and_then(|index| self.indexes.get(index)) {
            index.hand_over_to(number, &mut self.tasks);
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
            index.hand_over(tasks);
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

fn pass_over(tasks: &mut FastMap<TaskNumber, Box<Task>>, number: TaskNumber, over: PassedOver) {
    if let Some(task) = tasks.get_mut(&number) {
        task.pass_over(over);
    }
}
