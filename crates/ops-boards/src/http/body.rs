//! Reads the bodies of requests: in bounded time, bounded size, and as each board understands them.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};

use super::{
    form::Form,
    reply::{self, Dialect},
};
use crate::limits;

/// How much of a body that is too long is read on and dropped, so that its sender gets to read the
/// answer instead of a broken connection.
const DROPPED_BYTES: usize = 8 * 1024 * 1024;

/// Reads a body as its board understands it: the planning board by its content type, the meeting
/// board always as JSON.
pub(super) async fn read(
    dialect: Dialect,
    request: Request,
) -> Result<Map<String, Value>, Box<Response>> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    let bytes = whole(request.into_body(), limits::BODY_BYTES)
        .await
        .map_err(|refusal| Box::new(refused(dialect, refusal)))?;
    match dialect {
        Dialect::Planning => express(kind.as_deref(), &bytes),
        Dialect::Meeting => go(&bytes),
    }
}

/// Reads a body of at most so many bytes in bounded time.
pub(super) async fn whole(body: Body, most: usize) -> Result<Vec<u8>, Refusal> {
    let waiting = collect(body, most);
    tokio::time::timeout(Duration::from_secs(limits::BODY_SECONDS), waiting)
        .await
        .unwrap_or(Err(Refusal::Slow))
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Broken,
    Slow,
    TooLarge,
}

impl Refusal {
    /// As it is answered.
    pub(super) fn said(self) -> (StatusCode, &'static str) {
        match self {
            Self::Broken => (StatusCode::BAD_REQUEST, "Bad Request: the body broke off"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "Request Timeout: the body took too long"),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload Too Large: a body holds at most 100 kB, shorten the text",
            ),
        }
    }
}

fn refused(dialect: Dialect, refusal: Refusal) -> Response {
    let (status, text) = refusal.said();
    match dialect {
        Dialect::Planning => reply::page(status, text),
        Dialect::Meeting => reply::error(dialect, status, text),
    }
}

async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen <= most {
            bytes.extend_from_slice(&data);
        } else if seen > most + DROPPED_BYTES {
            break;
        }
    }
    if seen > most { Err(Refusal::TooLarge) } else { Ok(bytes) }
}

/// Without a content type that Express parses, a body counts as empty; a list has no fields.
fn express(kind: Option<&str>, bytes: &[u8]) -> Result<Map<String, Value>, Box<Response>> {
    let malformed = || reply::page(StatusCode::BAD_REQUEST, "Bad Request: the body is no JSON");
    match kind {
        Some("application/json") if bytes.is_empty() => Ok(Map::new()),
        Some("application/json") => match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(Value::Array(_)) => Ok(Map::new()),
            Ok(_) | Err(_) => Err(Box::new(malformed())),
        },
        Some("application/x-www-form-urlencoded") => {
            let text = String::from_utf8_lossy(bytes);
            let pairs = Form::read(&text).pairs();
            Ok(pairs.map(|(name, value)| (name, Value::String(value))).collect())
        }
        _ => Ok(Map::new()),
    }
}

/// Go's decoder reads the first value and matches the names of fields in any case.
fn go(bytes: &[u8]) -> Result<Map<String, Value>, Box<Response>> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(fields))) => {
            Ok(fields.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect())
        }
        Some(Ok(Value::Null)) => Ok(Map::new()),
        _ => Err(Box::new(invalid())),
    }
}

/// As the meeting board answers a body that it cannot use.
pub(super) fn invalid() -> Response {
    reply::error(Dialect::Meeting, StatusCode::BAD_REQUEST, "invalid request body")
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use http_body_util::channel::Channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let started = tokio::time::Instant::now();
        for dialect in [Dialect::Planning, Dialect::Meeting] {
            let (_sender, stalled) = Channel::<Bytes>::new(1);
            let answer = read(dialect, Request::new(Body::new(stalled))).await.unwrap_err();
            assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        }
        assert_eq!(started.elapsed().as_secs(), 2 * limits::BODY_SECONDS);
    }
}
