//! Tasks as users defined them, and whether they are switched on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::Batch;
use crate::record::{self, Record, decode, encode};
use crate::{Error, Page, Store, snapshots, templates};

/// What a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskType {
    /// Points as they are written.
    Stream,
    /// Answers of queries.
    Batch,
}

/// Whether a task shall run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Disabled,
    Enabled,
}

/// A database and a retention policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dbrp {
    pub db: String,
    pub rp: String,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    pub dbrps: Vec<Dbrp>,
    /// The script in the common layout.
    pub script: String,
    /// The script as the user wrote it.
    pub raw_script: String,
    /// The template the task was made of.
    pub template_id: Option<String>,
    /// The values of the script's variables: name to `{"type", "value", "description"}`.
    pub vars: Value,
    pub status: Status,
    /// What stopped the task; empty when all is well.
    pub error: String,
    /// Nanoseconds since 1970.
    pub created: i64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    /// Nanoseconds since 1970; none if it never was.
    pub last_enabled: Option<i64>,
}

impl Record for Task {
    const KIND: &'static str = "task";
}

/// The stored tasks.
#[derive(Debug, Clone)]
pub struct Tasks(pub(crate) Store);

impl Tasks {
    /// The task of that id.
    pub fn get(&self, id: &str) -> Result<Option<Task>, Error> {
        let bytes = self.0.db.get(&key(id))?;
        bytes.map(|bytes| decode(id, &bytes)).transpose()
    }

    /// Stores a new task.
    ///
    /// # Errors
    /// [`Error::Exists`] if the id is taken.
    pub fn create(&self, task: &Task) -> Result<(), Error> {
        let _change = self.0.change();
        self.refuse_taken(&task.id)?;
        let mut batch = Batch::default();
        put(&mut batch, task)?;
        self.0.db.apply(batch)
    }

    /// Stores `task` in place of the one called `id`; another id in `task` renames it, its snapshot goes along.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no task `id`, [`Error::Exists`] if the new id is taken.
    pub fn replace(&self, id: &str, task: &Task) -> Result<(), Error> {
        let _change = self.0.change();
        let old = self.get(id)?.ok_or_else(|| Error::Missing { kind: Task::KIND, id: id.to_string() })?;
        let mut batch = Batch::default();
        if old.template_id != task.template_id || old.id != task.id {
            unlink(&mut batch, &old);
        }
        if task.id != id {
            self.refuse_taken(&task.id)?;
            batch.delete(key(id));
            snapshots::rename(&*self.0.db, &mut batch, id, &task.id)?;
        }
        put(&mut batch, task)?;
        self.0.db.apply(batch)
    }

    /// Deletes the task and its snapshot; whether there was one.
    pub fn delete(&self, id: &str) -> Result<bool, Error> {
        let _change = self.0.change();
        let Some(old) = self.get(id)? else { return Ok(false) };
        let mut batch = Batch::default();
        batch.delete(key(id));
        unlink(&mut batch, &old);
        snapshots::delete_all(&*self.0.db, &mut batch, id)?;
        self.0.db.apply(batch)?;
        Ok(true)
    }

    /// A page of the tasks, ordered by the bytes of their ids.
    pub fn list(&self, page: &Page<'_>) -> Result<Vec<Task>, Error> {
        self.each(page).collect()
    }

    /// The same one by one, read as they are asked for: a task that is changed meanwhile is as it was or as it is. After
    /// an error there are no more.
    pub fn each(&self, page: &Page<'_>) -> impl Iterator<Item = Result<Task, Error>> + use<> {
        record::Items::new(&self.0.db, &[], page)
    }

    fn refuse_taken(&self, id: &str) -> Result<(), Error> {
        match self.0.db.get(&key(id))? {
            Some(_) => Err(Error::Exists { kind: Task::KIND, id: id.to_string() }),
            None => Ok(()),
        }
    }
}

fn key(id: &str) -> Vec<u8> {
    record::key(Task::KIND, &[], id)
}

fn put(batch: &mut Batch, task: &Task) -> Result<(), Error> {
    batch.put(key(&task.id), encode(task)?);
    if let Some(template) = &task.template_id {
        templates::link(batch, template, &task.id);
    }
    Ok(())
}

fn unlink(batch: &mut Batch, task: &Task) {
    if let Some(template) = &task.template_id {
        templates::unlink(batch, template, &task.id);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    pub(crate) fn task(id: &str) -> Task {
        Task {
            id: id.to_string(),
            task_type: TaskType::Stream,
            dbrps: vec![Dbrp { db: "telegraf".into(), rp: "autogen".into() }],
            script: "stream\n    |from()\n".into(),
            raw_script: "stream|from()".into(),
            template_id: None,
            vars: serde_json::json!({ "ratio": { "type": "float", "value": 0.1, "description": "" } }),
            status: Status::Enabled,
            error: String::new(),
            created: 1,
            modified: 2,
            last_enabled: None,
        }
    }

    #[test]
    fn a_task_comes_back_as_it_was() {
        let tasks = Store::in_memory().tasks();
        tasks.create(&task("a")).unwrap();
        assert_eq!(tasks.get("a").unwrap(), Some(task("a")));
        assert_eq!(tasks.get("b").unwrap(), None);
        assert_eq!(tasks.create(&task("a")).unwrap_err().to_string(), "task a already exists");
        assert_eq!(tasks.replace("b", &task("b")).unwrap_err().to_string(), "no task exists");
        let changed = Task { status: Status::Disabled, last_enabled: Some(9), ..task("a") };
        tasks.replace("a", &changed).unwrap();
        assert_eq!(tasks.get("a").unwrap(), Some(changed));
        assert!(tasks.delete("a").unwrap());
        assert!(!tasks.delete("a").unwrap());
    }

    #[test]
    fn lists_are_pages_of_matches_by_id() {
        let tasks = Store::in_memory().tasks();
        for n in (0..600).rev() {
            tasks.create(&task(&format!("cpu_{n:03}"))).unwrap();
        }
        tasks.create(&task("mem")).unwrap();
        let ids = |pattern, offset, limit| -> Vec<String> {
            tasks.list(&Page { pattern, offset, limit }).unwrap().into_iter().map(|task| task.id).collect()
        };
        assert_eq!(tasks.list(&Page::ALL).unwrap().len(), 601);
        assert_eq!(ids("cpu_*", 298, 2), ["cpu_298", "cpu_299"]);
        assert_eq!(ids("*_01[0-2]", 1, 9), ["cpu_011", "cpu_012"]);
        assert_eq!(ids("mem", 0, 100), ["mem"]);
        for empty in [ids("mem", 1, 100), ids("mem", 0, 0), ids("[", 0, 100), ids("none", 0, 100), ids("", 601, 100)] {
            assert_eq!(empty, Vec::<String>::new());
        }
    }

    #[test]
    fn a_rename_takes_links_and_snapshot_along() {
        let store = Store::in_memory();
        let tasks = store.tasks();
        tasks.create(&Task { template_id: Some("tpl".into()), ..task("a") }).unwrap();
        tasks.create(&task("c")).unwrap();
        let state = BTreeMap::from([("alert2".to_string(), vec![1, 2])]);
        store.snapshots().save("a", &state).unwrap();
        assert!(tasks.replace("a", &task("c")).is_err());
        tasks.replace("a", &Task { template_id: Some("tpl".into()), ..task("b") }).unwrap();
        assert_eq!(tasks.get("a").unwrap(), None);
        assert_eq!(store.templates().tasks_of("tpl").unwrap(), ["b"]);
        assert_eq!(store.snapshots().load("b").unwrap(), state);
        assert!(store.snapshots().load("a").unwrap().is_empty());
        tasks.replace("b", &Task { template_id: Some("other".into()), ..task("b") }).unwrap();
        assert!(store.templates().tasks_of("tpl").unwrap().is_empty());
        tasks.delete("b").unwrap();
        assert!(store.templates().tasks_of("other").unwrap().is_empty());
        assert!(store.snapshots().load("b").unwrap().is_empty());
    }
}
