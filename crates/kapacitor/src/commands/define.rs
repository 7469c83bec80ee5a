//! `kapacitor define`: makes a task or changes one.

use api::client::Error;
use api::task::{self, Dbrp, Status, Task, TaskOptions, TaskType};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop, flag, switch, value};
use crate::{dbrp, files, flags};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    let dbrp = Arg::new("dbrp").long("dbrp").value_name("\"DB\".\"RP\"").action(ArgAction::Append);
    let dbrp = dbrp.value_parser(dbrp::parse).help(
        "A database and retention policy that the task reads; the quotes are optional, and the flag may be repeated.",
    );
    Command::new("define")
        .override_usage("kapacitor define <task ID> [options]")
        .about("Make a task or change one.")
        .long_about(
            "Make a task or change one.\n\
             \n\
             What a task does is told by its TICKscript. A new task needs a script (or a template) and what it reads:\n\
             \n\
             \t$ kapacitor define cpu_alert -tick cpu_alert.tick -dbrp telegraf.autogen\n\
             \n\
             Later, what is not given stays as it is. All -dbrp flags are given anew when one is:\n\
             \n\
             \t$ kapacitor define cpu_alert -dbrp telegraf.autogen -dbrp telegraf.week\n\
             \n\
             An enabled task is reloaded so that it runs with the change, unless -no-reload is given.",
        )
        .arg(flag("name", "ID", "The task's ID, where it does not come first."))
        .arg(flag("tick", "FILE", "The TICKscript."))
        .arg(flag("type", "TYPE", "stream or batch; the script tells it, too."))
        .arg(flag("template", "ID", "Make the task of this template."))
        .arg(flag("vars", "FILE", "JSON with the values of the script's variables."))
        .arg(flag(
            "file",
            "FILE",
            "A task file, YAML or JSON, with template-id, dbrps and vars; an id in it must be the task's.",
        ))
        .arg(switch("no-reload", "Leave an enabled task running as it was."))
        .arg(dbrp)
}

/// What the arguments say.
struct Definition {
    id: String,
    matches: ArgMatches,
}

fn run(cx: &Context, raw: &ArgMatches) -> anyhow::Result<()> {
    let definition = parse(&flags::rest(raw))?;
    let options = options(&definition)?;
    let id = &definition.id;
    let before = match cx.wait(cx.client.task(id, "")) {
        Ok(task) => Some(task),
        Err(Error::Refused { status: 404, .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let path = format!("{}/{id}", task::PATH);
    let after = match &before {
        None => {
            let status = Some(Status::Disabled);
            cx.wait(cx.client.create_task(&TaskOptions { status, ..options }))?
        }
        Some(_) => cx.wait(cx.client.update_task(&path, &TaskOptions { id: String::new(), ..options }))?,
    };
    cx.warn(&after.warnings);
    let was_enabled = before.is_some_and(|task: Task| task.status == Status::Enabled);
    if was_enabled && !definition.matches.get_flag("no-reload") {
        for status in [Status::Disabled, Status::Enabled] {
            let options = TaskOptions { status: Some(status), keep_state: true, ..TaskOptions::default() };
            cx.wait(cx.client.update_task(&path, &options))?;
        }
    }
    Ok(())
}

/// The ID comes first, or with -name; flags follow it.
fn parse(args: &[String]) -> anyhow::Result<Definition> {
    const NO_ID: &str = "Must provide a task ID.";
    let command = command();
    let Some(first) = args.first() else { return Err(Stop::usage(&command, NO_ID)) };
    if first.starts_with('-') {
        let matches = flags::parse(&command, args)?;
        let id = value(&matches, "name").to_string();
        return match (id.as_str(), flags::rest(&matches).first()) {
            ("", _) => Err(Stop::incomplete(&command, "must provide a task ID, before all flags or with -name")),
            (_, Some(more)) => Err(Stop::usage(&command, format!("Unexpected argument {more:?}."))),
            _ => Ok(Definition { id, matches }),
        };
    }
    let matches = flags::parse(&command, &args[1..])?;
    if !value(&matches, "name").is_empty() {
        return Err(Stop::usage(&command, "Must provide one task ID, either first or with -name."));
    }
    // Scripts for Kapacitor add an argument after -no-reload, since an even number of them is refused there.
    if args.len().is_multiple_of(2) && !flags::rest(&matches).is_empty() {
        return Err(Stop::usage(&command, NO_ID));
    }
    Ok(Definition { id: first.clone(), matches })
}

fn options(definition: &Definition) -> anyhow::Result<TaskOptions> {
    let Definition { id, matches } = definition;
    // All files are read, also those that a task file makes superfluous: one that is not there is a mistake.
    let script = match value(matches, "tick") {
        "" => String::new(),
        path => files::read(path)?,
    };
    let vars = match value(matches, "vars") {
        "" => api::vars::Vars::new(),
        path => files::vars(path)?,
    };
    let file = match value(matches, "file") {
        "" => None,
        path => {
            let file = files::task(path)?;
            if !file.id.is_empty() && file.id != *id {
                anyhow::bail!("Task id given on command line does not match id in {path}");
            }
            Some(file)
        }
    };
    if let Some(file) = file {
        let (template_id, dbrps, vars) = (file.template_id, file.dbrps, file.vars);
        return Ok(TaskOptions { id: id.clone(), template_id, dbrps, vars, ..TaskOptions::default() });
    }
    let dbrps = matches.get_many::<Dbrp>("dbrp").unwrap_or_default().cloned().collect();
    Ok(TaskOptions {
        id: id.clone(),
        template_id: value(matches, "template").to_string(),
        task_type: task_type(value(matches, "type")),
        dbrps,
        script,
        status: None,
        vars,
        keep_state: false,
    })
}

/// A word that is no type is passed over: the script tells the type.
pub(super) fn task_type(word: &str) -> TaskType {
    match word {
        "stream" => TaskType::Stream,
        "batch" => TaskType::Batch,
        _ => TaskType::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(args: &[&str]) -> Result<String, String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        parse(&args).map(|definition| definition.id).map_err(|error| match error.downcast_ref::<Stop>() {
            Some(Stop::Usage { message, .. }) => format!("2 {message}"),
            Some(Stop::Incomplete { message, .. }) => format!("3 {message}"),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn the_id_comes_first_or_by_name() {
        for (args, expected) in [
            (&["x"][..], "x"),
            (&["x", "-tick", "a.tick", "-no-reload"], "x"),
            (&["x", "-no-reload", "-tick", "a.tick", "y"], "x"),
            (&["-name", "x", "-type", "stream", "-dbrp", "a.b"], "x"),
            (&["-tick", "a.tick", "-name=x"], "x"),
        ] {
            assert_eq!(id(args).as_deref(), Ok(expected), "{args:?}");
        }
        for (args, expected) in [
            (&[][..], "2 Must provide a task ID."),
            (&["x", "extra", "-tick", "a.tick"], "2 Must provide a task ID."),
            (&["x", "-name", "y"], "2 Must provide one task ID, either first or with -name."),
            (&["-name", "x", "y"], "2 Unexpected argument \"y\"."),
            (&["-tick", "a.tick", "x"], "3 must provide a task ID, before all flags or with -name"),
            (&["x", "-tick"], "2 flag needs an argument: -tick"),
            (&["x", "-dbrp", ""], "2 invalid value \"\" for flag -dbrp: dbrp cannot be empty"),
        ] {
            assert_eq!(id(args).unwrap_err(), expected, "{args:?}");
        }
    }
}
