//! The last state of each event of each topic, so that an alert goes on after a restart where it was.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::db::Batch;
use crate::record::{self, Record, decode, encode};
use crate::{Error, Store};

/// How bad an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    Ok,
    Info,
    Warning,
    Critical,
}

/// The last state of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventState {
    pub level: Level,
    pub message: String,
    pub details: String,
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Nanoseconds since the event left OK.
    pub duration: i64,
}

impl Record for EventState {
    const KIND: &'static str = "event";
}

/// The number of the last event whose state is here.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    number: u64,
}

impl Record for Last {
    const KIND: &'static str = "last-event";
}

/// Changes that belong together.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Topics all of whose states are forgotten, before new ones come.
    pub forgotten: HashSet<String>,
    /// By topic and event id; `None` forgets the event.
    pub states: HashMap<(String, String), Option<EventState>>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.forgotten.is_empty() && self.states.is_empty()
    }

    /// Adds what came later.
    pub fn add(&mut self, later: Changes) {
        self.states.retain(|(topic, _), _| !later.forgotten.contains(topic));
        self.forgotten.extend(later.forgotten);
        self.states.extend(later.states);
    }
}

/// States by event id.
pub type EventStates = BTreeMap<String, EventState>;

/// The stored states.
#[derive(Debug, Clone)]
pub struct Topics(pub(crate) Store);

impl Topics {
    /// Stores the states of events of a topic; those not named stay. One call costs one write to disk.
    pub fn put<'a>(
        &self,
        topic: &'a str,
        events: impl IntoIterator<Item = (&'a str, &'a EventState)>,
    ) -> Result<(), Error> {
        self.put_all(events.into_iter().map(|(event, state)| (topic, event, state)))
    }

    /// Stores the states of events of several topics: topic, event id, state. One call costs one write to disk.
    pub fn put_all<'a>(
        &self,
        events: impl IntoIterator<Item = (&'a str, &'a str, &'a EventState)>,
    ) -> Result<(), Error> {
        let mut batch = Batch::default();
        for (topic, event, state) in events {
            batch.put(record::key(EventState::KIND, &[topic], event), encode(state)?);
        }
        self.0.db.apply(batch)
    }

    /// Makes changes together, and remembers the number of the last event that is among them, if it has one, as
    /// [`Topics::last`] tells it. One call costs one write to disk.
    pub fn apply(&self, changes: &Changes, last: Option<u64>) -> Result<(), Error> {
        let _change = self.0.change();
        let mut batch = Batch::default();
        for topic in &changes.forgotten {
            record::delete_below(&*self.0.db, &record::prefix(EventState::KIND, &[topic]), &mut batch)?;
        }
        for ((topic, event), state) in &changes.states {
            let key = record::key(EventState::KIND, &[topic], event);
            match state {
                Some(state) => batch.put(key, encode(state)?),
                None => batch.delete(key),
            }
        }
        if let Some(number) = last {
            batch.put(record::key(Last::KIND, &[], ""), encode(&Last { number })?);
        }
        self.0.db.apply(batch)
    }

    /// The number of the last event whose state is known to be here.
    pub fn last(&self) -> Result<u64, Error> {
        let bytes = self.0.db.get(&record::key(Last::KIND, &[], ""))?;
        bytes.map_or(Ok(0), |bytes| Ok(decode::<Last>("", &bytes)?.number))
    }

    /// The states of a topic's events; none if it has no events.
    pub fn get(&self, topic: &str) -> Result<EventStates, Error> {
        let mut states = EventStates::new();
        record::each(&*self.0.db, &record::prefix(EventState::KIND, &[topic]), |event, value| {
            let event = String::from_utf8_lossy(event).into_owned();
            let state = decode(&event, &value)?;
            states.insert(event, state);
            Ok(true)
        })?;
        Ok(states)
    }

    /// The states of all events by topic.
    pub fn all(&self) -> Result<BTreeMap<String, EventStates>, Error> {
        let mut topics: BTreeMap<String, EventStates> = BTreeMap::new();
        record::each(&*self.0.db, &record::prefix(EventState::KIND, &[]), |rest, value| {
            if let Some((topic, event)) = record::split_owner(rest) {
                let event = String::from_utf8_lossy(event).into_owned();
                let state = decode(&event, &value)?;
                topics.entry(topic).or_default().insert(event, state);
            }
            Ok(true)
        })?;
        Ok(topics)
    }

    /// The topics that have events and whose names start so.
    pub fn names(&self, start: &str) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = Vec::new();
        // The start of an owner's name, without the bytes that end it.
        let mut below = record::prefix(EventState::KIND, &[start]);
        below.truncate(below.len() - record::OWNER_END.len());
        let kind = record::prefix(EventState::KIND, &[]).len();
        let rest_of_prefix = below[kind..].to_vec();
        record::each(&*self.0.db, &below, |rest, _| {
            if let Some((topic, _)) = record::split_owner(&[&rest_of_prefix, rest].concat())
                && names.last() != Some(&topic)
            {
                names.push(topic);
            }
            Ok(true)
        })?;
        Ok(names)
    }

    /// Forgets an event of a topic.
    pub fn delete_event(&self, topic: &str, event: &str) -> Result<(), Error> {
        self.0.db.delete(&record::key(EventState::KIND, &[topic], event))
    }

    /// Forgets all events of a topic.
    pub fn delete(&self, topic: &str) -> Result<(), Error> {
        let _change = self.0.change();
        let mut batch = Batch::default();
        record::delete_below(&*self.0.db, &record::prefix(EventState::KIND, &[topic]), &mut batch)?;
        self.0.db.apply(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(level: Level) -> EventState {
        EventState { level, message: "m".into(), details: "<b>".into(), time: -5, duration: 7 }
    }

    #[test]
    fn changes_are_made_together_with_their_number() {
        let topics = Store::in_memory().topics();
        assert_eq!(topics.last().unwrap(), 0);
        let (bad, key) = (state(Level::Critical), |id: &str| ("t".to_string(), id.to_string()));
        let states = [(key("a"), Some(bad.clone())), (key("b"), Some(bad.clone()))].into();
        topics.apply(&Changes { states, ..Changes::default() }, Some(7)).unwrap();
        topics.apply(&Changes { states: [(key("a"), None)].into(), ..Changes::default() }, Some(8)).unwrap();
        assert_eq!(topics.get("t").unwrap().keys().collect::<Vec<_>>(), ["b"]);
        let changes = Changes { forgotten: ["t".to_string()].into(), states: [(key("c"), Some(bad))].into() };
        topics.apply(&changes, Some(9)).unwrap();
        assert_eq!(topics.get("t").unwrap().keys().collect::<Vec<_>>(), ["c"]);
        topics.apply(&Changes::default(), None).unwrap();
        assert_eq!((topics.last().unwrap(), topics.all().unwrap().len()), (9, 1));
    }

    #[test]
    fn topics_keep_the_last_state_of_each_event() {
        let topics = Store::in_memory().topics();
        let (bad, good) = (state(Level::Critical), state(Level::Ok));
        topics.put("main:cpu:alert2", [("host=a", &bad), ("host=b\0", &good)]).unwrap();
        topics.put("main:cpu:alert2", [("host=a", &good)]).unwrap();
        topics.put("main:cpu", [("", &bad)]).unwrap();
        let first = EventStates::from([("host=a".into(), good.clone()), ("host=b\0".into(), good.clone())]);
        let second = EventStates::from([(String::new(), bad.clone())]);
        assert_eq!(topics.get("main:cpu:alert2").unwrap(), first);
        let all = topics.all().unwrap();
        assert_eq!(
            all,
            BTreeMap::from([("main:cpu:alert2".to_string(), first), ("main:cpu".to_string(), second.clone())])
        );
        assert_eq!(topics.names("").unwrap(), ["main:cpu", "main:cpu:alert2"]);
        assert_eq!(topics.names("main:cpu:").unwrap(), ["main:cpu:alert2"]);
        assert!(topics.names("main:c:").unwrap().is_empty());
        topics.delete_event("main:cpu:alert2", "host=a").unwrap();
        assert_eq!(topics.get("main:cpu:alert2").unwrap().len(), 1);
        topics.delete("main:cpu:alert2").unwrap();
        assert_eq!(topics.all().unwrap(), BTreeMap::from([("main:cpu".to_string(), second)]));
        assert!(topics.get("none").unwrap().is_empty());
    }
}
