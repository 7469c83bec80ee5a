//! An authority of its own for a test, with a certificate for a server on loopback and one for a client.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::run;

/// PEM files in a folder of the test.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them, in this folder.
    pub fn make(folder: &Path) -> Certificates {
        let made = Certificates { folder: folder.to_path_buf() };
        made.openssl("ca", "/CN=Authority of a test", &["-addext", "basicConstraints=critical,CA:TRUE"], false);
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        made.openssl("server", "/CN=localhost", &["-addext", names], true);
        made.openssl("client", "/CN=client", &["-addext", "extendedKeyUsage=clientAuth"], true);
        made
    }

    /// The file of the authority, `ca`, `server` or `client`.
    pub fn certificate(&self, whose: &str) -> String {
        self.folder.join(format!("{whose}.pem")).display().to_string()
    }

    /// The key of `server` or `client`.
    pub fn key(&self, whose: &str) -> String {
        self.folder.join(format!("{whose}.key")).display().to_string()
    }

    fn openssl(&self, whose: &str, subject: &str, more: &[&str], signed: bool) {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        command.args(["-subj", subject, "-out", &self.certificate(whose), "-keyout", &self.key(whose)]);
        if signed {
            command.args(["-CA", &self.certificate("ca"), "-CAkey", &self.key("ca")]);
            command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        }
        run(command.args(more));
    }
}
