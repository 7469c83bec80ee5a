//! A task as the API shows it.

use std::sync::{Arc, atomic::Ordering};

use api::{
    link::Link,
    task::{self as shown, ExecutionStats},
    time::Time,
};
use engine::{EdgeKind, NodeStats, define::dot_with_stats};
use serde_json::Value as Json;
use store::{
    Page,
    tasks::{Status, Task, TaskType},
};

use super::{Definitions, Reading, Refused, vars};

/// Which text of the script is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScriptFormat {
    #[default]
    Formatted,
    Raw,
}

/// How counters stand in the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DotView {
    #[default]
    Attributes,
    Labels,
    /// There is no drawing.
    Nothing,
}

/// How a task is to be shown. What nobody asked for is left out, since in a list of thousands it takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub script: ScriptFormat,
    pub dot: DotView,
    /// Whether to notice a script that is not understood any more.
    pub error: bool,
    pub stats: bool,
}

impl Default for View {
    /// All of it.
    fn default() -> Self {
        View { script: ScriptFormat::default(), dot: DotView::default(), error: true, stats: true }
    }
}

impl View {
    /// Whether counters of nodes are to be seen.
    fn has_counters(self) -> bool {
        self.stats || self.dot != DotView::Nothing
    }
}

/// What is known of a run of a task.
pub struct Executing<'a> {
    pub stats: &'a [Arc<NodeStats>],
    pub edges: &'a [(usize, usize)],
}

impl Definitions {
    /// One task.
    pub fn task(&self, id: &str, view: View) -> Result<shown::Task, Refused> {
        let task = self.store.tasks().get(id)?.ok_or_else(|| Refused::missing("no task exists"))?;
        let warnings = self.reading(&task).remarks.clone();
        if view.has_counters() {
            self.running.count(Some(id));
        }
        Ok(shown::Task { warnings, ..self.show(task, view) })
    }

    /// One task as it runs in a replay.
    pub fn task_in_replay(&self, id: &str, view: View, replayed: &Executing<'_>) -> Result<shown::Task, Refused> {
        let task = self.store.tasks().get(id)?.ok_or_else(|| Refused::missing("no task exists"))?;
        Ok(self.render(task, view, Some(replayed), None))
    }

    /// A page of the tasks, each made when it is asked for.
    pub fn tasks(&self, page: &Page<'_>, view: View) -> impl Iterator<Item = Result<shown::Task, Refused>> {
        if view.has_counters() {
            self.running.count(None);
        }
        self.store.tasks().each(page).map(move |task| Ok(self.show(task?, view)))
    }

    /// The task with all that is known of it now.
    pub fn show(&self, task: Task, view: View) -> shown::Task {
        let running = self.running.get(&task.id);
        let failure = running.as_ref().and_then(|running| self.running.failure(running));
        let running = running.filter(|_| failure.is_none());
        let running = running.as_ref().map(|running| Executing { stats: &running.stats, edges: &running.edges });
        self.render(task, view, running.as_ref(), failure)
    }

    fn render(&self, task: Task, view: View, running: Option<&Executing<'_>>, failure: Option<String>) -> shown::Task {
        let (drawing, broken) = match (view.dot, running) {
            (DotView::Nothing, Some(_)) => (String::new(), None),
            (DotView::Nothing, None) if !view.error => (String::new(), None),
            (_, Some(running)) => (draw(&task, running, view.dot), None),
            (_, None) => match &self.reading(&task).drawing {
                Ok(drawing) => (drawing.clone(), None),
                Err(why) => (String::new(), Some(why.clone())),
            },
        };
        let trouble = running.and_then(|running| trouble(running.stats));
        let stats = running.filter(|_| view.stats).map(|running| stats(running.stats));
        shown::Task {
            link: Link::to_self(format!("{}/{}", shown::PATH, task.id)),
            id: task.id,
            template_id: task.template_id.unwrap_or_default(),
            task_type: match task.task_type {
                TaskType::Stream => shown::TaskType::Stream,
                TaskType::Batch => shown::TaskType::Batch,
            },
            dbrps: task.dbrps.into_iter().map(|dbrp| shown::Dbrp { db: dbrp.db, rp: dbrp.rp }).collect(),
            script: match view.script {
                ScriptFormat::Formatted => task.script,
                ScriptFormat::Raw => task.raw_script,
            },
            vars: vars::shown(task.vars),
            dot: drawing,
            status: match task.status {
                Status::Enabled => shown::Status::Enabled,
                Status::Disabled => shown::Status::Disabled,
            },
            executing: running.is_some(),
            error: failure.or(broken).or(trouble).unwrap_or(task.error),
            stats: stats.unwrap_or_default(),
            created: Time::At(task.created),
            modified: Time::At(task.modified),
            last_enabled: Time::from(task.last_enabled),
            warnings: Vec::new(),
        }
    }

    /// What the script of a task comes to.
    fn reading(&self, task: &Task) -> Arc<Reading> {
        self.readings.of(task, || Reading::of(task, &self.define(task)))
    }
}

/// What a task has to do without for now, though it goes on.
fn trouble(nodes: &[Arc<NodeStats>]) -> Option<String> {
    let now = |node: &Arc<NodeStats>| {
        node.trouble().filter(|trouble| trouble.now).map(|trouble| format!("{}: {}", node.name, trouble.what))
    };
    nodes.iter().find_map(now)
}

fn draw(task: &Task, running: &Executing<'_>, view: DotView) -> String {
    // What runs may be of another kind than the script that the task has got since.
    let stream = running.stats.first().is_none_or(|source| source.gives == EdgeKind::Stream);
    dot_with_stats(&task.id, running.edges, running.stats, stream, view == DotView::Labels, 0.0)
}

/// Counters by node.
pub fn stats(nodes: &[Arc<NodeStats>]) -> ExecutionStats {
    let node_stats = nodes.iter().map(|node| {
        let mut values: std::collections::BTreeMap<String, Json> = [
            ("collected", node.collected.load(Ordering::Relaxed)),
            ("emitted", node.emitted()),
            ("errors", node.errors.load(Ordering::Relaxed)),
            ("avg_exec_time_ns", 0),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_string(), Json::from(value)))
        .collect();
        let cardinality = node.cardinality.load(Ordering::Relaxed).max(0);
        values.insert("working_cardinality".to_string(), Json::from(cardinality));
        values.extend(node.own().map(|(name, value)| (name.to_string(), Json::from(value))));
        values.extend(node.trouble().map(|trouble| ("last_error".to_string(), Json::from(trouble.what))));
        values.extend(node.passing().into_iter().map(|(name, value)| (name, Json::from(value))));
        (node.name.clone(), values)
    });
    let task_stats = [("throughput".to_string(), Json::from(0))].into_iter().collect();
    ExecutionStats { task_stats, node_stats: node_stats.collect() }
}
