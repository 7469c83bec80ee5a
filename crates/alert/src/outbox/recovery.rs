//! What the outbox had when the daemon ended, found in its journal.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::index::{Entry, Index, Source};
use super::record::Record;
use crate::{Event, EventState};

/// Events of before the end of the daemon.
#[derive(Debug, Default)]
pub struct Known {
    pub(crate) names: HashSet<String>,
    /// The number of the last event by topic and id.
    pub(crate) last: HashMap<(Arc<str>, Arc<str>), u64>,
}

impl Known {
    fn add(&mut self, number: u64, event: &Event) {
        self.names.insert(event.uid());
        let last = self.last.entry((event.topic.clone(), event.state.id.clone())).or_default();
        *last = number.max(*last);
    }
}

/// What is found in the journal when it is opened.
#[derive(Default)]
pub(super) struct Recovery {
    pub(super) settled: Option<u64>,
    pub(super) index: Index,
    pub(super) last: u64,
    pub(super) states: Vec<(u64, Arc<str>, EventState)>,
    pub(super) damage: Vec<String>,
    /// All events, if they are to be remembered.
    pub(super) known: Option<Known>,
}

impl Recovery {
    pub(super) fn take(&mut self, place: journal::Place, bytes: &[u8]) {
        let number = match Record::decode(bytes) {
            Ok(Record::Event { number, raised, to, event }) => {
                if self.settled.is_some_and(|settled| number > settled) {
                    self.states.push((number, event.topic.clone(), event.state.clone()));
                }
                if let Some(known) = &mut self.known {
                    known.add(number, &event);
                }
                // One that all are done with is there to be known.
                if !to.is_empty() {
                    let entry = Entry { source: Source::Journal(place), ..Entry::new(&event, raised, to) };
                    self.index.insert(number, entry);
                }
                number
            }
            Ok(Record::State { number, topic, state }) => {
                if self.settled.is_some_and(|settled| number > settled) {
                    self.states.push((number, topic, state));
                }
                number
            }
            Ok(Record::Done { number, to }) => {
                self.index.done(number, &to);
                number
            }
            Ok(Record::Dead { number, to, death }) => {
                self.index.judge(number, &to, Some(death));
                number
            }
            Ok(Record::Again { number, to }) => {
                self.index.judge(number, &to, None);
                number
            }
            Err(why) => {
                let journal::Place { segment, offset } = place;
                self.damage.push(format!("outbox: record at byte {offset} of file {segment} is passed over: {why}"));
                return;
            }
        };
        self.last = self.last.max(number);
        let share = self.index.segments.entry(place.segment).or_default();
        share.last = share.last.max(number);
    }
}
