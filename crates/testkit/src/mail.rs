//! A real mail server of its own for a test.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{Process, own_file, peers};
use crate::wait;

/// How mails get in.
#[derive(Default)]
pub struct Rules<'a> {
    /// User and password that must be given.
    pub login: Option<(&'a str, &'a str)>,
    /// STARTTLS with the certificate of the server; it must be used.
    pub tls: Option<&'a Certificates>,
    /// TLS from the first byte on instead.
    pub implicit: bool,
}

/// A running server.
pub struct MailServer {
    server: Process,
    port: u16,
    mails: PathBuf,
    _folder: TempDir,
}

impl MailServer {
    /// Starts a server and waits until it listens.
    pub fn start(rules: &Rules<'_>) -> MailServer {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mails = folder.path().join("mails");
        let mut command = Command::new("python3");
        command.arg(own_file("mail.py")).arg(&mails).env("PYTHONPATH", peers().join("python"));
        if let Some(tls) = rules.tls {
            command.args(["--certificate", &tls.certificate("server"), "--key", &tls.key("server")]);
        }
        if rules.implicit {
            command.arg("--implicit");
        }
        if let Some((user, password)) = rules.login {
            command.args(["--login", user, password]);
        }
        let mut server = Process::start("aiosmtpd", &mut command, folder.path().join("log"));
        let port = wait::until("the mail server to listen", || {
            server.must_live();
            server.log().lines().find_map(|line| line.parse().ok())
        });
        MailServer { server, port, mails, _folder: folder }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until so many mails came, and gives all, each as JSON: `from`, `to`, `text`, `encrypted`, `user`.
    pub fn mails(&mut self, count: usize) -> Vec<String> {
        wait::until(&format!("{count} mails"), || {
            self.server.must_live();
            let text = std::fs::read_to_string(&self.mails).unwrap_or_default();
            let mails: Vec<String> = text.lines().map(str::to_string).collect();
            (mails.len() >= count).then_some(mails)
        })
    }
}
