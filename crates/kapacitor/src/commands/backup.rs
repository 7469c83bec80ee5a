//! `kapacitor backup`: saves what the daemon has stored to a file.

use std::fs::File;
use std::io::Write;

use anyhow::{Context as _, bail};
use api::client::Stream;
use api::system::BACKUP_PATH;
use clap::{ArgMatches, Command};

use super::Verb;
use crate::cli::Context;
use crate::{files, flags};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("backup")
        .override_usage("kapacitor backup <output file>")
        .about("Save what the daemon has stored to a file.")
        .long_about(
            "Save what the daemon has stored (tasks, templates, handlers, states of topics) to a file.\n\
             \n\
             The daemon goes on meanwhile.",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let [path] = args.as_slice() else { bail!("must provide file path for backup.") };
    // An older backup at the path is not touched before the daemon has answered.
    let backup = cx.wait(cx.client.open(BACKUP_PATH, &[])).context("failed to perform backup")?;
    let file = File::create(path).map_err(|error| files::open_error(path, &error));
    save(cx, backup, file.context("failed to create backup file")?)
}

fn save(cx: &Context, mut backup: Stream, mut file: File) -> anyhow::Result<()> {
    const FAILED: &str = "failed to save backup";
    let total = backup.length();
    let mut written = 0;
    while let Some(piece) = cx.wait(backup.next()).context(FAILED)? {
        file.write_all(&piece).context(FAILED)?;
        written += piece.len() as u64;
    }
    file.sync_all().context(FAILED)?;
    match total {
        Some(total) if total != written => {
            bail!("failed to download entire backup, only wrote {written} bytes out of a total {total} bytes.")
        }
        _ => Ok(()),
    }
}
