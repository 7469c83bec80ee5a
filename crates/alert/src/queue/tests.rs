//! Tests of `queue.rs`.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::*;
use crate::outbox::{Letters, Outbox, OutboxOptions};
use crate::testing::event;
use crate::{BoxFuture, Level, Outcome};

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

fn start_any(handler: impl Handler + 'static, options: QueueOptions) -> (Queue, Workers) {
    let workers = Workers::default();
    let (topic, name, handler) = ("t".into(), "h".into(), Box::new(handler));
    let sending = Sending { topic, name, handler, more: None, outbox: None };
    let queue = Queue::start(sending, Arc::default(), options, &Handle::current(), &workers);
    (queue, workers)
}

fn start(handler: &Flaky, options: QueueOptions) -> (Queue, Workers) {
    start_any(handler.clone(), options)
}

fn push(queue: &Queue, id: &str) -> Result<(), Refused> {
    queue.push(&Arc::new(event("t", id, Level::Critical)), 0, 7)
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_tried_again_holds_up_its_own_id_only() {
    let handler = Flaky { fails: 2, ..Flaky::default() };
    let (queue, workers) = start(&handler, QueueOptions::default());
    // The first one of `a` and then that of `b` fail.
    for id in ["a", "bad", "b", "a", "c"] {
        push(&queue, id).unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(*handler.got.lock().unwrap(), ["c"]);
    assert_eq!(queue.counts().oldest, Some(7));
    sleep(Duration::from_secs(60)).await;
    let counters = queue.counters.clone();
    drop(queue);
    assert!(workers.ended(Duration::from_secs(1)).await);
    let mut got = handler.got.lock().unwrap().clone();
    got.sort();
    assert_eq!(got, ["a", "a", "b", "c"]);
    assert_eq!(counters.counts(), Counts { sent: 4, retried: 2, failed: 1, ..Counts::default() });
}

#[tokio::test(start_paused = true)]
async fn retrying_has_an_end() {
    let handler = Flaky { fails: usize::MAX, ..Flaky::default() };
    let (queue, _workers) = start(&handler, QueueOptions::default());
    push(&queue, "a").unwrap();
    sleep(Duration::from_secs(3700)).await;
    let Counts { retried, failed, queued, .. } = queue.counts();
    // 1, 2, 4 .. 32 seconds, then every minute, each up to twice as often.
    assert!((60..130).contains(&retried) && failed == 1 && queued == 0, "{:?}", queue.counts());
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
    assert_eq!(counters.counts(), Counts { retried: 2, failed: 2, ..Counts::default() });
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
    let Counts { queued, dropped, .. } = counters.counts();
    assert_eq!((queued, dropped), (2, 0));
    drop(queue);
    assert!(!workers.ended(Duration::from_secs(9)).await);
    assert!(workers.ended(Duration::from_secs(2)).await);
    assert_eq!(counters.counts(), Counts { dropped: 2, ..Counts::default() });
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
    let (queue, workers) = start_any(handler, QueueOptions::default());
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
    let (queue, _workers) = start_any(Many(sent), QueueOptions::default());
    for id in ["a", "b", "c", "d"] {
        push(&queue, id).unwrap();
    }
    assert_eq!(counts.recv().await, Some(3));
    assert_eq!(counts.recv().await, Some(1));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(queue.counts(), Counts { sent: 4, ..Counts::default() });
}

/// As [`Many`], after a second of gathering.
struct Gathering(Many);

impl Handler for Gathering {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        self.0.handle(event)
    }

    fn most_at_once(&self) -> usize {
        3
    }

    fn gathers(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn handle_all<'a>(&'a mut self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Outcome> {
        self.0.handle_all(events)
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_for_others_to_go_with_them() {
    let (sent, mut counts) = mpsc::unbounded_channel();
    let (queue, workers) = start_any(Gathering(Many(sent)), QueueOptions::default());
    let start = Instant::now();
    push(&queue, "a").unwrap();
    sleep(Duration::from_millis(600)).await;
    push(&queue, "b").unwrap();
    assert_eq!((counts.recv().await, start.elapsed()), (Some(2), Duration::from_secs(1)));
    // As many as go together do not wait.
    for id in ["a", "b", "c"] {
        push(&queue, id).unwrap();
    }
    assert_eq!((counts.recv().await, start.elapsed()), (Some(3), Duration::from_secs(1)));
    // Nor does the end.
    push(&queue, "d").unwrap();
    drop(queue);
    assert!(workers.ended(Duration::from_millis(500)).await);
    assert_eq!((counts.recv().await, start.elapsed()), (Some(1), Duration::from_secs(1)));
}

/// Sends to nobody until it is let, and notes how many are on their way.
#[derive(Clone, Default)]
struct Slow {
    gate: Arc<Notify>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Handler for Slow {
    fn handle<'a>(&'a mut self, _event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(now, Ordering::Relaxed);
            self.gate.notified().await;
            self.now.fetch_sub(1, Ordering::Relaxed);
            Outcome::Done
        })
    }

    fn at_once(&self) -> usize {
        4
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_other_side_gets_several_ids_at_once_but_never_two_of_one() {
    let handler = Slow::default();
    let (workers, more) = (Workers::default(), handler.clone());
    let sending = Sending {
        topic: "t".into(),
        name: "h".into(),
        handler: Box::new(handler.clone()),
        more: Some(Arc::new(move || Ok(Box::new(more.clone()) as Box<dyn Handler>))),
        outbox: None,
    };
    let queue = Queue::start(sending, Arc::default(), QueueOptions::default(), &Handle::current(), &workers);
    for id in ["a", "a", "a", "b", "b", "c"] {
        push(&queue, id).unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    // At first it is not known to be slow.
    assert_eq!(handler.now.load(Ordering::Relaxed), 1);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(handler.now.load(Ordering::Relaxed), 3);
    for _ in 0..6 {
        handler.gate.notify_one();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((queue.counts().sent, handler.most.load(Ordering::Relaxed)), (6, 3));
}

/// Panics once.
struct Broken(Arc<AtomicBool>);

impl Handler for Broken {
    fn handle<'a>(&'a mut self, _event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            assert!(self.0.swap(true, Ordering::Relaxed), "broken");
            Outcome::Done
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_a_handler_takes_one_event_with_it() {
    let failed = Arc::new(AtomicBool::new(false));
    let (workers, again) = (Workers::default(), failed.clone());
    let sending = Sending {
        topic: "t".into(),
        name: "h".into(),
        handler: Box::new(Broken(failed)),
        more: Some(Arc::new(move || Ok(Box::new(Broken(again.clone())) as Box<dyn Handler>))),
        outbox: None,
    };
    let queue = Queue::start(sending, Arc::default(), QueueOptions::default(), &Handle::current(), &workers);
    push(&queue, "a").unwrap();
    push(&queue, "b").unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(queue.counts(), Counts { failed: 1, sent: 1, ..Counts::default() });
}

fn outbox(folder: &std::path::Path) -> Arc<Outbox> {
    Outbox::open(OutboxOptions::new(folder), None).unwrap().outbox
}

/// A queue whose events are kept, and its handler's options.
fn start_kept(handler: &Flaky, outbox: &Arc<Outbox>, workers: &Workers, retry: RetryPolicy) -> Queue {
    let sending = Sending {
        topic: "t".into(),
        name: "h".into(),
        handler: Box::new(handler.clone()),
        more: None,
        outbox: Some(outbox.clone()),
    };
    let options = QueueOptions { retry, ..QueueOptions::default() };
    Queue::start(sending, Arc::default(), options, &Handle::current(), workers)
}

fn push_kept(queue: &Queue, outbox: &Outbox, id: &str) {
    let event = Arc::new(event("t", id, Level::Critical));
    let number = outbox.append(&event, 7, vec!["h".into()]);
    queue.push(&event, number, 7).unwrap();
}

/// Waits for what happens on other threads, too.
async fn until(mut holds: impl FnMut() -> bool) {
    timeout(Duration::from_secs(60), async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it takes too long");
}

const QUICK: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(4),
    limit: Duration::from_millis(40),
};
const PATIENT: RetryPolicy = RetryPolicy { limit: Duration::from_secs(3600), ..QUICK };

#[tokio::test]
async fn a_new_handler_goes_on_with_what_the_old_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, workers) = (outbox(folder.path()), Workers::default());
    let away = Flaky { fails: usize::MAX, ..Flaky::default() };
    let old = start_kept(&away, &outbox, &workers, PATIENT);
    for id in ["a", "b", "a"] {
        push_kept(&old, &outbox, id);
    }
    until(|| away.tries.load(Ordering::Relaxed) > 5).await;
    let there = Flaky::default();
    let new = start_kept(&there, &outbox, &workers, PATIENT);
    push_kept(&new, &outbox, "c");
    drop(old);
    until(|| new.counts().sent == 4).await;
    assert_eq!(*there.got.lock().unwrap(), ["a", "b", "a", "c"]);
    assert!(away.got.lock().unwrap().is_empty());
    until(|| outbox.counts().events == 0).await;
}

#[tokio::test]
async fn what_is_not_sent_at_the_end_is_sent_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::default();
    {
        let (outbox, hangs) = (outbox(folder.path()), Flaky::default());
        let queue = start_kept(&hangs, &outbox, &workers, PATIENT);
        push_kept(&queue, &outbox, "sent");
        until(|| queue.counts().sent == 1).await;
        hangs.hangs.store(true, Ordering::Relaxed);
        for id in ["a", "b"] {
            push_kept(&queue, &outbox, id);
        }
        outbox.wait_until_written(outbox.last());
        workers.close(Duration::from_millis(10));
        drop(queue);
        assert!(workers.ended(Duration::from_secs(60)).await);
    }
    let (outbox, workers, there) = (outbox(folder.path()), Workers::default(), Flaky::default());
    let queue = start_kept(&there, &outbox, &workers, PATIENT);
    until(|| queue.counts().sent == 2).await;
    assert_eq!(*there.got.lock().unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn what_is_given_up_is_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, workers) = (outbox(folder.path()), Workers::default());
    let away = Flaky { fails: usize::MAX, ..Flaky::default() };
    let queue = start_kept(&away, &outbox, &workers, QUICK);
    push_kept(&queue, &outbox, "a");
    push_kept(&queue, &outbox, "bad");
    until(|| queue.counts().failed == 2).await;
    let (letters, count) = outbox.dead_letters(&Letters::default(), 0, 10);
    assert_eq!(count, 2);
    let death = letters[0].death.as_ref().unwrap();
    assert_eq!((&*letters[0].event.state.id, &*death.why), ("a", "not yet"));
    assert!(death.attempts > 1);
    assert_eq!(&*letters[1].death.as_ref().unwrap().why, "bad");
}
