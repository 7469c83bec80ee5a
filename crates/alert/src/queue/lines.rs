//! The events that wait for one handler: a line for each alert id, so that one that has to be tried again holds up its
//! own line only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::FastMap;
use tokio::time::Instant;

use crate::Event;

/// An event that waits.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The order of all items of a handler.
    pub(super) order: u64,
    /// Of the outbox; 0 if it is not kept.
    pub(super) number: u64,
    /// Nanoseconds since 1970.
    pub(super) raised: i64,
    pub(super) event: Arc<Event>,
}

/// The events of one id, oldest first.
#[derive(Debug, Default)]
struct Line {
    items: VecDeque<Item>,
    failures: u32,
    /// When the first item was tried first.
    tried: Option<Instant>,
}

/// All lines of a handler.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: FastMap<Arc<str>, Line>,
    /// Lines whose first item may be sent, by its order.
    ready: BTreeMap<u64, Arc<str>>,
    /// Lines that rest, by when they are ready and the order of their first item.
    resting: BTreeMap<(Instant, u64), Arc<str>>,
    /// When the first items of all lines were raised, by their order.
    heads: BTreeMap<u64, i64>,
    count: usize,
}

/// How often the first items of a line were tried before, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    pub(super) failures: u32,
    pub(super) first: Instant,
}

impl Lines {
    pub(super) fn push(&mut self, key: Arc<str>, item: Item) {
        self.count += 1;
        let line = self.lines.entry(key.clone()).or_default();
        if line.items.is_empty() {
            self.ready.insert(item.order, key);
            self.heads.insert(item.order, item.raised);
        }
        line.items.push_back(item);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many events wait or are on their way.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many lines are ready.
    pub(super) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// When the next line has rested.
    pub(super) fn next_ready(&self) -> Option<Instant> {
        self.resting.first_key_value().map(|((at, _), _)| *at)
    }

    /// When the oldest event was raised.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.heads.first_key_value().map(|(_, raised)| *raised)
    }

    /// Lines that have rested by now are ready; all, if there is no time to rest.
    pub(super) fn wake(&mut self, now: Option<Instant>) {
        while let Some(entry) = self.resting.first_entry() {
            let (at, order) = *entry.key();
            if now.is_some_and(|now| at > now) {
                return;
            }
            let key = entry.remove();
            self.ready.insert(order, key);
        }
    }

    /// The line of the oldest event that is ready, with up to so many of its events; it is busy then.
    pub(super) fn start(&mut self, most: usize, now: Instant) -> Option<(Arc<str>, Vec<Item>)> {
        let (_, key) = self.ready.pop_first()?;
        let line = self.lines.get_mut(&key)?;
        line.tried.get_or_insert(now);
        Some((key, line.items.iter().take(most).cloned().collect()))
    }

    /// The first items of a busy line are done with, one way or the other.
    pub(super) fn finish(&mut self, key: &Arc<str>, count: usize) {
        let Some(line) = self.lines.get_mut(key) else { return };
        if let Some(first) = line.items.front() {
            self.heads.remove(&first.order);
        }
        let count = count.min(line.items.len());
        line.items.drain(..count);
        self.count -= count;
        (line.failures, line.tried) = (0, None);
        match line.items.front() {
            Some(next) => {
                self.ready.insert(next.order, key.clone());
                self.heads.insert(next.order, next.raised);
            }
            None => drop(self.lines.remove(key)),
        }
    }

    /// The first items of a busy line failed once more.
    pub(super) fn failed(&mut self, key: &Arc<str>, now: Instant) -> Tried {
        match self.lines.get_mut(key) {
            Some(line) => {
                line.failures += 1;
                Tried { failures: line.failures, first: line.tried.unwrap_or(now) }
            }
            None => Tried { failures: 1, first: now },
        }
    }

    /// A busy line rests until then.
    pub(super) fn rest(&mut self, key: &Arc<str>, until: Instant) {
        let Some(first) = self.lines.get(key).and_then(|line| line.items.front()) else { return };
        self.resting.insert((until, first.order), key.clone());
    }

    /// A busy line is forgotten; how many events it had.
    pub(super) fn abandon(&mut self, key: &str) -> usize {
        let Some(line) = self.lines.remove(key) else { return 0 };
        if let Some(first) = line.items.front() {
            self.heads.remove(&first.order);
        }
        self.count -= line.items.len();
        line.items.len()
    }

    /// How often the first items of a line were tried before.
    pub(super) fn failures(&self, key: &str) -> u32 {
        self.lines.get(key).map_or(0, |line| line.failures)
    }

    /// All items, which are forgotten.
    pub(super) fn drain(&mut self) -> Vec<Item> {
        let lines = std::mem::take(self).lines;
        lines.into_values().flat_map(|line| line.items).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Level;
    use crate::testing::event;

    fn lines(ids: &[&str]) -> Lines {
        let mut lines = Lines::default();
        for (order, id) in ids.iter().enumerate() {
            let event = Arc::new(event("t", id, Level::Info));
            let item = Item { order: order as u64, number: 0, raised: order as i64, event };
            lines.push(Arc::from(*id), item);
        }
        lines
    }

    fn orders(started: &Option<(Arc<str>, Vec<Item>)>) -> Vec<u64> {
        started.iter().flat_map(|(_, items)| items.iter().map(|item| item.order)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn events_start_in_order_but_for_lines_that_rest() {
        let now = Instant::now();
        let mut lines = lines(&["a", "a", "b", "a", "b"]);
        let first = lines.start(1, now);
        assert_eq!(orders(&first), [0]);
        let a = first.unwrap().0;
        lines.finish(&a, 1);
        // Still in the order in which they came: a second one of `a` before the first one of `b`.
        assert_eq!(orders(&lines.start(1, now)), [1]);
        assert_eq!(lines.failed(&a, now).failures, 1);
        lines.rest(&a, now + Duration::from_secs(1));
        let b = lines.start(1, now);
        assert_eq!((orders(&b), lines.has_ready(), lines.oldest()), (vec![2], false, Some(1)));
        lines.finish(&b.unwrap().0, 1);
        assert_eq!(lines.failures("a"), 1);
        lines.wake(Some(now + Duration::from_secs(1)));
        assert_eq!(orders(&lines.start(9, now)), [1, 3]);
        lines.finish(&a, 2);
        assert_eq!((lines.count, lines.oldest()), (1, Some(4)));
        assert_eq!(lines.drain().len(), 1);
        assert!(lines.is_empty() && !lines.has_ready() && lines.next_ready().is_none());
    }
}
