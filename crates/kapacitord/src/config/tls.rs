//! Which versions and ciphers of TLS the HTTP server offers.

use declare::{Declaration, Section, did_you_mean, nearest};

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Tls {
    /// Names of cipher suites; unset for all that are safe.
    pub(crate) ciphers: Option<Vec<String>>,
    /// `tls1.2`; empty for the oldest that is safe.
    pub(crate) min_version: String,
    /// `tls1.3`; empty for the newest.
    pub(crate) max_version: String,
    /// A PEM file; unset for no certificates of clients.
    pub(crate) client_ca: Option<String>,
}

const VERSIONS: &[&str] = &["", "tls1.0", "tls1.1", "tls1.2", "tls1.3"];

const CIPHERS: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

impl Section for Tls {
    const NAME: &'static str = "tls";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("TLS of the HTTP server.")
            .property("ciphers", "The cipher suites to offer; unset for all that are safe.", |d| &mut d.ciphers)
            .property("min-version", "The oldest version to accept; empty for the oldest that is safe.", |d| {
                &mut d.min_version
            })
            .choices(VERSIONS)
            .property("max-version", "The newest version to accept; empty for the newest.", |d| &mut d.max_version)
            .choices(VERSIONS)
            .property(
                "client-ca",
                "The PEM file of the authorities of which clients must show a certificate; unset for no such duty. It is \
                 read again at SIGHUP, as the server's own certificate is.",
                |d| &mut d.client_ca,
            )
            .ours()
    }

    fn check(&self) -> Result<(), String> {
        for (key, version) in [("min-version", &self.min_version), ("max-version", &self.max_version)] {
            if !VERSIONS.iter().any(|known| is_version(known, version)) {
                return Err(format!("unknown {key} {version:?}: one of {}", VERSIONS[1..].join(", ")));
            }
        }
        for cipher in self.ciphers.iter().flatten() {
            let name = cipher.to_uppercase();
            if !CIPHERS.contains(&name.as_str()) {
                return Err(format!(
                    "unknown cipher {cipher:?}{}",
                    did_you_mean(&nearest(&name, CIPHERS.iter().copied()))
                ));
            }
        }
        Ok(())
    }
}

/// `TLS1.2` and `1.2` are `tls1.2`.
fn is_version(known: &str, written: &str) -> bool {
    known.eq_ignore_ascii_case(written) || (!written.is_empty() && known.strip_prefix("tls") == Some(written))
}
