//! What is recorded or replayed right now: how far it is, what its task has counted, and that it shall stop.

use std::{
    collections::HashMap,
    io::Read,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use engine::NodeStats;

/// One recording or replay. Its thread tells how far it is, and asks whether to go on.
#[derive(Default)]
pub(crate) struct Work {
    stopped: AtomicBool,
    /// The bits of a number from 0 to 1.
    part: AtomicU64,
    task: OnceLock<ReplayedTask>,
}

/// The task of a replay.
pub(crate) struct ReplayedTask {
    pub(crate) id: String,
    pub(crate) stats: Vec<Arc<NodeStats>>,
    pub(crate) edges: Vec<(usize, usize)>,
}

impl Work {
    /// # Errors
    /// It was deleted, so nobody wants it any more.
    pub(super) fn go_on(&self) -> Result<(), String> {
        if self.stopped.load(Ordering::Relaxed) { Err("it was deleted while it ran".to_string()) } else { Ok(()) }
    }

    /// Of the whole; what is no such number is left out.
    pub(super) fn reached(&self, part: f64) {
        if (0.0..=1.0).contains(&part) {
            self.part.store(part.to_bits(), Ordering::Relaxed);
        }
    }

    /// How far it is between two numbers.
    pub(super) fn reached_between(&self, first: i64, last: i64, now: i64) {
        if last > first {
            self.reached((now.saturating_sub(first)) as f64 / (last.saturating_sub(first)) as f64);
        }
    }

    /// From 0 to 1; 0 if nobody knows.
    pub(crate) fn part(&self) -> f64 {
        f64::from_bits(self.part.load(Ordering::Relaxed))
    }

    pub(super) fn plays(&self, task: ReplayedTask) {
        // It is told once.
        let _ = self.task.set(task);
    }

    /// The task, once it runs.
    pub(crate) fn task(&self) -> Option<&ReplayedTask> {
        self.task.get()
    }
}

/// All of one kind by id.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashMap<String, Arc<Work>>>);

impl UnderWay {
    /// One of the same id that still runs is stopped.
    pub(super) fn begin(&self, id: &str) -> Arc<Work> {
        let work = Arc::new(Work::default());
        if let Some(before) = self.lock().insert(id.to_string(), Arc::clone(&work)) {
            before.stopped.store(true, Ordering::Relaxed);
        }
        work
    }

    pub(super) fn end(&self, id: &str, work: &Arc<Work>) {
        let mut all = self.lock();
        if all.get(id).is_some_and(|known| Arc::ptr_eq(known, work)) {
            all.remove(id);
        }
    }

    pub(super) fn stop(&self, id: &str) {
        if let Some(work) = self.lock().remove(id) {
            work.stopped.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Work>> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Work>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells how far the reading of something is by the bytes that were read.
pub(super) struct Counted<'w, R> {
    input: R,
    work: &'w Work,
    read: u64,
    size: u64,
}

impl<'w, R> Counted<'w, R> {
    pub(super) fn new(input: R, size: u64, work: &'w Work) -> Counted<'w, R> {
        Counted { input, work, read: 0, size }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read += count as u64;
        self.work.reached(self.read as f64 / self.size as f64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_found_until_it_ends_or_is_stopped() {
        let all = UnderWay::default();
        let first = all.begin("a");
        let second = all.begin("a");
        assert!(first.go_on().is_err() && second.go_on().is_ok());
        all.end("a", &first);
        assert!(all.get("a").is_some());
        all.stop("a");
        assert!(second.go_on().is_err() && all.get("a").is_none());
    }

    #[test]
    fn progress_stays_between_its_bounds() {
        let work = Work::default();
        work.reached_between(10, 20, 15);
        assert!((work.part() - 0.5).abs() < 1e-9);
        for (first, last, now) in [(10, 20, 5), (10, 20, 25), (10, 10, 10), (i64::MIN, i64::MAX, 0)] {
            work.reached_between(first, last, now);
            assert!((0.0..=1.0).contains(&work.part()));
        }
        let mut counted = Counted::new(&b"abcd"[..], 4, &work);
        counted.read_exact(&mut [0; 3]).unwrap();
        assert!((work.part() - 0.75).abs() < 1e-9);
        Counted::new(&b""[..], 0, &work).read_exact(&mut [0; 0]).unwrap();
        assert!((work.part() - 0.75).abs() < 1e-9);
    }
}
