//! `kapacitor lsp`: answers an editor's questions about scripts.

use std::{
    io::{stdin, stdout},
    sync::Arc,
};

use clap::{ArgMatches, Command};
use lsp::{Ended, serve};

use super::Verb;
use crate::{cli::Context, scripts};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("lsp")
        .override_usage("kapacitor lsp")
        .about("Serve an editor over standard input and output; no daemon is needed.")
        .long_about(
            "Serve an editor over standard input and output; no daemon is needed.\n\
             \n\
             It speaks the Language Server Protocol: errors while you type, completion, explanations, definitions of\n\
             variables, and formatting. Editors start it by themselves; editors/README.md in the source says how VS\n\
             Code, Vim and Neovim are told to.",
        )
}

/// Arguments such as `--stdio`, which editors give to every server, are let be.
fn run(_cx: &Context, _matches: &ArgMatches) -> anyhow::Result<()> {
    match serve(Arc::new(scripts::surface()), &mut stdin().lock(), &mut stdout().lock())? {
        Ended::Properly => Ok(()),
        // The exit code is the protocol's, not that of our other failures.
        Ended::Abruptly => std::process::exit(1),
    }
}
