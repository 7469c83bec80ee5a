//! How large the body of a request may be, and what is answered to a larger one.

use axum::{
    extract::Request,
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::answer::JSON;
use crate::definitions::Refused;

/// Bytes of a body as it comes; a packed one may grow beyond it, see `write.rs`.
pub(super) const LARGEST: usize = 256 << 20;

/// Refuses at once what says that it is too large, and words the refusal of what turns out to be.
pub(super) async fn bounded(request: Request, next: Next) -> Response {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    // A number that is too large even for us is not our problem: the connection's own reader refuses it.
    if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > LARGEST as u64) {
        return too_large();
    }
    let answer = next.run(request).await;
    // The web framework's own words for it name no limit; ours are JSON.
    let is_ours = answer.headers().get(header::CONTENT_TYPE) == Some(&JSON);
    if answer.status() == StatusCode::PAYLOAD_TOO_LARGE && !is_ours { too_large() } else { answer }
}

fn too_large() -> Response {
    let text = format!("the request's body is too large: more than {} MiB", LARGEST >> 20);
    Refused::new(413, text).into_response()
}
