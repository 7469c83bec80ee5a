//! `POST /write`: line protocol in, parsed once, handed to every task that wants some of it.

use std::{io::Read, sync::Arc};

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use engine::{Origin, Write};
use model::{Precision, Words, parse_lines};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    Api,
    answer::{Params, nothing, text_as_json},
    description::{Operation, Parameter, Routes},
};
use crate::ingest::{Entry, NotLogged, Share};

/// A body that is larger when unpacked is refused.
const MOST: u64 = 1 << 30;
/// Packed bodies of more bytes may become very large, so only a few are unpacked at a time.
const LARGE: usize = 64 << 10;
static TURNS: Semaphore = Semaphore::const_new(4);

pub(super) fn routes() -> Routes {
    Routes::of("data").add(operation("Write points in line protocol."), write)
}

/// The same at the root, where clients of InfluxDB write.
pub(super) fn root() -> Routes {
    Routes::of("data").add(operation("Write points, as clients of InfluxDB do."), write)
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

pub(super) async fn write(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let params = Params::of(query.as_deref());
    let (body, _turn) = if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        match Unpacked::of(body).await {
            Ok(Unpacked { body, turn }) => (Bytes::from(body), turn),
            Err((status, why)) => return refused(status, &why),
        }
    } else {
        (body, None)
    };
    let held = Arc::clone(&api.budget).acquire_many_owned(permits(body.len())).await;
    let Ok(held) = held else { return refused(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping") };
    let (mut rows, mut words) = (Vec::with_capacity(body.len() / 100), Words::default());
    let now = crate::definitions::now();
    let precision = Precision::parse(params.get("precision"));
    if let Err(error) = parse_lines(&api.schema, &body, precision, now, &mut rows, &mut words) {
        let place = if error.line > 1 || body.iter().filter(|&&b| b == b'\n').count() > 1 {
            format!(" (line {} of the write; nothing of it was taken)", error.line)
        } else {
            String::new()
        };
        return refused(StatusCode::BAD_REQUEST, &format!("{error}{place}"));
    }
    if params.get("db").is_empty() {
        return refused(StatusCode::BAD_REQUEST, "database is required");
    }
    let retention_policy = match params.get("rp") {
        "" => &api.default_retention_policy,
        policy => policy,
    };
    let origin = Origin { database: params.get("db").to_string(), retention_policy: retention_policy.to_string() };
    let received = api.ingress.of(origin);
    received.count(&api.schema, &rows);
    let write = Write { origin: Arc::clone(&received.origin), rows, words: Arc::new(words), number: 0 };
    let share: Share = Some(Arc::new(held));
    let Some(log) = &api.log else {
        api.running.write(&Arc::new(write), share);
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
    let mut response = refused(StatusCode::SERVICE_UNAVAILABLE, &why.to_string());
    // By then checkpoints may have made room.
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// One for each KiB, at least one, and never more than a third of the budget.
pub(crate) fn permits(len: usize) -> u32 {
    ((len >> 10) + 1).min(super::super::server::BUDGET / 3) as u32
}

/// A body that came packed, and its turn.
struct Unpacked {
    body: Vec<u8>,
    /// Given back when the body is done with.
    turn: Option<SemaphorePermit<'static>>,
}

impl Unpacked {
    async fn of(packed: Bytes) -> Result<Unpacked, (StatusCode, String)> {
        if packed.len() <= LARGE {
            return Ok(Unpacked { body: gunzip(&packed)?, turn: None });
        }
        let turn = TURNS.acquire().await.ok();
        let body = tokio::task::spawn_blocking(move || gunzip(&packed)).await;
        let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, format!("the body was not unpacked: {error}"));
        Ok(Unpacked { body: body.map_err(failed)??, turn })
    }
}

fn gunzip(body: &[u8]) -> Result<Vec<u8>, (StatusCode, String)> {
    let mut out = Vec::with_capacity(body.len() * 4);
    let mut reader = flate2::read::MultiGzDecoder::new(body).take(MOST + 1);
    reader
        .read_to_end(&mut out)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("the body is not valid gzip: {error}")))?;
    if out.len() as u64 > MOST {
        let why = format!("the body is too large: unpacked it is more than {} MiB", MOST >> 20);
        return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    Ok(out)
}

/// Plain text with a newline, as clients of InfluxDB know it.
fn refused(status: StatusCode, why: &str) -> Response {
    text_as_json(status, format!("{why}\n"))
}
