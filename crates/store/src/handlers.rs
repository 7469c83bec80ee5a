//! Handlers that users attached to topics.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::Batch;
use crate::record::{self, Record, decode, encode};
use crate::{Error, Page, Store};

/// A handler of a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handler {
    pub topic: String,
    pub id: String,
    /// The kind, such as `slack`.
    pub kind: String,
    /// The kind's options by name.
    pub options: Value,
    /// Which events it gets; empty for all.
    #[serde(rename = "match")]
    pub matches: String,
}

impl Record for Handler {
    const KIND: &'static str = "handler";
}

/// The stored handlers.
#[derive(Debug, Clone)]
pub struct Handlers(pub(crate) Store);

impl Handlers {
    /// The topic's handler of that id.
    pub fn get(&self, topic: &str, id: &str) -> Result<Option<Handler>, Error> {
        let bytes = self.0.db.get(&key(topic, id))?;
        bytes.map(|bytes| decode(id, &bytes)).transpose()
    }

    /// Stores a new handler.
    ///
    /// # Errors
    /// [`Error::Exists`] if the topic has one of that id.
    pub fn create(&self, handler: &Handler) -> Result<(), Error> {
        let _change = self.0.change();
        self.refuse_taken(handler)?;
        self.0.db.put(&key(&handler.topic, &handler.id), &encode(handler)?)
    }

    /// Stores `handler` in place of the topic's handler `id`; another id or topic in `handler` moves it.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none of that id, [`Error::Exists`] if the new place is taken.
    pub fn replace(&self, topic: &str, id: &str, handler: &Handler) -> Result<(), Error> {
        let _change = self.0.change();
        if self.0.db.get(&key(topic, id))?.is_none() {
            return Err(Error::Missing { kind: Handler::KIND, id: id.to_string() });
        }
        let mut batch = Batch::default();
        if (topic, id) != (&handler.topic, &handler.id) {
            self.refuse_taken(handler)?;
            batch.delete(key(topic, id));
        }
        batch.put(key(&handler.topic, &handler.id), encode(handler)?);
        self.0.db.apply(batch)
    }

    /// Deletes the handler; whether there was one.
    pub fn delete(&self, topic: &str, id: &str) -> Result<bool, Error> {
        let _change = self.0.change();
        let key = key(topic, id);
        if self.0.db.get(&key)?.is_none() {
            return Ok(false);
        }
        self.0.db.delete(&key)?;
        Ok(true)
    }

    /// Deletes all handlers of a topic.
    pub fn delete_topic(&self, topic: &str) -> Result<(), Error> {
        let _change = self.0.change();
        let mut batch = Batch::default();
        record::delete_below(&*self.0.db, &record::prefix(Handler::KIND, &[topic]), &mut batch)?;
        self.0.db.apply(batch)
    }

    /// A page of a topic's handlers, ordered by the bytes of their ids.
    pub fn list(&self, topic: &str, page: &Page<'_>) -> Result<Vec<Handler>, Error> {
        record::Items::new(&self.0.db, &[topic], page).collect()
    }

    /// All handlers of all topics, ordered by topic and id.
    pub fn all(&self) -> Result<Vec<Handler>, Error> {
        let mut handlers = Vec::new();
        record::each(&*self.0.db, &record::prefix(Handler::KIND, &[]), |id, value| {
            handlers.push(decode(&String::from_utf8_lossy(id), &value)?);
            Ok(true)
        })?;
        Ok(handlers)
    }

    fn refuse_taken(&self, handler: &Handler) -> Result<(), Error> {
        match self.0.db.get(&key(&handler.topic, &handler.id))? {
            Some(_) => Err(Error::Exists { kind: Handler::KIND, id: handler.id.clone() }),
            None => Ok(()),
        }
    }
}

fn key(topic: &str, id: &str) -> Vec<u8> {
    record::key(Handler::KIND, &[topic], id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(topic: &str, id: &str) -> Handler {
        Handler {
            topic: topic.into(),
            id: id.into(),
            kind: "slack".into(),
            options: serde_json::json!({ "channel": "#alerts", "a": 1 }),
            matches: "level() == CRITICAL".into(),
        }
    }

    #[test]
    fn handlers_belong_to_topics() {
        let handlers = Store::in_memory().handlers();
        for (topic, id) in [("a", "y"), ("a", "x"), ("a:b", "x")] {
            handlers.create(&handler(topic, id)).unwrap();
        }
        assert_eq!(handlers.create(&handler("a", "x")).unwrap_err().to_string(), "handler x already exists");
        assert_eq!(handlers.get("a", "y").unwrap(), Some(handler("a", "y")));
        assert_eq!(handlers.list("a", &Page::ALL).unwrap(), [handler("a", "x"), handler("a", "y")]);
        assert_eq!(handlers.list("a", &Page { pattern: "y*", ..Page::ALL }).unwrap(), [handler("a", "y")]);
        handlers.replace("a", "y", &handler("a", "z")).unwrap();
        assert!(handlers.replace("a", "z", &handler("a", "x")).is_err());
        assert!(handlers.replace("a", "y", &handler("a", "y")).unwrap_err().is_missing());
        assert_eq!(handlers.all().unwrap(), [handler("a", "x"), handler("a", "z"), handler("a:b", "x")]);
        handlers.delete_topic("a").unwrap();
        assert_eq!(handlers.all().unwrap(), [handler("a:b", "x")]);
        assert!(handlers.delete("a:b", "x").unwrap());
        assert!(!handlers.delete("a:b", "x").unwrap());
    }
}
