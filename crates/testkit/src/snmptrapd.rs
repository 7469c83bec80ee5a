//! A real receiver of SNMP traps of its own for a test.

use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, free_port, program};
use crate::wait;

/// A running `snmptrapd`.
pub struct Snmptrapd {
    receiver: Process,
    port: u16,
    _folder: TempDir,
}

impl Snmptrapd {
    /// Starts one that takes traps of this community alone.
    pub fn start(community: &str) -> Snmptrapd {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let config = folder.path().join("snmptrapd.conf");
        std::fs::write(&config, format!("authCommunity log \"{community}\"\n"))
            .expect("a file in the temporary directory");
        let port = free_port();
        // Its output shall not wait in a buffer.
        let mut command = Command::new("stdbuf");
        command.arg("-oL").arg(program("snmptrapd").get_program());
        // In the foreground, without names for numbers, a line per trap.
        command.args(["-f", "-n", "-m", "", "-On", "-Lo", "-C", "-c"]).arg(&config);
        command.args(["-F", "trap %N %w.%q %v\n", &format!("udp:127.0.0.1:{port}")]);
        command.env("SNMP_PERSISTENT_DIR", folder.path());
        let log = folder.path().join("traps");
        let receiver = Process::start("snmptrapd", &mut command, log);
        let mut started = Snmptrapd { receiver, port, _folder: folder };
        started.line("NET-SNMP version");
        started
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits for a line with this text, and gives that line.
    pub fn line(&mut self, text: &str) -> String {
        wait::until(&format!("{text:?} from snmptrapd"), || {
            self.receiver.must_live();
            self.receiver.log().lines().find(|line| line.contains(text)).map(str::to_string)
        })
    }
}
