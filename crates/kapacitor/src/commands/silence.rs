//! `kapacitor silence`: holds back events of alerts for a while, or in windows that come again.

use api::silence::{self, Silence, SilenceOptions};
use api::time::Time;
use clap::{ArgMatches, Command};
use std::fmt::Write;

use super::Verb;
use crate::cli::{Context, Stop, flag, run_verb, value};
use crate::flags;
use crate::output::{local, row, width};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };
const ADD: Verb = Verb { command: add_command, takes_raw_arguments: false, run: add };
const LIST: Verb = Verb { command: list_command, takes_raw_arguments: false, run: list };
const SHOW: Verb = Verb { command: show_command, takes_raw_arguments: false, run: show };
const EXPIRE: Verb = Verb { command: expire_command, takes_raw_arguments: false, run: expire };
const DELETE: Verb = Verb { command: delete_command, takes_raw_arguments: false, run: delete };

fn command() -> Command {
    Command::new("silence")
        .override_usage("kapacitor silence [add|list|show|expire|delete] [options] [ID or matcher]...")
        .about("Hold back events of alerts for a while, or in maintenance windows.")
        .long_about(
            "Hold back events of alerts for a while, or in maintenance windows.\n\
             \n\
             \t$ kapacitor silence add -duration 2h -comment 'new disks' task=disk tag.host=~^db\n\
             \t$ kapacitor silence add -cron '0 2 * * 0' -duration 3h -zone Europe/Berlin topic=backup\n\
             \t$ kapacitor silence expire ID\n\
             \n\
             An event is held back if all matchers fit it: id, topic, task, level or tag.KEY, then =, !=, =~ or !~,\n\
             then a text, or a regular expression that fits anywhere. When the silence ends, each alert that is not\n\
             OK, or was told to be so, is told as it is then. 'kapacitor show-topic' shows why an event was held back.",
        )
}

fn add_command() -> Command {
    Command::new("add")
        .override_usage("kapacitor silence add [options] MATCHER...")
        .about("Add a silence, or replace one. Its ID is printed.")
        .arg(flag("id", "ID", "Its ID; else one is made."))
        .arg(flag("start", "TIME", "When it begins, such as 2026-05-01T20:00:00Z; now if it is not given."))
        .arg(flag("end", "TIME", "When it ends; it must be expired if neither this nor a duration is given."))
        .arg(flag("duration", "DURATION", "How long it lasts, such as 2h; with -cron, how long each window is."))
        .arg(flag("cron", "EXPRESSION", "When windows begin: minute, hour, day of month, month, day of week."))
        .arg(flag("zone", "ZONE", "The time zone of -cron, such as Europe/Berlin; UTC if it is not given."))
        .arg(flag("author", "NAME", "Who wants it; the user of this terminal if it is not given."))
        .arg(flag("comment", "TEXT", "Why."))
}

fn list_command() -> Command {
    Command::new("list")
        .override_usage("kapacitor silence list [-o FORMAT]")
        .about("Show all silences.")
        .arg(flags::output())
}

fn show_command() -> Command {
    let command = Command::new("show").override_usage("kapacitor silence show [-o FORMAT] ID");
    command.about("Show all about a silence.").arg(flags::output())
}

fn expire_command() -> Command {
    Command::new("expire").override_usage("kapacitor silence expire ID...").about("End silences now, and keep them.")
}

fn delete_command() -> Command {
    Command::new("delete").override_usage("kapacitor silence delete ID...").about("End silences and forget them.")
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let verb = match args.first().map(String::as_str) {
        Some("add") => &ADD,
        Some("list") => &LIST,
        Some("show") => &SHOW,
        Some("expire") => &EXPIRE,
        Some("delete") => &DELETE,
        _ => return Err(Stop::usage(&command(), "Must specify 'add', 'list', 'show', 'expire' or 'delete'")),
    };
    run_verb(cx, verb, &args[1..])
}

/// Who sits at this terminal.
pub(super) fn author(matches: &ArgMatches) -> String {
    match value(matches, "author") {
        "" => std::env::var("USER").unwrap_or_default(),
        given => given.to_string(),
    }
}

fn time(matches: &ArgMatches, name: &str) -> anyhow::Result<Time> {
    match value(matches, name) {
        "" => Ok(Time::Never),
        text => text.parse().map_err(|why| Stop::usage(&add_command(), format!("-{name}: {why}"))),
    }
}

fn add(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let text = |name: &str| value(matches, name).to_string();
    let options = SilenceOptions {
        id: text("id"),
        matchers: flags::rest(matches),
        start: time(matches, "start")?,
        end: time(matches, "end")?,
        duration: text("duration"),
        cron: text("cron"),
        time_zone: text("zone"),
        author: author(matches),
        comment: text("comment"),
    };
    if options.matchers.is_empty() {
        return Err(Stop::usage(&add_command(), "Must specify a matcher, such as task=cpu"));
    }
    let added: Silence = cx.wait(cx.client.post(silence::PATH, &options))?;
    cx.print(&format!("{}\n", added.id))
}

fn list(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let silences: Vec<Silence> = cx.wait(cx.client.list_at(silence::PATH, "silences", &[]))?;
    if flags::wants_json(matches) {
        return cx.print_json(&silences);
    }
    let texts: Vec<_> = silences.iter().map(|silence| (when(silence), silence.matchers.join(" "))).collect();
    let id = width(2, silences.iter().map(|silence| silence.id.as_str()));
    let author = width(6, silences.iter().map(|silence| silence.author.as_str()));
    let when = width(4, texts.iter().map(|(when, _)| when.as_str()));
    let matchers = width(8, texts.iter().map(|(_, matchers)| matchers.as_str()));
    let mut out = String::new();
    let head = [("ID", id), ("State", 8), ("When", when), ("Matchers", matchers), ("Held", 7), ("Author", author)];
    row(&mut out, &head, "Comment");
    for (silence, (times, fitting)) in silences.iter().zip(&texts) {
        let held = silence.held_back.to_string();
        let columns = [
            (silence.id.as_str(), id),
            (&silence.state, 8),
            (times, when),
            (fitting, matchers),
            (&held, 7),
            (&silence.author, author),
        ];
        row(&mut out, &columns, &silence.comment);
    }
    cx.print(&out)
}

/// `until 01 May 26 22:00 UTC`
fn when(silence: &Silence) -> String {
    let end = match silence.end {
        Time::Never => "until it is expired".to_string(),
        end => format!("until {}", local(end)),
    };
    if silence.cron.is_empty() {
        return end;
    }
    let windows = format!("{} for {} {}", silence.cron, silence.duration, silence.time_zone);
    if silence.end == Time::Never { windows } else { format!("{windows}, {end}") }
}

fn show(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let ids = flags::rest(matches);
    let [id] = ids.as_slice() else { return Err(Stop::usage(&show_command(), "Must specify one ID")) };
    let found: Silence = cx.wait(cx.client.get(&silence::path(id), &[]))?;
    if flags::wants_json(matches) {
        return cx.print_json(&found);
    }
    let mut out = String::new();
    let Silence { id, state, matchers, author, comment, held_back, .. } = &found;
    let _ = write!(
        out,
        "ID: {id}\nState: {state}\nMatchers: {}\nStart: {}\nWhen: {}\nHeld back: {held_back}\nAuthor: {author}\n\
         Comment: {comment}\n",
        matchers.join(" "),
        local(found.start),
        when(&found),
    );
    cx.print(&out)
}

fn expire(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    for id in some_ids(matches, expire_command)? {
        let _ended: Silence =
            cx.wait(cx.client.post(&format!("{}/expire", silence::path(&id)), &serde_json::json!({})))?;
    }
    Ok(())
}

fn delete(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    for id in some_ids(matches, delete_command)? {
        cx.wait(cx.client.delete(&silence::path(&id)))?;
    }
    Ok(())
}

fn some_ids(matches: &ArgMatches, command: fn() -> Command) -> anyhow::Result<Vec<String>> {
    let ids = flags::rest(matches);
    if ids.is_empty() { Err(Stop::usage(&command(), "Must specify an ID")) } else { Ok(ids) }
}
