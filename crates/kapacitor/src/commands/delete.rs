//! `kapacitor delete`: deletes tasks, templates, recordings, replays, topics or handlers.

use api::client::Listed;
use api::link::Link;
use api::recording::Recording;
use api::replay::Replay;
use api::task::Task;
use api::template::Template;
use api::topic::{self, Handler, Topic};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("delete")
        .override_usage(
            "kapacitor delete (tasks|templates|recordings|replays|topics|topic-handlers) [ID or pattern]...",
        )
        .about("Delete tasks, templates, recordings, replays, topics or topic-handlers.")
        .long_about(
            "Delete tasks, templates, recordings, replays, topics or topic-handlers.\n\
             \n\
             \t$ kapacitor delete tasks cpu_alert\n\
             \t$ kapacitor delete tasks '*_alert'\n\
             \n\
             A running task is stopped before. For handlers, the topic comes first:\n\
             \n\
             \t$ kapacitor delete topic-handlers system slack\n\
             \n\
             What matches nothing is passed over.",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [kind, patterns @ ..] = args.as_slice() else { return Err(no_id()) };
    if patterns.is_empty() {
        return Err(no_id());
    }
    match kind.as_str() {
        "tasks" => delete::<Task>(cx, patterns, |task| task.link),
        "templates" => delete::<Template>(cx, patterns, |template| template.link),
        "recordings" => delete::<Recording>(cx, patterns, |recording| recording.link),
        "replays" => delete::<Replay>(cx, patterns, |replay| replay.link),
        "topics" => delete_topics(cx, patterns),
        "topic-handlers" => delete_handlers(cx, &patterns[0], &patterns[1..]),
        _ => anyhow::bail!(
            "cannot delete '{kind}' did you mean 'tasks', 'templates', 'recordings', 'replays', 'topics' or \
             'topic-handlers'?"
        ),
    }
}

fn no_id() -> anyhow::Error {
    Stop::usage(&command(), "Must pass at least one ID")
}

fn delete<T: Listed>(cx: &Context, patterns: &[String], link: fn(T) -> Link) -> anyhow::Result<()> {
    for pattern in patterns {
        for item in cx.wait(cx.client.list_all::<T>(pattern, &["link"]))? {
            cx.wait(cx.client.delete(&link(item).href))?;
        }
    }
    Ok(())
}

fn delete_topics(cx: &Context, patterns: &[String]) -> anyhow::Result<()> {
    for pattern in patterns {
        for topic in topics(cx, pattern)? {
            cx.wait(cx.client.delete(&topic.link.href))?;
        }
    }
    Ok(())
}

fn delete_handlers(cx: &Context, topic: &str, patterns: &[String]) -> anyhow::Result<()> {
    for pattern in patterns {
        for handler in handlers(cx, &topic::handlers_path(topic), pattern)? {
            cx.wait(cx.client.delete(&handler.link.href))?;
        }
    }
    Ok(())
}

/// The topics that match; their list is not paged.
pub(super) fn topics(cx: &Context, pattern: &str) -> anyhow::Result<Vec<Topic>> {
    Ok(cx.wait(cx.client.list_at(Topic::PATH, Topic::KEY, &[("min-level", "OK"), ("pattern", pattern)]))?)
}

/// The handlers below the path that match.
pub(super) fn handlers(cx: &Context, path: &str, pattern: &str) -> anyhow::Result<Vec<Handler>> {
    Ok(cx.wait(cx.client.list_at(path, "handlers", &[("pattern", pattern)]))?)
}
