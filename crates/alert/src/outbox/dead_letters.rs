//! Events that handlers were given up for, until somebody sends them again or forgets them.

use std::sync::Arc;

use super::record::Record;
use super::{Outbox, State, fetch, now};
use crate::Event;

/// Why a handler was given up for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    pub why: Arc<str>,
    /// Nanoseconds since 1970.
    pub time: i64,
    pub attempts: u32,
}

/// An event that a handler did not get.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Names the event in the outbox.
    pub number: u64,
    /// The name of the handler.
    pub handler: Arc<str>,
    /// `None`: it would be sent, but its handler is not there.
    pub death: Option<Death>,
    /// When it was raised, nanoseconds since 1970.
    pub raised: i64,
    pub event: Arc<Event>,
}

/// Which dead letters are meant; what is empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    pub numbers: Vec<u64>,
    pub topic: String,
    pub handler: String,
}

impl Letters {
    fn mean(&self, number: u64, topic: &str, handler: &str) -> bool {
        let is = |wanted: &str, name: &str| wanted.is_empty() || wanted == name;
        (self.numbers.is_empty() || self.numbers.contains(&number))
            && is(&self.topic, topic)
            && is(&self.handler, handler)
    }
}

impl Outbox {
    /// A handler is given up for an event, which becomes a dead letter.
    pub(crate) fn bury(&self, number: u64, to: &Arc<str>, why: &str, attempts: u32) {
        let death = Death { why: why.into(), time: now(), attempts };
        let mut state = self.shared.lock();
        if state.index.judge(number, to, Some(death.clone())) {
            self.shared.push(&mut state, Record::Dead { number, to: to.clone(), death });
        }
    }

    /// Some handlers, told by topic and name, are gone for good. Workers that send for them try what waits once more;
    /// all that is not sent becomes dead letters. How many events have no worker.
    pub(crate) fn bury_all(&self, is_gone: impl Fn(&str, &str) -> bool, why: &'static str) -> usize {
        let mut doomed = Vec::new();
        let state = self.shared.lock();
        for ((topic, name), lease) in &state.leases {
            if is_gone(topic, name) {
                lease.revoke(why);
            }
        }
        for (number, entry) in &state.index.entries {
            let has_worker = |name: &Arc<str>| state.leases.contains_key(&(entry.topic.clone(), name.clone()));
            let waiting = entry
                .to
                .iter()
                .filter(|(name, death)| death.is_none() && is_gone(&entry.topic, name) && !has_worker(name));
            doomed.extend(waiting.map(|(name, _)| (*number, name.clone())));
        }
        drop(state);
        for (number, name) in &doomed {
            // What a silence holds back is told to nobody any more.
            if &**name == crate::HELD { self.done(*number, name) } else { self.bury(*number, name, why, 0) }
        }
        doomed.len()
    }

    /// A dead letter waits for its handler again; whether there was one.
    pub(crate) fn revive(&self, number: u64, to: &Arc<str>) -> bool {
        let mut state = self.shared.lock();
        let is_there = state.index.judge(number, to, None);
        if is_there {
            self.shared.push(&mut state, Record::Again { number, to: to.clone() });
        }
        is_there
    }

    /// Dead letters, oldest first, of which so many are passed over and so many are given at most; and how many there
    /// are. Events whose handler is not there are among them. Blocks: what is told is there after a kill, too.
    pub fn dead_letters(&self, which: &Letters, offset: usize, limit: usize) -> (Vec<DeadLetter>, usize) {
        let mut state = self.written();
        let State { index, reader, leases, .. } = &mut *state;
        let (mut letters, mut count) = (Vec::new(), 0);
        for (&number, entry) in &index.entries {
            for (handler, death) in &entry.to {
                let is_sent = death.is_none()
                    && (&**handler == crate::HELD || leases.contains_key(&(entry.topic.clone(), handler.clone())));
                if is_sent || !which.mean(number, &entry.topic, handler) {
                    continue;
                }
                count += 1;
                if count > offset
                    && letters.len() < limit
                    && let Some(event) = fetch(reader, number, &entry.source)
                {
                    let (handler, death) = (handler.clone(), death.clone());
                    letters.push(DeadLetter { number, handler, death, raised: entry.raised, event });
                }
            }
        }
        (letters, count)
    }

    /// Forgets dead letters; how many.
    pub fn drop_dead_letters(&self, which: &Letters) -> usize {
        let (letters, _) = self.dead_letters(which, 0, usize::MAX);
        letters.iter().for_each(|letter| self.done(letter.number, &letter.handler));
        letters.len()
    }
}
