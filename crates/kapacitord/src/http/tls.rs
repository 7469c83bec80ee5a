//! HTTPS: connections are handed on once they are encrypted.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
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

impl Encrypted {
    /// Take connections of the listener with the certificate that `[http]` names.
    ///
    /// # Errors
    /// The files cannot be read, or hold something else.
    pub fn over(listener: TcpListener, config: &Config) -> anyhow::Result<Encrypted> {
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(server_config(config)?));
        let (send, ready) = mpsc::channel(GREETING);
        let accepting = tokio::spawn(accept(listener, acceptor, send));
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
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, send: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>) {
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
        let (acceptor, send) = (acceptor.clone(), send.clone());
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
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("https-certificate in [http]: {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("https key in [http]: {}", key.display()))?;
    let mut made = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&versions(&config.tls.min_version, &config.tls.max_version)?)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .with_context(|| format!("https-certificate in [http]: {}", certificate.display()))?;
    made.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(made)
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
    }
}
