//! Recordings of data, and their replays.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{self, Record};
use crate::tasks::TaskType;
use crate::{Error, Page, Store};

/// How far a recording or replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Running,
    Failed,
    Finished,
}

/// A recording; the data is in a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    pub id: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    /// Where its data is.
    pub path: String,
    /// Bytes.
    pub size: i64,
    /// Of its start; when it is done, of its end. Nanoseconds since 1970.
    pub date: i64,
    /// Empty when all is well.
    pub error: String,
    pub state: State,
}

impl Record for Recording {
    const KIND: &'static str = "recording";
}

/// A replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    pub id: String,
    pub task: String,
    /// Empty if the data was asked for.
    pub recording: String,
    /// The times stay as they were recorded.
    pub recording_time: bool,
    /// Time passes as it did, not as fast as it can.
    pub real_clock: bool,
    /// Of its start; when it is done, of its end. Nanoseconds since 1970.
    pub date: i64,
    /// Empty when all is well.
    pub error: String,
    pub state: State,
    /// Counters of the task when it was done.
    pub stats: Value,
}

impl Record for Replay {
    const KIND: &'static str = "replay";
}

/// The stored recordings.
#[derive(Debug, Clone)]
pub struct Recordings(pub(crate) Store);

/// The stored replays.
#[derive(Debug, Clone)]
pub struct Replays(pub(crate) Store);

impl Recordings {
    pub fn get(&self, id: &str) -> Result<Option<Recording>, Error> {
        get(&self.0, id)
    }

    /// Stores a new recording.
    ///
    /// # Errors
    /// [`Error::Exists`] if the id is taken.
    pub fn create(&self, recording: &Recording) -> Result<(), Error> {
        let _change = self.0.change();
        if self.get(&recording.id)?.is_some() {
            return Err(Error::Exists { kind: Recording::KIND, id: recording.id.clone() });
        }
        put(&self.0, &recording.id, recording)
    }

    /// Stores what became of a recording; false if it was deleted meanwhile.
    pub fn update(&self, recording: &Recording) -> Result<bool, Error> {
        let _change = self.0.change();
        if self.get(&recording.id)?.is_none() {
            return Ok(false);
        }
        put(&self.0, &recording.id, recording).map(|()| true)
    }

    /// Whether there was one.
    pub fn delete(&self, id: &str) -> Result<bool, Error> {
        delete::<Recording>(&self.0, id)
    }

    /// A page of them, the latest first.
    pub fn list(&self, page: &Page<'_>) -> Result<Vec<Recording>, Error> {
        latest_first(&self.0, page, |recording: &Recording| recording.date)
    }
}

impl Replays {
    pub fn get(&self, id: &str) -> Result<Option<Replay>, Error> {
        get(&self.0, id)
    }

    /// Stores a replay, in place of one of the same id.
    pub fn put(&self, replay: &Replay) -> Result<(), Error> {
        put(&self.0, &replay.id, replay)
    }

    /// Stores what became of a replay; false if it was deleted meanwhile.
    pub fn update(&self, replay: &Replay) -> Result<bool, Error> {
        let _change = self.0.change();
        if self.get(&replay.id)?.is_none() {
            return Ok(false);
        }
        self.put(replay).map(|()| true)
    }

    /// Whether there was one.
    pub fn delete(&self, id: &str) -> Result<bool, Error> {
        delete::<Replay>(&self.0, id)
    }

    /// A page of them, the latest first.
    pub fn list(&self, page: &Page<'_>) -> Result<Vec<Replay>, Error> {
        latest_first(&self.0, page, |replay: &Replay| replay.date)
    }
}

fn latest_first<T: Record>(store: &Store, page: &Page<'_>, date: impl Fn(&T) -> i64) -> Result<Vec<T>, Error> {
    let matching = record::Items::new(&store.db, &[], &Page { offset: 0, limit: usize::MAX, ..*page });
    let mut all: Vec<T> = matching.collect::<Result<_, _>>()?;
    all.sort_by_key(|item| std::cmp::Reverse(date(item)));
    Ok(all.into_iter().skip(page.offset).take(page.limit).collect())
}

fn get<T: Record>(store: &Store, id: &str) -> Result<Option<T>, Error> {
    store.db.get(&record::key(T::KIND, &[], id))?.map(|bytes| record::decode(id, &bytes)).transpose()
}

fn put<T: Record>(store: &Store, id: &str, item: &T) -> Result<(), Error> {
    store.db.put(&record::key(T::KIND, &[], id), &record::encode(item)?)
}

fn delete<T: Record>(store: &Store, id: &str) -> Result<bool, Error> {
    let _change = store.change();
    let key = record::key(T::KIND, &[], id);
    if store.db.get(&key)?.is_none() {
        return Ok(false);
    }
    store.db.delete(&key)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_does_not_come_back() {
        let recordings = Store::in_memory().recordings();
        let recording = Recording {
            id: "a".into(),
            task_type: TaskType::Stream,
            path: "a.srpl".into(),
            size: 0,
            date: 1,
            error: String::new(),
            state: State::Running,
        };
        recordings.create(&recording).unwrap();
        assert_eq!(recordings.create(&recording).unwrap_err().to_string(), "recording a already exists");
        let done = Recording { state: State::Finished, ..recording };
        assert!(recordings.update(&done).unwrap());
        assert_eq!(recordings.list(&Page::ALL).unwrap(), std::slice::from_ref(&done));
        assert!(recordings.delete("a").unwrap());
        assert!(!recordings.update(&done).unwrap());
        assert!(recordings.get("a").unwrap().is_none());
    }
}
