//! Bodies of requests: how large they may be, how long they may take, and the room they need until tasks are done with them.

use std::{fmt::Display, future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::body::Body;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{Api, write::is_write};
use crate::{
    budgets::{Budgets, PERMIT, REQUESTS, RETRY_AFTER_SECONDS},
    definitions::Refused,
};

/// Bytes for which a client gets a second more.
const SECOND: u64 = 16 << 10;

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes, as it comes and unpacked.
    pub size: usize,
    /// For the client to send it.
    pub time: Duration,
    /// For room to become free.
    pub patience: Duration,
}

/// The room that a body has; it is given back when this is dropped.
pub(super) struct Room {
    budgets: Arc<Budgets>,
    /// Among the writes that wait for tasks, or else among other requests: those are answered when there are too many
    /// writes, too.
    is_write: bool,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn new(budgets: &Arc<Budgets>, is_write: bool) -> Room {
        Room { budgets: Arc::clone(budgets), is_write, held: None }
    }

    /// Permits that are missing for so many bytes.
    fn missing(&self, bytes: usize) -> u32 {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = if self.is_write { self.budgets.permits(bytes) } else { (bytes / PERMIT + 1) as u32 };
        (wanted as usize).saturating_sub(held) as u32
    }

    fn take(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
    }

    fn queue(&self) -> Arc<Semaphore> {
        Arc::clone(if self.is_write { self.budgets.queue() } else { self.budgets.requests() })
    }

    /// Room for so many bytes in all, if there is some now.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoBody> {
        let missing = self.missing(bytes);
        if missing > 0 {
            let more = self.queue().try_acquire_many_owned(missing).map_err(|_| self.full())?;
            self.take(more);
        }
        Ok(())
    }

    /// Room for so many bytes in all, as soon as there is some.
    async fn wait(&mut self, bytes: usize, patience: Duration) -> Result<(), NoBody> {
        let missing = self.missing(bytes);
        if missing > 0 {
            match tokio::time::timeout(patience, self.queue().acquire_many_owned(missing)).await {
                Ok(Ok(more)) => self.take(more),
                _ => return Err(self.full()),
            }
        }
        Ok(())
    }

    fn full(&self) -> NoBody {
        self.budgets.count_refused();
        NoBody::Full
    }
}

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoBody {
    /// More than so many bytes, or so many when unpacked.
    TooLarge { most: usize, unpacked: bool },
    /// The client takes too long.
    Slow,
    /// Tasks cannot follow.
    Full,
    /// The connection ended, or what came is wrong.
    Broken(String),
}

impl NoBody {
    /// Status and words for the client.
    pub(super) fn told(&self) -> (StatusCode, String) {
        match self {
            NoBody::TooLarge { most, unpacked } => {
                let size = if most >> 20 > 0 { format!("{} MiB", most >> 20) } else { format!("{most} bytes") };
                let text = match unpacked {
                    true => format!("the body is too large: unpacked it is more than {size}"),
                    false => format!("the request's body is too large: more than {size}"),
                };
                (StatusCode::PAYLOAD_TOO_LARGE, text)
            }
            NoBody::Slow => (StatusCode::REQUEST_TIMEOUT, "the request's body took too long to come".to_string()),
            NoBody::Full => {
                let text =
                    "there is no room for this request now: tasks cannot follow the writes (write-queue in [memory])";
                (StatusCode::SERVICE_UNAVAILABLE, text.to_string())
            }
            NoBody::Broken(why) => (StatusCode::BAD_REQUEST, why.clone()),
        }
    }
}

/// Receives the body before anybody looks at the request; or what is answered in place of that.
pub(super) async fn received<B>(api: &Api, parts: &Parts, body: B) -> Result<(Bytes, Room), Response>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
{
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    // A number that is too large even for us is not our problem: the connection's own reader refuses it.
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    let is_write = is_write(parts);
    let mut limits = api.body_limits;
    if !is_write {
        limits.size = limits.size.min(REQUESTS);
    }
    if announced.is_some_and(|length| length > limits.size as u64) {
        return Err(refused(&NoBody::TooLarge { most: limits.size, unpacked: false }));
    }
    let mut room = Room::new(&api.budgets, is_write);
    match receive(body, limits, &mut room).await {
        Ok(bytes) => Ok((bytes, room)),
        Err(why) => Err(refused(&why)),
    }
}

fn refused(why: &NoBody) -> Response {
    let (status, text) = why.told();
    let response = Refused::new(status.as_u16(), text).into_response();
    if *why == NoBody::Full { later(response) } else { response }
}

/// The client may try again.
pub(super) fn later(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    response
}

/// All of a body. Room is taken as it comes, so that who announces much and sends little holds up nobody.
async fn receive<B>(mut body: B, limits: BodyLimits, room: &mut Room) -> Result<Bytes, NoBody>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
{
    let begun = Instant::now();
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    loop {
        let so_far = first.len() + all.len();
        let deadline = begun + limits.time + Duration::from_secs(so_far as u64 / SECOND);
        let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = match tokio::time::timeout_at(deadline, next).await {
            Err(_) => return Err(NoBody::Slow),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(NoBody::Broken(format!("the body did not come whole: {error}"))),
            Ok(Some(Ok(frame))) => frame,
        };
        // What is no data are headers behind it.
        let Ok(piece) = frame.into_data() else { continue };
        if so_far + piece.len() > limits.size {
            return Err(NoBody::TooLarge { most: limits.size, unpacked: false });
        }
        room.wait(so_far + piece.len(), limits.patience).await?;
        if so_far == 0 {
            first = piece;
            continue;
        }
        if all.is_empty() {
            all = std::mem::take(&mut first).to_vec();
        }
        all.extend_from_slice(&piece);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}
