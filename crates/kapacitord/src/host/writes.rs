//! Points on their way to one cluster: a line for each target, bounded together, and tried until they are written.
//!
//! What waits for the same target goes in one request. When the server is away, what is written waits, up to a number of
//! bytes for the whole cluster; beyond it the oldest that waits in the longest line is dropped, and counted.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use engine::{Answer, InfluxWrite};
use influx::{Cluster, Error, Precision, Write};
use tokio::sync::watch;

use super::{Mail, posts::text_of};

/// Lines that wait are put together up to this many bytes.
const TOGETHER: usize = 1 << 20;
/// Pauses between tries double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A write that the server answers with an error of its own is given up after so many tries; one that cannot reach it
/// is not.
const TRIES: u32 = 10;
/// Why points are lost whose cluster is no more.
const GONE: &str = "the cluster is not in the config any more";

/// How to wait between tries; a test has a clock of its own.
type Pause = Box<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Database and retention policy.
type Target = (String, String);

/// See the module.
pub(super) struct Writes {
    name: String,
    /// Where they go now; nowhere once the cluster is not in the config any more.
    cluster: watch::Sender<Option<Arc<Cluster>>>,
    runtime: tokio::runtime::Handle,
    pause: Pause,
    /// Bytes that may wait.
    room: AtomicUsize,
    state: Mutex<State>,
    /// How many things wait or are under way.
    left: watch::Sender<usize>,
    counts: WriteCounts,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Target, Lane>,
    bytes: usize,
}

/// What waits for one target. A database is made before it is written to.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Item>,
    bytes: usize,
    /// Somebody works at it.
    busy: bool,
}

enum Item {
    Write(InfluxWrite, Mail),
    Create,
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Item::Write(write, _) => write.lines.len(),
            Item::Create => 0,
        }
    }
}

/// What became of points.
#[derive(Debug, Default)]
pub(crate) struct WriteCounts {
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// Points of requests that were tried again, each time.
    pub(crate) retried: AtomicU64,
    pub(crate) queued: AtomicU64,
}

impl Writes {
    pub(super) fn new(cluster: Arc<Cluster>, room: usize, runtime: tokio::runtime::Handle) -> Arc<Writes> {
        Writes::pausing(cluster, room, runtime, Box::new(|pause| Box::pin(tokio::time::sleep(pause))))
    }

    fn pausing(cluster: Arc<Cluster>, room: usize, runtime: tokio::runtime::Handle, pause: Pause) -> Arc<Writes> {
        Arc::new(Writes {
            pause,
            name: cluster.name().to_string(),
            cluster: watch::Sender::new(Some(cluster)),
            runtime,
            room: AtomicUsize::new(room),
            state: Mutex::default(),
            left: watch::Sender::new(0),
            counts: WriteCounts::default(),
        })
    }

    /// From now on so many bytes may wait.
    pub(super) fn set_room(&self, room: usize) {
        self.room.store(room, Ordering::Relaxed);
    }

    /// What waits, and what is to come, goes there.
    pub(super) fn move_to(&self, cluster: Arc<Cluster>) {
        self.cluster.send_replace(Some(cluster));
    }

    /// What waits is lost, and nothing is taken any more.
    pub(super) fn close(&self) {
        self.cluster.send_replace(None);
        let waiting: Vec<Item> = {
            let mut state = self.lock();
            state.bytes = 0;
            let lanes = state.lanes.values_mut();
            lanes
                .flat_map(|lane| {
                    lane.bytes = 0;
                    std::mem::take(&mut lane.waiting)
                })
                .collect()
        };
        let points: u64 = waiting.iter().map(Item::points).sum();
        if points > 0 {
            tracing::error!(cluster = self.name, "{points} points were not written: {GONE}");
        }
        waiting.into_iter().for_each(|item| self.lost(item, GONE));
    }

    pub(super) fn counts(&self) -> &WriteCounts {
        &self.counts
    }

    pub(super) fn write(self: &Arc<Self>, write: InfluxWrite, mail: Mail) {
        self.counts.queued.fetch_add(write.points, Ordering::Relaxed);
        let target = (write.database.clone(), write.retention_policy.clone());
        self.push(target, Item::Write(write, mail));
    }

    pub(super) fn create(self: &Arc<Self>, database: &str, policy: &str) {
        self.push((database.to_string(), policy.to_string()), Item::Create);
    }

    /// Waits until all is written or given up, but no longer than this; what is left then is lost.
    pub(super) async fn drain(&self, longest: Duration) {
        let mut left = self.left.subscribe();
        let done = tokio::time::timeout(longest, left.wait_for(|left| *left == 0)).await.is_ok();
        let queued = self.counts.queued.load(Ordering::Relaxed);
        if !done && queued > 0 {
            tracing::error!(cluster = self.name, "{queued} points were not written before the end");
        }
    }

    fn push(self: &Arc<Self>, target: Target, item: Item) {
        self.left.send_modify(|left| *left += 1);
        let mut dropped = Vec::new();
        let mut state = self.lock();
        if self.cluster.borrow().is_none() {
            drop(state);
            return self.lost(item, GONE);
        }
        let room = self.room.load(Ordering::Relaxed);
        let bytes = item.bytes();
        state.bytes += bytes;
        let lane = state.lanes.entry(target.clone()).or_default();
        lane.bytes += bytes;
        lane.waiting.push_back(item);
        let start = !std::mem::replace(&mut lane.busy, true);
        while state.bytes > room {
            match state.drop_oldest() {
                Some(item) => dropped.push(item),
                None => break,
            }
        }
        drop(state);
        if start {
            self.runtime.spawn(Arc::clone(self).work(target));
        }
        for item in dropped {
            self.lost(
                item,
                &format!("{room} bytes wait already for the cluster (write-buffer); the oldest are dropped"),
            );
        }
    }

    /// Does what waits for a target until nothing does.
    async fn work(self: Arc<Self>, target: Target) {
        let (mut pause, mut tries, mut told) = (FIRST_PAUSE, 0, String::new());
        let mut moved = self.cluster.subscribe();
        while let Some(items) = self.take(&target) {
            tries += 1;
            let (error, items) = match self.attempt(&target, items).await {
                Ok(()) => {
                    if !std::mem::take(&mut told).is_empty() {
                        tracing::info!(cluster = self.name, "writes to {target:?} succeed again");
                    }
                    (pause, tries) = (FIRST_PAUSE, 0);
                    continue;
                }
                Err(failed) => failed,
            };
            let answered = matches!(error, Error::Refused { .. });
            if !error.is_temporary() || (answered && tries >= TRIES) {
                self.give_up(&target, items, &error).await;
                (pause, tries) = (FIRST_PAUSE, 0);
                continue;
            }
            let text = error.to_string();
            if text != told {
                tracing::warn!(cluster = self.name, "writes to {target:?} will be tried again: {text}");
                told = text;
            }
            let points: u64 = items.iter().map(Item::points).sum();
            self.counts.retried.fetch_add(points, Ordering::Relaxed);
            self.put_back(&target, items);
            tokio::select! {
                () = (self.pause)(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                // It may be better there.
                _ = moved.changed() => pause = FIRST_PAUSE,
            }
        }
    }

    /// One request for all of these; they come back with the error if it fails.
    async fn attempt(&self, target: &Target, items: Vec<Item>) -> Result<(), (Error, Vec<Item>)> {
        let now = self.cluster.borrow().clone();
        let Some(cluster) = now else { return Err((Error::Config(GONE.to_string()), items)) };
        let sent = match &items[..] {
            [Item::Write(first, _), ..] => {
                let mut lines = String::with_capacity(items.iter().map(Item::bytes).sum());
                for item in &items {
                    if let Item::Write(write, _) = item {
                        lines.push_str(&write.lines);
                    }
                }
                let write = Write {
                    database: first.database.clone(),
                    policy: first.retention_policy.clone(),
                    precision: Precision::named(&first.precision).unwrap_or_default(),
                    consistency: first.consistency.clone(),
                    lines: lines.into(),
                };
                cluster.write(&write).await
            }
            _ => cluster.create_database(&target.0, &target.1).await,
        };
        if let Err(error) = sent {
            return Err((error, items));
        }
        for item in items {
            self.gone(&item);
            if let Item::Write(write, mail) = item {
                self.counts.written.fetch_add(write.points, Ordering::Relaxed);
                mail.send(Answer::Done(write.points));
            }
        }
        Ok(())
    }

    /// What was refused together is tried one by one, once: only what is bad itself shall be lost.
    async fn give_up(&self, target: &Target, items: Vec<Item>, error: &Error) {
        let alone = items.len() == 1;
        for item in items {
            let error = if alone {
                error.clone()
            } else {
                match self.attempt(target, vec![item]).await {
                    Ok(()) => continue,
                    Err((error, mut items)) => {
                        if let Some(item) = items.pop() {
                            self.lost(item, &text_of(&error));
                        }
                        continue;
                    }
                }
            };
            if matches!(item, Item::Create) {
                let (cluster, database) = (&self.name, &target.0);
                tracing::error!(cluster, database, "cannot create the database: {error}");
            }
            self.lost(item, &text_of(&error));
        }
    }

    fn lost(&self, item: Item, why: &str) {
        self.gone(&item);
        if let Item::Write(write, mail) = item {
            self.counts.dropped.fetch_add(write.points, Ordering::Relaxed);
            mail.send(Answer::Failed(why.to_string()));
        }
    }

    /// Neither waits nor is under way any more.
    fn gone(&self, item: &Item) {
        self.counts.queued.fetch_sub(item.points(), Ordering::Relaxed);
        self.left.send_modify(|left| *left -= 1);
    }

    /// What is to be done next for a target, in one request; `None` when nobody needs to work at it any more.
    fn take(&self, target: &Target) -> Option<Vec<Item>> {
        let mut state = self.lock();
        let lane = state.lanes.get_mut(target)?;
        let Some(first) = lane.waiting.pop_front() else {
            state.lanes.remove(target);
            return None;
        };
        let mut bytes = first.bytes();
        let mut items = vec![first];
        while let Some(next) = lane.waiting.front()
            && items[0].goes_with(next)
            && bytes + next.bytes() <= TOGETHER
        {
            bytes += next.bytes();
            items.extend(lane.waiting.pop_front());
        }
        lane.bytes -= bytes;
        state.bytes -= bytes;
        Some(items)
    }

    fn put_back(&self, target: &Target, items: Vec<Item>) {
        let mut state = self.lock();
        if self.cluster.borrow().is_none() {
            drop(state);
            return items.into_iter().for_each(|item| self.lost(item, GONE));
        }
        let bytes: usize = items.iter().map(Item::bytes).sum();
        state.bytes += bytes;
        let lane = state.lanes.entry(target.clone()).or_default();
        lane.bytes += bytes;
        lane.busy = true;
        for item in items.into_iter().rev() {
            lane.waiting.push_front(item);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    fn points(&self) -> u64 {
        match self {
            Item::Write(write, _) => write.points,
            Item::Create => 0,
        }
    }

    /// Whether both can go in one request.
    fn goes_with(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Write(one, _), Item::Write(other, _)) => {
                one.precision == other.precision && one.consistency == other.consistency
            }
            _ => false,
        }
    }
}

impl State {
    /// Takes the oldest write of the lane that holds most.
    fn drop_oldest(&mut self) -> Option<Item> {
        let lane = self.lanes.values_mut().max_by_key(|lane| lane.bytes)?;
        let at = lane.waiting.iter().position(|item| matches!(item, Item::Write(..)))?;
        let item = lane.waiting.remove(at)?;
        lane.bytes -= item.bytes();
        self.bytes -= item.bytes();
        Some(item)
    }
}

#[cfg(test)]
mod tests;
