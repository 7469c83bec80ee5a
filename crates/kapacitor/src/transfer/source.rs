//! Definitions of another daemon, of Kapacitor or ours, read over its API.

use api::{
    client::Client,
    task::{Task, TaskOptions},
    template::{Template, TemplateOptions},
    topic::{Handler, HandlerOptions, Topic},
};

use super::Definitions;

/// All that the daemon has: scripts as their authors wrote them, tasks switched as they are there.
///
/// # Errors
/// What the daemon refuses, or that it does not answer.
pub(crate) async fn daemon(from: &Client) -> anyhow::Result<Definitions> {
    let raw = [("script-format", "raw")];
    let mut found = Definitions::default();
    for Template { id, .. } in from.list_all::<Template>("", &["link"]).await? {
        let template: Template = from.get(&format!("{}/{id}", api::template::PATH), &raw).await?;
        found.templates.push(TemplateOptions { id, script: template.script, ..TemplateOptions::default() });
    }
    for Task { id, .. } in from.list_all::<Task>("", &["link"]).await? {
        let task: Task = from.get(&format!("{}/{id}", api::task::PATH), &raw).await?;
        let script = if task.template_id.is_empty() { task.script } else { String::new() };
        found.tasks.push(TaskOptions {
            id,
            template_id: task.template_id,
            task_type: task.task_type,
            // A script that says itself what it reads must not be told again.
            dbrps: if super::folder::says_dbrp(&script) { Vec::new() } else { task.dbrps },
            script,
            status: Some(task.status),
            vars: task.vars,
            keep_state: false,
        });
    }
    let topics: Vec<Topic> = from.list_at(api::topic::PATH, "topics", &[("min-level", "OK"), ("pattern", "")]).await?;
    for topic in topics {
        let handlers: Vec<Handler> = from.list_at(&topic.handlers_link.href, "handlers", &[("pattern", "")]).await?;
        found.handlers.extend(handlers.into_iter().map(|handler| HandlerOptions {
            topic: topic.id.clone(),
            id: handler.id,
            kind: handler.kind,
            options: handler.options,
            matches: handler.matches,
        }));
    }
    Ok(found)
}
