//! Tests of `queue.rs`.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::testing::event;
use crate::{BoxFuture, Level};

/// Fails the first times, then writes down what it gets.
#[derive(Clone, Default)]
struct Flaky {
    fails: usize,
    tries: Arc<AtomicUsize>,
    hangs: Arc<AtomicBool>,
    got: Arc<Mutex<Vec<String>>>,
}

impl Handler for Flaky {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if &*event.state.id == "bad" {
                return Outcome::give_up("bad");
            }
            if self.tries.fetch_add(1, Ordering::Relaxed) < self.fails {
                return Outcome::retry("not yet");
            }
            self.got.lock().unwrap().push(event.state.id.to_string());
            Outcome::Done
        })
    }
}

fn start(handler: &Flaky, options: QueueOptions) -> (Queue, Workers) {
    let workers = Workers::default();
    let queue = Queue::start("h".into(), Box::new(handler.clone()), options, &Handle::current(), &workers);
    (queue, workers)
}

fn push(queue: &Queue, id: &str) -> Result<(), Refused> {
    queue.push(&Arc::new(event("t", id, Level::Critical)))
}

#[tokio::test(start_paused = true)]
async fn events_are_tried_again_in_order_and_given_up_at_the_end() {
    let handler = Flaky { fails: 2, ..Flaky::default() };
    let (queue, workers) = start(&handler, QueueOptions::default());
    for id in ["a", "bad", "b"] {
        push(&queue, id).unwrap();
    }
    sleep(Duration::from_secs(60)).await;
    let counters = queue.counters.clone();
    drop(queue);
    assert!(workers.ended(Duration::from_secs(1)).await);
    assert_eq!(*handler.got.lock().unwrap(), ["a", "b"]);
    assert_eq!(counters.counts(), Counts { queued: 0, sent: 2, retried: 2, failed: 1, dropped: 0 });
}

#[tokio::test(start_paused = true)]
async fn retrying_has_an_end() {
    let handler = Flaky { fails: usize::MAX, ..Flaky::default() };
    let (queue, _workers) = start(&handler, QueueOptions::default());
    push(&queue, "a").unwrap();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(queue.counts(), Counts { retried: 5, failed: 1, ..Counts::default() });
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_waits_for_no_retry() {
    let handler = Flaky { fails: usize::MAX, ..Flaky::default() };
    let (queue, workers) = start(&handler, QueueOptions::default());
    for id in ["a", "b"] {
        push(&queue, id).unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    let counters = queue.counters.clone();
    drop(queue);
    assert!(workers.ended(Duration::from_millis(100)).await);
    assert_eq!(counters.counts(), Counts { retried: 1, failed: 2, ..Counts::default() });
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_a_closed_one_ends_in_time() {
    let handler = Flaky::default();
    handler.hangs.store(true, Ordering::Relaxed);
    let (queue, workers) = start(&handler, QueueOptions { capacity: 2, ..Default::default() });
    push(&queue, "a").unwrap();
    push(&queue, "b").unwrap();
    assert_eq!(push(&queue, "c"), Err(Refused::Full));
    let counters = queue.counters.clone();
    assert_eq!(counters.counts(), Counts { queued: 2, dropped: 1, ..Counts::default() });
    drop(queue);
    assert!(!workers.ended(Duration::from_secs(9)).await);
    assert!(workers.ended(Duration::from_secs(2)).await);
    assert_eq!(counters.counts(), Counts { dropped: 3, ..Counts::default() });
}

/// Collects ids and sends them together two seconds after the first.
struct Digest {
    ids: Vec<String>,
    since: Option<Instant>,
    sent: mpsc::UnboundedSender<(Vec<String>, Instant)>,
}

impl Handler for Digest {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        self.since.get_or_insert_with(Instant::now);
        self.ids.push(event.state.id.to_string());
        Box::pin(std::future::ready(Outcome::Done))
    }

    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + Duration::from_secs(2))
    }

    fn flush(&mut self) -> BoxFuture<'_, Outcome> {
        Box::pin(async {
            if self.since.take().is_some() {
                self.sent.send((std::mem::take(&mut self.ids), Instant::now())).unwrap();
            }
            Outcome::Done
        })
    }
}

#[tokio::test(start_paused = true)]
async fn collecting_handlers_are_flushed_when_due_and_at_the_end() {
    let (sent, mut flushed) = mpsc::unbounded_channel();
    let handler = Digest { ids: Vec::new(), since: None, sent };
    let workers = Workers::default();
    let queue = Queue::start("d".into(), Box::new(handler), QueueOptions::default(), &Handle::current(), &workers);
    let start = Instant::now();
    push(&queue, "a").unwrap();
    push(&queue, "b").unwrap();
    assert_eq!(flushed.recv().await, Some((vec!["a".into(), "b".into()], start + Duration::from_secs(2))));
    push(&queue, "c").unwrap();
    drop(queue);
    assert_eq!(flushed.recv().await.unwrap().0, ["c"]);
    assert!(workers.ended(Duration::from_secs(1)).await);
}

/// Takes many at once, and says how many.
struct Many(mpsc::UnboundedSender<usize>);

impl Handler for Many {
    fn handle<'a>(&'a mut self, _event: &'a Event) -> BoxFuture<'a, Outcome> {
        self.0.send(1).unwrap();
        Box::pin(std::future::ready(Outcome::Done))
    }

    fn most_at_once(&self) -> usize {
        3
    }

    fn handle_all<'a>(&'a mut self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Outcome> {
        self.0.send(events.len()).unwrap();
        Box::pin(std::future::ready(Outcome::Done))
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_taken_together() {
    let (sent, mut counts) = mpsc::unbounded_channel();
    let (options, runtime, workers) = (QueueOptions::default(), Handle::current(), Workers::default());
    let queue = Queue::start("m".into(), Box::new(Many(sent)), options, &runtime, &workers);
    for id in ["a", "b", "c", "d"] {
        push(&queue, id).unwrap();
    }
    assert_eq!(counts.recv().await, Some(3));
    assert_eq!(counts.recv().await, Some(1));
    tokio::task::yield_now().await;
    assert_eq!(queue.counts(), Counts { sent: 4, ..Counts::default() });
}
