//! `kapacitor define-template`: makes a template or changes one.

use api::client::Error;
use api::template::{self, TemplateOptions};
use clap::{ArgMatches, Command};

use super::{Verb, define};
use crate::cli::{Context, Stop, flag, value};
use crate::{files, flags};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("define-template")
        .override_usage("kapacitor define-template <template ID> [options]")
        .about("Make a template or change one.")
        .long_about(
            "Make a template or change one.\n\
             \n\
             A template is a TICKscript with variables; tasks made of it give them values:\n\
             \n\
             \t$ kapacitor define-template mean_alert -tick mean_alert.tick\n\
             \t$ kapacitor define cpu_alert -template mean_alert -vars cpu.json -dbrp telegraf.autogen\n\
             \n\
             What is not given stays as it is. A change reloads all tasks made of the template.",
        )
        .arg(flag("name", "ID", "The template's ID, where it does not come first."))
        .arg(flag("tick", "FILE", "The TICKscript."))
        .arg(flag("type", "TYPE", "stream or batch; the script tells it, too."))
}

fn run(cx: &Context, raw: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(raw);
    let command = command();
    let no_id = || Stop::usage(&command, "Must provide a template ID.");
    let first = args.first().ok_or_else(no_id)?;
    let (id, matches) = if first.starts_with('-') {
        let matches = flags::parse(&command, &args)?;
        (value(&matches, "name").to_string(), matches)
    } else {
        (first.clone(), flags::parse(&command, &args[1..])?)
    };
    if id.is_empty() {
        return Err(no_id());
    }
    let script = match value(&matches, "tick") {
        "" => String::new(),
        path => files::read(path)?,
    };
    let task_type = Some(define::task_type(value(&matches, "type")));
    let exists = match cx.wait(cx.client.template(&id)) {
        Ok(_) => true,
        Err(Error::Refused { status: 404, .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let after = if exists {
        let path = format!("{}/{id}", template::PATH);
        cx.wait(cx.client.update_template(&path, &TemplateOptions { id: String::new(), task_type, script }))?
    } else {
        cx.wait(cx.client.create_template(&TemplateOptions { id, task_type, script }))?
    };
    cx.warn(&after.warnings);
    Ok(())
}
