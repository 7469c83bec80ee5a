//! What users hold back: silences, and alerts that somebody takes care of.

use serde::{Deserialize, Serialize};

use crate::record::{self, Record};
use crate::{Error, Store};

/// A silence. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    pub id: String,
    pub matchers: Vec<String>,
    pub start: i64,
    pub end: Option<i64>,
    /// Cron, duration in nanoseconds and time zone of windows that come again.
    pub recurring: Option<(String, i64, String)>,
    pub author: String,
    pub comment: String,
}

impl Record for Silence {
    const KIND: &'static str = "silence";
}

/// Somebody takes care of an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub topic: String,
    pub event: String,
    pub author: String,
    pub comment: String,
    /// Nanoseconds since 1970.
    pub time: i64,
}

impl Record for Acknowledgement {
    const KIND: &'static str = "acknowledgement";
}

/// The stored silences and acknowledgements.
#[derive(Debug, Clone)]
pub struct Silences(pub(crate) Store);

impl Silences {
    /// All silences, by id.
    pub fn list(&self) -> Result<Vec<Silence>, Error> {
        self.all::<Silence>()
    }

    /// Stores a silence, in place of the one of its id.
    pub fn put(&self, silence: &Silence) -> Result<(), Error> {
        self.0.db.put(&record::key(Silence::KIND, &[], &silence.id), &record::encode(silence)?)
    }

    /// Forgets a silence.
    pub fn delete(&self, id: &str) -> Result<(), Error> {
        self.0.db.delete(&record::key(Silence::KIND, &[], id))
    }

    /// All acknowledgements, by topic and event.
    pub fn acknowledgements(&self) -> Result<Vec<Acknowledgement>, Error> {
        self.all::<Acknowledgement>()
    }

    /// Stores an acknowledgement, in place of the one of its event.
    pub fn acknowledge(&self, acknowledgement: &Acknowledgement) -> Result<(), Error> {
        let Acknowledgement { topic, event, .. } = acknowledgement;
        let key = record::key(Acknowledgement::KIND, &[topic], event);
        self.0.db.put(&key, &record::encode(acknowledgement)?)
    }

    /// Forgets an acknowledgement.
    pub fn withdraw(&self, topic: &str, event: &str) -> Result<(), Error> {
        self.0.db.delete(&record::key(Acknowledgement::KIND, &[topic], event))
    }

    fn all<T: Record>(&self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        record::each(&*self.0.db, &record::prefix(T::KIND, &[]), |id, bytes| {
            all.push(record::decode(&String::from_utf8_lossy(id), &bytes)?);
            Ok(true)
        })?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_kept_until_they_are_deleted() {
        let silences = Store::in_memory().silences();
        let silence = |id: &str, end| Silence { id: id.into(), end, ..Silence::default() };
        for one in [silence("b", None), silence("a", Some(1)), silence("b", Some(2))] {
            silences.put(&one).unwrap();
        }
        assert_eq!(silences.list().unwrap(), [silence("a", Some(1)), silence("b", Some(2))]);
        let one = Acknowledgement { topic: "t".into(), event: "e/1".into(), ..Acknowledgement::default() };
        silences.acknowledge(&one).unwrap();
        assert_eq!(silences.acknowledgements().unwrap(), [one]);
        silences.delete("b").unwrap();
        silences.withdraw("t", "e/1").unwrap();
        assert_eq!((silences.list().unwrap().len(), silences.acknowledgements().unwrap().len()), (1, 0));
    }
}
