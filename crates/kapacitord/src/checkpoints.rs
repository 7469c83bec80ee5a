//! What running tasks remember, kept on disk: every few seconds, and when they stop; taken up when they start again.
//!
//! One thread asks one task after the other for what has changed. The task writes that down between two letters; putting
//! it into words and onto the disk is the thread's work. So at most one task's changes are in memory, and a slow disk
//! makes checkpoints rarer, not tasks slower.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use engine::{BeginsAnew, Ending, Extent, LAST, SavedTask, Snapshot, Task, Tasks};
use model::Schema;
use store::checkpoints::Checkpoints as Files;

/// A task's checkpoints take at most this part of the time: one that is slow to write is written less often.
const SHARE: u32 = 25;
/// How long a task may take until it answers; it is busy then, and asked again the next time.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
pub struct Checkpoints {
    shared: Arc<Shared>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    files: Files,
    tasks: Arc<Tasks>,
    schema: Arc<Schema>,
    interval: Duration,
    /// Held while a task is asked and its answer written, so that what is asked first is written first.
    kept: Mutex<HashMap<String, Kept>>,
}

/// A task whose checkpoints were begun in this process.
struct Kept {
    /// What there is on disk is no base for changes.
    wants_whole: bool,
    due: Instant,
    /// Why the last one failed, so that it is told once.
    error: String,
}

impl Checkpoints {
    /// Checkpoints in this folder, every `interval`.
    ///
    /// # Errors
    /// The folder cannot be made, or the system has no thread left.
    pub fn start(
        folder: &Path,
        interval: Duration,
        tasks: Arc<Tasks>,
        schema: Arc<Schema>,
    ) -> anyhow::Result<Checkpoints> {
        let files = Files::open(folder)?;
        let shared = Arc::new(Shared { files, tasks, schema, interval, kept: Mutex::default() });
        let (stop, stopping) = bounded(0);
        let all = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("checkpoints".to_string()).spawn(move || all.run(&stopping))?;
        Ok(Checkpoints { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Let a task that is about to start go on where it was.
    pub fn resume(&self, task: &mut Task) {
        let id = Arc::clone(&task.info().id);
        let mut kept = self.shared.lock();
        let now = Instant::now();
        kept.insert(id.to_string(), Kept { wants_whole: true, due: now, error: String::new() });
        let saved: SavedTask = match self.shared.files.load(&id) {
            Ok(pairs) => pairs.into_iter().collect(),
            Err(error) => {
                tracing::error!(task = &*id, "the task begins anew, its checkpoint cannot be used: {error}");
                return;
            }
        };
        if saved.is_empty() {
            return;
        }
        for BeginsAnew { node, why, damaged } in task.restore(&saved) {
            match damaged {
                true => tracing::error!(task = &*id, node, "the node begins anew: {why}"),
                false => tracing::info!(task = &*id, node, "the node begins anew: {why}"),
            }
        }
        // From now on there may be traces of later data elsewhere.
        if let Err(error) = self.shared.files.append(&id, &[(LAST.to_vec(), None)]) {
            tracing::error!(task = &*id, "its checkpoint cannot be written: {error}");
        }
    }

    /// Stop a task, and keep what it remembers. A task that has failed is to begin anew: what it remembered may be why.
    pub fn stop(&self, id: &str, suspended: bool) -> bool {
        let mut kept = self.shared.lock();
        let wants_whole = kept.remove(id).is_none_or(|kept| kept.wants_whole);
        let extent = if wants_whole { Extent::LastWhole } else { Extent::LastChanges };
        let ending = if suspended { Ending::Suspended(extent) } else { Ending::Finished(extent) };
        let written = match self.shared.tasks.end(id, ending) {
            None => return false,
            Some(None) => self.shared.files.delete(id),
            Some(Some(snapshot)) => self.shared.write(id, &snapshot).map(|_| ()),
        };
        if let Err(error) = written {
            tracing::error!(task = id, "its checkpoint cannot be written: {error}");
        }
        true
    }

    /// Stop all tasks; they go on when the daemon starts again.
    pub fn suspend_all(&self) {
        for id in self.shared.tasks.names() {
            self.stop(&id, true);
        }
    }

    /// A task that does not run is gone.
    pub fn forget(&self, id: &str) {
        let _kept = self.shared.lock();
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
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, stopping: &Receiver<()>) {
        while stopping.recv_timeout(self.interval) == Err(RecvTimeoutError::Timeout) {
            for id in self.tasks.names() {
                // Between two tasks whoever starts or stops one has a turn.
                self.checkpoint(&id, &mut self.lock());
            }
        }
    }

    fn checkpoint(&self, id: &str, kept: &mut HashMap<String, Kept>) {
        let begun = Instant::now();
        let Some(task) = kept.get_mut(id).filter(|task| task.due <= begun) else { return };
        let extent = if task.wants_whole { Extent::Whole } else { Extent::Changes };
        let (answer, asked) = bounded(1);
        let answer = Box::new(move |snapshot| drop(answer.send((Instant::now(), snapshot))));
        if !self.tasks.snapshot(id, extent, answer) {
            return;
        }
        let answered = match asked.recv_timeout(PATIENCE) {
            Ok((answered, Some(snapshot))) => {
                let written = self.write(id, &snapshot);
                let error = written.as_ref().err().map(ToString::to_string).unwrap_or_default();
                if error != task.error && !error.is_empty() {
                    tracing::error!(task = id, "its checkpoint cannot be written, and is tried again: {error}");
                }
                task.error = error;
                task.wants_whole = written.unwrap_or(true);
                answered
            }
            Ok((_, None)) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                // What it will say is lost, and with it what has changed.
                task.wants_whole = true;
                begun
            }
        };
        // How long it waited for its turn does not count.
        task.due = Instant::now() + answered.elapsed() * SHARE;
    }

    /// Whether the next one should be whole.
    fn write(&self, id: &str, snapshot: &Snapshot) -> Result<bool, store::Error> {
        let changes = snapshot.changes(&self.schema);
        if snapshot.is_whole() {
            return self.files.replace(id, &changes).map(|()| false);
        }
        self.files.append(id, &changes)
    }
}
