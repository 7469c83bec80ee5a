//! What the nodes of a task remember, so that a task goes on after a restart where it was.

use std::collections::BTreeMap;

use crate::db::{Batch, Db};
use crate::{Error, Store, record};

/// The first part of the keys; what a node saved is stored as it is, since nodes version it themselves.
const KIND: &str = "snapshot";

/// The stored snapshots.
#[derive(Debug, Clone)]
pub struct Snapshots(pub(crate) Store);

impl Snapshots {
    /// Stores what the task's nodes saved, by node name, in place of what was there.
    pub fn save(&self, task: &str, nodes: &BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
        let _change = self.0.change();
        let mut batch = Batch::default();
        delete_all(&*self.0.db, &mut batch, task)?;
        for (node, state) in nodes {
            batch.put(record::key(KIND, &[task], node), state.clone());
        }
        self.0.db.apply(batch)
    }

    /// What the task's nodes saved, by node name; empty if nothing was.
    pub fn load(&self, task: &str) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut nodes = BTreeMap::new();
        record::each(&*self.0.db, &record::prefix(KIND, &[task]), |node, state| {
            nodes.insert(String::from_utf8_lossy(node).into_owned(), state);
            Ok(true)
        })?;
        Ok(nodes)
    }

    /// Forgets what the task's nodes saved.
    pub fn delete(&self, task: &str) -> Result<(), Error> {
        let _change = self.0.change();
        let mut batch = Batch::default();
        delete_all(&*self.0.db, &mut batch, task)?;
        self.0.db.apply(batch)
    }
}

/// Forgets a task's snapshot, as part of the batch.
pub(crate) fn delete_all(db: &dyn Db, batch: &mut Batch, task: &str) -> Result<(), Error> {
    record::delete_below(db, &record::prefix(KIND, &[task]), batch)
}

/// Gives a task's snapshot to the task's new id, as part of the batch.
pub(crate) fn rename(db: &dyn Db, batch: &mut Batch, old: &str, new: &str) -> Result<(), Error> {
    let prefix = record::prefix(KIND, &[old]);
    record::each(db, &prefix, |node, state| {
        batch.delete([&prefix, node].concat());
        batch.put(record::key(KIND, &[new], &String::from_utf8_lossy(node)), state);
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_replaces_the_one_before() {
        let snapshots = Store::in_memory().snapshots();
        let first = BTreeMap::from([("a1".to_string(), vec![0, 255]), ("b2".to_string(), vec![])]);
        snapshots.save("t", &first).unwrap();
        assert_eq!(snapshots.load("t").unwrap(), first);
        let second = BTreeMap::from([("b2".to_string(), vec![7])]);
        snapshots.save("t", &second).unwrap();
        assert_eq!(snapshots.load("t").unwrap(), second);
        snapshots.delete("t").unwrap();
        assert!(snapshots.load("t").unwrap().is_empty());
    }
}
