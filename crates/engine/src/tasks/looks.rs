//! What is read of tasks while they run: all of them at once, counters as they are now, how far they have come in the log.

use std::{
    collections::BTreeSet,
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

use super::Tasks;
use crate::{Running, workers::Parcel};

/// How long counters are waited for.
const PATIENCE: Duration = Duration::from_millis(500);

impl Tasks {
    /// Look at all that were started and not stopped, by name. None comes or goes meanwhile, so this must not ask for that.
    pub fn for_each(&self, mut look: impl FnMut(&str, &Running)) {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        for (id, task) in &*running {
            if task.shard_count() == 1 {
                look(id, task);
                continue;
            }
            let mut sum = task.clone();
            sum.look();
            look(id, &sum);
        }
    }

    /// Bring the counters of a task, or of all, up to date before they are read: what an index counts for its tasks is
    /// told when somebody asks. Who asks waits half a second at most; a worker that is behind tells it later.
    pub fn count(&self, id: Option<&str>) {
        // It comes to its end when all workers have let go of it.
        let _ = self.ask_to_count(id).recv_timeout(PATIENCE);
    }

    fn ask_to_count(&self, id: Option<&str>) -> Receiver<()> {
        let (done, answered) = bounded(0);
        if let Some(id) = id {
            let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
            let task = running.get(id).filter(|task| task.index.is_some());
            for shard in task.iter().flat_map(|task| &task.shards) {
                self.workers.tell_counts(shard.worker, Some(shard.number), done.clone());
            }
        } else {
            let indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
            let workers: BTreeSet<usize> = indexes.keys().map(|(worker, ..)| *worker).collect();
            workers.into_iter().for_each(|worker| self.workers.tell_counts(worker, None, done.clone()));
        }
        answered
    }

    /// The number up to which all writes of the log have been taken, by all tasks that let no data wait. Those that [have
    /// not moved](crate::Footprint::has_moved) when this is known remember what they did before those writes. Nothing if
    /// a worker takes too long to say so.
    pub fn taken(&self, patience: Duration) -> Option<u64> {
        let until = Instant::now() + patience;
        let workers = self.workers.count();
        let (done, answers) = bounded(workers);
        let delivered = {
            let _between_writes = self.router.write().unwrap_or_else(PoisonError::into_inner);
            (0..workers).for_each(|worker| self.workers.send(worker, Parcel::Pass(done.clone())));
            self.delivered.load(Ordering::Acquire)
        };
        // One that has ended says nothing.
        drop(done);
        (0..workers).all(|_| answers.recv_deadline(until).is_ok()).then_some(delivered)
    }
}
