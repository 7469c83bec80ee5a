//! `kapacitor show-template`: all about a template.

use std::fmt::Write;

use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop};
use crate::flags;
use crate::output::{row, utc, vars};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("show-template")
        .override_usage("kapacitor show-template [-o FORMAT] [template ID]")
        .about("Show all about a template: its script and variables.")
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [id] = args.as_slice() else { return Err(Stop::usage(&command(), "Must specify one template ID")) };
    let template = cx.wait(cx.client.template(id))?;
    if flags::wants_json(matches) {
        return cx.print_json(&template);
    }
    let mut out = String::new();
    let _ = write!(
        out,
        "ID: {}\nError: {}\nType: {}\nCreated: {}\nModified: {}\nTICKscript:\n{}\nVars:\n",
        template.id,
        template.error,
        template.task_type.name(),
        utc(template.created),
        utc(template.modified),
        template.script,
    );
    row(&mut out, &[("Name", 30), ("Type", 10), ("Default Value", 40), ("Description", 40)], "");
    vars(&mut out, &template.vars, "<required>", true)?;
    let _ = writeln!(out, "DOT:\n{}", template.dot);
    cx.print(&out)
}
