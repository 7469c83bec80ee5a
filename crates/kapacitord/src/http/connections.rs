//! Clients' connections: how many there may be, and how long each may take for the head of a request.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use api::memory as shown;
use axum::serve::Listener;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

use super::{App, VERSION};
use crate::budgets::RETRY_AFTER_SECONDS;

/// Who is turned away is told so within this time.
const GOODBYE: Duration = Duration::from_secs(2);

/// See the module.
pub struct Connections {
    places: Arc<Semaphore>,
    most: u32,
    header_timeout: Duration,
    refused: AtomicU64,
}

impl Connections {
    pub fn new(most: u32, header_timeout: Duration) -> Connections {
        Connections {
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            header_timeout,
            refused: AtomicU64::new(0),
        }
    }

    pub(super) fn shown(&self) -> shown::Connections {
        shown::Connections {
            open: u64::from(self.most).saturating_sub(self.places.available_permits() as u64),
            limit: u64::from(self.most),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

/// Answer clients until the daemon stops, then wait for the requests that are under way.
pub async fn serve<L: Listener>(
    mut listener: L,
    app: App,
    connections: Arc<Connections>,
    mut stopping: watch::Receiver<bool>,
) {
    let app = Arc::new(app);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => break,
        };
        match Arc::clone(&connections.places).try_acquire_owned() {
            Ok(place) => {
                let (app, stopping) = (Arc::clone(&app), stopping.clone());
                tokio::spawn(answer(stream, app, connections.header_timeout, stopping, place));
            }
            Err(_) => {
                if connections.refused.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!(
                        "clients are turned away: {} are connected (max-connections in [http])",
                        connections.most
                    );
                }
                tokio::spawn(tokio::time::timeout(GOODBYE, turn_away(stream)));
            }
        }
    }
    drop(listener);
    // All places are free once the last of them has got its answer.
    let _ = connections.places.acquire_many(connections.most).await;
}

async fn answer<S>(
    stream: S,
    app: Arc<App>,
    header_timeout: Duration,
    mut stopping: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .serve_connection(TokioIo::new(stream), service)
    );
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!("a connection ended: {error}");
    }
    drop(place);
}

/// Answer one request with what is to be done about it.
async fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let body = "{\n    \"error\": \"too many connections: try again later\"\n}\n";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n\
         X-Kapacitor-Version: {VERSION}\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    // What is not read when a connection is closed may cost the client its answer.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}
