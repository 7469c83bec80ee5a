//! What users define: tasks and templates, stored, checked, and run. Every call may block on the disk.

mod options;
mod readings;
mod shards;
mod shown;
mod templates;
mod vars;

use std::{sync::Arc, time::SystemTime};

use engine::{
    GroupTags, Host, TaskInfo, Tasks,
    define::{Built, DefineError, Defined, Pipeline, Request, Surface, build_shards, define, division},
};
use model::LiveSchema;
use store::{
    Store,
    tasks::{Status, Task, TaskType},
};

use crate::checkpoints::Checkpoints;
use readings::{Reading, Readings};
pub(crate) use shards::Shards;

pub use options::{is_valid_id, new_id};
pub use shown::{DotView, Executing, ScriptFormat, View, stats};

/// A request that cannot be met, as the API answers it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    pub status: u16,
    pub text: String,
    /// See [`Refused::kept`]; unset if it is the text.
    kept: Option<String>,
}

impl Refused {
    pub fn new(status: u16, text: impl Into<String>) -> Refused {
        Refused { status, text: text.into(), kept: None }
    }

    /// What is kept with a task or replay that could not start.
    pub fn kept(&self) -> &str {
        self.kept.as_ref().unwrap_or(&self.text)
    }

    /// The request is wrong.
    pub fn bad(text: impl Into<String>) -> Refused {
        Refused::new(400, text)
    }

    pub fn missing(text: impl Into<String>) -> Refused {
        Refused::new(404, text)
    }

    /// The request was right, but could not be carried out.
    pub fn failed(text: impl Into<String>) -> Refused {
        Refused::new(500, text)
    }
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        Refused::failed(error.to_string())
    }
}

/// The tasks and templates of one daemon.
pub struct Definitions {
    store: Store,
    surface: Surface,
    schema: LiveSchema,
    host: Arc<dyn Host>,
    running: Arc<Tasks>,
    /// None if tasks begin anew each time.
    checkpoints: Option<Checkpoints>,
    /// Held by whoever changes definitions, so that what runs is what is stored.
    changes: std::sync::Mutex<()>,
    readings: Readings,
    shards: Shards,
}

impl Definitions {
    pub fn new(
        store: Store,
        surface: Surface,
        schema: LiveSchema,
        host: Arc<dyn Host>,
        running: Arc<Tasks>,
        checkpoints: Option<Checkpoints>,
    ) -> Definitions {
        let (changes, readings, shards) = (std::sync::Mutex::default(), Readings::default(), Shards::default());
        Definitions { store, surface, schema, host, running, checkpoints, changes, readings, shards }
    }

    /// Divide tasks into shards from now on.
    #[must_use]
    pub(crate) fn divided(self, shards: Shards) -> Definitions {
        Definitions { shards, ..self }
    }

    /// What keeps the state of running tasks, if it is kept.
    pub fn checkpoints(&self) -> Option<&Checkpoints> {
        self.checkpoints.as_ref()
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Start all tasks that are switched on. One that cannot start keeps its error; the others run.
    pub fn start_all(&self) -> Result<(usize, usize), Refused> {
        let _change = self.change();
        let tasks = self.store.tasks().list(&store::Page::ALL)?;
        let (all, mut started) = (tasks.len(), 0);
        for task in tasks.into_iter().filter(|task| task.status == Status::Enabled) {
            match self.start(&task) {
                Ok(()) => started += 1,
                Err(error) => tracing::error!(task = task.id, "task does not start: {error}"),
            }
        }
        Ok((all, started))
    }

    /// Stop all tasks; with checkpoints they go on when the daemon starts again.
    pub fn stop_all(&self) {
        match &self.checkpoints {
            Some(checkpoints) => checkpoints.suspend_all(),
            None => self.running.stop_all(),
        }
    }

    /// Stop a task. Either it will start again at once, and go on where it is; or it hands on what it holds and is
    /// forgotten: it would miss what comes while it does not run, so its windows would be wrong.
    fn stop(&self, id: &str, goes_on: bool) {
        match &self.checkpoints {
            Some(checkpoints) if goes_on => checkpoints.suspend(id),
            Some(checkpoints) => {
                self.running.stop(id);
                checkpoints.forget(id);
            }
            None => drop(self.running.stop(id)),
        }
    }

    /// Whether a task was started and not stopped.
    pub fn is_running(&self, id: &str) -> bool {
        self.running.get(id).is_some()
    }

    /// How many tasks there are, and how many are switched on.
    pub fn counts(&self) -> Result<(usize, usize), Refused> {
        let tasks = self.store.tasks().list(&store::Page::ALL)?;
        Ok((tasks.len(), tasks.iter().filter(|task| task.status == Status::Enabled).count()))
    }

    /// Store a new task, and start it if it is switched on.
    pub fn create_task(&self, options: &api::task::TaskOptions) -> Result<(Task, Vec<String>), Refused> {
        let _change = self.change();
        let id = if options.id.is_empty() { new_id() } else { options.id.clone() };
        if !is_valid_id(&id) {
            return Err(Refused::bad(options::bad_task_id(&id)));
        }
        if self.store.tasks().get(&id)?.is_some() {
            return Err(Refused::bad(format!("task {id} already exists")));
        }
        let now = now();
        let mut task = Task {
            id,
            task_type: TaskType::Stream,
            dbrps: options::dbrps(&options.dbrps),
            script: String::new(),
            raw_script: options.script.clone(),
            template_id: None,
            vars: vars::stored(&options.vars)?,
            status: options::status(options.status.unwrap_or_default()),
            error: String::new(),
            created: now,
            modified: now,
            last_enabled: None,
        };
        if !options.template_id.is_empty() {
            self.take_template(&mut task, &options.template_id)?;
        } else if task.raw_script.is_empty() {
            return Err(Refused::bad("must provide TICKscript"));
        }
        let defined = self.define(&task)?;
        options::take_dbrps(&mut task, &defined, !options.dbrps.is_empty(), "both implicitly")?;
        if task.dbrps.is_empty() {
            return Err(Refused::bad("must specify dbrp"));
        }
        if task.status == Status::Enabled {
            task.last_enabled = Some(now);
        }
        self.store.tasks().create(&task)?;
        let warnings = warnings(&task, &defined);
        if task.status == Status::Enabled {
            self.start(&task)?;
        }
        Ok((task, warnings))
    }

    /// Change a task. A new script runs from the next time it is switched on, as in Kapacitor.
    pub fn update_task(&self, id: &str, options: &api::task::TaskOptions) -> Result<(Task, Vec<String>), Refused> {
        let _change = self.change();
        // A request that is wrong in itself is told before what is not there.
        let vars = vars::stored(&options.vars)?;
        let original =
            self.store.tasks().get(id)?.ok_or_else(|| Refused::missing("task does not exist, cannot update"))?;
        let mut task = original.clone();
        if !options.id.is_empty() {
            if !is_valid_id(&options.id) {
                return Err(Refused::bad(options::bad_task_id(&options.id)));
            }
            task.id.clone_from(&options.id);
        }
        let template =
            if options.template_id.is_empty() { task.template_id.clone() } else { Some(options.template_id.clone()) };
        match template {
            Some(template) => self.take_template(&mut task, &template)?,
            None if !options.script.is_empty() => task.raw_script.clone_from(&options.script),
            None => {}
        }
        if !options.dbrps.is_empty() {
            task.dbrps = options::dbrps(&options.dbrps);
        }
        if !options.vars.is_empty() {
            task.vars = vars;
        }
        if let Some(status) = options.status {
            task.status = options::status(status);
        }
        let switched = original.status != task.status;
        // What cannot be understood any more (its template is gone, say) may still be switched off.
        let defined = match self.define(&task) {
            Ok(defined) => Some(defined),
            Err(_) if switched && task.status == Status::Disabled && task.raw_script == original.raw_script => None,
            Err(error) => return Err(error),
        };
        if let Some(defined) = &defined {
            let had_own = !original.raw_script.is_empty() && options::has_dbrps(&original);
            if had_own && defined.dbrps.is_empty() && !options.script.is_empty() && options.dbrps.is_empty() {
                return Err(Refused::bad("must specify dbrp"));
            }
            options::take_dbrps(&mut task, defined, !options.dbrps.is_empty(), "implicitly")?;
        }
        task.modified = now();
        if switched && task.status == Status::Enabled {
            task.last_enabled = Some(task.modified);
            task.error.clear();
        }
        self.store.tasks().replace(id, &task)?;
        let renamed = original.id != task.id;
        if renamed && original.status == Status::Enabled {
            self.stop(&original.id, options.keep_state);
        }
        if let (true, Some(checkpoints)) = (renamed, &self.checkpoints) {
            checkpoints.rename(&original.id, &task.id);
        }
        if renamed && original.status == Status::Enabled && task.status == Status::Enabled {
            self.start(&task)?;
        }
        if renamed {
            self.readings.forget(id);
            self.host.topics().forget_all(&format!("main:{id}:"));
        }
        if switched {
            match task.status {
                Status::Enabled => self.start(&task)?,
                Status::Disabled => self.stop(&task.id, options.keep_state),
            }
        }
        Ok((task.clone(), defined.map(|defined| warnings(&task, &defined)).unwrap_or_default()))
    }

    /// Delete a task, running or not; one that is not there is gone already.
    pub fn delete_task(&self, id: &str) -> Result<(), Refused> {
        let _change = self.change();
        // Handlers may wait in the topics of a task that is still to come.
        if self.store.tasks().get(id)?.is_none() {
            return Ok(());
        }
        self.stop(id, false);
        self.store.tasks().delete(id)?;
        self.readings.forget(id);
        self.host.topics().forget_all(&format!("main:{id}:"));
        Ok(())
    }

    fn change(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Understand a task's script; the task gets its type and canonical form.
    fn define(&self, task: &Task) -> Result<Defined, Refused> {
        let request = Request { vars: vars::of_stored(&task.vars)?, template: false };
        define(&self.surface, &task.raw_script, &request).map_err(|error| refused(&error))
    }

    /// Build and start a task. What hinders it is kept with the task.
    fn start(&self, task: &Task) -> Result<(), Refused> {
        let outcome = self.try_start(task);
        let error = match &outcome {
            Err(why) => why.kept().to_string(),
            Ok(()) => String::new(),
        };
        if error != task.error {
            self.store.tasks().replace(&task.id, &Task { error, ..task.clone() })?;
        }
        outcome
    }

    fn try_start(&self, task: &Task) -> Result<(), Refused> {
        let (mut built, _) = self.build_shards(task, &self.host, self.shards.of(&task.id))?;
        if let Some(checkpoints) = &self.checkpoints {
            // It may run already, and be started again.
            checkpoints.suspend(&task.id);
            checkpoints.resume(&mut built);
        }
        let covered = self.running.start(built);
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.started(&task.id, covered);
        }
        Ok(())
    }

    /// A task ready to run in this world, and its pipeline.
    pub(crate) fn build(&self, task: &Task, host: &Arc<dyn Host>) -> Result<(Built, Pipeline), Refused> {
        self.build_shards(task, host, 1)
    }

    fn build_shards(&self, task: &Task, host: &Arc<dyn Host>, shards: u8) -> Result<(Built, Pipeline), Refused> {
        let defined = self.define(task);
        self.readings.keep(task, Reading::of(task, &defined));
        let pipeline = defined?.pipeline;
        let info = Arc::new(TaskInfo {
            id: task.id.as_str().into(),
            stream: task.task_type == TaskType::Stream,
            dbrps: task.dbrps.iter().map(|dbrp| (dbrp.db.clone(), dbrp.rp.clone())).collect(),
        });
        let tags = if shards > 1 { self.division(task, &pipeline, shards) } else { None };
        let division = tags.as_ref().map(|tags| (tags, shards));
        let built = build_shards(&self.surface, &pipeline, (&info, &self.schema.now(), host), division);
        let built = built.map_err(|why| Refused {
            kept: Some(why.message.clone()),
            ..Refused::failed(why.render(&task.raw_script))
        })?;
        Ok((built, pipeline))
    }

    /// By what a task is divided that the config wants divided.
    fn division(&self, task: &Task, pipeline: &Pipeline, shards: u8) -> Option<GroupTags> {
        match division(&self.surface, pipeline) {
            Ok(tags) => {
                tracing::info!(task = task.id, shards, "the task is divided by {tags}");
                Some(tags)
            }
            Err(why) => {
                tracing::warn!(task = task.id, "the task is not divided into {shards} shards: {why}");
                None
            }
        }
    }
}

fn refused(error: &DefineError) -> Refused {
    Refused::bad(error.to_string())
}

/// Remarks on a script: all go to the log, those on the dialect to the answer, too.
fn warnings(task: &Task, defined: &Defined) -> Vec<String> {
    for warning in &defined.warnings {
        tracing::warn!(task = task.id, "{}", warning.message);
    }
    deprecations(task, defined)
}

/// Remarks on the dialect of v0.2. Others are not for answers: programs that read them expect none.
fn deprecations(task: &Task, defined: &Defined) -> Vec<String> {
    let dialect = defined.warnings.iter().filter(|warning| warning.deprecation);
    dialect.map(|warning| warning.render(&task.raw_script)).collect()
}

/// The daemon's clock, for what is stored: nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
