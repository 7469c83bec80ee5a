//! `kapacitor flux`: tasks in Flux, which a daemon with `[fluxtask]` keeps.

use std::collections::BTreeMap;

use anyhow::anyhow;
use api::client::Error;
use clap::{ArgMatches, Command};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Verb;
use crate::cli::{Context, Stop, flag, run_verb, switch, value};
use crate::{files, flags, help};

const BASE: &str = "/kapacitor/v1/api/v2/tasks";

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

/// The words after `flux task`, and what they do.
const ALL: &[(&[&str], Verb)] = &[
    (&["create"], verb(create_command, create)),
    (&["list", "find", "ls"], verb(list_command, list)),
    (&["update"], verb(update_command, update)),
    (&["delete"], verb(delete_command, delete)),
    (&["retry-failed", "rtf"], verb(retry_failed_command, retry_failed)),
    (&["log list", "log find", "log ls"], verb(log_command, log)),
    (&["run list", "run find", "run ls"], verb(runs_command, runs)),
    (&["run retry"], verb(retry_command, retry)),
];

const fn verb(command: fn() -> Command, run: fn(&Context, &ArgMatches) -> anyhow::Result<()>) -> Verb {
    Verb { command, takes_raw_arguments: false, run }
}

fn command() -> Command {
    Command::new("flux")
        .override_usage(
            "kapacitor flux task [create|list|update|delete|retry-failed|log list|run list|run retry] [options] [SCRIPT]",
        )
        .about("Keep tasks in Flux.")
        .long_about(
            "Keep tasks in Flux, on a daemon whose config has [fluxtask] enabled.\n\
             \n\
             \t$ kapacitor flux task create -file task.flux\n\
             \t$ kapacitor flux task list\n\
             \t$ kapacitor flux task update -id 0000000000000001 -status inactive\n\
             \n\
             This daemon keeps and shows them, and does not run them; one of Kapacitor does.",
        )
}

fn create_command() -> Command {
    with_json(Command::new("create").override_usage("kapacitor flux task create [options] [SCRIPT or - for stdin]"))
        .about("Make a task of a script.")
        .arg(flag("file", "FILE", "The file that holds the script.").alias("f"))
}

fn list_command() -> Command {
    with_json(Command::new("list").override_usage("kapacitor flux task list [options]"))
        .about("List tasks.")
        .arg(flag("id", "ID", "The one of this ID.").alias("i"))
        .arg(flag("user-id", "ID", "Those of this user.").alias("n"))
        .arg(flag("limit", "COUNT", "How many to show; 500 if not given."))
}

fn update_command() -> Command {
    with_json(Command::new("update").override_usage("kapacitor flux task update [options] [SCRIPT or - for stdin]"))
        .about("Change the script or status of a task.")
        .arg(flag("id", "ID", "The task.").alias("i"))
        .arg(flag("status", "STATUS", "active or inactive."))
        .arg(flag("file", "FILE", "The file that holds the script.").alias("f"))
}

fn delete_command() -> Command {
    with_json(Command::new("delete").override_usage("kapacitor flux task delete [options]"))
        .about("Delete a task, and show what it was.")
        .arg(flag("id", "ID", "The task.").alias("i"))
}

fn retry_failed_command() -> Command {
    with_json(Command::new("retry-failed").override_usage("kapacitor flux task retry-failed [options]"))
        .about("Try runs again that failed.")
        .arg(flag("id", "ID", "The task; all if it is not given.").alias("i"))
        .arg(flag("before", "TIME", "Runs before this time."))
        .arg(flag("after", "TIME", "Runs after this time."))
        .arg(switch("dry-run", "Show them only."))
        .arg(flag("task-limit", "COUNT", "Of so many tasks; 100 if not given."))
        .arg(flag("run-limit", "COUNT", "So many runs of each; 100 if not given."))
}

fn log_command() -> Command {
    with_json(Command::new("list").override_usage("kapacitor flux task log list [options]"))
        .about("Show what a task logged.")
        .arg(flag("task-id", "ID", "The task."))
        .arg(flag("run-id", "ID", "Of this run alone."))
}

fn runs_command() -> Command {
    with_json(Command::new("list").override_usage("kapacitor flux task run list [options]"))
        .about("List runs of a task.")
        .arg(flag("task-id", "ID", "The task."))
        .arg(flag("run-id", "ID", "This run alone."))
        .arg(flag("before", "TIME", "Runs before this time."))
        .arg(flag("after", "TIME", "Runs after this time."))
        .arg(flag("limit", "COUNT", "How many to show; 100 if not given."))
}

fn retry_command() -> Command {
    with_json(Command::new("retry").override_usage("kapacitor flux task run retry [options]"))
        .about("Try a run again.")
        .arg(flag("task-id", "ID", "The task.").alias("i"))
        .arg(flag("run-id", "ID", "The run.").alias("r"))
}

fn with_json(command: Command) -> Command {
    command.arg(switch("json", "Print JSON."))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some(rest) = words.strip_prefix(&["task"]) else {
        return Err(no_verb(words.first(), "Must specify 'task'"));
    };
    for (names, verb) in ALL {
        for name in *names {
            let name: Vec<&str> = name.split(' ').collect();
            if rest.starts_with(&name) {
                return run_verb(cx, verb, &args[1 + name.len()..]);
            }
        }
    }
    let known =
        "Must specify 'create', 'list', 'update', 'delete', 'retry-failed', 'log list', 'run list' or 'run retry'";
    let rest = rest.strip_prefix(&["log"]).or_else(|| rest.strip_prefix(&["run"])).unwrap_or(rest);
    Err(no_verb(rest.first(), known))
}

/// Nothing to do is asked for: without a word that is asking for help.
fn no_verb(word: Option<&&str>, known: &str) -> anyhow::Error {
    let usage = help::usage(&command());
    match word {
        None | Some(&("help" | "h")) => Stop::Help { usage }.into(),
        Some(_) => Stop::Incomplete { message: known.to_string(), usage }.into(),
    }
}

/// The value of a flag that must be given.
fn required<'a>(matches: &'a ArgMatches, name: &str) -> anyhow::Result<&'a str> {
    match value(matches, name) {
        "" => Err(anyhow!("Required flag \"{name}\" not set")),
        given => Ok(given),
    }
}

/// The script of the file, the argument, or standard input.
fn script(matches: &ArgMatches) -> anyhow::Result<Option<String>> {
    match (value(matches, "file"), flags::rest(matches).first().map(String::as_str)) {
        ("", None) => Ok(None),
        ("", Some("-")) => Ok(Some(std::io::read_to_string(std::io::stdin())?)),
        ("", Some(script)) => Ok(Some(script.to_string())),
        (file, _) => Ok(Some(files::read(file)?)),
    }
}

fn create(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let Some(flux) = script(matches)? else {
        let message = "Must specify a script, or its file with -file".to_string();
        return Err(Stop::Incomplete { message, usage: help::usage(&create_command()) }.into());
    };
    let made: Value = cx.wait(cx.client.post(BASE, &json!({ "flux": flux })))?;
    show_task(cx, matches, made)
}

fn list(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let tasks = match value(matches, "id") {
        "" => {
            let limit = Some(value(matches, "limit")).filter(|limit| !limit.is_empty()).unwrap_or("500");
            cx.wait(cx.client.list_at(BASE, "tasks", &[("limit", limit), ("user", value(matches, "user-id"))]))?
        }
        id => vec![cx.wait(cx.client.get(&format!("{BASE}/{id}"), &[]))?],
    };
    if matches.get_flag("json") {
        return print_json(cx, &tasks.into_iter().map(task_as_shown).collect::<Vec<_>>());
    }
    cx.print(&task_table(&tasks))
}

fn update(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let id = required(matches, "id")?;
    let mut changes = Map::new();
    if let Some(flux) = script(matches)? {
        changes.insert("flux".to_string(), flux.into());
    }
    if !value(matches, "status").is_empty() {
        changes.insert("status".to_string(), value(matches, "status").into());
    }
    let changed: Value = cx.wait(cx.client.patch(&format!("{BASE}/{id}"), &changes))?;
    show_task(cx, matches, changed)
}

fn delete(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let path = format!("{BASE}/{}", required(matches, "id")?);
    let finding = |error: Error| anyhow!("while finding task: {error}");
    let task: Value = cx.wait(cx.client.get(&path, &[])).map_err(finding)?;
    cx.wait(cx.client.delete(&path))?;
    show_task(cx, matches, task)
}

fn log(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let task = required(matches, "task-id")?;
    let path = match value(matches, "run-id") {
        "" => format!("{BASE}/{task}/logs"),
        run => format!("{BASE}/{task}/runs/{run}/logs"),
    };
    let answer: Value = cx.wait(cx.client.get(&path, &[]))?;
    if matches.get_flag("json") {
        return print_json(cx, &answer["events"]);
    }
    let events = answer["events"].as_array().cloned().unwrap_or_default();
    cx.print(&table(&events, &[("RunID", "runID"), ("Time", "time"), ("Message", "message")]))
}

fn runs(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let task = required(matches, "task-id")?;
    let runs = match value(matches, "run-id") {
        "" => runs_of(cx, task, matches, "limit")?,
        run => vec![cx.wait(cx.client.get(&format!("{BASE}/{task}/runs/{run}"), &[]))?],
    };
    let columns = [
        ("ID", "id"),
        ("TaskID", "taskID"),
        ("Status", "status"),
        ("ScheduledFor", "scheduledFor"),
        ("StartedAt", "startedAt"),
        ("FinishedAt", "finishedAt"),
        ("RequestedAt", "requestedAt"),
    ];
    if matches.get_flag("json") { print_json(cx, &runs) } else { cx.print(&table(&runs, &columns)) }
}

/// `limit` names the flag that says how many.
fn runs_of(cx: &Context, task: &str, matches: &ArgMatches, limit: &str) -> anyhow::Result<Vec<Value>> {
    let limit = Some(value(matches, limit)).filter(|limit| !limit.is_empty()).unwrap_or("100");
    let mut query = vec![("limit", limit)];
    for (key, flag) in [("afterTime", "after"), ("beforeTime", "before")] {
        query.extend(Some((key, value(matches, flag))).filter(|(_, time)| !time.is_empty()));
    }
    Ok(cx.wait(cx.client.list_at(&format!("{BASE}/{task}/runs"), "runs", &query))?)
}

fn retry(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    try_again(cx, required(matches, "task-id")?, required(matches, "run-id")?)
}

fn try_again(cx: &Context, task: &str, run: &str) -> anyhow::Result<()> {
    cx.wait(cx.client.post_only(&format!("{BASE}/{task}/runs/{run}/retry"), &json!({})))?;
    cx.print(&format!("run {run} of task {task} is tried again\n"))
}

fn retry_failed(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let tasks: Vec<String> = match value(matches, "id") {
        "" => {
            let limit = Some(value(matches, "task-limit")).filter(|limit| !limit.is_empty()).unwrap_or("100");
            let tasks: Vec<Value> = cx.wait(cx.client.list_at(BASE, "tasks", &[("limit", limit)]))?;
            tasks.iter().map(|task| text(task, "id")).collect()
        }
        id => vec![id.to_string()],
    };
    for task in &tasks {
        let runs = runs_of(cx, task, matches, "run-limit")?;
        for run in runs.iter().filter(|run| run["status"] == "failed").map(|run| text(run, "id")) {
            if matches.get_flag("dry-run") {
                cx.print(&format!("run {run} of task {task} would be tried again\n"))?;
            } else {
                try_again(cx, task, &run)?;
            }
        }
    }
    Ok(())
}

fn show_task(cx: &Context, matches: &ArgMatches, task: Value) -> anyhow::Result<()> {
    if matches.get_flag("json") { print_json(cx, &task_as_shown(task)) } else { cx.print(&task_table(&[task])) }
}

/// What scripts that read the JSON find.
fn task_as_shown(task: Value) -> Value {
    let Value::Object(mut task) = task else { return task };
    task.retain(|key, value| key != "ownerID" && !value.is_null());
    Value::Object(task)
}

fn task_table(tasks: &[Value]) -> String {
    let columns = [
        ("ID", "id"),
        ("Name", "name"),
        ("Organization ID", "orgID"),
        ("Organization", "org"),
        ("Status", "status"),
        ("Every", "every"),
        ("Cron", "cron"),
    ];
    table(tasks, &columns)
}

/// JSON with tabs and sorted keys, and as Go writes it what has a meaning in HTML.
fn print_json(cx: &Context, value: &(impl Serialize + ?Sized)) -> anyhow::Result<()> {
    let sorted = sorted(serde_json::to_value(value)?);
    let mut bytes = Vec::new();
    let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    sorted.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, tabs))?;
    let text = String::from_utf8(bytes)?;
    let text = text.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    cx.print(&format!("{text}\n"))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(object) => {
            let object: BTreeMap<String, Value> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(object.into_iter().collect())
        }
        other => other,
    }
}

fn text(item: &Value, key: &str) -> String {
    item[key].as_str().unwrap_or_default().to_string()
}

/// Columns by title and key, set apart by tabs.
fn table(items: &[Value], columns: &[(&str, &str)]) -> String {
    const TAB: usize = 8;
    let mut rows = vec![columns.iter().map(|(title, _)| (*title).to_string()).collect::<Vec<_>>()];
    rows.extend(items.iter().map(|item| columns.iter().map(|(_, key)| text(item, key)).collect()));
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        (longest + 1).div_ceil(TAB)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if column + 1 < row.len() {
                let tabs = widths[column] - cell.chars().count() / TAB;
                out.push_str(&"\t".repeat(tabs));
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_at_tabs() {
        let task = json!({"id": "0000000000000001", "name": "mytask", "status": "inactive", "every": "1m"});
        let expected = "ID\t\t\tName\tOrganization ID\tOrganization\tStatus\t\tEvery\tCron\n\
                        0000000000000001\tmytask\t\t\t\t\tinactive\t1m\t\n";
        assert_eq!(task_table(&[task]), expected);
        assert_eq!(table(&[], &[("RunID", ""), ("Time", ""), ("Message", "")]), "RunID\tTime\tMessage\n");
    }
}
