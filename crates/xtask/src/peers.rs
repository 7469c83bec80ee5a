//! The real servers that tests meet, from Debian's packages.

use std::{env, process::Command};

use anyhow::{Context, bail};

use crate::run;

/// Programs and the packages they come with.
const PEERS: [(&str, &str); 2] = [("influxd", "influxdb"), ("python3", "python3")];

/// Install what is not there yet. Packages' services are not started: tests start servers of their own.
pub(crate) fn install() -> anyhow::Result<()> {
    let missing: Vec<&str> = PEERS.iter().filter(|(program, _)| !is_there(program)).map(|peer| peer.1).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_there("apt-get") {
        bail!("the tests need {}: install them, there is no apt-get here", missing.join(", "));
    }
    println!("installing {}", missing.join(", "));
    run(&mut apt(&["update", "-q"]))?;
    run(apt(&["install", "-q", "-y", "--no-install-recommends"]).args(&missing))
        .with_context(|| format!("cannot install {}", missing.join(", ")))
}

fn apt(args: &[&str]) -> Command {
    let mut command = if is_root() { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root() {
        command.arg("apt-get");
    }
    // Keeps Debian's scripts from asking, and from starting services.
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn is_there(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
