//! The load directory: tasks, templates and handlers of topics that stand in files, brought in at the start, at SIGHUP
//! and, if so wished, when files change. What a file defines replaces what has its id, and goes when the file goes.

mod files;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use api::task::{Status, TaskOptions};
use files::{Content, File, Problem};
use store::{
    Store,
    handlers::Handler,
    loaded::{Kind, Loaded},
    tasks::{Status::Enabled, Task},
};

use crate::{
    alert_topics::{AlertTopics, Rejected},
    definitions::{Definitions, Refused},
};

/// Brings in the files of one directory.
pub struct Loader {
    folder: PathBuf,
    store: Store,
    definitions: Arc<Definitions>,
    topics: Arc<AlertTopics>,
    /// One loads at a time.
    loading: Mutex<()>,
    /// What failed since the start.
    failed: AtomicUsize,
    /// The fingerprint of the files that were brought in last.
    last: AtomicU64,
}

/// What became of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    pub loaded: usize,
    pub failed: usize,
    pub removed: usize,
}

impl Loader {
    pub fn new(folder: PathBuf, store: Store, definitions: Arc<Definitions>, topics: Arc<AlertTopics>) -> Loader {
        let (failed, last) = (AtomicUsize::new(0), AtomicU64::new(0));
        Loader { folder, store, definitions, topics, loading: Mutex::default(), failed, last }
    }

    /// How many files could not be brought in since the start, each time counted.
    pub fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// Bring in all files if one of them is other than it was the last time.
    pub fn load_if_changed(&self) -> Option<Summary> {
        let is_readable = self.folder.is_dir();
        let files: Vec<_> =
            KINDS.iter().flat_map(|kind| files::read(&self.folder, *kind).unwrap_or_default()).collect();
        let has_changed = is_readable && fingerprint(files.iter()) != self.last.load(Ordering::Relaxed);
        has_changed.then(|| self.load())
    }

    /// Bring in all files. One that is broken is told in the log, and what it defined before stays; the others are
    /// brought in.
    pub fn load(&self) -> Summary {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut summary = Summary::default();
        if !self.folder.is_dir() {
            // Perhaps it is not mounted: that is no wish to remove all.
            tracing::warn!(dir = %self.folder.display(), "the load directory does not exist: nothing is loaded");
            return summary;
        }
        let (mut seen, mut files) = (Seen::default(), Vec::new());
        for kind in KINDS {
            match files::read(&self.folder, kind) {
                Ok(found) => files.extend(found.into_iter().map(|file| (kind, file))),
                Err(error) => {
                    tracing::error!("cannot read {}: {error}", files::folder(&self.folder, kind).display());
                    summary.failed += 1;
                    seen.unreadable.insert(kind);
                }
            }
        }
        self.last.store(fingerprint(files.iter().map(|(_, file)| file)), Ordering::Relaxed);
        summary.loaded = files.len();
        let failed = self.bring_in(files, &mut seen);
        summary.loaded -= failed;
        summary.failed += failed;
        match self.remove_missing(&seen) {
            Ok(removed) => summary.removed = removed,
            Err(error) => tracing::error!("cannot remove what came from files that are gone: {}", error.text),
        }
        let Summary { loaded, failed, removed } = summary;
        self.failed.fetch_add(failed, Ordering::Relaxed);
        tracing::info!(dir = %self.folder.display(), loaded, failed, removed, "files are loaded");
        summary
    }

    /// Bring in files; how many could not be.
    fn bring_in(&self, files: Vec<(Kind, File)>, seen: &mut Seen) -> usize {
        seen.files = files.iter().map(|(kind, file)| (*kind, file.name.clone())).collect();
        let mut once = |(kind, file): (Kind, File)| {
            self.try_bring_in(kind, &file, seen).err().map(|problem| ((kind, file), problem))
        };
        let failed: Vec<_> = files.into_iter().filter_map(&mut once).collect();
        // A template and its tasks may have changed in a way that needs both.
        let failed: Vec<_> = failed.into_iter().filter_map(|(file, _)| once(file)).collect();
        for ((_, File { path, .. }), Problem { line, why }) in &failed {
            let place = line.map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()));
            tracing::error!("cannot load {place}: {why}");
        }
        failed.len()
    }

    fn try_bring_in(&self, kind: Kind, file: &File, seen: &mut Seen) -> Result<(), Problem> {
        if kind != Kind::Handler {
            // Even if the file is broken now, what it defined before is not gone.
            seen.items.entry((kind, String::new(), file.id.clone())).or_insert_with(|| file.name.clone());
        }
        let content = file.content(kind)?;
        let item = |topic: &str, id: &str| Loaded { kind, topic: topic.into(), id: id.into(), file: file.name.clone() };
        let item = match &content {
            Content::Handler(handler) => item(&handler.topic, &handler.id),
            _ => item("", &file.id),
        };
        let place = (kind, item.topic.clone(), item.id.clone());
        if let Some(first) = seen.items.get(&place).filter(|first| **first != file.name) {
            return Err(Problem { line: None, why: format!("{:?} is defined by {first} already", item.id) });
        }
        match content {
            Content::Handler(handler) => self.handler(&handler).map_err(|why| file.blame(&why))?,
            Content::Template(script) => self.template(&file.id, script)?,
            Content::Script(script) => {
                self.task(TaskOptions { id: file.id.clone(), script, ..TaskOptions::default() }, &item)?
            }
            Content::Task(task) => {
                if task.template_id.is_empty() {
                    return Err(Problem { line: None, why: "it must name a template, \"template-id\"".to_string() });
                }
                let options = TaskOptions {
                    id: file.id.clone(),
                    template_id: task.template_id,
                    dbrps: task.dbrps,
                    vars: task.vars,
                    ..TaskOptions::default()
                };
                // A line of the template's script is none of this file.
                let line = file.line_of(&["template-id"]);
                self.task(options, &item).map_err(|problem| Problem { line, ..problem })?;
            }
        }
        self.store.loaded().put(&item).map_err(|error| Problem { line: None, why: error.to_string() })?;
        seen.items.insert(place, file.name.clone());
        Ok(())
    }

    fn template(&self, id: &str, script: String) -> Result<(), Problem> {
        let options = api::template::TemplateOptions { id: id.to_string(), script, ..Default::default() };
        match self.store.templates().get(id).map_err(Refused::from)? {
            Some(stored) if stored.raw_script == options.script => Ok(()),
            Some(_) => Ok(self.definitions.update_template(id, &options).map(drop)?),
            None => Ok(self.definitions.create_template(&options).map(drop)?),
        }
    }

    /// The task as the file has it, switched on. One that is stored but does not start came from the file all the same.
    fn task(&self, options: TaskOptions, item: &Loaded) -> Result<(), Problem> {
        let outcome = self.switch_on(&options);
        let stored = self.store.tasks().get(&options.id).map_err(Refused::from)?;
        if outcome.is_err() && stored.is_some_and(|stored| is_like(&stored, &options)) {
            self.store.loaded().put(item).map_err(Refused::from)?;
        }
        Ok(outcome?)
    }

    /// A task that runs as its file has it is left alone.
    fn switch_on(&self, options: &TaskOptions) -> Result<(), Refused> {
        let id = &options.id;
        let Some(stored) = self.store.tasks().get(id)? else {
            let new = TaskOptions { status: Some(Status::Enabled), ..options.clone() };
            return self.definitions.create_task(&new).map(drop);
        };
        let switch = |status| TaskOptions { status: Some(status), ..TaskOptions::default() };
        if !is_like(&stored, options) {
            self.update(&stored, options)?;
        } else if stored.status == Enabled && self.definitions.is_running(id) {
            return Ok(());
        }
        self.definitions.update_task(id, &switch(Status::Disabled))?;
        self.definitions.update_task(id, &switch(Status::Enabled))?;
        Ok(())
    }

    /// A file says all of a task, so what it does not have (a template, variables) the task must not keep.
    fn update(&self, stored: &Task, options: &TaskOptions) -> Result<(), Refused> {
        let mut bare = stored.clone();
        bare.template_id = None;
        bare.vars = serde_json::Value::Object(serde_json::Map::new());
        self.store.tasks().replace(&stored.id, &bare)?;
        let outcome = self.definitions.update_task(&stored.id, options);
        if outcome.is_err() {
            self.store.tasks().replace(&stored.id, stored)?;
        }
        outcome.map(drop)
    }

    fn handler(&self, handler: &Handler) -> Result<(), Rejected> {
        match self.topics.handler(&handler.topic, &handler.id)? {
            // An open one holds connections and events that wait.
            Some(stored) if stored == *handler && self.topics.is_attached(&handler.topic, &handler.id) => Ok(()),
            Some(_) => self.topics.replace(&handler.topic, &handler.id, handler),
            None => self.topics.create(handler),
        }
    }

    /// Delete what came from files that are gone.
    fn remove_missing(&self, seen: &Seen) -> Result<usize, Refused> {
        let mut gone: Vec<Loaded> = self.store.loaded().all()?;
        gone.retain(|item| {
            let place = (item.kind, item.topic.clone(), item.id.clone());
            // A file that could not be brought in keeps what it brought before.
            let is_known = seen.unreadable.contains(&item.kind) || seen.items.contains_key(&place);
            !(is_known || seen.is_broken(item))
        });
        // Tasks before their templates.
        gone.sort_by_key(|item| item.kind);
        for item in &gone {
            match item.kind {
                Kind::Task => self.definitions.delete_task(&item.id)?,
                Kind::Template => self.definitions.delete_template(&item.id)?,
                Kind::Handler => self.topics.delete(&item.topic, &item.id)?,
            }
            self.store.loaded().delete(item)?;
            let what = format!("{:?}", item.kind).to_lowercase();
            tracing::info!(file = item.file, id = item.id, "{what} is removed: its file is gone");
        }
        Ok(gone.len())
    }
}

/// The order in which they are brought in.
const KINDS: [Kind; 3] = [Kind::Template, Kind::Task, Kind::Handler];

/// Another number for other files.
fn fingerprint<'a>(files: impl Iterator<Item = &'a File>) -> u64 {
    let mut hasher = DefaultHasher::new();
    files.for_each(|file| file.hash(&mut hasher));
    hasher.finish()
}

/// Whether a task is as its file has it.
fn is_like(task: &Task, options: &TaskOptions) -> bool {
    let template = task.template_id.as_deref().unwrap_or_default();
    let vars = serde_json::from_value::<api::vars::Vars>(task.vars.clone()).unwrap_or_default();
    let dbrps = || task.dbrps.iter().map(|dbrp| (&dbrp.db, &dbrp.rp)).eq(options.dbrps.iter().map(|d| (&d.db, &d.rp)));
    template == options.template_id
        && (options.script.is_empty() || task.raw_script == options.script)
        && vars == options.vars
        && (options.dbrps.is_empty() || dbrps())
}

/// What one load came upon.
#[derive(Default)]
struct Seen {
    /// The file of each definition, by kind, topic and id.
    items: BTreeMap<(Kind, String, String), String>,
    /// All files.
    files: BTreeSet<(Kind, String)>,
    /// Kinds whose folder could not be read.
    unreadable: BTreeSet<Kind>,
}

impl Seen {
    /// Whether the item's file is there, but defined nothing this time.
    fn is_broken(&self, item: &Loaded) -> bool {
        self.files.contains(&(item.kind, item.file.clone()))
            && !self.items.iter().any(|((kind, ..), file)| *kind == item.kind && *file == item.file)
    }
}
