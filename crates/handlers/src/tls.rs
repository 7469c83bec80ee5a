//! TLS to services: whom we trust, and who we are.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::Section;

/// How a server proves who it is, and we to it; files are PEM, empty for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tls {
    pub(crate) any_certificate: bool,
    pub(crate) ca: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Tls {
    /// From the keys `ssl-ca`, `ssl-cert`, `ssl-key`, `insecure-skip-verify` of a section.
    pub(crate) fn of(section: &Section) -> Self {
        Tls {
            any_certificate: section.bool("insecure-skip-verify"),
            ca: section.text("ssl-ca").to_string(),
            certificate: section.text("ssl-cert").to_string(),
            key: section.text("ssl-key").to_string(),
        }
    }

    /// What a connection is opened with. Trusted are the system's authorities, the usual ones that come with the
    /// program, and those of `ca`. Reads the files.
    pub(crate) fn client(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|why| format!("TLS is not possible: {why}"))?;
        let builder = if self.any_certificate {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unread { provider, trusts: Trusts::Anyone }))
        } else if self.ca.is_empty() {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unread { provider, trusts: Trusts::Known }))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        if self.certificate.is_empty() {
            return Ok(builder.with_no_client_auth());
        }
        // One file may hold both.
        let key_file = if self.key.is_empty() { &self.certificate } else { &self.key };
        let key =
            PrivateKeyDer::from_pem_file(key_file).map_err(|why| format!("no private key in {key_file}: {why}"))?;
        builder
            .with_client_auth_cert(certificates(&self.certificate)?, key)
            .map_err(|why| format!("{} and {key_file} are no certificate and key: {why}", self.certificate))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = known_authorities().clone();
        if !self.ca.is_empty() {
            for certificate in certificates(&self.ca)? {
                roots.add(certificate).map_err(|why| format!("{} holds no authority: {why}", self.ca))?;
            }
        }
        Ok(roots)
    }
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(format!("{file} holds no certificates")),
        Ok(found) => Ok(found),
        Err(why) => Err(format!("no certificates in {file}: {why}")),
    }
}

/// Whether the system has authorities of its own.
pub(crate) fn system_has_authorities() -> bool {
    system().1 > 0
}

fn known_authorities() -> &'static RootCertStore {
    &system().0
}

/// All authorities that are known without a config, and how many of them are the system's. Read once.
fn system() -> &'static (RootCertStore, usize) {
    static KNOWN: OnceLock<(RootCertStore, usize)> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for why in &found.errors {
            tracing::warn!("certificates of the system's authorities: {why}");
        }
        let (added, _) = roots.add_parsable_certificates(found.certs);
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        (roots, added)
    })
}

/// The known authorities as those who judge a server. Made for the first server that shows a certificate: reading
/// hundreds of files takes longer than all else that the daemon does at its start.
fn known_verifier() -> Result<&'static WebPkiServerVerifier, Error> {
    static KNOWN: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    let made = KNOWN.get_or_init(|| {
        let provider = Arc::new(ring::default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(known_authorities().clone()), provider);
        builder.build().ok()
    });
    made.as_deref().ok_or_else(|| Error::General("no authorities are known".to_string()))
}

#[derive(Debug)]
enum Trusts {
    /// Whatever certificate a server shows; still, the server must own it.
    Anyone,
    Known,
}

/// A verifier that has read no certificates yet.
#[derive(Debug)]
struct Unread {
    provider: Arc<CryptoProvider>,
    trusts: Trusts,
}

impl ServerCertVerifier for Unread {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.trusts {
            Trusts::Anyone => Ok(ServerCertVerified::assertion()),
            Trusts::Known => {
                known_verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_none_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.pem").display().to_string();
        let with = |tls: Tls| tls.client().map(|_| ()).unwrap_err();
        assert!(with(Tls { ca: file.clone(), ..Tls::default() }).contains("x.pem"));
        std::fs::write(&file, "nothing").unwrap();
        assert!(with(Tls { ca: file.clone(), ..Tls::default() }).ends_with("x.pem holds no certificates"));
        let why = with(Tls { certificate: file.clone(), any_certificate: true, ..Tls::default() });
        assert!(why.contains("no private key in"), "{why}");
        assert!(Tls::default().client().is_ok());
    }
}
