//! Templates: scripts whose variables tasks give values to. A change reaches all tasks of the template, or none.

use api::{link::Link, task as shown_task, template as shown, time::Time};
use engine::{
    EdgeKind,
    define::{Request, define, dot},
};
use store::{
    Page,
    tasks::{Status, Task, TaskType},
    templates::Template,
};

use super::{Definitions, Refused, ScriptFormat, is_valid_id, new_id, now, refused, vars};

impl Definitions {
    /// The script of a template becomes a task's own.
    pub(super) fn take_template(&self, task: &mut Task, id: &str) -> Result<(), Refused> {
        let template = self
            .store
            .templates()
            .get(id)?
            .ok_or_else(|| Refused::bad(format!("unknown template {id}: err: no template exists")))?;
        task.raw_script = template.raw_script;
        task.template_id = Some(template.id);
        Ok(())
    }

    pub fn template(&self, id: &str, format: ScriptFormat) -> Result<shown::Template, Refused> {
        let template = self.store.templates().get(id)?.ok_or_else(|| Refused::missing("no template exists"))?;
        Ok(self.show_template(&template, format))
    }

    pub fn templates(&self, page: &Page<'_>, format: ScriptFormat) -> Result<Vec<shown::Template>, Refused> {
        let templates = self.store.templates().list(page)?;
        Ok(templates.iter().map(|template| self.show_template(template, format)).collect())
    }

    pub fn create_template(&self, options: &shown::TemplateOptions) -> Result<shown::Template, Refused> {
        let _change = self.change();
        let id = if options.id.is_empty() { new_id() } else { options.id.clone() };
        if !is_valid_id(&id) {
            return Err(Refused::bad(bad_template_id(&id)));
        }
        if self.store.templates().get(&id)?.is_some() {
            return Err(Refused::bad(format!("template {id} already exists")));
        }
        if options.script.is_empty() {
            return Err(Refused::bad("must provide TICKscript"));
        }
        let now = now();
        let template = Template {
            id,
            task_type: TaskType::Stream,
            script: String::new(),
            raw_script: options.script.clone(),
            vars: serde_json::Value::Null,
            error: String::new(),
            created: now,
            modified: now,
        };
        let template = self.understand(template)?;
        self.store.templates().create(&template)?;
        Ok(self.show_template(&template, ScriptFormat::Formatted))
    }

    /// Change a template and all tasks made of it. If one of them cannot follow, nothing is changed.
    pub fn update_template(&self, id: &str, options: &shown::TemplateOptions) -> Result<shown::Template, Refused> {
        let _change = self.change();
        let original = self
            .store
            .templates()
            .get(id)?
            .ok_or_else(|| Refused::missing("template does not exist, cannot update"))?;
        let mut template = original.clone();
        if !options.id.is_empty() {
            if !is_valid_id(&options.id) {
                return Err(Refused::bad(bad_template_id(&options.id)));
            }
            template.id.clone_from(&options.id);
        }
        if !options.script.is_empty() {
            template.raw_script.clone_from(&options.script);
        }
        template.modified = now();
        let template = self.understand(template)?;
        let wanted = match options.task_type {
            Some(shown_task::TaskType::Stream) => TaskType::Stream,
            Some(shown_task::TaskType::Batch) => TaskType::Batch,
            _ => original.task_type,
        };
        if template.task_type != wanted {
            let (is, not) = if wanted == TaskType::Stream { ("stream", "batch") } else { ("batch", "stream") };
            return Err(Refused::bad(format!(
                "invalid TICKscript: the template is for a {is} task, its script for a {not} task"
            )));
        }
        let mut tasks = Vec::new();
        for task in self.store.templates().tasks_of(id)? {
            let Some(before) = self.store.tasks().get(&task)? else { continue };
            tasks.push((self.follow(&before, &template)?, before));
        }
        self.store.templates().replace(id, &template)?;
        for (task, _) in &tasks {
            self.store.tasks().replace(&task.id, task)?;
        }
        if let Err(why) = self.restart(&tasks) {
            self.store.templates().replace(&template.id, &original)?;
            for (_, before) in &tasks {
                self.store.tasks().replace(&before.id, before)?;
                if before.status == Status::Enabled {
                    self.start(before)?;
                }
            }
            return Err(why);
        }
        Ok(self.show_template(&template, ScriptFormat::Formatted))
    }

    pub fn delete_template(&self, id: &str) -> Result<(), Refused> {
        let _change = self.change();
        self.store.templates().delete(id)?;
        Ok(())
    }

    /// A task as it will be after its template has changed.
    fn follow(&self, before: &Task, template: &Template) -> Result<Task, Refused> {
        let mut task = Task {
            raw_script: template.raw_script.clone(),
            template_id: Some(template.id.clone()),
            modified: template.modified,
            ..before.clone()
        };
        match self.define(&task) {
            Ok(defined) => super::options::take_dbrps(&mut task, &defined, false, "implicitly")?,
            // What does not run takes what comes, as in Kapacitor; it may lack values of variables until it is switched on.
            Err(_) if task.status == Status::Disabled => {
                let request = Request { template: true, ..Request::default() };
                let defined = define(&self.surface, &template.raw_script, &request).map_err(|error| refused(&error))?;
                super::options::take_dbrps(&mut task, &defined, false, "implicitly")?;
            }
            Err(error) => return Err(cannot_follow(&before.id, &error)),
        }
        Ok(task)
    }

    fn restart(&self, tasks: &[(Task, Task)]) -> Result<(), Refused> {
        for (task, _) in tasks.iter().filter(|(task, _)| task.status == Status::Enabled) {
            self.start(task).map_err(|error| cannot_follow(&task.id, &error))?;
        }
        Ok(())
    }

    /// The template with type, canonical script and variables of its script.
    fn understand(&self, template: Template) -> Result<Template, Refused> {
        let request = Request { template: true, ..Request::default() };
        let defined = define(&self.surface, &template.raw_script, &request).map_err(|error| refused(&error))?;
        let vars = serde_json::to_value(vars::to_api(&defined.vars)).map_err(|e| Refused::failed(e.to_string()))?;
        let task_type = if defined.kind == EdgeKind::Stream { TaskType::Stream } else { TaskType::Batch };
        Ok(Template { script: defined.formatted, vars, task_type, ..template })
    }

    fn show_template(&self, template: &Template, format: ScriptFormat) -> shown::Template {
        let request = Request { template: true, ..Request::default() };
        let (drawing, error) = match define(&self.surface, &template.raw_script, &request) {
            Ok(defined) => (dot(&template.id, &defined.pipeline), String::new()),
            Err(error) => (String::new(), error.to_string()),
        };
        shown::Template {
            link: Link::to_self(format!("{}/{}", shown::PATH, template.id)),
            id: template.id.clone(),
            task_type: match template.task_type {
                TaskType::Stream => api::task::TaskType::Stream,
                TaskType::Batch => api::task::TaskType::Batch,
            },
            script: match format {
                ScriptFormat::Formatted => template.script.clone(),
                ScriptFormat::Raw => template.raw_script.clone(),
            },
            vars: vars::shown(template.vars.clone()),
            dot: drawing,
            error,
            created: Time::At(template.created),
            modified: Time::At(template.modified),
            warnings: Vec::new(),
        }
    }
}

/// A change of a template that one of its tasks does not survive.
fn cannot_follow(task: &str, error: &Refused) -> Refused {
    Refused::failed(format!("error reloading associated task {task}: {}", error.text))
}

fn bad_template_id(id: &str) -> String {
    format!("template ID must contain only letters, numbers, '-', '.' and '_'. {id:?}")
}
