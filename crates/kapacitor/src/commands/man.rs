//! `kapacitor man`: the manual page of the program, or of a verb.

use clap::{ArgMatches, Command};
use clap_mangen::Man;

use super::{Verb, find, whole_program};
use crate::cli::{Context, Stop};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("man")
        .override_usage("kapacitor man [command]")
        .about("Print the manual page of the program, or of a command.")
        .long_about(
            "Print the manual page of the program, or of a command, in roff.\n\
             \n\
             \t$ kapacitor man | man -l -\n\
             \t$ kapacitor man define > /usr/local/share/man/man1/kapacitor-define.1",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let page = match flags::rest(matches).as_slice() {
        [] => page(whole_program())?,
        [verb] => page((find(verb)?.command)().name(format!("kapacitor-{verb}")))?,
        _ => return Err(Stop::usage(&command(), "Must specify one command at most")),
    };
    cx.print_bytes(&page)
}

fn page(command: Command) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Man::new(command.disable_help_flag(true).disable_help_subcommand(true)).render(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_name_verbs_and_flags() {
        let text = |page: std::io::Result<Vec<u8>>| String::from_utf8(page.unwrap()).unwrap();
        assert!(text(page(whole_program())).contains("define\\-template"));
        assert!(text(page((find("define").unwrap().command)())).contains("tick"));
    }
}
