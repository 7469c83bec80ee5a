//! Requests made up from the daemon's own description of its API, valid and not: none may be answered with a fault of
//! the server, hang, or end the daemon. Schemathesis of PyPI makes them up.

use std::{fs, path::Path, process::Command};

use anyhow::bail;

use crate::{daemon::Setup, run};

/// How long it goes on, in seconds, where nobody says; the first phases are made whole in any case.
const SECONDS: u32 = 60;
/// Paths that answer for as long as they are asked, or for a while on purpose.
const ENDLESS: &str = "/logs$|/debug/pprof/(profile|trace)$";

/// Play against a daemon of this program.
pub(crate) fn play(root: &Path, program: &Path, seconds: Option<u32>) -> anyhow::Result<()> {
    let folder = root.join("target/hostile-api");
    let setup = Setup::new(program, &folder)?;
    let mut daemon = setup.start()?;
    let base = format!("http://127.0.0.1:{}", daemon.port);
    let mut command = Command::new("python3");
    let modules = std::env::join_paths([root.join("target/peers/schemathesis"), root.join("tests")])?;
    command.env("PYTHONPATH", modules).env("SCHEMATHESIS_HOOKS", "hostile_api").current_dir(&folder);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["-m", "schemathesis.cli", "run", &format!("{base}/kapacitor/v1/openapi.json"), "--url", &base]);
    command.args(["--checks", "no_server_fault", "--continue-on-failure", "--seed", "1", "--max-examples", "20"]);
    command.args(["--max-time", &seconds.unwrap_or(SECONDS).to_string(), "--request-timeout", "30", "--no-color"]);
    command.args(["--generation-database", "none", "--exclude-path-regex", ENDLESS]);
    let outcome = run(&mut command);
    if !daemon.lives() {
        let log = fs::read_to_string(folder.join("daemon.log")).unwrap_or_default();
        bail!("the daemon ended: {log}");
    }
    outcome?;
    daemon.stop()
}
