//! What users changed in the config over HTTP.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::{self, Record};
use crate::{Error, Store, db::Batch};

/// The changed options of one element of a section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Override {
    pub section: String,
    /// Its element key; empty for the only or the nameless element.
    pub element: String,
    /// It is not in the config file: this makes it.
    pub create: bool,
    pub options: Map<String, Value>,
}

impl Record for Override {
    const KIND: &'static str = "override";
}

/// The stored changes.
#[derive(Debug, Clone)]
pub struct Overrides(pub(crate) Store);

impl Overrides {
    /// All of them, by section and element.
    pub fn list(&self) -> Result<Vec<Override>, Error> {
        let mut all = Vec::new();
        record::each(&*self.0.db, &record::prefix(Override::KIND, &[]), |id, bytes| {
            all.push(record::decode(&String::from_utf8_lossy(id), &bytes)?);
            Ok(true)
        })?;
        Ok(all)
    }

    /// Stores one, in place of the one for the same element.
    pub fn put(&self, change: &Override) -> Result<(), Error> {
        self.0.db.put(&key(&change.section, &change.element), &record::encode(change)?)
    }

    /// Forgets those of some elements of a section.
    pub fn delete(&self, section: &str, elements: &[String]) -> Result<(), Error> {
        let mut batch = Batch::default();
        for element in elements {
            batch.delete(key(section, element));
        }
        self.0.db.apply(batch)
    }
}

fn key(section: &str, element: &str) -> Vec<u8> {
    record::key(Override::KIND, &[section], element)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_kept_by_section_and_element() {
        let overrides = Store::in_memory().overrides();
        let change = |section: &str, element: &str, port: i64| Override {
            section: section.into(),
            element: element.into(),
            create: false,
            options: json!({ "port": port }).as_object().unwrap().clone(),
        };
        for (section, element, port) in [("smtp", "", 1), ("slack", "b", 2), ("slack", "a", 3), ("smtp", "", 4)] {
            overrides.put(&change(section, element, port)).unwrap();
        }
        assert_eq!(
            overrides.list().unwrap(),
            [change("slack", "a", 3), change("slack", "b", 2), change("smtp", "", 4)]
        );
        overrides.delete("slack", &["a".into(), "nope".into()]).unwrap();
        assert_eq!(overrides.list().unwrap().len(), 2);
    }
}
