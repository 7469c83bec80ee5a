//! Asking a function what it reads, gives and takes: it is started or dialled for this alone.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::{
    Ask, Frames, Function, InfoRequest, InfoResponse, Level, Listener, Request, Response, Target, Tell,
    lives::DIALLING,
    peer::{Peer, open},
    write_frame,
};

/// How often a socket is dialled that is not there yet.
const BETWEEN: Duration = Duration::from_millis(500);

/// What a function says of itself. For a socket that is not there yet this waits up to five minutes.
///
/// # Errors
/// Why it says nothing.
pub async fn ask(function: &Function, listener: &Arc<dyn Listener>) -> Result<InfoResponse, String> {
    let mut peer = dial(function, listener).await?;
    let limit = function.first_word();
    let outcome = timeout(limit, talk(&mut peer)).await;
    outcome.unwrap_or_else(|_| Err(format!("keepalive timedout: it says nothing within {limit:?}")))
}

async fn dial(function: &Function, listener: &Arc<dyn Listener>) -> Result<Peer, String> {
    let began = Instant::now();
    let mut told = false;
    loop {
        match open(function, listener).await {
            Err(why) if matches!(function.target, Target::Socket(_)) && began.elapsed() < DIALLING => {
                if !told {
                    listener.log(Level::Warn, &format!("{why}; waiting for it"));
                    told = true;
                }
                sleep(BETWEEN).await;
            }
            outcome => return outcome,
        }
    }
}

async fn talk(peer: &mut Peer) -> Result<InfoResponse, String> {
    let mut request = Vec::new();
    write_frame(&Request::from(Ask::Info(InfoRequest {})), &mut request);
    if let Some(input) = &mut peer.input {
        // If it does not read this, its end tells why.
        let _ = input.write_all(&request).await;
    }
    let mut frames = Frames::default();
    let mut buffer = [0; 4096];
    loop {
        match peer.output.read(&mut buffer).await {
            Ok(0) => return Err(peer.farewell().await),
            Ok(count) => frames.feed(&buffer[..count]),
            Err(error) => return Err(format!("read error: {error}")),
        }
        while let Some(response) = frames.message::<Response>().map_err(|error| format!("read error: {error}"))? {
            match response.message {
                Some(Tell::Info(info)) => return Ok(info),
                Some(Tell::Error(error)) => return Err(error.error),
                _ => {}
            }
        }
    }
}
