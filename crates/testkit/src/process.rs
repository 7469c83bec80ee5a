//! Processes that end with the test that started them, and ports for them.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A process that is killed when it is forgotten. What it says goes to a file.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program. `name` is what `cargo xtask peers` installs for it.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: PathBuf) -> Process {
        let file = fs::File::create(&log).expect("a log file in the temporary directory");
        let errors = file.try_clone().expect("a file has a second handle");
        let started = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        match started {
            Ok(child) => Process { name, child, log },
            Err(error) => panic!("cannot run {name}: {error}. `cargo xtask peers` installs it"),
        }
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Fails the test if it has ended.
    pub(crate) fn must_live(&mut self) {
        if let Some(status) = self.child.try_wait().expect("a child can be asked for its end") {
            panic!("{} ended with {status}: {}", self.name, self.log());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to save.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Ports that the system gives to nobody who does not ask for them: one of a server that is down for a while must not
/// become the other end of somebody's connection, or that of a client who tries to connect to it, with itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port that is free now, and not given away by the system.
pub(crate) fn free_port() -> u16 {
    let count = u64::from(PORTS.end - PORTS.start);
    // Tests that run beside each other begin elsewhere.
    let begin = RandomState::new().hash_one(std::process::id());
    let ports = (0..count).map(|step| PORTS.start + (begin.wrapping_add(step) % count) as u16);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).expect("a free loopback port")
}

/// Where `cargo xtask peers` puts what is not Debian's.
pub(crate) fn peers() -> PathBuf {
    repository().join("target/peers")
}

/// The files of peers that are ours.
pub(crate) fn own_file(name: &str) -> PathBuf {
    repository().join("crates/testkit/peers").join(name)
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies two folders deep")
}

/// A program of Debian, some of which are not where all users look.
pub(crate) fn program(name: &str) -> Command {
    let elsewhere = Path::new("/usr/sbin").join(name);
    if elsewhere.is_file() { Command::new(elsewhere) } else { Command::new(name) }
}

/// Runs a program to its end, which must be a good one.
pub(crate) fn run(command: &mut Command) {
    let program = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program:?}: {error}. See `cargo xtask peers`"));
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
}
