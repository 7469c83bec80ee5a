//! `kapacitor ack`: acknowledges alerts, so that they are not told again until they have recovered.

use api::silence::{self, Acknowledgement, AcknowledgementList};
use clap::{ArgMatches, Command};

use super::{Verb, silence::author};
use crate::cli::{Context, Stop, flag, switch, value};
use crate::flags;
use crate::output::{local, row, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    Command::new("ack")
        .override_usage("kapacitor ack [options] [EVENT]...")
        .about("Acknowledge alerts: they are not told again until they have recovered.")
        .long_about(
            "Acknowledge alerts by the IDs of their events: they are not told again until they have recovered, which is\n\
             told. Without an ID, show what is acknowledged.\n\
             \n\
             \t$ kapacitor ack -comment 'on my way' cpu:host=web-1\n\
             \t$ kapacitor ack -withdraw cpu:host=web-1",
        )
        .arg(flag("topic", "TOPIC", "In this topic only; else in all in which the event is not OK."))
        .arg(flag("author", "NAME", "Who takes care; the user of this terminal if it is not given."))
        .arg(flag("comment", "TEXT", "What is done about it."))
        .arg(switch("withdraw", "Take the acknowledgement back: if the alert is not OK, it is told."))
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let events = flags::rest(matches);
    if events.is_empty() {
        return list(cx, matches);
    }
    for event in events {
        let topic = value(matches, "topic").to_string();
        let comment = value(matches, "comment").to_string();
        if matches.get_flag("withdraw") {
            let query = [("topic", topic.as_str()), ("event", event.as_str())];
            let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect();
            cx.wait(cx.client.delete(&format!("{}?{}", silence::ACKNOWLEDGEMENTS_PATH, query.join("&"))))?;
            continue;
        }
        let wanted = Acknowledgement { topic, event, author: author(matches), comment, ..Acknowledgement::default() };
        let made: AcknowledgementList = cx.wait(cx.client.post(silence::ACKNOWLEDGEMENTS_PATH, &wanted))?;
        for one in made.acknowledgements {
            cx.print(&format!("{} in topic {} is acknowledged\n", one.event, one.topic))?;
        }
    }
    Ok(())
}

/// A text as a value of a query.
fn coded(text: &str) -> String {
    let code = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(code).collect()
}

fn list(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    if matches.get_flag("withdraw") {
        return Err(Stop::usage(&command(), "Must specify the ID of an event"));
    }
    let all: Vec<Acknowledgement> =
        cx.wait(cx.client.list_at(silence::ACKNOWLEDGEMENTS_PATH, "acknowledgements", &[]))?;
    if flags::wants_json(matches) {
        return cx.print_json(&all);
    }
    let topic = width(5, all.iter().map(|one| one.topic.as_str()));
    let event = width(5, all.iter().map(|one| one.event.as_str()));
    let author = width(6, all.iter().map(|one| one.author.as_str()));
    let mut out = String::new();
    row(&mut out, &[("Topic", topic), ("Event", event), ("Date", 23), ("Author", author)], "Comment");
    for one in &all {
        let columns = [(one.topic.as_str(), topic), (&one.event, event), (&local(one.time), 23), (&one.author, author)];
        row(&mut out, &columns, &one.comment);
    }
    cx.print(&out)
}
