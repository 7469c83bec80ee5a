//! HTTPS: connections are handed on once they are encrypted. Certificates can be read again while the daemon runs.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{WebPkiClientVerifier, danger::ClientCertVerifier},
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

use crate::config::Config;

/// Clients that may be at their greeting at once.
const GREETING: usize = 256;
/// No client takes longer for it.
const LIMIT: Duration = Duration::from_secs(10);

/// Encrypted connections to an address.
pub struct Encrypted {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    accepting: JoinHandle<()>,
}

/// The certificates in use.
pub struct Certificates {
    config: Config,
    acceptor: RwLock<TlsAcceptor>,
}

impl Certificates {
    /// What the files hold that `[http]` names.
    ///
    /// # Errors
    /// They cannot be read, or hold something else.
    pub fn read(config: &Config) -> anyhow::Result<Arc<Certificates>> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(config)?));
        Ok(Arc::new(Certificates { config: config.clone(), acceptor: RwLock::new(acceptor) }))
    }

    /// Read the files again; connections from now on go by them.
    ///
    /// # Errors
    /// As [`Certificates::read`]; the old ones stay in use.
    pub fn read_again(&self) -> anyhow::Result<()> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&self.config)?));
        *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Encrypted {
    /// Take connections of the listener.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn over(listener: TcpListener, certificates: Arc<Certificates>) -> anyhow::Result<Encrypted> {
        let address = listener.local_addr()?;
        let (send, ready) = mpsc::channel(GREETING);
        let accepting = tokio::spawn(accept(listener, certificates, send));
        Ok(Encrypted { address, ready, accepting })
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl axum::serve::Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The other side ends only with this one.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Greet clients beside each other, so that a slow one holds up nobody.
async fn accept(
    listener: TcpListener,
    certificates: Arc<Certificates>,
    send: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let places = Arc::new(Semaphore::new(GREETING));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::error!("cannot take a connection: {error}");
                // Out of files, most often: that takes a moment to mend.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let (acceptor, send) = (certificates.acceptor(), send.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(LIMIT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(send.send((stream, address)).await),
                Ok(Err(error)) => tracing::debug!(client = %address, "no encrypted connection: {error}"),
                Err(_) => tracing::debug!(client = %address, "no encrypted connection within {LIMIT:?}"),
            }
            drop(place);
        });
    }
}

fn server_config(config: &Config) -> anyhow::Result<ServerConfig> {
    let certificate = Path::new(&config.http.https_certificate);
    let key = match config.http.https_private_key.as_str() {
        "" => certificate,
        key => Path::new(key),
    };
    let certificates =
        certificates(certificate).with_context(|| format!("https-certificate in [http]: {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("https key in [http]: {}", key.display()))?;
    let mut made = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&versions(&config.tls.min_version, &config.tls.max_version)?)?
        .with_client_cert_verifier(clients(config)?)
        .with_single_cert(certificates, key)
        .with_context(|| format!("https-certificate in [http]: {}", certificate.display()))?;
    made.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(made)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect)?;
    if found.is_empty() {
        bail!("there is no certificate in it");
    }
    Ok(found)
}

/// Which clients are let in: all, or those with a certificate of the authority that `[tls]` names.
fn clients(config: &Config) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let Some(path) = config.tls.client_ca.as_deref().filter(|path| !path.is_empty()) else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let verifier = || -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(Path::new(path))? {
            roots.add(certificate)?;
        }
        let provider = Arc::new(ring::default_provider());
        Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
    };
    verifier().with_context(|| format!("client-ca in [tls]: {path}"))
}

/// The versions from the least to the greatest, of those that are safe.
fn versions(least: &str, greatest: &str) -> anyhow::Result<Vec<&'static SupportedProtocolVersion>> {
    let minor = |text: &str, default: u32| {
        text.rsplit_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok()).unwrap_or(default)
    };
    let (least, greatest) = (minor(least, 2), minor(greatest, 3));
    let all: [(u32, &'static SupportedProtocolVersion); 2] = [(2, &TLS12), (3, &TLS13)];
    let wanted: Vec<_> =
        all.into_iter().filter(|(minor, _)| (least..=greatest).contains(minor)).map(|(_, version)| version).collect();
    if wanted.is_empty() {
        bail!("min-version and max-version in [tls] leave neither TLS 1.2 nor TLS 1.3");
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_the_config_leaves() {
        let count = |least, greatest| versions(least, greatest).map(|versions| versions.len()).ok();
        assert_eq!(count("", ""), Some(2));
        assert_eq!(count("tls1.0", "tls1.2"), Some(1));
        assert_eq!(count("1.3", ""), Some(1));
        assert_eq!(count("", "tls1.1"), None);
    }

    #[test]
    fn files_that_hold_something_else_are_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut config = Config::default();
        config.http.https_certificate = file.path().display().to_string();
        let error = format!("{:#}", server_config(&config).unwrap_err());
        assert!(error.contains(&config.http.https_certificate), "{error}");
        config.tls.client_ca = Some(file.path().display().to_string());
        let error = format!("{:#}", clients(&config).unwrap_err());
        assert!(error.contains("client-ca in [tls]") && error.contains("no certificate"), "{error}");
    }
}
