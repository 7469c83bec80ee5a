//! `POST /write`: line protocol in, parsed once, handed to every task that wants some of it.

use std::{io::Read, sync::Arc};

use axum::{
    body::Bytes,
    http::{Method, StatusCode, header, request::Parts},
    response::Response,
};
use engine::{Origin, Write};
use model::{Precision, Words, parse_lines};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    Api,
    answer::{Params, nothing, text_as_json},
    bodies::{NoBody, Room, later},
    description::{Operation, Parameter, Routes},
};
use crate::ingest::{Entry, NotLogged, Share};

/// Packed bodies of more bytes may become very large, so only a few are unpacked at a time.
const LARGE: usize = 64 << 10;
static TURNS: Semaphore = Semaphore::const_new(4);

pub(super) fn routes() -> Routes {
    Routes::of("data").describe(operation("Write points in line protocol."))
}

/// The same at the root, where clients of InfluxDB write.
pub(super) fn root() -> Routes {
    Routes::of("data").describe(operation("Write points, as clients of InfluxDB do."))
}

/// Whether a request is a write: of our clients, of those of InfluxDB, or of those of v0.2.
pub(super) fn is_write(request: &Parts) -> bool {
    request.method == Method::POST && matches!(request.uri.path(), "/kapacitor/v1/write" | "/write" | "/api/v1/write")
}

fn operation(about: &'static str) -> Operation {
    Operation::post("/write", about)
        .query(&[
            Parameter::new("db", "The database."),
            Parameter::new("rp", "The retention policy; the configured default if it is not given."),
            Parameter::new("precision", "The unit of times; `n` if not given.")
                .words(&["n", "ns", "u", "ms", "s", "m", "h"]),
            Parameter::new("u", "A user's name, if credentials are not in a header."),
            Parameter::new("p", "The user's password."),
        ])
        .takes_other("text/plain")
        .gives_nothing()
        .fails(&[400, 413, 503])
}

/// The answer to a write; its body has that room.
pub(super) async fn write(api: &Api, request: &Parts, body: Bytes, mut room: Room) -> Response {
    let params = Params::of(request.uri.query());
    let retention_policy = match params.get("rp") {
        "" => &api.default_retention_policy,
        policy => policy,
    };
    if let Some(why) = api.budgets.refusal(params.get("db"), retention_policy) {
        api.budgets.count_refused();
        return later(refused(StatusCode::SERVICE_UNAVAILABLE, &why));
    }
    let (body, _turn) = if request.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        match Unpacked::of(body, api.body_limits.size, room).await {
            Ok((Unpacked { body, turn }, grown)) => {
                room = grown;
                (Bytes::from(body), turn)
            }
            Err(why) => {
                let (status, text) = why.told();
                let response = refused(status, &text);
                return if why == NoBody::Full { later(response) } else { response };
            }
        }
    } else {
        (body, None)
    };
    let mut rows = Vec::with_capacity(body.len() / 100);
    let mut words = Words { words: Vec::with_capacity(body.len() / 20), ..Words::default() };
    let now = crate::definitions::now();
    let precision = Precision::parse(params.get("precision"));
    let schema = api.schema.now();
    if let Err(error) = parse_lines(&schema, &body, precision, now, &mut rows, &mut words) {
        let place = if error.line > 1 || body.iter().filter(|&&b| b == b'\n').count() > 1 {
            format!(" (line {} of the write; nothing of it was taken)", error.line)
        } else {
            String::new()
        };
        if error.is_full() {
            api.budgets.count_refused();
            return later(refused(StatusCode::SERVICE_UNAVAILABLE, &format!("{error}{place}")));
        }
        return refused(StatusCode::BAD_REQUEST, &format!("{error}{place}"));
    }
    if params.get("db").is_empty() {
        return refused(StatusCode::BAD_REQUEST, "database is required");
    }
    let origin = Origin { database: params.get("db").to_string(), retention_policy: retention_policy.to_string() };
    let received = api.ingress.of(origin);
    received.count(&schema, &rows);
    let write = Write { origin: Arc::clone(&received.origin), rows, words: Arc::new(words), number: 0 };
    let share: Share = Some(Arc::new((room, schema)));
    let Some(log) = &api.log else {
        let topics = api.topics.topics();
        let handed = topics.handed();
        api.running.write_and_help(&Arc::new(write), share);
        if topics.handed() != handed {
            // Alerts that were raised here are sent next on this thread. They go before the answer: nobody needs it sooner.
            tokio::task::yield_now().await;
        }
        return nothing();
    };
    match log.submit(Entry { lines: body, precision, now, write, share }).await {
        Ok(Ok(())) => nothing(),
        Ok(Err(why)) => not_logged(&why),
        Err(_) => not_logged(&NotLogged::Stopping),
    }
}

fn not_logged(why: &NotLogged) -> Response {
    if *why == NotLogged::TooLarge {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, &why.to_string());
    }
    // By then checkpoints may have made room.
    later(refused(StatusCode::SERVICE_UNAVAILABLE, &why.to_string()))
}

/// A body that came packed, and its turn.
struct Unpacked {
    body: Vec<u8>,
    /// Given back when the body is done with.
    turn: Option<SemaphorePermit<'static>>,
}

impl Unpacked {
    async fn of(packed: Bytes, most: usize, mut room: Room) -> Result<(Unpacked, Room), NoBody> {
        if packed.len() <= LARGE {
            return Ok((Unpacked { body: gunzip(&packed, most, &mut room)?, turn: None }, room));
        }
        let turn = TURNS.acquire().await.ok();
        let unpacking = tokio::task::spawn_blocking(move || gunzip(&packed, most, &mut room).map(|body| (body, room)));
        let failed = |error| NoBody::Broken(format!("the body was not unpacked: {error}"));
        let (body, room) = unpacking.await.map_err(failed)??;
        Ok((Unpacked { body, turn }, room))
    }
}

/// Room is taken as it grows: nobody knows before how large it will be.
fn gunzip(body: &[u8], most: usize, room: &mut Room) -> Result<Vec<u8>, NoBody> {
    const PIECE: u64 = 256 << 10;
    let mut out = Vec::with_capacity((body.len() * 4).min(most));
    let mut reader = flate2::read::MultiGzDecoder::new(body);
    loop {
        let read = reader.by_ref().take(PIECE).read_to_end(&mut out);
        let read = read.map_err(|error| NoBody::Broken(format!("the body is not valid gzip: {error}")))?;
        if out.len() > most {
            return Err(NoBody::TooLarge { most, unpacked: true });
        }
        room.grow(out.len())?;
        if (read as u64) < PIECE {
            return Ok(out);
        }
    }
}

/// Plain text with a newline, as clients of InfluxDB know it.
fn refused(status: StatusCode, why: &str) -> Response {
    text_as_json(status, format!("{why}\n"))
}
