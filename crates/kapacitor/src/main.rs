//! `kapacitor`, the command line: defines, lists and switches what a daemon runs.
//!
//! - `cli`: the global flags, finding the verb, exit codes. `flags`: Go's flag syntax. `help`: usage texts.
//! - `commands`: one file per verb; its clap command is the one declaration that parsing and help are made of.
//! - `output`, `zone`: tables, times and sizes as users know them. `files`, `dbrp`: what users hand in.
//! - `scripts`, `diff`: scripts that are looked at without a daemon, and what would change in them.
//! - `transfer`: definitions that are brought together, from a folder or another daemon.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod dbrp;
mod diff;
mod files;
mod flags;
mod help;
mod output;
mod progress;
mod scripts;
mod transfer;
mod zone;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    cli::run(&args)
}
