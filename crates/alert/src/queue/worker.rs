//! Sends the events of one handler: retries stand here, and several are on their way at once if the other side is slow.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use model::FastMap;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, warn};

use super::lines::{Item, Lines};
use super::{Counters, Phase, QueueOptions};
use crate::outbox::{Claim, Notice, Outbox};
use crate::retry::chance;
use crate::{Event, Handler, Opener, Outcome};

/// The order of the first event that comes; those of an earlier life are before it.
pub(super) const FIRST: u64 = 1 << 62;
/// If more ids than this have something to be sent, several are sent at once.
const BACKLOG: usize = 64;
/// An attempt that takes longer no longer holds up other ids.
const PATIENCE: Duration = Duration::from_millis(200);
/// How many events are taken from the queue at a time.
const MOST_TAKEN: usize = 512;

/// A handler that has tried an event, and what came of it.
type Tried = (Box<dyn Handler>, Outcome);

/// The outbox as the worker of one handler uses it.
pub(super) struct Kept {
    outbox: Arc<Outbox>,
    claim: Claim,
    committed: watch::Receiver<u64>,
    /// Events up to this number are of an earlier life.
    up_to: u64,
    /// Events that the handler has collected and not sent yet.
    collected: Vec<u64>,
}

impl Kept {
    /// Made while no event can come, so that `up_to` is exact.
    pub(super) fn new(outbox: Arc<Outbox>, topic: &Arc<str>, name: &Arc<str>) -> Kept {
        let (claim, committed, up_to) = (outbox.lease(topic, name), outbox.committed(), outbox.last());
        Kept { outbox, claim, committed, up_to, collected: Vec::new() }
    }
}

/// The handlers of one worker.
struct Lanes {
    idle: Vec<Box<dyn Handler>>,
    /// Idle and busy ones.
    open: usize,
    /// How many there may be.
    at_once: usize,
    /// How many events one takes at a time.
    most: usize,
    /// How long an event waits for others to go with it.
    gathers: Duration,
    more: Option<Opener>,
}

/// What is on its way.
struct Busy {
    key: Arc<str>,
    items: Vec<Item>,
}

pub(super) struct Worker {
    topic: Arc<str>,
    name: Arc<str>,
    lanes: Lanes,
    lines: Lines,
    running: JoinSet<(Box<dyn Handler>, Outcome)>,
    busy: FastMap<Id, Busy>,
    kept: Option<Kept>,
    counters: Arc<Counters>,
    options: QueueOptions,
    /// The other side asked for a pause until then.
    not_before: Instant,
    /// What waits need not wait for more from then on.
    gathered: Instant,
    last_start: Instant,
    /// Why it is to stop, and until when it may go on.
    notice: Option<(Notice, Instant)>,
    /// Ids whose events are left in the outbox, since the daemon ends: later ones must not overtake them.
    left: HashSet<Arc<str>>,
    /// No handler is left: all have failed by faults of the program.
    broken: bool,
}

/// What a worker may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Send, and try again.
    Go,
    /// What waits is tried once more, until then.
    LastTry(Instant),
    /// Start nothing.
    Stop,
}

impl Worker {
    pub(super) fn new(
        topic: Arc<str>,
        name: Arc<str>,
        handler: Box<dyn Handler>,
        more: Option<Opener>,
        kept: Option<Kept>,
        counters: Arc<Counters>,
        options: QueueOptions,
    ) -> Worker {
        // Who cannot be made once more has to do.
        let at_once = if more.is_some() { handler.at_once().max(1) } else { 1 };
        let most = handler.most_at_once().max(1);
        let gathers = if most > 1 { handler.gathers() } else { Duration::ZERO };
        let now = Instant::now();
        Worker {
            topic,
            name,
            lanes: Lanes { idle: vec![handler], open: 1, at_once, most, gathers, more },
            lines: Lines::default(),
            running: JoinSet::new(),
            busy: FastMap::default(),
            kept,
            counters,
            options,
            not_before: now,
            gathered: now,
            last_start: now,
            notice: None,
            left: HashSet::new(),
            broken: false,
        }
    }

    pub(super) async fn run(
        mut self,
        mut items: mpsc::UnboundedReceiver<Item>,
        mut phase: watch::Receiver<Phase>,
        mut deadline: watch::Receiver<Option<Instant>>,
    ) {
        let took_over = tokio::select! {
            biased;
            () = self.take_over() => true,
            _ = deadline.wait_for(Option::is_some) => false,
        };
        if took_over {
            self.work(&mut items, &mut phase, &mut deadline).await;
        }
        self.leave(items);
    }

    /// Waits until whoever sent these events before is done, and takes up what is left.
    async fn take_over(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        kept.claim.take().await;
        let (outbox, up_to) = (Arc::clone(&kept.outbox), kept.up_to);
        let (topic, name) = (self.topic.clone(), self.name.clone());
        let waiting = spawn_blocking(move || outbox.waiting(&topic, &name, up_to)).await.unwrap_or_default();
        self.counters.restored(waiting.len() as u64);
        for (order, waiting) in waiting.into_iter().enumerate() {
            let (number, raised, event) = (waiting.number, waiting.raised, waiting.event);
            self.line_up(Item { order: order as u64, number, raised, event });
        }
    }

    fn line_up(&mut self, item: Item) {
        // Who takes several at a time gets them in one line.
        let key = if self.lanes.most > 1 { Arc::default() } else { item.event.state.id.clone() };
        if self.left.contains(&key) {
            self.counters.all_left(1, 0);
            return;
        }
        if self.lines.is_empty() {
            self.gathered = Instant::now() + self.lanes.gathers;
        }
        self.lines.push(key, item);
    }

    async fn work(
        &mut self,
        items: &mut mpsc::UnboundedReceiver<Item>,
        phase: &mut watch::Receiver<Phase>,
        deadline: &mut watch::Receiver<Option<Instant>>,
    ) {
        let (mut open, mut phases, mut deadlines) = (true, true, true);
        let mut taken = Vec::new();
        loop {
            let rule = self.rule(*phase.borrow(), *deadline.borrow());
            let now = Instant::now();
            self.lines.wake(if rule == Rule::Go { Some(now) } else { None });
            let gathers = rule == Rule::Go && open && self.gathers(now);
            if rule != Rule::Stop && !gathers {
                self.start_all(now);
            }
            self.counters.set_oldest(self.lines.oldest());
            let wake = self.next_wake(rule);
            let nothing_left = self.lines.is_empty() && !open;
            if self.busy.is_empty() && (rule == Rule::Stop || nothing_left) {
                break;
            }
            // In this order, so that a run can be played once more; what comes last is all that can come without an end.
            tokio::select! {
                biased;
                notice = notice(&mut self.kept, self.notice) => {
                    self.notice = Some((notice, Instant::now() + self.options.flush_limit));
                }
                changed = phase.changed(), if phases => phases = changed.is_ok(),
                changed = deadline.changed(), if deadlines => deadlines = changed.is_ok(),
                Some(ended) = self.running.join_next_with_id() => self.ended(ended, rule),
                () = until(wake) => {
                    if matches!(rule, Rule::LastTry(end) if end <= Instant::now()) {
                        return;
                    }
                    self.flush_if_due().await;
                }
                count = items.recv_many(&mut taken, MOST_TAKEN), if open => {
                    open = count > 0;
                    taken.drain(..).for_each(|item| self.line_up(item));
                }
            }
        }
        if !self.has_successor() {
            self.flush().await;
        }
    }

    fn rule(&self, phase: Phase, deadline: Option<Instant>) -> Rule {
        if self.has_successor() || self.broken {
            return Rule::Stop;
        }
        let closing = if let Phase::Closing(end) = phase { Some(end) } else { None };
        let gone = self.notice.map(|(_, end)| end);
        [closing, deadline, gone].into_iter().flatten().min().map_or(Rule::Go, Rule::LastTry)
    }

    fn has_successor(&self) -> bool {
        matches!(self.notice, Some((Notice::Successor, _)))
    }

    /// Why what is not sent is a dead letter.
    fn gone(&self) -> Option<&'static str> {
        match self.notice {
            Some((Notice::Gone(why), _)) => Some(why),
            _ => None,
        }
    }

    /// Starts to send what may be sent now.
    fn start_all(&mut self, now: Instant) {
        while self.may_start(now) {
            let Some(handler) = self.lanes.idle.pop().or_else(|| self.lanes.one_more()) else { return };
            let Some((key, items)) = self.lines.start(self.lanes.most, now) else {
                self.lanes.idle.push(handler);
                return;
            };
            if self.lines.failures(&key) > 0 {
                self.counters.tried_again(items.len() as u64);
            }
            let events: Vec<_> = items.iter().map(|item| item.event.clone()).collect();
            let number = items.iter().map(|item| item.number).max().unwrap_or(0);
            let kept = self.kept.as_ref().map(|kept| (Arc::clone(&kept.outbox), kept.committed.clone()));
            let limit = self.options.attempt_limit;
            let started = self.running.spawn(async move {
                if let Some((outbox, mut committed)) = kept {
                    outbox.hasten(number);
                    drop(outbox);
                    // An error means that the outbox is gone: the daemon ends.
                    let _ = committed.wait_for(|written| *written >= number).await;
                }
                attempt(handler, &events, limit).await
            });
            self.busy.insert(started.id(), Busy { key, items });
            self.last_start = now;
        }
    }

    fn may_start(&self, now: Instant) -> bool {
        if !self.lines.has_ready() || now < self.not_before {
            return false;
        }
        let is_slow = || now.duration_since(self.last_start) >= PATIENCE || self.lines.ready_count() > BACKLOG;
        self.busy.is_empty() || self.busy.len() < self.lanes.at_once && is_slow()
    }

    /// Whether what waits still waits for others to go with it.
    fn gathers(&self, now: Instant) -> bool {
        now < self.gathered && self.lines.len() < self.lanes.most
    }

    /// When there is something to be done even if nothing happens.
    fn next_wake(&self, rule: Rule) -> Option<Instant> {
        let mut times = [None; 4];
        if let Rule::LastTry(end) = rule {
            times[0] = Some(end);
        }
        if rule == Rule::Go {
            times[1] = self.lines.next_ready();
        }
        if rule == Rule::Go && self.gathers(Instant::now()) {
            times[2] = Some(self.gathered);
        } else if rule != Rule::Stop && self.lines.has_ready() {
            let can_grow = self.busy.len() < self.lanes.at_once;
            times[2] = match self.not_before > Instant::now() {
                true => Some(self.not_before),
                false if can_grow => Some(self.last_start + PATIENCE),
                false => None,
            };
        }
        times[3] = self.lanes.idle.first().and_then(|handler| handler.due());
        times.into_iter().flatten().min()
    }

    /// An attempt has come to its end.
    fn ended(&mut self, ended: Result<(Id, Tried), JoinError>, rule: Rule) {
        let (id, outcome) = match ended {
            Ok((id, (handler, outcome))) => {
                self.lanes.idle.push(handler);
                (id, outcome)
            }
            Err(why) => {
                self.lanes.open -= 1;
                if self.lanes.open == 0 {
                    match self.lanes.one_more() {
                        Some(handler) => self.lanes.idle.push(handler),
                        None => self.broken = true,
                    }
                }
                (why.id(), Outcome::give_up("a fault of the program"))
            }
        };
        let Some(busy) = self.busy.remove(&id) else { return };
        match outcome {
            Outcome::Done => self.sent(&busy),
            Outcome::GiveUp(why) => self.given_up(&busy, &why),
            Outcome::Retry { why, after } => self.again_later(&busy, &why, after, rule),
        }
        // A kill before that sends the event once more.
        if let Some(kept) = &self.kept {
            kept.outbox.write_now();
        }
    }

    fn sent(&mut self, busy: &Busy) {
        let count = busy.items.len();
        self.counters.leaves_sent(count as u64);
        self.lines.finish(&busy.key, count);
        let Some(kept) = &mut self.kept else { return };
        let numbers = busy.items.iter().map(|item| item.number).filter(|number| *number > 0);
        kept.collected.extend(numbers);
        // Who collects has them still; they are done with once it has sent them together.
        let collects = self.lanes.idle.iter().any(|handler| handler.due().is_some());
        if !collects {
            kept.collected.drain(..).for_each(|number| kept.outbox.done(number, &self.name));
        }
    }

    fn given_up(&mut self, busy: &Busy, why: &str) {
        let Some(first) = busy.items.first() else { return };
        let (topic, event, count) = (&first.event.topic, &first.event.state.id, busy.items.len());
        error!(handler = %self.name, %topic, %event, events = count, why, "handler failed");
        let attempts = self.lines.failures(&busy.key) + 1;
        self.counters.leaves_failed(count as u64);
        self.lines.finish(&busy.key, count);
        if let Some(kept) = &self.kept {
            let numbers = busy.items.iter().map(|item| item.number).filter(|number| *number > 0);
            numbers.for_each(|number| kept.outbox.bury(number, &self.name, why, attempts));
        }
    }

    fn again_later(&mut self, busy: &Busy, why: &str, after: Option<Duration>, rule: Rule) {
        let Some(first) = busy.items.first() else { return };
        if rule != Rule::Go {
            if self.kept.is_none() || self.gone().is_some() {
                // Who is asked to end waits no more: each event that is left is tried once.
                return self.given_up(busy, why);
            }
            let left = self.lines.abandon(&busy.key);
            self.counters.all_left(left as u64, 0);
            self.left.insert(busy.key.clone());
            return;
        }
        let now = Instant::now();
        let tried = self.lines.failed(&busy.key, now);
        let since = now.duration_since(tried.first);
        let spread = chance(&self.name, first.raised, tried.failures);
        let Some(pause) = self.options.retry.pause(tried.failures, after, since, spread) else {
            return self.given_up(busy, why);
        };
        let (seconds, event) = (pause.as_secs_f64(), &first.event);
        let (topic, id) = (&event.topic, &event.state.id);
        warn!(handler = %self.name, %topic, event = %id, why, "handler failed, will try again in {seconds:.1}s");
        self.lines.rest(&busy.key, now + pause);
        if after.is_some() {
            // Who says when to come back means all that we have.
            self.not_before = self.not_before.max(now + pause);
        }
    }

    async fn flush_if_due(&mut self) {
        let now = Instant::now();
        if self.lanes.idle.iter().any(|handler| handler.due().is_some_and(|due| due <= now)) {
            self.flush().await;
        }
    }

    /// Has handlers send what they have collected.
    async fn flush(&mut self) {
        for handler in &mut self.lanes.idle {
            let outcome = timeout(self.options.attempt_limit, handler.flush()).await;
            let why = match outcome {
                Ok(Outcome::Done) => None,
                Ok(Outcome::Retry { why, .. } | Outcome::GiveUp(why)) => Some(why),
                Err(_) => Some("it took too long".to_string()),
            };
            if let Some(why) = &why {
                self.counters.one_failed();
                error!(handler = %self.name, why, "handler failed");
            }
            let Some(kept) = &mut self.kept else { continue };
            for number in kept.collected.drain(..) {
                match &why {
                    None => kept.outbox.done(number, &self.name),
                    Some(why) => kept.outbox.bury(number, &self.name, why, 1),
                }
            }
        }
    }

    /// What is not sent stays in the outbox, or is lost.
    fn leave(&mut self, mut items: mpsc::UnboundedReceiver<Item>) {
        items.close();
        let mut all = self.lines.drain();
        while let Ok(item) = items.try_recv() {
            all.push(item);
        }
        let left = all.len() as u64;
        if let (Some(why), Some(kept)) = (self.gone(), &self.kept) {
            let numbers = all.iter().map(|item| item.number).filter(|number| *number > 0);
            numbers.for_each(|number| kept.outbox.bury(number, &self.name, why, 0));
        }
        let lost = if self.kept.is_some() { 0 } else { left };
        self.counters.all_left(left, lost);
        self.counters.set_oldest(None);
        if lost > 0 {
            error!(handler = %self.name, events = lost, "handler closed before all its events were sent");
        }
    }
}

impl Lanes {
    /// Opens another handler, if there may be one.
    fn one_more(&mut self) -> Option<Box<dyn Handler>> {
        if self.open >= self.at_once {
            return None;
        }
        let opened = self.more.as_ref()?();
        match opened {
            Ok(handler) => {
                self.open += 1;
                Some(handler)
            }
            Err(why) => {
                // Those that are open have to do.
                warn!(%why, "a handler cannot be opened once more");
                self.at_once = self.open.max(1);
                None
            }
        }
    }
}

async fn attempt(mut handler: Box<dyn Handler>, events: &[Arc<Event>], limit: Duration) -> (Box<dyn Handler>, Outcome) {
    let handling = match events {
        [one] => handler.handle(one),
        all => handler.handle_all(all),
    };
    let outcome = timeout(limit, handling).await.unwrap_or_else(|_| Outcome::give_up("it took too long"));
    (handler, outcome)
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits for a notice to stop, other than the one that is known.
async fn notice(kept: &mut Option<Kept>, known: Option<(Notice, Instant)>) -> Notice {
    match kept {
        Some(kept) => kept.claim.notice(known.map(|(notice, _)| notice)).await,
        None => std::future::pending().await,
    }
}
