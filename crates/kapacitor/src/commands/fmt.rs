//! `kapacitor fmt`: scripts in their canonical layout, the one that a daemon stores.

use anyhow::bail;
use clap::{ArgMatches, Command};
use engine::define::syntax_errors;

use super::Verb;
use crate::cli::{Context, Stop, switch};
use crate::scripts::{self, STDIN, Script};
use crate::{diff, files};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    Command::new("fmt")
        .override_usage("kapacitor fmt [-w] [-check] FILE...")
        .about("Bring scripts to their canonical layout; no daemon is needed.")
        .long_about(
            "Bring scripts to their canonical layout, the one that a daemon stores; no daemon is needed.\n\
             \n\
             The result is printed. A folder stands for all files *.tick below it, and - for standard input.\n\
             Comments are kept, and the meaning is never changed.\n\
             \n\
             A script that cannot be parsed is left as it is, and the exit code is 3.",
        )
        .arg(switch("w", "Write the files instead of printing."))
        .arg(switch("check", "Change nothing, and show what would change; the exit code is 3 if something would."))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let (writes, checks) = (matches.get_flag("w"), matches.get_flag("check"));
    if writes && checks {
        return Err(Stop::usage(&command(), "-w and -check cannot be given together."));
    }
    let (mut broken, mut differ) = (0, 0);
    for script in scripts::read(&command(), matches)? {
        let formatted = match tickscript::parse(&script.text) {
            Ok(tree) => tickscript::format(&tree),
            Err(_) => {
                // Stdout is for scripts.
                for diagnostic in syntax_errors(&script.text) {
                    eprintln!("{}\n", diagnostic.render_in(&script.name, &script.text));
                }
                broken += 1;
                continue;
            }
        };
        if checks {
            cx.print(&diff::unified(&script.name, &script.text, &formatted))?;
            differ += usize::from(formatted != script.text);
        } else if writes && script.name != STDIN {
            save(&script, &formatted)?;
        } else {
            cx.print(&formatted)?;
        }
    }
    match (broken, differ) {
        (0, 0) => Ok(()),
        (0, differ) => bail!("{differ} scripts are not in their canonical layout"),
        (broken, _) => bail!("{broken} scripts cannot be parsed"),
    }
}

/// Writes a file that changed, by way of another one beside it, so that it is never there by half.
pub(super) fn save(script: &Script, text: &str) -> anyhow::Result<()> {
    if text == script.text {
        return Ok(());
    }
    files::replace(&script.name, text)
}
