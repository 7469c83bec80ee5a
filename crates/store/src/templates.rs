//! Templates, and which tasks were made of each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::Batch;
use crate::record::{self, Record, decode, encode};
use crate::tasks::TaskType;
use crate::{Error, Page, Store};

/// A script with variables that tasks give values to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    pub id: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    /// The script in the common layout.
    pub script: String,
    /// The script as the user wrote it.
    pub raw_script: String,
    /// The variables that the script declares: name to `{"type", "value", "description"}`.
    pub vars: Value,
    /// Empty when all is well.
    pub error: String,
    /// Nanoseconds since 1970.
    pub created: i64,
    /// Nanoseconds since 1970.
    pub modified: i64,
}

impl Record for Template {
    const KIND: &'static str = "template";
}

/// The first part of the keys that say which task uses which template.
const USES: &str = "template-use";

/// The stored templates.
#[derive(Debug, Clone)]
pub struct Templates(pub(crate) Store);

impl Templates {
    /// The template of that id.
    pub fn get(&self, id: &str) -> Result<Option<Template>, Error> {
        let bytes = self.0.db.get(&key(id))?;
        bytes.map(|bytes| decode(id, &bytes)).transpose()
    }

    /// Stores a new template.
    ///
    /// # Errors
    /// [`Error::Exists`] if the id is taken.
    pub fn create(&self, template: &Template) -> Result<(), Error> {
        let _change = self.0.change();
        self.refuse_taken(&template.id)?;
        self.0.db.put(&key(&template.id), &encode(template)?)
    }

    /// Stores `template` in place of the one called `id`; another id in `template` renames it. Its tasks still name
    /// the old id until they are replaced, too.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no template `id`, [`Error::Exists`] if the new id is taken.
    pub fn replace(&self, id: &str, template: &Template) -> Result<(), Error> {
        let _change = self.0.change();
        if self.0.db.get(&key(id))?.is_none() {
            return Err(Error::Missing { kind: Template::KIND, id: id.to_string() });
        }
        let mut batch = Batch::default();
        if template.id != id {
            self.refuse_taken(&template.id)?;
            batch.delete(key(id));
        }
        batch.put(key(&template.id), encode(template)?);
        self.0.db.apply(batch)
    }

    /// Deletes the template; whether there was one. Tasks made of it keep their script and its id.
    pub fn delete(&self, id: &str) -> Result<bool, Error> {
        let _change = self.0.change();
        if self.0.db.get(&key(id))?.is_none() {
            return Ok(false);
        }
        self.0.db.delete(&key(id))?;
        Ok(true)
    }

    /// A page of the templates, ordered by the bytes of their ids.
    pub fn list(&self, page: &Page<'_>) -> Result<Vec<Template>, Error> {
        record::Items::new(&self.0.db, &[], page).collect()
    }

    /// The ids of the tasks made of the template, in order.
    pub fn tasks_of(&self, id: &str) -> Result<Vec<String>, Error> {
        let mut tasks = Vec::new();
        record::each(&*self.0.db, &record::prefix(USES, &[id]), |task, _| {
            tasks.push(String::from_utf8_lossy(task).into_owned());
            Ok(true)
        })?;
        Ok(tasks)
    }

    fn refuse_taken(&self, id: &str) -> Result<(), Error> {
        match self.0.db.get(&key(id))? {
            Some(_) => Err(Error::Exists { kind: Template::KIND, id: id.to_string() }),
            None => Ok(()),
        }
    }
}

fn key(id: &str) -> Vec<u8> {
    record::key(Template::KIND, &[], id)
}

/// Notes that the task is made of the template.
pub(crate) fn link(batch: &mut Batch, template: &str, task: &str) {
    batch.put(record::key(USES, &[template], task), Vec::new());
}

/// Forgets that the task is made of the template.
pub(crate) fn unlink(batch: &mut Batch, template: &str, task: &str) {
    batch.delete(record::key(USES, &[template], task));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{Task, tests::task};

    fn template(id: &str) -> Template {
        Template {
            id: id.to_string(),
            task_type: TaskType::Batch,
            script: "var x = 5\n".into(),
            raw_script: "var x=5".into(),
            vars: serde_json::json!({}),
            error: String::new(),
            created: 1,
            modified: 2,
        }
    }

    #[test]
    fn templates_know_their_tasks() {
        let store = Store::in_memory();
        let templates = store.templates();
        templates.create(&template("t")).unwrap();
        templates.create(&template("t.2")).unwrap();
        assert_eq!(templates.create(&template("t")).unwrap_err().to_string(), "template t already exists");
        for id in ["b", "a"] {
            store.tasks().create(&Task { template_id: Some("t".into()), ..task(id) }).unwrap();
        }
        store.tasks().create(&Task { template_id: Some("t.2".into()), ..task("c") }).unwrap();
        assert_eq!(templates.tasks_of("t").unwrap(), ["a", "b"]);
        assert!(templates.delete("t").unwrap());
        assert!(!templates.delete("t").unwrap());
        assert_eq!(templates.tasks_of("t").unwrap(), ["a", "b"]);
        assert_eq!(templates.list(&Page::ALL).unwrap(), [template("t.2")]);
        assert_eq!(templates.get("t.2").unwrap(), Some(template("t.2")));
    }

    #[test]
    fn a_rename_moves_the_template() {
        let templates = Store::in_memory().templates();
        templates.create(&template("a")).unwrap();
        templates.replace("a", &template("b")).unwrap();
        assert_eq!(templates.list(&Page::ALL).unwrap(), [template("b")]);
        assert_eq!(templates.replace("a", &template("a")).unwrap_err().to_string(), "no template exists");
    }
}
