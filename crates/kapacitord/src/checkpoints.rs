//! What running tasks remember, kept on disk: every few seconds, and when they stop; taken up when they start again.
//!
//! One thread asks one task after the other for what has changed. The task writes that down between two letters; putting
//! it into words and onto the disk is the thread's work. So at most one task's changes are in memory, and a slow disk
//! makes checkpoints rarer, not tasks slower.
//!
//! With a log of writes a checkpoint says up to which of them it has all, and what followed from them (events, states of
//! topics) is on disk before it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use alert::Outbox;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use engine::{BeginsAnew, Ending, Extent, LAST, Snapshot, Tasks, define::Built};
use store::checkpoints::{Change, Checkpoints as Files, Loaded, Pairs};

use crate::{ingest::IngestLog, topic_store::WriteBehind};

/// A task's checkpoints take at most this part of the time: one that is slow to write is written less often.
const SHARE: u32 = 25;
/// How long a task may take until it answers; it is busy then, and asked again the next time.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key of the place in the log of writes: the log's id, and the number of the last write that is covered.
const COVERED: &[u8] = &[1];
/// The key of the number of the last event of the outbox that is covered.
const EVENTS: &[u8] = &[2];

/// See the module.
pub struct Checkpoints {
    shared: Arc<Shared>,
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// What has to agree with checkpoints if there is a log of writes.
pub struct Durable {
    pub log: Arc<IngestLog>,
    pub outbox: Option<Arc<Outbox>>,
    pub states: Option<Arc<WriteBehind>>,
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckpointCounts {
    pub written: u64,
    pub failed: u64,
}

struct Shared {
    files: Files,
    tasks: Arc<Tasks>,
    interval: Duration,
    durable: Option<Durable>,
    /// Held while a task is asked and its answer written, so that what is asked first is written first.
    kept: Mutex<HashMap<String, Kept>>,
    written: AtomicU64,
    failed: AtomicU64,
}

/// A task whose checkpoints were begun in this process.
struct Kept {
    /// What there is on disk is no base for changes.
    wants_whole: bool,
    /// It could not be written what the task said last.
    lags: bool,
    due: Instant,
    /// Why the last one failed, so that it is told once.
    error: String,
    /// What is on disk has all writes of the log up to this number.
    covered: u64,
    /// It has all events of the outbox up to this number.
    events: u64,
}

impl Checkpoints {
    /// Checkpoints in this folder; see [`Checkpoints::begin`].
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(
        folder: &Path,
        interval: Duration,
        tasks: Arc<Tasks>,
        durable: Option<Durable>,
    ) -> Result<Checkpoints, store::Error> {
        let shared = Shared {
            files: Files::open(folder)?,
            tasks,
            interval,
            durable,
            kept: Mutex::default(),
            written: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        Ok(Checkpoints { shared: Arc::new(shared), running: Mutex::default() })
    }

    /// Write them every so often from now on: once all tasks that run at the start do so, since what none of those needs
    /// any more of the log of writes goes.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn begin(&self) -> std::io::Result<()> {
        let (stop, stopping) = bounded(0);
        let shared = Arc::clone(&self.shared);
        let thread =
            std::thread::Builder::new().name("checkpoints".to_string()).spawn(move || shared.run(&stopping))?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, thread));
        Ok(())
    }

    /// Let a task that is about to start go on where it was. [`Checkpoints::started`] must follow.
    pub fn resume(&self, task: &mut Built) {
        let id = Arc::clone(&task.task.info().id);
        let mut kept = self.shared.lock();
        let (mut pairs, damaged) = self.shared.load(&id);
        let (mut covered, mut events) = (0, 0);
        if let Some(Durable { log, outbox, .. }) = &self.shared.durable {
            let known = covered_by(&pairs, log.id());
            covered = match known {
                Some(known) => known,
                // All that the log still has.
                None if damaged => 0,
                // Of a task that was never checkpointed nothing is in the log that it would have to get again.
                None => log.last(),
            };
            log.seen(covered);
            events = match known {
                Some(_) => number(&pairs, EVENTS).unwrap_or(0),
                None => outbox.as_ref().map_or(0, |outbox| outbox.last()),
            };
            if known.is_some() {
                // All that came later comes again, so there are no traces of it that would have to be heeded.
                pairs.insert(LAST.to_vec(), vec![1]);
            }
        }
        task.shards().for_each(|shard| shard.set_covered(covered));
        let fresh = Kept { wants_whole: true, lags: false, due: Instant::now(), error: String::new(), covered, events };
        kept.insert(id.to_string(), fresh);
        if pairs.is_empty() {
            return;
        }
        let saved = pairs.into_iter().collect();
        for (number, shard) in task.shards().enumerate() {
            for BeginsAnew { node, why, damaged } in shard.restore(&saved) {
                match damaged {
                    true => tracing::error!(task = &*id, node, "the node begins anew: {why}"),
                    // The other shards say the same.
                    false if number > 0 => {}
                    false => tracing::info!(task = &*id, node, "the node begins anew: {why}"),
                }
            }
            shard.show_anew();
        }
        // From now on there may be traces of later data elsewhere.
        if let Err(error) = self.shared.files.append(&id, &[(LAST.to_vec(), None)]) {
            self.shared.tell(&id, &error);
        }
    }

    /// A task has started, and gets all writes of the log after this one.
    pub fn started(&self, id: &str, covered: u64) {
        let mut kept = self.shared.lock();
        let (Some(durable), Some(task)) = (&self.shared.durable, kept.get_mut(id)) else { return };
        let place = places(durable.log.id(), covered, task.events);
        let files = &self.shared.files;
        let written = if files.has(id) { files.append(id, &place).map(drop) } else { files.replace(id, &place) };
        match written {
            Ok(()) => task.covered = covered,
            Err(error) => self.shared.tell(id, &error),
        }
    }

    /// Stop a task for a while, and keep what it remembers and holds. A task that has failed is to begin anew: what it
    /// remembered may be why.
    pub fn suspend(&self, id: &str) {
        let mut kept = self.shared.lock();
        let wants_whole = kept.remove(id).is_none_or(|kept| kept.wants_whole);
        let running = self.shared.tasks.get(id);
        let has_moved = || running.is_none_or(|running| running.footprint.has_moved());
        let extent = if wants_whole { Extent::LastWhole } else { Extent::LastChanges };
        let written = match self.shared.tasks.end(id, Ending::Suspended(extent)) {
            None => return,
            Some(None) => self.shared.files.delete(id),
            // It has done nothing yet, and needs nothing to begin anew.
            Some(Some(_)) if self.shared.durable.is_none() && !self.shared.files.has(id) && !has_moved() => return,
            Some(Some((snapshot, covered))) => {
                self.shared.write(id, &snapshot, covered, self.shared.last_event()).map(|_| ())
            }
        };
        if let Err(error) = written {
            self.shared.tell(id, &error);
        }
    }

    /// Stop all tasks; they go on when the daemon starts again.
    pub fn suspend_all(&self) {
        for id in self.shared.tasks.names() {
            self.suspend(&id);
        }
    }

    /// A task that does not run is gone.
    pub fn forget(&self, id: &str) {
        let mut kept = self.shared.lock();
        kept.remove(id);
        if let Err(error) = self.shared.files.delete(id) {
            tracing::error!(task = id, "its checkpoint cannot be removed: {error}");
        }
    }

    /// A task that does not run has another id.
    pub fn rename(&self, old: &str, new: &str) {
        let _kept = self.shared.lock();
        if let Err(error) = self.shared.files.rename(old, new) {
            tracing::error!(task = old, "its checkpoint cannot be renamed: {error}");
        }
    }

    /// The number up to which all tasks have all writes of the log.
    pub fn covered(&self) -> u64 {
        self.shared.lock().values().map(|kept| kept.covered).min().unwrap_or(u64::MAX)
    }

    /// The number up to which events of the outbox come of writes that all tasks have.
    pub fn events(&self) -> u64 {
        self.shared.lock().values().map(|kept| kept.events).min().unwrap_or(u64::MAX)
    }

    pub fn counts(&self) -> CheckpointCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CheckpointCounts { written: read(&self.shared.written), failed: read(&self.shared.failed) }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = running {
            drop(stop);
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a task remembered, and whether that is nothing because its file is damaged.
    fn load(&self, task: &str) -> (Pairs, bool) {
        let log = self.durable.as_ref().map(|durable| &durable.log);
        let Loaded { pairs, damage } = match self.files.load(task) {
            Ok(loaded) => loaded,
            Err(error) => {
                let with = if log.is_some() { " with the writes that the log still has" } else { "" };
                tracing::error!(task, "the task begins anew{with}, its checkpoint cannot be used: {error}");
                return (Pairs::new(), true);
            }
        };
        if let Some(damage) = damage {
            let covered = log.and_then(|log| covered_by(&pairs, log.id()));
            let rest = match (log, covered) {
                (Some(log), Some(covered)) if log.had_all_after(covered) => {
                    "what was written since comes again from the log, so nothing is lost"
                }
                (Some(_), _) => "the log does not reach back so far, so some of what was written since is lost",
                (None, _) => "what was written since is lost",
            };
            tracing::error!(task, "the task goes on as of before its last changes; {rest}: {damage}");
        }
        (pairs, false)
    }

    fn tell(&self, task: &str, error: &store::Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        tracing::error!(task, "its checkpoint cannot be written: {error}");
    }

    fn run(&self, stopping: &Receiver<()>) {
        while stopping.recv_timeout(self.interval) == Err(RecvTimeoutError::Timeout) {
            for id in self.due(self.passed()) {
                // Between two tasks whoever starts or stops one has a turn.
                self.checkpoint(&id, &mut self.lock());
            }
            self.release();
        }
    }

    /// Up to which of the writes of the log and the events of the outbox those tasks have all that have not moved since
    /// their last snapshot.
    fn passed(&self) -> Option<(u64, u64)> {
        self.durable.as_ref()?;
        let events = self.last_event();
        Some((self.tasks.taken(PATIENCE)?, events))
    }

    /// Tasks that do not remember what they did at their last snapshot, or at their start. Of the others it is known how
    /// far they have come in the log of writes, so that it may drop that; or they are asked, too.
    fn due(&self, passed: Option<(u64, u64)>) -> Vec<String> {
        let mut kept = self.lock();
        let mut due = Vec::new();
        self.tasks.for_each(|id, task| {
            let Some(kept) = kept.get_mut(id) else { return };
            match passed {
                _ if task.footprint.has_moved() || kept.lags => due.push(id.to_string()),
                None if self.durable.is_some() => due.push(id.to_string()),
                Some((covered, events)) => {
                    (kept.covered, kept.events) = (kept.covered.max(covered), kept.events.max(events));
                }
                None => {}
            }
        });
        due
    }

    /// Let the log of writes and the outbox drop what all checkpoints have.
    fn release(&self) {
        let Some(Durable { log, outbox, .. }) = &self.durable else { return };
        let mut kept = self.lock();
        // A power cut must not take what makes it superfluous.
        if let Err((id, error)) = self.files.sync() {
            self.tell(&id, &error);
            if let Some(task) = kept.get_mut(&id) {
                (task.wants_whole, task.lags) = (true, true);
            }
            return;
        }
        log.covered(kept.values().map(|kept| kept.covered).min().unwrap_or_else(|| log.last()));
        if let Some(outbox) = outbox {
            outbox.covered(kept.values().map(|kept| kept.events).min().unwrap_or_else(|| outbox.last()));
        }
    }

    fn checkpoint(&self, id: &str, kept: &mut HashMap<String, Kept>) {
        let begun = Instant::now();
        let Some(task) = kept.get_mut(id).filter(|task| task.due <= begun) else { return };
        let extent = if task.wants_whole { Extent::Whole } else { Extent::Changes };
        let events = self.last_event();
        let (answer, asked) = bounded(1);
        let answer = Box::new(move |snapshot, covered| drop(answer.send((Instant::now(), snapshot, covered))));
        if !self.tasks.snapshot(id, extent, answer) {
            return;
        }
        let answered = match asked.recv_timeout(PATIENCE) {
            Ok((answered, snapshot, covered)) => {
                let written = snapshot.map_or(Ok(false), |snapshot| self.write(id, &snapshot, covered, events));
                if written.is_ok() {
                    (task.covered, task.events) = (covered, events);
                }
                let error = written.as_ref().err().map(ToString::to_string).unwrap_or_default();
                if let Err(why) = &written
                    && error != task.error
                {
                    tracing::error!(task = id, "its checkpoint cannot be written, and is tried again: {why}");
                }
                self.failed.fetch_add(u64::from(written.is_err()), Ordering::Relaxed);
                task.error = error;
                task.lags = written.is_err();
                task.wants_whole = written.unwrap_or(true);
                answered
            }
            Err(RecvTimeoutError::Disconnected) => {
                // It has failed, and will begin anew: nothing has to be kept for it.
                kept.remove(id);
                return;
            }
            Err(RecvTimeoutError::Timeout) => {
                // What it will say is lost, and with it what has changed.
                (task.wants_whole, task.lags) = (true, true);
                begun
            }
        };
        // How long it waited for its turn does not count.
        task.due = Instant::now() + answered.elapsed() * SHARE;
    }

    /// Whether the next one should be whole.
    fn write(&self, id: &str, snapshot: &Snapshot, covered: u64, events: u64) -> Result<bool, store::Error> {
        let places = match &self.durable {
            Some(durable) => places(durable.log.id(), covered, events),
            None => [(COVERED.to_vec(), None), (EVENTS.to_vec(), None)],
        };
        if !self.settle() {
            let source = std::io::Error::other("the outbox cannot be written, and has to be before it");
            return Err(store::Error::Io { path: self.files.path(id), source });
        }
        let changes = snapshot.changes().chain(places);
        let outcome = match snapshot.is_whole() {
            true => self.files.replace(id, changes).map(|()| false),
            false => self.files.append(id, changes),
        };
        self.written.fetch_add(u64::from(outcome.is_ok()), Ordering::Relaxed);
        outcome
    }

    /// What followed from writes that will not come again must be on disk; whether it is.
    fn settle(&self) -> bool {
        let Some(Durable { outbox, states, .. }) = &self.durable else { return true };
        let is_written = outbox.as_ref().is_none_or(|outbox| outbox.wait_until_written(outbox.last()));
        if let Some(states) = states {
            states.settle();
        }
        is_written
    }

    /// The number of the last event of the outbox.
    fn last_event(&self) -> u64 {
        self.durable.as_ref().and_then(|durable| durable.outbox.as_ref()).map_or(0, |outbox| outbox.last())
    }
}

/// What a checkpoint says of what it has.
fn places(log: u64, covered: u64, events: u64) -> [Change; 2] {
    let place = [log.to_le_bytes(), covered.to_le_bytes()].concat();
    [(COVERED.to_vec(), Some(place)), (EVENTS.to_vec(), Some(events.to_le_bytes().to_vec()))]
}

fn number(pairs: &Pairs, key: &[u8]) -> Option<u64> {
    pairs.get(key)?.as_slice().try_into().ok().map(u64::from_le_bytes)
}

/// The number of the last write of this log that a checkpoint has; `None` if it knows nothing of it.
fn covered_by(pairs: &Pairs, log: u64) -> Option<u64> {
    let (of, number) = pairs.get(COVERED)?.split_first_chunk::<8>()?;
    let number = number.try_into().map(u64::from_le_bytes).ok()?;
    (u64::from_le_bytes(*of) == log).then_some(number)
}
