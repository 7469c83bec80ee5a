//! A built daemon in a folder of its own, on a free port, for chores that ask it over HTTP; ended when dropped.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// No answer takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Where it keeps things, and how it is started.
pub(crate) struct Setup {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
}

pub(crate) struct Daemon {
    process: Child,
    pub(crate) port: u16,
    /// How long it took from the start of the process to the first answer.
    pub(crate) start: Duration,
}

impl Setup {
    /// The folder is emptied.
    pub(crate) fn new(program: &Path, folder: &Path) -> anyhow::Result<Setup> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let at = folder.display();
        let config = format!(
            "hostname = \"localhost\"\ndata_dir = \"{at}\"\n[http]\nbind-address = \"127.0.0.1:{port}\"\n\
             log-enabled = false\n[storage]\nboltdb = \"{at}/store\"\n[replay]\ndir = \"{at}/replay\"\n[load]\n\
             dir = \"{at}/load\"\n[logging]\nlevel = \"ERROR\"\n[[influxdb]]\nenabled = false\n"
        );
        fs::write(folder.join("kapacitor.conf"), config)?;
        Ok(Setup { program: program.to_path_buf(), folder: folder.to_path_buf(), port })
    }

    pub(crate) fn start(&self) -> anyhow::Result<Daemon> {
        let began = Instant::now();
        let log = fs::File::create(self.folder.join("daemon.log"))?;
        let mut command = Command::new(&self.program);
        command.arg("run").arg("-config").arg(self.folder.join("kapacitor.conf"));
        let process = command.current_dir(&self.folder).stdout(Stdio::null()).stderr(log).spawn();
        let process = process.with_context(|| format!("cannot run {}", self.program.display()))?;
        let mut daemon = Daemon { process, port: self.port, start: Duration::ZERO };
        while began.elapsed() < LIMIT {
            if daemon.connect().and_then(|mut link| link.ask("GET", "/kapacitor/v1/tasks?limit=1", "")).is_ok() {
                daemon.start = began.elapsed();
                return Ok(daemon);
            }
            if !daemon.lives() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let log = fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default();
        bail!("{} does not answer: {log}", self.program.display())
    }
}

impl Daemon {
    pub(crate) fn lives(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|ended| ended.is_none())
    }

    pub(crate) fn connect(&self) -> anyhow::Result<Link> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Link(BufReader::new(stream)))
    }

    /// Its memory in MiB; none where the system does not tell.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
    }

    /// The processor time that it took so far; none where the system does not tell.
    pub(crate) fn processor(&self) -> Option<Duration> {
        // Linux counts in hundredths of a second.
        const TICK: u64 = 10;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        let mut after_name = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        let mut next = || after_name.next()?.parse::<u64>().ok();
        Some(Duration::from_millis((next()? + next()?) * TICK))
    }

    /// SIGTERM, and wait for its end.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.process.id().to_string()).status()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A connection on which one request follows the other.
pub(crate) struct Link(BufReader<TcpStream>);

impl Link {
    /// The body of the answer, which must be one of success.
    pub(crate) fn ask(&mut self, method: &str, target: &str, body: &str) -> anyhow::Result<String> {
        let length = body.len();
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}");
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status: u16 = line.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no answer")?;
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        if (200..300).contains(&status) { Ok(body) } else { bail!("{method} {target}: {status} {body}") }
    }
}
