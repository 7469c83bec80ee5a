//! Scripts that are looked at without a daemon: files, all below a folder, or standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::{ArgMatches, Command};
use engine::define::{Surface, Var, VarType, Vars};

use crate::cli::Stop;
use crate::{files, flags};

/// What stands for standard input among the arguments.
pub(crate) const STDIN: &str = "-";

/// A script to be looked at.
pub(crate) struct Script {
    /// The path as it was given.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All nodes and handlers that a script may name, with nothing configured.
pub(crate) fn surface() -> Surface {
    let mut surface = Surface::new(handlers::catalogue());
    surface.take_functions_as_given();
    surface
}

/// The scripts that the arguments name. A folder stands for all `*.tick` files in it and below.
///
/// # Errors
/// No argument, and files that cannot be read.
pub(crate) fn read(command: &Command, matches: &ArgMatches) -> anyhow::Result<Vec<Script>> {
    let args = flags::rest(matches);
    if args.is_empty() {
        return Err(Stop::usage(command, "Must name at least one file, a folder, or - for standard input."));
    }
    let mut scripts = Vec::new();
    for arg in args {
        if arg == STDIN {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
            let text = String::from_utf8(bytes).map_err(|_| anyhow!("standard input is not UTF-8 text"))?;
            scripts.push(Script { name: STDIN.to_string(), text });
            continue;
        }
        let mut paths = vec![PathBuf::from(&arg)];
        if Path::new(&arg).is_dir() {
            paths = files::below(Path::new(&arg))?;
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "tick"));
            if paths.is_empty() {
                bail!("{arg}: there is no file *.tick in this folder");
            }
        }
        for path in paths {
            let name = path.to_string_lossy().into_owned();
            let text = files::read(&name)?;
            scripts.push(Script { name, text });
        }
    }
    Ok(scripts)
}

/// The values in a JSON file of variables, as scripts compute with them.
pub(crate) fn vars(path: &str) -> anyhow::Result<Vars> {
    let given = files::vars(path)?;
    let read = given.into_iter().map(|(name, var)| {
        let var_type = VarType::parse(var.var_type.name()).expect("both name the same types");
        let value = var_type.read(&var.value).map_err(|why| anyhow!("invalid var {name} in file {path}: {why}"))?;
        Ok((name, Var { var_type, value: Some(value), description: var.description }))
    });
    read.collect()
}
