//! `kapacitor dead-letters`: events that handlers did not get: shows them, sends them once more, drops them.

use api::delivery::{self, DeadLetterList, Outcome, Selection};
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop, flag, run_verb, switch, value};
use crate::flags;
use crate::output::{local, row, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };
const LIST: Verb = Verb { command: list_command, takes_raw_arguments: false, run: list };
const RETRY: Verb = Verb { command: retry_command, takes_raw_arguments: false, run: retry };
const DROP: Verb = Verb { command: drop_command, takes_raw_arguments: false, run: discard };

fn command() -> Command {
    Command::new("dead-letters")
        .override_usage("kapacitor dead-letters [list|retry|drop] [options] [ID]...")
        .about("Show events that handlers did not get, send them once more, or drop them.")
        .long_about(
            "Show events that handlers did not get, send them once more, or drop them.\n\
             \n\
             An event becomes a dead letter when its handler was tried for as long as retry-limit in [alert] of the\n\
             daemon's config says, when the other side refused it, or when its handler was deleted.\n\
             \n\
             \t$ kapacitor dead-letters list -topic system\n\
             \t$ kapacitor dead-letters retry 17 18\n\
             \t$ kapacitor dead-letters drop -all\n\
             \n\
             What is sent once more comes behind all that waits for its handler.",
        )
}

fn list_command() -> Command {
    with_filters(
        Command::new("list")
            .override_usage("kapacitor dead-letters list [options]")
            .about("Show the events that handlers did not get, oldest first.")
            .arg(flag("limit", "N", "How many are shown at most; 100 if it is not given, -1 for all."))
            .arg(flags::output()),
    )
}

fn retry_command() -> Command {
    let command = Command::new("retry").override_usage("kapacitor dead-letters retry [options] [ID]...");
    with_filters(command.about("Send dead letters once more.")).arg(switch("all", "All of them."))
}

fn drop_command() -> Command {
    let command = Command::new("drop").override_usage("kapacitor dead-letters drop [options] [ID]...");
    with_filters(command.about("Forget dead letters.")).arg(switch("all", "All of them."))
}

fn with_filters(command: Command) -> Command {
    command.arg(flag("topic", "TOPIC", "Only those of this topic.")).arg(flag(
        "handler",
        "HANDLER",
        "Only those of this handler.",
    ))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let Some((verb, rest)) = args.split_first() else { return Err(which()) };
    match verb.as_str() {
        "list" => run_verb(cx, &LIST, rest),
        "retry" => run_verb(cx, &RETRY, rest),
        "drop" => run_verb(cx, &DROP, rest),
        _ => Err(which()),
    }
}

fn which() -> anyhow::Error {
    Stop::usage(&command(), "Must specify 'list', 'retry' or 'drop'")
}

fn list(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let limit = match value(matches, "limit") {
        "" => "100",
        limit => limit,
    };
    let query = [("topic", value(matches, "topic")), ("handler", value(matches, "handler")), ("limit", limit)];
    let found: DeadLetterList = cx.wait(cx.client.get(delivery::DEAD_LETTERS_PATH, &query))?;
    if flags::wants_json(matches) {
        return cx.print_json(&found);
    }
    let letters = &found.dead_letters;
    let texts: Vec<_> = letters.iter().map(|letter| (letter.id.to_string(), local(letter.raised))).collect();
    let id = width(2, texts.iter().map(|(id, _)| id.as_str()));
    let event = width(5, letters.iter().map(|letter| letter.event.as_str()));
    let handler = width(7, letters.iter().map(|letter| letter.handler.as_str()));
    let topic = width(5, letters.iter().map(|letter| letter.topic.as_str()));
    let mut out = String::new();
    let head = [("ID", id), ("Raised", 23), ("Level", 9), ("Topic", topic), ("Handler", handler), ("Event", event)];
    row(&mut out, &head, "Why");
    for (letter, (number, raised)) in letters.iter().zip(&texts) {
        let columns = [
            (number.as_str(), id),
            (raised, 23),
            (&letter.level, 9),
            (&letter.topic, topic),
            (&letter.handler, handler),
            (&letter.event, event),
        ];
        row(&mut out, &columns, &letter.why);
    }
    let more = found.total.saturating_sub(letters.len() as u64);
    if more > 0 {
        out.push_str(&format!("and {more} more, see -limit\n"));
    }
    cx.print(&out)
}

fn retry(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let outcome: Outcome = cx.wait(cx.client.post(delivery::RETRY_PATH, &selection(matches, retry_command)?))?;
    cx.print(&format!("{} sent once more\n", outcome.count))?;
    let Some(first) = outcome.left.first() else { return Ok(()) };
    anyhow::bail!(
        "{} could not be: the first one is {} for handler {} of topic {}: {}",
        outcome.left.len(),
        first.id,
        first.handler,
        first.topic,
        first.why
    )
}

fn discard(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let outcome: Outcome = cx.wait(cx.client.post(delivery::DROP_PATH, &selection(matches, drop_command)?))?;
    cx.print(&format!("{} dropped\n", outcome.count))
}

fn selection(matches: &ArgMatches, command: fn() -> Command) -> anyhow::Result<Selection> {
    let mut ids = Vec::new();
    for id in flags::rest(matches) {
        let number = id.parse().map_err(|_| Stop::usage(&command(), format!("an ID is a number, not {id:?}")))?;
        ids.push(number);
    }
    let (topic, handler) = (value(matches, "topic").to_string(), value(matches, "handler").to_string());
    let all = matches.get_flag("all");
    if !all && ids.is_empty() && topic.is_empty() && handler.is_empty() {
        return Err(Stop::usage(&command(), "Must specify IDs, -topic, -handler or -all"));
    }
    Ok(Selection { ids, topic, handler, all })
}
