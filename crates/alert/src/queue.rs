//! One bounded queue and one worker for each handler, so that a slow one delays neither alerts nor other handlers.
//!
//! `worker.rs` sends, `lines.rs` keeps the events of one id in order while others go on, `counters.rs` counts.

mod counters;
mod lines;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle as Runtime;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::outbox::Outbox;
use crate::retry::RetryPolicy;
use crate::{Event, Handler, Opener};
pub(crate) use counters::Counters;
pub use counters::Counts;
use lines::Item;
use worker::{Kept, Worker};

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

/// The workers that run, so that an end can wait for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workers(Arc<Running>);

#[derive(Debug)]
struct Running {
    count: AtomicUsize,
    ended: Notify,
    /// When the daemon ends, what is not sent by then is left.
    deadline: watch::Sender<Option<Instant>>,
}

impl Default for Running {
    fn default() -> Self {
        Running { count: AtomicUsize::new(0), ended: Notify::new(), deadline: watch::Sender::new(None) }
    }
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

    /// The daemon ends: no worker goes on for longer than this.
    pub(crate) fn close(&self, limit: Duration) {
        self.0.deadline.send_replace(Some(Instant::now() + limit));
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

/// What the one who hands over events wants of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// More may come.
    Open,
    /// No more comes: what waits is sent, and tried again, until another worker takes over.
    Ending,
    /// No more comes: until then, what waits is tried once.
    Closing(Instant),
}

/// Hands events to a worker. Dropping it closes the queue. Then the worker goes on with what waits: without an end if
/// the events are kept in the outbox, else for `flush_limit`.
pub(crate) struct Queue {
    items: mpsc::UnboundedSender<Item>,
    counters: Arc<Counters>,
    phase: watch::Sender<Phase>,
    options: QueueOptions,
    is_kept: bool,
    next: AtomicU64,
    runtime: Runtime,
}

/// Why an event was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Stopped,
}

/// What is to send the events of a queue.
pub(crate) struct Sending {
    pub(crate) topic: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) handler: Box<dyn Handler>,
    /// Makes more of the same handler.
    pub(crate) more: Option<Opener>,
    /// Where its events are kept until they are sent.
    pub(crate) outbox: Option<Arc<Outbox>>,
}

impl Queue {
    /// The counters are those of an earlier queue of the same handler, if there was one.
    pub(crate) fn start(
        sending: Sending,
        counters: Arc<Counters>,
        options: QueueOptions,
        runtime: &Runtime,
        workers: &Workers,
    ) -> Self {
        let (items, receiver) = mpsc::unbounded_channel();
        let (phase, phases) = watch::channel(Phase::Open);
        let Sending { topic, name, handler, more, outbox } = sending;
        let kept = outbox.map(|outbox| Kept::new(outbox, &topic, &name));
        let is_kept = kept.is_some();
        let worker = Worker::new(topic, name, handler, more, kept, counters.clone(), options);
        let ticket = workers.ticket();
        let deadline = workers.0.deadline.subscribe();
        runtime.spawn(async move {
            worker.run(receiver, phases, deadline).await;
            drop(ticket);
        });
        let next = AtomicU64::new(worker::FIRST);
        Queue { items, counters, phase, options, is_kept, next, runtime: runtime.clone() }
    }

    /// Whether its events are kept in the outbox.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Never waits. `number` is that of the outbox, 0 for none; `raised` is in nanoseconds since 1970.
    pub(crate) fn push(&self, event: &Arc<Event>, number: u64, raised: i64) -> Result<(), Refused> {
        if !self.counters.enters(self.options.capacity.max(1)) {
            return Err(Refused::Full);
        }
        let order = self.next.fetch_add(1, Ordering::Relaxed);
        let item = Item { order, number, raised, event: event.clone() };
        self.items.send(item).map_err(|_| {
            self.counters.leaves_unsent();
            Refused::Stopped
        })
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counters.counts()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        let next = if self.is_kept { Phase::Ending } else { Phase::Closing(Instant::now() + self.options.flush_limit) };
        self.phase.send_replace(next);
    }
}

#[cfg(test)]
mod tests;
