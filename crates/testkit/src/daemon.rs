//! Our own daemon, run as a user runs it: a process with a config file, a folder of its own, and a free loopback port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

use crate::{
    http::{Reply, send_with},
    wait,
};

/// What the daemon says once it answers.
const LISTENING: &str = "msg=\"listening on HTTP\"";

/// What is to be run, before it runs.
pub struct Setup {
    program: PathBuf,
    folder: TempDir,
    config: String,
    environment: Vec<(String, String)>,
    flags: Vec<String>,
}

impl Setup {
    /// `program` is the built `kapacitord`.
    pub fn new(program: impl Into<PathBuf>) -> Setup {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().display();
        let config = format!(
            "hostname = \"localhost\"\ndata_dir = \"{path}\"\n\n[http]\nbind-address = \"127.0.0.1:0\"\n\n[storage]\n\
             boltdb = \"{path}/store\"\n\n[replay]\ndir = \"{path}/replay\"\n\n[load]\ndir = \"{path}/load\"\n\n\
             [logging]\nfile = \"STDERR\"\nlevel = \"INFO\"\n\n"
        );
        Setup { program: program.into(), folder, config, environment: Vec::new(), flags: Vec::new() }
    }

    /// More sections of the config file.
    #[must_use]
    pub fn config(mut self, sections: &str) -> Setup {
        self.config.push_str(sections);
        self
    }

    /// Replaces a piece of the config file, which must be there.
    #[must_use]
    pub fn replace(mut self, old: &str, new: &str) -> Setup {
        assert!(self.config.contains(old), "{old:?} is not in the config:\n{}", self.config);
        self.config = self.config.replace(old, new);
        self
    }

    /// A variable of its environment, which is otherwise empty.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.to_string(), value.to_string()));
        self
    }

    /// A flag of its command line.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Setup {
        self.flags.extend([name.to_string(), value.to_string()]);
        self
    }

    /// The folder that the config names: the store is `store` in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Daemon {
        let mut daemon = Daemon { setup: self, process: None, starts: 0, address: String::new() };
        daemon.start();
        daemon
    }

    /// Starts it with another config file altogether.
    pub fn start_with(mut self, config: &str) -> Daemon {
        self.config = config.to_string();
        self.start()
    }

    /// Runs it to its end, which it is expected to come to by itself.
    pub fn fail(&self) -> Output {
        fs::write(self.config_file(), &self.config).expect("a file in the temporary directory");
        self.run(&["run", "-config", &self.config_file().display().to_string()])
    }

    /// Runs any command of the program to its end, killed when that takes too long.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let (out, err) = (self.folder().join("stdout"), self.folder().join("stderr"));
        let file = |path: &Path| fs::File::create(path).expect("a file in the temporary directory");
        let process = self.command().args(arguments).stdout(file(&out)).stderr(file(&err)).spawn();
        let mut process =
            Ends(process.unwrap_or_else(|error| panic!("cannot run {}: {error}", self.program.display())));
        let status = wait::until(&format!("the end of {arguments:?}"), || process.0.try_wait().expect("a child"));
        let read = |path: &Path| fs::read(path).expect("a file in the temporary directory");
        Output { status, stdout: read(&out), stderr: read(&err) }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", self.folder()).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command.current_dir(self.folder());
        command
    }

    fn config_file(&self) -> PathBuf {
        self.folder().join("kapacitor.conf")
    }
}

/// A process that is killed when it is forgotten.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn send_signal(name: &str, process: &Ends) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", process.0.id())]).status();
    assert!(sent.expect("a shell").success(), "the daemon could not be signalled");
}

/// A daemon that runs, or did.
pub struct Daemon {
    setup: Setup,
    process: Option<Ends>,
    starts: u32,
    address: String,
}

impl Daemon {
    /// Starts it with what it left behind, and waits until it answers. Its port is another one.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "the daemon runs already");
        let setup = &self.setup;
        fs::write(setup.config_file(), &setup.config).expect("a file in the temporary directory");
        self.starts += 1;
        let log = fs::File::create(self.log_file()).expect("a file in the temporary directory");
        let mut command = setup.command();
        let started = command.args(["run", "-config"]).arg(setup.config_file()).args(&setup.flags).stderr(log).spawn();
        let mut process =
            Ends(started.unwrap_or_else(|error| panic!("cannot run {}: {error}", setup.program.display())));
        self.address = wait::until("the daemon to listen", || {
            let ended = process.0.try_wait().expect("a child can be asked for its end");
            let log = self.log();
            assert!(ended.is_none(), "the daemon ended: {log}");
            let line = log.lines().find(|line| line.contains(LISTENING))?;
            line.split_once("address=").map(|(_, address)| address.trim().to_string())
        });
        self.process = Some(process);
        if self.setup.config.contains("https-enabled = true") {
            // Whoever tests that has a client of its own.
            return;
        }
        // 401 where it wants to know who asks.
        let answers = |status| matches!(status, 204 | 401);
        wait::until("an answer to a ping", || answers(self.try_get("/kapacitor/v1/ping").ok()?.status).then_some(()));
    }

    /// Replaces a piece of its config file, which must be there; it counts from the next start.
    pub fn reconfigure(&mut self, old: &str, new: &str) {
        assert!(self.setup.config.contains(old), "{old:?} is not in the config:\n{}", self.setup.config);
        self.setup.config = self.setup.config.replace(old, new);
    }

    /// SIGTERM, and waits for its end.
    pub fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the daemon runs");
        send_signal("TERM", &process);
        wait::until("the daemon's end", || process.0.try_wait().expect("a child can be asked for its end"))
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        send_signal("HUP", self.process.as_ref().expect("the daemon runs"));
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().expect("the daemon runs");
    }

    /// From now on its files may grow to so many bytes: for it the disk is full then. The program has to ignore `XFSZ`.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let id = self.process.as_ref().expect("the daemon runs").0.id();
        let most = bytes.map_or_else(|| "unlimited".to_string(), |bytes| bytes.to_string());
        let set = Command::new("prlimit").args(["--pid", &id.to_string(), &format!("--fsize={most}:")]).status();
        assert!(set.expect("prlimit of util-linux").success(), "the daemon's files could not be limited");
    }

    /// Whether the process still lives.
    pub fn lives(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.0.try_wait().expect("a child").is_none())
    }

    /// Its memory in bytes at its highest; `None` where the system does not tell.
    pub fn memory_peak(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.as_ref()?.0.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
    }

    /// The folder that its config names.
    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has logged since its last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Waits for a line of its log that holds `text`, and gives that line.
    pub fn logged(&self, text: &str) -> String {
        wait::until(&format!("{text:?} in the daemon's log"), || {
            self.log().lines().find(|line| line.contains(text)).map(str::to_string)
        })
    }

    /// Sends a request with any method.
    pub fn request(&self, method: &str, target: &str, body: impl AsRef<[u8]>) -> Reply {
        self.request_with(method, target, &[], body)
    }

    /// As [`Daemon::request`], with more headers.
    pub fn request_with(&self, method: &str, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
        match send_with(&self.address, method, target, headers, body.as_ref()) {
            Ok(reply) => reply,
            Err(why) => panic!("{why}\nthe daemon's log:\n{}", self.log()),
        }
    }

    /// GET.
    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target, "")
    }

    /// Line protocol into `telegraf.autogen`, which must be taken.
    pub fn write(&self, lines: &str) {
        let reply = self.request("POST", "/kapacitor/v1/write?db=telegraf&rp=autogen", lines);
        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{lines}");
    }

    fn try_get(&self, target: &str) -> Result<Reply, String> {
        send_with(&self.address, "GET", target, &[], b"")
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join(format!("daemon{}.log", self.starts))
    }
}
