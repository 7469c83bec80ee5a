//! A real InfluxDB 1.x of its own for a test, on free loopback ports, gone when dropped.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::http::{escape, send};
use crate::process::free_port;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running `influxd`.
pub struct Influxd {
    process: Child,
    /// `127.0.0.1:PORT`
    address: String,
    directory: TempDir,
    config: PathBuf,
    /// User and password of those who ask.
    user: Option<(String, String)>,
    /// It speaks HTTPS, which the requests of this file do not.
    encrypted: bool,
}

impl Influxd {
    /// Starts a server that asks nobody for a password.
    pub fn start() -> Influxd {
        Influxd::start_with("")
    }

    /// Starts a server that refuses whoever is no user; the first user has to be an admin.
    pub fn start_with_auth() -> Influxd {
        Influxd::start_with("auth-enabled = true")
    }

    /// Starts a server that speaks HTTPS with the certificate for servers. It can be asked by who speaks it, too.
    pub fn start_encrypted(certificates: &Certificates) -> Influxd {
        let (certificate, key) = (certificates.certificate("server"), certificates.key("server"));
        let settings =
            format!("https-enabled = true\nhttps-certificate = \"{certificate}\"\nhttps-private-key = \"{key}\"");
        Influxd::start_with(&settings)
    }

    /// Starts a server at this port, which must be free.
    pub fn start_at(port: u16) -> Influxd {
        Influxd::try_start(port, "").expect("influxd answers at the port it was given")
    }

    fn start_with(http_settings: &str) -> Influxd {
        // Between finding a free port and binding it, another process may take it.
        let started = (0..3).find_map(|_| Influxd::try_start(free_port(), http_settings));
        started.expect("influxd ends at most twice before it answers")
    }

    /// None if the process ends before it answers.
    fn try_start(http: u16, http_settings: &str) -> Option<Influxd> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = write_config(directory.path(), http, free_port(), http_settings);
        let process = spawn(directory.path(), &config);
        let (address, encrypted) = (format!("127.0.0.1:{http}"), http_settings.contains("https-enabled"));
        let mut server = Influxd { process, address, directory, config, user: None, encrypted };
        server.wait_until_up().then_some(server)
    }

    /// Kills it; what it has written stays.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }

    /// Starts it again at the same port with all that it has, and waits until it answers.
    pub fn start_again(&mut self) {
        self.process = spawn(self.directory.path(), &self.config);
        assert!(self.wait_until_up(), "influxd ended before it answered again");
    }

    /// All that is asked from now on is asked by this user.
    pub fn sign_in(&mut self, name: &str, password: &str) {
        self.user = Some((name.to_owned(), password.to_owned()));
    }

    /// Parameters that say who asks.
    fn credentials(&self) -> String {
        let shown = self.user.as_ref().map(|(name, password)| format!("&u={}&p={}", escape(name), escape(password)));
        shown.unwrap_or_default()
    }

    /// `http://127.0.0.1:PORT`, or with `https`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.encrypted { "https" } else { "http" }, self.address)
    }

    /// Runs `statement` without a database, as an admin's shell would, and returns the JSON of the answer.
    pub fn query(&self, statement: &str) -> String {
        self.query_in("", statement)
    }

    /// Runs `statement` in `database` and returns the JSON of the answer.
    pub fn query_in(&self, database: &str, statement: &str) -> String {
        let target = format!("/query?db={}&q={}{}", escape(database), escape(statement), self.credentials());
        let (status, body) = send(&self.address, "POST", &target, b"").expect("influxd answers");
        assert_eq!(status, 200, "{statement}: {body}");
        body
    }

    /// Writes line protocol, with times in nanoseconds, into the default retention policy of `database`.
    pub fn write(&self, database: &str, lines: &str) {
        let target = format!("/write?db={}{}", escape(database), self.credentials());
        let (status, body) = send(&self.address, "POST", &target, lines.as_bytes()).expect("influxd answers");
        assert_eq!(status, 204, "{body}");
    }

    /// Polls the ping; false if the process ends first.
    fn wait_until_up(&mut self) -> bool {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            let is_up = if self.encrypted {
                TcpStream::connect(&self.address).is_ok()
            } else {
                matches!(send(&self.address, "GET", "/ping", b""), Ok((204, _)))
            };
            if is_up {
                return true;
            }
            if self.process.try_wait().expect("a child can be asked for its end").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("influxd did not answer within {START_LIMIT:?}");
    }
}

impl Drop for Influxd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(directory: &Path, config: &Path) -> Child {
    let log = fs::File::create(directory.join("influxd.log")).expect("a log file in the temporary directory");
    let started = Command::new("influxd")
        .arg("-config")
        .arg(config)
        .env_clear()
        .env("HOME", directory)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    match started {
        Ok(process) => process,
        Err(error) => {
            panic!("cannot run influxd: {error}. `cargo xtask test` installs it (Debian's package influxdb)")
        }
    }
}

fn write_config(directory: &Path, http: u16, rpc: u16, http_settings: &str) -> PathBuf {
    let data = directory.display();
    let text = format!(
        r#"reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{data}/meta"
[data]
dir = "{data}/data"
wal-dir = "{data}/wal"
[monitor]
store-enabled = false
[continuous_queries]
enabled = false
[http]
bind-address = "127.0.0.1:{http}"
log-enabled = false
{http_settings}
[subscriber]
enabled = true
http-timeout = "5s"
"#
    );
    let path = directory.join("influxd.conf");
    fs::write(&path, text).expect("a config file in the temporary directory");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_asked_for() {
        let server = Influxd::start();
        server.query("CREATE DATABASE plant");
        server.write("plant", "m,host=a v=1.5 1000000000\n");
        let answer = server.query_in("plant", "SELECT v FROM m GROUP BY host");
        assert!(answer.contains(r#""values":[["1970-01-01T00:00:01Z",1.5]]"#), "{answer}");
    }
}
