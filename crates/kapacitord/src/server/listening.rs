//! Where the daemon answers: its port, its Unix socket, certificates.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    config::{Config, socket_address},
    http::{self, Api},
};

/// Answer on the listener, and on a Unix socket if the config names one, until the daemon stops. The certificates, if
/// any, can be read again.
pub(super) async fn answer(
    config: &Config,
    listener: TcpListener,
    api: Arc<Api>,
    stopping: watch::Receiver<bool>,
    services: &mut Vec<JoinHandle<()>>,
) -> anyhow::Result<Option<Arc<http::Certificates>>> {
    if let Some(path) = config.http.unix_socket() {
        let (listener, file) = http::listen_on_socket(Path::new(path)).await?;
        let serving = serve(listener, Arc::clone(&api), stopping.clone());
        services.push(tokio::spawn(async move {
            let _file = file;
            serving.await;
        }));
        tracing::info!(socket = path, "listening on a Unix socket");
    }
    let address = listener.local_addr()?;
    let certificates = config.http.https_enabled.then(|| http::Certificates::read(config)).transpose()?;
    services.push(match &certificates {
        Some(certificates) => {
            let encrypted = http::Encrypted::over(listener, Arc::clone(certificates))?;
            tokio::spawn(serve(encrypted, api, stopping))
        }
        None => tokio::spawn(serve(listener, api, stopping)),
    });
    tracing::info!(address = %address, "listening on HTTP");
    Ok(certificates)
}

/// The port of the config, or the one that was kept since the last start.
pub(super) async fn listen(config: &Config, kept: &mut Option<std::net::TcpListener>) -> anyhow::Result<TcpListener> {
    if kept.is_none() {
        *kept = Some(bind(config).await?.into_std()?);
    }
    let listener = kept.as_ref().context("a listener was made")?.try_clone()?;
    Ok(TcpListener::from_std(listener)?)
}

async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let address = &config.http.bind_address;
    TcpListener::bind(&socket_address(address)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "cannot listen on {address}: the address is in use; stop what uses it or set bind-address in [http]"
        ),
        _ => anyhow!("cannot listen on {address} (bind-address in [http]): {error}"),
    })
}

async fn serve<L: axum::serve::Listener>(listener: L, api: Arc<Api>, stopping: watch::Receiver<bool>) {
    let connections = Arc::clone(&api.connections);
    http::serve(listener, http::App::new(api), connections, stopping).await;
}
