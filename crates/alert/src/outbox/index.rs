//! Which events of the outbox still matter, to whom, and where they lie.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use journal::Place;

use super::Death;
use crate::Event;

/// What an entry takes beside its texts, roughly.
const OVERHEAD: u64 = 128;

/// An event that some handler has not got yet.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) topic: Arc<str>,
    /// Nanoseconds since 1970.
    pub(super) raised: i64,
    pub(super) bytes: u64,
    pub(super) source: Source,
    /// The handlers that have not got it, with why those were given up that were.
    pub(super) to: Vec<(Arc<str>, Option<Death>)>,
}

/// Where the event itself is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// On its way to the journal, or the journal did not take it.
    Memory(Arc<Event>),
    Journal(Place),
}

/// What a segment of the journal holds that still matters.
#[derive(Debug, Clone, Default)]
pub(super) struct Share {
    pub(super) entries: BTreeSet<u64>,
    /// The greatest number of an event that was ever written to it.
    pub(super) last: u64,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Those that no handler waits for: all were given up.
    dead: BTreeSet<u64>,
    pub(super) segments: BTreeMap<u64, Share>,
    /// Of all entries together.
    pub(super) bytes: u64,
}

impl Entry {
    pub(super) fn new(event: &Arc<Event>, raised: i64, to: Vec<(Arc<str>, Option<Death>)>) -> Entry {
        let (state, data) = (&event.state, &event.data);
        let texts = [&event.topic, &state.id, &state.message, &state.details, &data.series];
        let pairs: usize = data.tags.iter().map(|(key, value)| key.len() + value.len() + 8).sum();
        let bytes = texts.iter().map(|text| text.len()).sum::<usize>() + pairs + data.fields.len() * 24;
        let bytes = bytes as u64 + OVERHEAD;
        Entry { topic: event.topic.clone(), raised, bytes, source: Source::Memory(event.clone()), to }
    }

    fn is_dead(&self) -> bool {
        self.to.iter().all(|(_, death)| death.is_some())
    }
}

impl Index {
    /// Adds an entry, or replaces the one of this number.
    pub(super) fn insert(&mut self, number: u64, entry: Entry) {
        self.remove(number);
        if entry.is_dead() {
            self.dead.insert(number);
        }
        self.bytes += entry.bytes;
        if let Source::Journal(place) = entry.source {
            self.lies_in(number, place.segment);
        }
        self.entries.insert(number, entry);
    }

    fn lies_in(&mut self, number: u64, segment: u64) {
        let share = self.segments.entry(segment).or_default();
        share.entries.insert(number);
        share.last = share.last.max(number);
    }

    /// An event was written here.
    pub(super) fn placed(&mut self, number: u64, place: Place) {
        self.lies_in(number, place.segment);
        let before = match self.entries.get_mut(&number) {
            Some(entry) => std::mem::replace(&mut entry.source, Source::Journal(place)),
            // All its handlers were done with it before it was written.
            None => Source::Journal(place),
        };
        if let Source::Journal(old) = before
            && (old.segment != place.segment || !self.entries.contains_key(&number))
            && let Some(share) = self.segments.get_mut(&old.segment)
        {
            share.entries.remove(&number);
        }
    }

    fn remove(&mut self, number: u64) {
        self.dead.remove(&number);
        let Some(entry) = self.entries.remove(&number) else { return };
        self.bytes -= entry.bytes;
        if let Source::Journal(place) = entry.source
            && let Some(share) = self.segments.get_mut(&place.segment)
        {
            share.entries.remove(&number);
        }
    }

    /// A handler is done with an event; whether it was among those that were not.
    pub(super) fn done(&mut self, number: u64, to: &str) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else { return false };
        let before = entry.to.len();
        entry.to.retain(|(name, _)| &**name != to);
        let was_there = entry.to.len() < before;
        if entry.to.is_empty() {
            self.remove(number);
        } else if entry.is_dead() {
            self.dead.insert(number);
        }
        was_there
    }

    /// A handler was given up, or is tried again; whether it was among those that have not got the event.
    pub(super) fn judge(&mut self, number: u64, to: &str, death: Option<Death>) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else { return false };
        let Some((_, fate)) = entry.to.iter_mut().find(|(name, _)| &**name == to) else { return false };
        *fate = death;
        if entry.is_dead() {
            self.dead.insert(number);
        } else {
            self.dead.remove(&number);
        }
        true
    }

    /// The oldest event that was given up by all its handlers.
    pub(super) fn oldest_dead(&self) -> Option<u64> {
        self.dead.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use crate::testing::event;

    fn entry(to: &[&str]) -> Entry {
        let to = to.iter().map(|name| (Arc::from(*name), None)).collect();
        Entry::new(&Arc::new(event("t", "a", Level::Info)), 0, to)
    }

    fn dead() -> Option<Death> {
        Some(Death { why: "x".into(), time: 0, attempts: 1 })
    }

    #[test]
    fn an_entry_is_gone_when_all_handlers_are_done() {
        let mut index = Index::default();
        index.insert(1, entry(&["a", "b"]));
        index.placed(1, Place { segment: 7, offset: 8 });
        assert!(index.done(1, "a") && !index.done(1, "a"));
        assert!(index.judge(1, "b", dead()));
        assert_eq!(index.oldest_dead(), Some(1));
        assert!(index.judge(1, "b", None));
        assert_eq!(index.oldest_dead(), None);
        assert_eq!(index.segments[&7].entries.len(), 1);
        assert!(index.done(1, "b"));
        assert_eq!((index.bytes, index.entries.len(), index.segments[&7].entries.len()), (0, 0, 0));
        assert_eq!(index.segments[&7].last, 1);
    }

    #[test]
    fn what_moves_leaves_its_segment() {
        let mut index = Index::default();
        index.insert(3, entry(&["a"]));
        index.placed(3, Place { segment: 1, offset: 8 });
        index.placed(3, Place { segment: 2, offset: 8 });
        assert!(index.segments[&1].entries.is_empty() && index.segments[&2].entries.contains(&3));
        index.placed(4, Place { segment: 2, offset: 80 });
        assert!(!index.segments[&2].entries.contains(&4));
        assert_eq!(index.segments[&2].last, 4);
    }
}
