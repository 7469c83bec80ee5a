//! `kapacitor import`: defines the tasks of a folder.

use std::path::Path;

use api::task::{Dbrp, Status};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Verb;
use crate::cli::{Context, Stop, switch};
use crate::{dbrp, flags, transfer};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    let dbrp = Arg::new("dbrp").long("dbrp").value_name("\"DB\".\"RP\"").action(ArgAction::Append);
    let dbrp = dbrp.value_parser(dbrp::parse).help("What tasks read that do not say it themselves; may be repeated.");
    Command::new("import")
        .override_usage("kapacitor import [options] <folder>")
        .about("Define the tasks of a folder of TICKscripts.")
        .long_about(
            "Define the tasks of a folder of TICKscripts, of this dialect or that of v0.2.\n\
             \n\
             \t$ kapacitor import -dbrp telegraf.autogen -enable scripts/\n\
             \n\
             Each .tick file is a task of the file's name; a .json or .yaml file of the same name tells its variables,\n\
             template, databases and retention policies. A folder with tasks, templates and handlers in it is laid out\n\
             as the load directory is. What is there already stays as it is, unless -overwrite is given.",
        )
        .arg(dbrp)
        .arg(switch("enable", "Enable the tasks."))
        .arg(switch("overwrite", "Replace what is there already."))
        .arg(switch("dry-run", "Only tell what would be done, and what would not run."))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [folder] = args.as_slice() else { return Err(Stop::usage(&command(), "Must specify one folder")) };
    let dbrps: Vec<Dbrp> = matches.get_many::<Dbrp>("dbrp").unwrap_or_default().cloned().collect();
    let status = if matches.get_flag("enable") { Status::Enabled } else { Status::Disabled };
    let found = transfer::folder(Path::new(folder), &dbrps, status)?;
    let overwrite = matches.get_flag("overwrite");
    let outcomes =
        if matches.get_flag("dry-run") { found.rehearse(cx, overwrite) } else { found.apply(cx, overwrite) }?;
    let (report, failed) = transfer::report(&outcomes);
    cx.print(&report)?;
    if failed > 0 {
        anyhow::bail!("{failed} of {} failed", outcomes.len());
    }
    Ok(())
}
