//! `kapacitor upgrade`: rewrites scripts of the dialect of v0.2 in today's.

use anyhow::bail;
use clap::{ArgMatches, Command};
use engine::define::{Request, upgrade};

use super::Verb;
use super::fmt::save;
use crate::cli::{Context, switch};
use crate::diff;
use crate::scripts::{self, STDIN};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    Command::new("upgrade")
        .override_usage("kapacitor upgrade [-w] FILE...")
        .about("Rewrite scripts of the dialect of v0.2 in today's; no daemon is needed.")
        .long_about(
            "Rewrite scripts of the dialect of v0.2 in today's; no daemon is needed.\n\
             \n\
             What would change is shown, and nothing is written without -w. Layout and comments stay as they are.\n\
             A folder stands for all files *.tick below it; the result for standard input (-) is printed whole.\n\
             \n\
             A script is rewritten only if the result describes the same pipeline; else, and for scripts with errors,\n\
             it is left as it is and the exit code is 3.",
        )
        .arg(switch("w", "Write the files."))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let surface = scripts::surface();
    let mut failed = 0;
    for script in scripts::read(&command(), matches)? {
        let upgraded = match upgrade(&surface, &script.text, &Request::inferred(&script.text)) {
            Ok(upgraded) => upgraded,
            Err(error) => {
                for diagnostic in &error.diagnostics {
                    eprintln!("{}\n", diagnostic.render_in(&script.name, &script.text));
                }
                failed += 1;
                continue;
            }
        };
        if script.name == STDIN {
            cx.print(&upgraded)?;
            continue;
        }
        cx.print(&diff::unified(&script.name, &script.text, &upgraded))?;
        if matches.get_flag("w") {
            save(&script, &upgraded)?;
        }
    }
    if failed > 0 {
        bail!("{failed} scripts could not be rewritten");
    }
    Ok(())
}
