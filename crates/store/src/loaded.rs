//! What came from files of the load directory, so that it goes when its file goes.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Store,
    record::{self, Record},
};

/// What a file of the load directory defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Task,
    Template,
    Handler,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Task => "task",
            Kind::Template => "template",
            Kind::Handler => "handler",
        }
    }
}

/// A definition that came from a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Loaded {
    pub kind: Kind,
    /// That of a handler; empty for others.
    pub topic: String,
    pub id: String,
    /// The file's name within the folder of its kind.
    pub file: String,
}

impl Record for Loaded {
    const KIND: &'static str = "loaded";
}

/// The list of what came from files.
#[derive(Debug, Clone)]
pub struct LoadedItems(pub(crate) Store);

impl LoadedItems {
    /// All of it, by kind, topic and id.
    pub fn all(&self) -> Result<Vec<Loaded>, Error> {
        let mut all = Vec::new();
        record::each(&*self.0.db, &record::prefix(Loaded::KIND, &[]), |id, bytes| {
            all.push(record::decode(&String::from_utf8_lossy(id), &bytes)?);
            Ok(true)
        })?;
        Ok(all)
    }

    /// Remembers a definition, in place of what is known of one with its kind, topic and id.
    pub fn put(&self, item: &Loaded) -> Result<(), Error> {
        self.0.db.put(&key(item), &record::encode(item)?)
    }

    /// Forgets a definition.
    pub fn delete(&self, item: &Loaded) -> Result<(), Error> {
        self.0.db.delete(&key(item))
    }
}

fn key(item: &Loaded) -> Vec<u8> {
    record::key(Loaded::KIND, &[item.kind.name(), &item.topic], &item.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_remembered_once() {
        let loaded = Store::in_memory().loaded();
        let item =
            |kind, topic: &str, file: &str| Loaded { kind, topic: topic.into(), id: "a".into(), file: file.into() };
        for (kind, topic, file) in [
            (Kind::Task, "", "a.json"),
            (Kind::Task, "", "a.tick"),
            (Kind::Handler, "t", "x"),
            (Kind::Handler, "u", "x"),
        ] {
            loaded.put(&item(kind, topic, file)).unwrap();
        }
        let all = [item(Kind::Handler, "t", "x"), item(Kind::Handler, "u", "x"), item(Kind::Task, "", "a.tick")];
        assert_eq!(loaded.all().unwrap(), all);
        loaded.delete(&all[0]).unwrap();
        assert_eq!(loaded.all().unwrap(), all[1..]);
    }
}
