//! `kapacitor list`: tables of tasks, templates, recordings, replays, topics, handlers and tests of services.

use api::client::Listed;
use api::recording::{self, Recording};
use api::replay::{self, Replay};
use api::service_test::ServiceTest;
use api::task::{self, Task};
use api::template::{self, Template};
use api::topic::{Handler, Topic};
use clap::{ArgMatches, Command};

use super::{Verb, delete};
use crate::cli::{Context, Stop};
use crate::flags;
use crate::output::{dbrps, local, row, size, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("list")
        .override_usage(
            "kapacitor list (tasks|templates|recordings|replays|topics|topic-handlers|service-tests) \
             [-o FORMAT] [ID or pattern]...",
        )
        .about("List tasks, templates, recordings, replays, topics, topic-handlers or service-tests.")
        .long_about(
            "List tasks, templates, recordings, replays, topics, topic-handlers or service-tests: all of them, or those\n\
             that match.\n\
             \n\
             \t$ kapacitor list tasks\n\
             \t$ kapacitor list tasks 'cpu_*'\n\
             \n\
             For handlers, the topic or a pattern of topics comes first:\n\
             \n\
             \t$ kapacitor list topic-handlers system 'email*'",
        )
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [kind, patterns @ ..] = args.as_slice() else {
        let message = "Must specify 'tasks', 'recordings', 'replays', 'topics', or 'topic-handlers'";
        return Err(Stop::usage(&command(), message));
    };
    let all = [String::new()];
    let patterns = if patterns.is_empty() { &all } else { patterns };
    let as_json = flags::wants_json(matches);
    match kind.as_str() {
        "tasks" if as_json => cx.print_json(&matching::<Task>(cx, patterns, task::FIELDS)?),
        "tasks" => tasks(cx, patterns),
        "templates" if as_json => cx.print_json(&matching::<Template>(cx, patterns, template::FIELDS)?),
        "templates" => templates(cx, patterns),
        "recordings" if as_json => cx.print_json(&matching::<Recording>(cx, patterns, recording::FIELDS)?),
        "recordings" => recordings(cx, patterns),
        "replays" if as_json => cx.print_json(&matching::<Replay>(cx, patterns, replay::FIELDS)?),
        "replays" => replays(cx, patterns),
        "topics" => topics(cx, patterns, as_json),
        "topic-handlers" => topic_handlers(cx, &patterns[0], &patterns[1..], as_json),
        "service-tests" => service_tests(cx, patterns, as_json),
        _ => anyhow::bail!(
            "cannot list '{kind}' did you mean 'tasks', 'recordings', 'replays', 'topics', 'topic-handlers' or \
             'service-tests'?"
        ),
    }
}

/// What matches any of the patterns, pattern by pattern.
fn matching<T: Listed>(cx: &Context, patterns: &[String], fields: &[&str]) -> anyhow::Result<Vec<T>> {
    let mut items = Vec::new();
    for pattern in patterns {
        items.extend(cx.wait(cx.client.list_all(pattern, fields))?);
    }
    Ok(items)
}

fn tasks(cx: &Context, patterns: &[String]) -> anyhow::Result<()> {
    let mut tasks: Vec<Task> = matching(cx, patterns, &["type", "status", "executing", "dbrps"])?;
    tasks.sort_by(|a, b| a.id.cmp(&b.id));
    let id = width(2, tasks.iter().map(|task| task.id.as_str()));
    let mut out = String::new();
    let head = [("ID", id), ("Type", 10), ("Status", 10), ("Executing", 10)];
    row(&mut out, &head, "Databases and Retention Policies");
    for task in &tasks {
        let executing = if task.executing { "true" } else { "false" };
        let columns = [(task.id.as_str(), id), (task.task_type.name(), 10), (task.status.name(), 10), (executing, 10)];
        row(&mut out, &columns, &dbrps(&task.dbrps));
    }
    cx.print(&out)
}

fn templates(cx: &Context, patterns: &[String]) -> anyhow::Result<()> {
    let mut templates: Vec<Template> = matching(cx, patterns, &["type", "vars"])?;
    templates.sort_by(|a, b| a.id.cmp(&b.id));
    let id = width(2, templates.iter().map(|template| template.id.as_str()));
    let mut out = String::new();
    row(&mut out, &[("ID", id), ("Type", 10), ("Vars", 40)], "");
    for template in &templates {
        let vars: Vec<&str> = template.vars.keys().map(String::as_str).collect();
        row(&mut out, &[(&template.id, id), (template.task_type.name(), 10), (&vars.join(","), 40)], "");
    }
    cx.print(&out)
}

fn recordings(cx: &Context, patterns: &[String]) -> anyhow::Result<()> {
    let recordings: Vec<Recording> = matching(cx, patterns, &["type", "size", "date", "status"])?;
    let id = width(2, recordings.iter().map(|recording| recording.id.as_str()));
    let mut out = String::new();
    row(&mut out, &[("ID", id), ("Type", 8), ("Status", 10), ("Size", 10), ("Date", 23)], "");
    for recording in &recordings {
        let (kind, status) = (recording.task_type.name(), recording.status.name());
        let (size, date) = (size(recording.size), local(recording.date));
        row(&mut out, &[(&recording.id, id), (kind, 8), (status, 10), (&size, 10), (&date, 23)], "");
    }
    cx.print(&out)
}

fn replays(cx: &Context, patterns: &[String]) -> anyhow::Result<()> {
    let fields = ["task", "recording", "status", "clock", "date"];
    let replays: Vec<Replay> = matching(cx, patterns, &fields)?;
    let id = width(2, replays.iter().map(|replay| replay.id.as_str()));
    let task = width(4, replays.iter().map(|replay| replay.task.as_str()));
    let recording = width(9, replays.iter().map(|replay| replay.recording.as_str()));
    let mut out = String::new();
    let head = [("ID", id), ("Task", task), ("Recording", recording), ("Status", 9), ("Clock", 8), ("Date", 23)];
    row(&mut out, &head, "");
    for replay in &replays {
        let first = [(replay.id.as_str(), id), (&replay.task, task), (&replay.recording, recording)];
        let date = local(replay.date);
        let last = [(replay.status.name(), 9), (replay.clock.name(), 8), (&date, 23)];
        row(&mut out, &[first, last].concat(), "");
    }
    cx.print(&out)
}

fn topics(cx: &Context, patterns: &[String], as_json: bool) -> anyhow::Result<()> {
    let mut topics: Vec<Topic> = Vec::new();
    for pattern in patterns {
        topics.extend(delete::topics(cx, pattern)?);
    }
    if as_json {
        return cx.print_json(&topics);
    }
    let id = width(2, topics.iter().map(|topic| topic.id.as_str()));
    let level = width(8, topics.iter().map(|topic| topic.level.as_str()));
    let mut out = String::new();
    row(&mut out, &[("ID", id), ("Level", level)], &format!("{:>10}", "Collected"));
    for topic in &topics {
        row(&mut out, &[(&topic.id, id), (&topic.level, level)], &format!("{:>10}", topic.collected));
    }
    cx.print(&out)
}

fn topic_handlers(cx: &Context, topic_pattern: &str, patterns: &[String], as_json: bool) -> anyhow::Result<()> {
    let all = [String::new()];
    let patterns = if patterns.is_empty() { &all } else { patterns };
    let mut found: Vec<(String, Handler)> = Vec::new();
    for topic in delete::topics(cx, topic_pattern)? {
        for pattern in patterns {
            let handlers = delete::handlers(cx, &topic.handlers_link.href, pattern)?;
            found.extend(handlers.into_iter().map(|handler| (topic.id.clone(), handler)));
        }
    }
    if as_json {
        return cx.print_json(&found.into_iter().map(|(_, handler)| handler).collect::<Vec<_>>());
    }
    let topic = width(10, found.iter().map(|(topic, _)| topic.as_str()));
    let id = width(10, found.iter().map(|(_, handler)| handler.id.as_str()));
    let kind = width(10, found.iter().map(|(_, handler)| handler.kind.as_str()));
    let mut out = String::new();
    row(&mut out, &[("Topic", topic), ("ID", id), ("Kind", kind)], "");
    for (name, handler) in &found {
        row(&mut out, &[(name, topic), (&handler.id, id), (&handler.kind, kind)], "");
    }
    cx.print(&out)
}

fn service_tests(cx: &Context, patterns: &[String], as_json: bool) -> anyhow::Result<()> {
    if !as_json {
        // Kapacitor writes it before it asks.
        cx.print("Service Name\n")?;
    }
    let mut found = Vec::new();
    for pattern in patterns {
        found.extend(services(cx, pattern)?);
    }
    if as_json {
        return cx.print_json(&found);
    }
    cx.print(&found.iter().map(|service| format!("{}\n", service.name)).collect::<String>())
}

/// The services that can be tested and match; their list is not paged.
pub(super) fn services(cx: &Context, pattern: &str) -> anyhow::Result<Vec<ServiceTest>> {
    Ok(cx.wait(cx.client.list_at(ServiceTest::PATH, ServiceTest::KEY, &[("pattern", pattern)]))?)
}
