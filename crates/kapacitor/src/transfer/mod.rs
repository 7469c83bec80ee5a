//! Definitions that are brought to a daemon together: read from a folder or another daemon, checked, and put in place.

mod folder;
mod settings;
mod source;

use api::{
    client::{Client, Error},
    task::{self, Status, TaskOptions},
    template::TemplateOptions,
    topic::{self, Handler, HandlerOptions},
};
use engine::define::{Request, Severity, Stage, Surface, diagnose};

pub(crate) use folder::folder;
pub(crate) use settings::{Change, settings};
pub(crate) use source::daemon;

use crate::{cli::Context, scripts};

/// What shall be there in the end.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) templates: Vec<TemplateOptions>,
    /// Without those whose template is not there either.
    pub(crate) tasks: Vec<TaskOptions>,
    /// Each with its topic.
    pub(crate) handlers: Vec<HandlerOptions>,
}

/// What is done with one definition, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    New,
    /// It is there already and is replaced.
    Replaced,
    /// It is there already and stays.
    Kept,
    /// Why it would not run here, or could not be brought.
    Failed(String),
}

impl Definitions {
    /// What would become of each, by kind and name, with nothing changed.
    pub(crate) fn rehearse(&self, cx: &Context, overwrite: bool) -> anyhow::Result<Vec<(String, Outcome)>> {
        let surface = scripts::surface();
        let mut outcomes = Vec::new();
        for template in &self.templates {
            let is_there = exists(cx.wait(cx.client.template(&template.id)))?;
            outcomes.push((name("template", &template.id), judged(&surface, &template.script, is_there, overwrite)));
        }
        for task in &self.tasks {
            let is_there = exists(cx.wait(cx.client.task(&task.id, "")))?;
            let outcome = judged(&surface, &task.script, is_there, overwrite);
            outcomes.push((name("task", &task.id), outcome));
        }
        for handler in &self.handlers {
            let is_there = exists(cx.wait(handler_of(&cx.client, handler)))?;
            outcomes.push((handler_name(handler), plan(is_there, overwrite)));
        }
        Ok(outcomes)
    }

    /// Put all in place, in the order in which they need each other. One that fails does not stop the others.
    pub(crate) fn apply(&self, cx: &Context, overwrite: bool) -> anyhow::Result<Vec<(String, Outcome)>> {
        let mut outcomes = Vec::new();
        for template in &self.templates {
            let is_there = exists(cx.wait(cx.client.template(&template.id)))?;
            let outcome = done(plan(is_there, overwrite), || put_template(cx, template, is_there));
            outcomes.push((name("template", &template.id), outcome));
        }
        for task in &self.tasks {
            let is_there = exists(cx.wait(cx.client.task(&task.id, "")))?;
            outcomes.push((name("task", &task.id), done(plan(is_there, overwrite), || put_task(cx, task, is_there))));
        }
        for handler in &self.handlers {
            let is_there = exists(cx.wait(handler_of(&cx.client, handler)))?;
            let outcome = done(plan(is_there, overwrite), || put_handler(cx, handler, is_there));
            outcomes.push((handler_name(handler), outcome));
        }
        Ok(outcomes)
    }
}

fn name(kind: &str, id: &str) -> String {
    format!("{kind} {id}")
}

fn handler_name(handler: &HandlerOptions) -> String {
    format!("handler {} of topic {}", handler.id, handler.topic)
}

fn exists<T>(answer: Result<T, Error>) -> anyhow::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.is_missing() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn plan(is_there: bool, overwrite: bool) -> Outcome {
    match (is_there, overwrite) {
        (false, _) => Outcome::New,
        (true, true) => Outcome::Replaced,
        (true, false) => Outcome::Kept,
    }
}

/// A task of a template has no script of its own.
fn judged(surface: &Surface, script: &str, is_there: bool, overwrite: bool) -> Outcome {
    let planned = plan(is_there, overwrite);
    if planned == Outcome::Kept || script.is_empty() {
        return planned;
    }
    let diagnosis = diagnose(surface, script, &Request::inferred(script));
    let hinders = |severity: Severity, stage: Stage| severity == Severity::Error && stage != Stage::Run;
    let found = diagnosis.diagnostics.iter().find(|one| hinders(one.severity, one.stage));
    found.map_or(planned, |why| Outcome::Failed(why.render(script)))
}

fn done(planned: Outcome, work: impl FnOnce() -> Result<(), Error>) -> Outcome {
    if planned == Outcome::Kept {
        return planned;
    }
    match work() {
        Ok(()) => planned,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn put_template(cx: &Context, template: &TemplateOptions, is_there: bool) -> Result<(), Error> {
    if is_there {
        let path = format!("{}/{}", api::template::PATH, template.id);
        return cx
            .wait(cx.client.update_template(&path, &TemplateOptions { id: String::new(), ..template.clone() }))
            .map(drop);
    }
    cx.wait(cx.client.create_template(template)).map(drop)
}

/// A task that is enabled is switched off and on, so that it runs as it is defined now.
fn put_task(cx: &Context, task: &TaskOptions, is_there: bool) -> Result<(), Error> {
    if !is_there {
        return cx.wait(cx.client.create_task(task)).map(drop);
    }
    let path = format!("{}/{}", task::PATH, task.id);
    let keep_state = task.status == Some(Status::Enabled);
    let stopped = TaskOptions { id: String::new(), status: Some(Status::Disabled), keep_state, ..task.clone() };
    cx.wait(cx.client.update_task(&path, &stopped))?;
    let switched = TaskOptions { status: task.status, ..TaskOptions::default() };
    cx.wait(cx.client.update_task(&path, &switched)).map(drop)
}

fn put_handler(cx: &Context, handler: &HandlerOptions, is_there: bool) -> Result<(), Error> {
    let answer: Result<Handler, Error> = if is_there {
        cx.wait(cx.client.put(&topic::handler_path(&handler.topic, &handler.id), handler))
    } else {
        cx.wait(cx.client.post(&topic::handlers_path(&handler.topic), handler))
    };
    answer.map(drop)
}

async fn handler_of(client: &Client, handler: &HandlerOptions) -> Result<Handler, Error> {
    client.get(&topic::handler_path(&handler.topic, &handler.id), &[]).await
}

/// A line for each, what failed with its reason below; and how many failed.
pub(crate) fn report(outcomes: &[(String, Outcome)]) -> (String, usize) {
    let (mut text, mut failed) = (String::new(), 0);
    for (name, outcome) in outcomes {
        let word = match outcome {
            Outcome::New => "new",
            Outcome::Replaced => "replaced",
            Outcome::Kept => "kept as it is here",
            Outcome::Failed(_) => "FAILED",
        };
        text.push_str(&format!("{name}: {word}\n"));
        if let Outcome::Failed(why) = outcome {
            failed += 1;
            for line in why.trim_end().lines() {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    (text, failed)
}
