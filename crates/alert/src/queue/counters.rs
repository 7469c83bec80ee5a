//! What became of a handler's events.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::Outcome;

/// What became of a handler's events, since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Wait now, those that are being sent included.
    pub queued: u64,
    pub sent: u64,
    /// Attempts after the first of an event.
    pub retried: u64,
    /// Given up after the last attempt; dead letters, if the handler's events are kept.
    pub failed: u64,
    /// Never tried, and not kept: the queue was full, or closed with events left.
    pub dropped: u64,
    /// When the oldest of those that wait was raised, in nanoseconds since 1970.
    pub oldest: Option<i64>,
}

/// See [`Counts`].
#[derive(Debug)]
pub(crate) struct Counters {
    queued: AtomicU64,
    sent: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    oldest: AtomicI64,
}

/// Nothing waits.
const NOTHING: i64 = i64::MAX;

impl Default for Counters {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        let (queued, sent, retried) = (zero(), zero(), zero());
        Counters { queued, sent, retried, failed: zero(), dropped: zero(), oldest: AtomicI64::new(NOTHING) }
    }
}

impl Counters {
    pub(crate) fn counts(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let oldest = self.oldest.load(Ordering::Relaxed);
        Counts {
            queued: get(&self.queued),
            sent: get(&self.sent),
            retried: get(&self.retried),
            failed: get(&self.failed),
            dropped: get(&self.dropped),
            oldest: (oldest != NOTHING).then_some(oldest),
        }
    }

    /// An event comes, if there is room for it.
    pub(super) fn enters(&self, capacity: usize) -> bool {
        let before = self.queued.fetch_add(1, Ordering::Relaxed);
        let fits = before < capacity as u64;
        if !fits {
            self.queued.fetch_sub(1, Ordering::Relaxed);
        }
        fits
    }

    /// Events of an earlier life come, for which there is always room.
    pub(super) fn restored(&self, count: u64) {
        self.queued.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn leaves_sent(&self, count: u64) {
        self.queued.fetch_sub(count, Ordering::Relaxed);
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn leaves_failed(&self, count: u64) {
        self.queued.fetch_sub(count, Ordering::Relaxed);
        self.failed.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn leaves_unsent(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    /// All that wait are not sent by this queue; they are lost if they are not kept.
    pub(super) fn all_left(&self, count: u64, lost: u64) {
        self.queued.fetch_sub(count, Ordering::Relaxed);
        self.dropped.fetch_add(lost, Ordering::Relaxed);
    }

    pub(super) fn tried_again(&self, count: u64) {
        self.retried.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn set_oldest(&self, oldest: Option<i64>) {
        self.oldest.store(oldest.unwrap_or(NOTHING), Ordering::Relaxed);
    }

    pub(crate) fn one_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn one_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts how the only attempt went.
    pub(crate) fn one_tried(&self, outcome: &Outcome) {
        let counter = if *outcome == Outcome::Done { &self.sent } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
