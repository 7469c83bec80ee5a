//! One bounded queue and one worker for each handler, so that a slow one delays neither alerts nor other handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, warn};

use crate::retry::{RetryPolicy, random};
use crate::{Event, Handler, Outcome};

/// Tasks here raise events faster than the programs did for which users chose `topic-buffer-length`: so many times more
/// events may wait.
const BURST: usize = 10;

/// How queues of handlers behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueueOptions {
    /// How many events may wait for a handler.
    pub capacity: usize,
    pub retry: RetryPolicy,
    /// How long a handler that is closed may go on with what waits.
    pub flush_limit: Duration,
    /// How long one attempt may take before it is broken off; handlers have shorter limits of their own.
    pub attempt_limit: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        QueueOptions {
            capacity: 5000 * BURST,
            retry: RetryPolicy::default(),
            flush_limit: Duration::from_secs(10),
            attempt_limit: Duration::from_secs(900),
        }
    }
}

impl QueueOptions {
    /// With the capacity that fits the config's `topic-buffer-length`, of which less than 1000 means the default.
    #[must_use]
    pub fn with_topic_buffer_length(mut self, length: usize) -> Self {
        self.capacity = if length < 1000 { QueueOptions::default().capacity } else { length.saturating_mul(BURST) };
        self
    }
}

/// What became of a handler's events, since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Wait now, the one that is being sent included.
    pub queued: u64,
    pub sent: u64,
    /// Attempts after the first of an event.
    pub retried: u64,
    /// Given up after the last attempt.
    pub failed: u64,
    /// Never tried: the queue was full, or closed with events left.
    pub dropped: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    queued: AtomicU64,
    sent: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(crate) fn counts(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            queued: get(&self.queued),
            sent: get(&self.sent),
            retried: get(&self.retried),
            failed: get(&self.failed),
            dropped: get(&self.dropped),
        }
    }

    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn one_dropped(&self) {
        Self::add(&self.dropped);
    }

    /// Counts how the only attempt went.
    pub(crate) fn one_tried(&self, outcome: &Outcome) {
        Self::add(if *outcome == Outcome::Done { &self.sent } else { &self.failed });
    }
}

/// The workers that run, so that an end can wait for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workers(Arc<Running>);

#[derive(Debug, Default)]
struct Running {
    count: AtomicUsize,
    ended: Notify,
}

struct Ticket(Arc<Running>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

impl Workers {
    fn ticket(&self) -> Ticket {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        Ticket(self.0.clone())
    }

    /// Waits until all have ended; whether they have, within the limit.
    pub(crate) async fn ended(&self, limit: Duration) -> bool {
        let all = async {
            loop {
                let ended = self.0.ended.notified();
                if self.0.count.load(Ordering::Acquire) == 0 {
                    return;
                }
                ended.await;
            }
        };
        timeout(limit, all).await.is_ok()
    }
}

/// Hands events to a worker. Dropping it closes the queue: the worker goes on with what waits, for `flush_limit`.
#[derive(Debug)]
pub(crate) struct Queue {
    events: mpsc::Sender<Arc<Event>>,
    counters: Arc<Counters>,
    closing: watch::Sender<Option<Instant>>,
    flush_limit: Duration,
    runtime: Handle,
}

/// Why an event was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Stopped,
}

impl Queue {
    pub(crate) fn start(
        name: Arc<str>,
        handler: Box<dyn Handler>,
        options: QueueOptions,
        runtime: &Handle,
        workers: &Workers,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(options.capacity.max(1));
        let (closing, deadline) = watch::channel(None);
        let counters = Arc::new(Counters::default());
        let worker = Worker { name, handler, counters: counters.clone(), options, closing: deadline.clone() };
        let ticket = workers.ticket();
        runtime.spawn(async move {
            worker.run(receiver, deadline).await;
            drop(ticket);
        });
        Queue { events: sender, counters, closing, flush_limit: options.flush_limit, runtime: runtime.clone() }
    }

    /// Never waits.
    pub(crate) fn push(&self, event: &Arc<Event>) -> Result<(), Refused> {
        Counters::add(&self.counters.queued);
        self.events.try_send(event.clone()).map_err(|error| {
            self.counters.queued.fetch_sub(1, Ordering::Relaxed);
            self.counters.one_dropped();
            match error {
                mpsc::error::TrySendError::Full(_) => Refused::Full,
                mpsc::error::TrySendError::Closed(_) => Refused::Stopped,
            }
        })
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counters.counts()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        self.closing.send_replace(Some(Instant::now() + self.flush_limit));
    }
}

struct Worker {
    name: Arc<str>,
    handler: Box<dyn Handler>,
    counters: Arc<Counters>,
    options: QueueOptions,
    closing: watch::Receiver<Option<Instant>>,
}

impl Worker {
    async fn run(mut self, mut events: mpsc::Receiver<Arc<Event>>, mut closing: watch::Receiver<Option<Instant>>) {
        let (name, counters) = (self.name.clone(), self.counters.clone());
        tokio::select! {
            () = self.work(&mut events) => {}
            () = deadline_passed(&mut closing) => {
                let left = counters.queued.swap(0, Ordering::Relaxed);
                if left > 0 {
                    counters.dropped.fetch_add(left, Ordering::Relaxed);
                    error!(handler = %name, events = left, "handler closed before all its events were sent");
                }
            }
        }
    }

    async fn work(&mut self, events: &mut mpsc::Receiver<Arc<Event>>) {
        let most = self.handler.most_at_once().max(1);
        let mut taken = Vec::new();
        loop {
            let due = self.handler.due();
            tokio::select! {
                count = events.recv_many(&mut taken, most) => {
                    if count == 0 {
                        break;
                    }
                    self.deliver(&taken).await;
                    taken.clear();
                }
                () = until(due) => self.flush().await,
            }
        }
        self.flush().await;
    }

    async fn flush(&mut self) {
        let why = match timeout(self.options.attempt_limit, self.handler.flush()).await {
            Ok(Outcome::Done) => return,
            Ok(Outcome::Retry { why, .. } | Outcome::GiveUp(why)) => why,
            Err(_) => "it took too long".to_string(),
        };
        Counters::add(&self.counters.failed);
        error!(handler = %self.name, why, "handler failed");
    }

    /// Sends events, as often as it takes or is allowed.
    async fn deliver(&mut self, events: &[Arc<Event>]) {
        let [first, ..] = events else { return };
        let (topic, event, count) = (&first.topic, &first.state.id, events.len() as u64);
        let add = |counter: &AtomicU64| counter.fetch_add(count, Ordering::Relaxed);
        let mut failures = 0;
        loop {
            let (why, pause) = match self.attempt(events).await {
                Outcome::Done => {
                    add(&self.counters.sent);
                    break;
                }
                Outcome::Retry { why, after } => {
                    failures += 1;
                    // Who is asked to end waits no more: each event that is left is tried once.
                    let closing = self.closing.borrow().is_some();
                    (why, if closing { None } else { self.options.retry.pause(failures, after, random()) })
                }
                Outcome::GiveUp(why) => (why, None),
            };
            let Some(pause) = pause else {
                add(&self.counters.failed);
                error!(handler = %self.name, %topic, %event, events = count, why, "handler failed");
                break;
            };
            let seconds = pause.as_secs_f64();
            warn!(handler = %self.name, %topic, %event, why, "handler failed, will try again in {seconds:.1}s");
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.closing.wait_for(Option::is_some) => {}
            }
            add(&self.counters.retried);
        }
        self.counters.queued.fetch_sub(count, Ordering::Relaxed);
    }

    async fn attempt(&mut self, events: &[Arc<Event>]) -> Outcome {
        let handling = match events {
            [one] => self.handler.handle(one),
            all => self.handler.handle_all(all),
        };
        timeout(self.options.attempt_limit, handling).await.unwrap_or_else(|_| Outcome::give_up("it took too long"))
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Ends when the queue is closed and its time to flush is over.
async fn deadline_passed(closing: &mut watch::Receiver<Option<Instant>>) {
    // An error means that the queue is gone; its last word is still there.
    let _ = closing.wait_for(Option::is_some).await;
    let deadline = *closing.borrow();
    until(deadline).await;
}

#[cfg(test)]
mod tests;
