//! `kapacitor show-topic`: all about a topic and its events.

use std::fmt::Write;

use api::silence::HeldBack;
use api::topic::{self, Event, Handler, Topic};
use clap::{ArgMatches, Command};
use serde::Serialize;

use super::{Verb, delete};
use crate::cli::{Context, Stop};
use crate::flags;
use crate::output::{local, row, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("show-topic")
        .override_usage("kapacitor show-topic [-o FORMAT] [topic ID]")
        .about("Show all about a topic of alerts: its level, handlers and events.")
        .arg(flags::output())
}

/// A topic with what is below it.
#[derive(Serialize)]
struct ShownTopic {
    #[serde(flatten)]
    topic: Topic,
    handlers: Vec<Handler>,
    events: Vec<Event>,
}

/// Why an event was not told.
fn why(held: &HeldBack) -> String {
    let HeldBack { by, id, author, comment, told_level } = held;
    let texts = [id, author, comment].into_iter().filter(|text| !text.is_empty()).map(String::as_str);
    format!("held back by {by} ({}), told last: {told_level}", texts.collect::<Vec<_>>().join(", "))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [id] = args.as_slice() else { return Err(Stop::usage(&command(), "Must specify one topic ID")) };
    let topic: Topic = cx.wait(cx.client.get(&topic::path(id), &[]))?;
    let mut events: Vec<Event> =
        cx.wait(cx.client.list_at(&topic.events_link.href, "events", &[("min-level", "OK")]))?;
    events.sort_by_key(|event| event.state.time);
    let handlers = delete::handlers(cx, &topic.handlers_link.href, "")?;
    if flags::wants_json(matches) {
        return cx.print_json(&ShownTopic { topic, handlers, events });
    }
    let handlers: Vec<&str> = handlers.iter().map(|handler| handler.id.as_str()).collect();
    let event_width = width(5, events.iter().map(|event| event.id.as_str()));
    let message_width = width(7, events.iter().map(|event| event.state.message.as_str()));
    let mut out = String::new();
    let _ = write!(
        out,
        "ID: {}\nLevel: {}\nCollected: {}\nHandlers: [{}]\nEvents:\n",
        topic.id,
        topic.level,
        topic.collected,
        handlers.join(", "),
    );
    row(&mut out, &[("Event", event_width), ("Level", 9), ("Message", message_width), ("Date", 23)], "");
    for Event { id, state, held_back, .. } in &events {
        let date = local(state.time);
        let why = held_back.as_ref().map(why).unwrap_or_default();
        row(&mut out, &[(id, event_width), (&state.level, 9), (&state.message, message_width), (&date, 23)], &why);
    }
    cx.print(&out)
}
