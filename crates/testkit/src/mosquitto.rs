//! A real MQTT broker of its own for a test, and somebody who listens to all of its topics.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{Process, free_port, program, run};
use crate::wait;

/// Who may come in.
#[derive(Default)]
pub struct Rules<'a> {
    /// User and password; without them, all may.
    pub login: Option<(&'a str, &'a str)>,
    /// TLS with the certificate of the server.
    pub tls: Option<&'a Certificates>,
    /// Clients, too, must show a certificate.
    pub client_certificates: bool,
}

/// A running `mosquitto`.
pub struct Mosquitto {
    broker: Process,
    listener: Option<Process>,
    port: u16,
    folder: TempDir,
}

impl Mosquitto {
    /// Starts a broker and waits until it listens.
    pub fn start(rules: &Rules<'_>) -> Mosquitto {
        Mosquitto::start_at(free_port(), rules)
    }

    /// As `start`, at this port, which must be free.
    pub fn start_at(port: u16, rules: &Rules<'_>) -> Mosquitto {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let config = folder.path().join("mosquitto.conf");
        fs::write(&config, config_text(port, &folder, rules)).expect("a file in the temporary directory");
        let log = folder.path().join("mosquitto.log");
        let broker = Process::start("mosquitto", program("mosquitto").arg("-c").arg(&config), log);
        let mut started = Mosquitto { broker, listener: None, port, folder };
        wait::until("mosquitto to listen", || {
            started.broker.must_live();
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        started
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Listens to all topics from now on; the user is the one of the rules.
    pub fn listen(&mut self, rules: &Rules<'_>) {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "localhost", "-p", &self.port.to_string(), "-t", "#", "-q", "2", "-i", "listener"]);
        // Topic, quality, whether it was retained, message.
        command.args(["-F", "%t %q %r %p"]);
        if let Some((user, password)) = rules.login {
            command.args(["-u", user, "-P", password]);
        }
        if let Some(tls) = rules.tls {
            command.args(["--cafile", &tls.certificate("ca")]);
            if rules.client_certificates {
                command.args(["--cert", &tls.certificate("client"), "--key", &tls.key("client")]);
            }
        }
        self.listener = Some(Process::start("mosquitto_sub", &mut command, self.folder.path().join("heard")));
        self.says("Sending SUBACK to listener");
    }

    /// Waits for a line of the broker's log with this text, and gives that line.
    pub fn says(&mut self, text: &str) -> String {
        wait::until(&format!("{text:?} in mosquitto's log"), || {
            self.broker.must_live();
            self.broker.log().lines().find(|line| line.contains(text)).map(str::to_string)
        })
    }

    /// Waits until so many messages were heard, and gives all: `TOPIC QUALITY RETAINED MESSAGE`.
    pub fn heard(&mut self, count: usize) -> Vec<String> {
        let listener = self.listener.as_mut().expect("somebody listens");
        wait::until(&format!("{count} messages"), || {
            listener.must_live();
            let lines: Vec<String> = listener.log().lines().map(str::to_string).collect();
            (lines.len() >= count).then_some(lines)
        })
    }
}

fn config_text(port: u16, folder: &TempDir, rules: &Rules<'_>) -> String {
    // As root it would become somebody who may not read the folder.
    let mut text = format!("user root\nlistener {port} 127.0.0.1\nlog_dest stderr\nlog_type all\n");
    match rules.login {
        None => text += "allow_anonymous true\n",
        Some((user, password)) => {
            let file = folder.path().join("users");
            run(Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&file).args([user, password]));
            text += &format!("allow_anonymous false\npassword_file {}\n", file.display());
        }
    }
    if let Some(tls) = rules.tls {
        let [ca, certificate] = ["ca", "server"].map(|whose| tls.certificate(whose));
        text += &format!("cafile {ca}\ncertfile {certificate}\nkeyfile {}\n", tls.key("server"));
        text += &format!("require_certificate {}\n", rules.client_certificates);
    }
    text
}
