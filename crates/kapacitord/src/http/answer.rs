//! Answers as Kapacitor words them: indented JSON, errors with `error` and `message`, a version on each.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

use crate::definitions::Refused;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An answer, or why there is none.
pub(super) type Answered = Result<Response, Refused>;

pub(super) fn json(value: &impl Serialize) -> Answered {
    let text = api::json::pretty(value).map_err(|error| Refused::failed(error.to_string()))?;
    Ok(text_as_json(StatusCode::OK, text))
}

pub(super) fn text_as_json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// Resources as the JSON of a list.
pub(super) fn values(items: impl Iterator<Item = impl Serialize>) -> Result<Vec<Value>, Refused> {
    let values = items.map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    values.map_err(|error| Refused::failed(error.to_string()))
}

/// 204: no body.
pub(super) fn nothing() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = api::json::pretty(&api::error::ErrorBody::new(self.text)).unwrap_or_default();
        text_as_json(status, body)
    }
}

/// Run what blocks (the store, starting tasks) aside.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Refused::failed(format!("the request ended by a fault of the program: {error}"))),
    }
}

/// The value of a query parameter.
pub(super) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'q> Params<'q> {
    pub(super) fn of(query: Option<&'q str>) -> Params<'q> {
        fn decode(text: &str) -> Cow<'_, str> {
            match text.contains(['+', '%']) {
                true => Cow::Owned(percent_decoded(&text.replace('+', " "))),
                false => Cow::Borrowed(text),
            }
        }
        Params(
            query
                .unwrap_or("")
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    /// All, in the order they stand.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// The first value; empty if it is not there.
    pub(super) fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.as_ref())
    }

    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_ref())
    }

    /// `offset` and `limit` of a list: none passed over and a hundred shown if not given; `limit=-1` shows all, a
    /// negative offset passes over none.
    pub(super) fn page(&self) -> Result<(usize, usize), Refused> {
        let limit = if self.get("limit") == "-1" { usize::MAX } else { self.number("limit", 100)? };
        let is_negative = self.get("offset").parse().is_ok_and(|offset: i64| offset < 0);
        Ok((if is_negative { 0 } else { self.number("offset", 0)? }, limit))
    }

    /// A whole number of zero or more.
    pub(super) fn number(&self, key: &str, default: usize) -> Result<usize, Refused> {
        match self.get(key) {
            "" => Ok(default),
            text => text
                .parse()
                .map_err(|_| Refused::bad(format!("invalid {key} parameter {text:?} must be an integer of 0 or more"))),
        }
    }
}

/// A text with its `%20`s replaced; bytes that are no UTF-8 become the replacement character.
pub(crate) fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_string();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|&b| char::from(b).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
