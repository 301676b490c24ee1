//! Answers, in the dialect of each board.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::etag::{self, Known};
use crate::{BoardError, role::Status, wire::go_escaped};

/// Which board is speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The planning board speaks like Express.
    Planning,
    /// The meeting board speaks like Go's encoder.
    Meeting,
}

/// An answer with a JSON body.
pub(super) struct Reply {
    status: StatusCode,
    body: Result<String, serde_json::Error>,
}

impl Reply {
    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::with(StatusCode::OK, body)
    }

    pub(super) fn created(body: &impl Serialize) -> Self {
        Self::with(StatusCode::CREATED, body)
    }

    pub(super) fn with(status: StatusCode, body: &impl Serialize) -> Self {
        Self { status, body: serde_json::to_string(body) }
    }

    /// The answer, or 304 for a caller who has it already.
    pub(super) fn send(self, dialect: Dialect, known: &Known) -> Response {
        match self.body {
            Ok(body) if dialect == Dialect::Planning => {
                let tag = etag::of(&body);
                known.settle(&tag, json_text(dialect, self.status, body))
            }
            Ok(body) => json_text(dialect, self.status, body),
            Err(why) => error(dialect, StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
        }
    }
}

/// `{"error": …}`.
pub(super) fn error(dialect: Dialect, status: StatusCode, text: &str) -> Response {
    json_text(dialect, status, json!({ "error": text }).to_string())
}

fn json_text(dialect: Dialect, status: StatusCode, body: String) -> Response {
    let (kind, body) = match dialect {
        Dialect::Planning => ("application/json; charset=utf-8", body),
        Dialect::Meeting => ("application/json", go_escaped(&body) + "\n"),
    };
    with_kind(status, kind, body)
}

fn with_kind(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// An HTML page, as Express answers where no handler did.
pub(super) fn page(status: StatusCode, text: &str) -> Response {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n\
         </head>\n<body>\n<pre>{safe}</pre>\n</body>\n</html>\n"
    );
    let mut response = with_kind(status, "text/html; charset=utf-8", body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The caller is faster than its rate.
pub(super) fn too_fast(dialect: Dialect, seconds: u64) -> Response {
    let said = format!("too many requests: try again in {seconds} s");
    let mut response = error(dialect, StatusCode::TOO_MANY_REQUESTS, &said);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// As Go's router answers an unknown path or method.
pub(super) fn go_not_found() -> Response {
    let mut response = (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// There is no token, or not in the form `Bearer <token>`.
pub(super) fn no_token(dialect: Dialect) -> Response {
    error(
        dialect,
        StatusCode::UNAUTHORIZED,
        match dialect {
            Dialect::Planning => "Unauthorized. Use session cookie or Bearer token.",
            Dialect::Meeting => "invalid authorization header format",
        },
    )
}

/// The token is nobody's.
pub(super) fn wrong_token(dialect: Dialect) -> Response {
    match dialect {
        Dialect::Planning => no_token(dialect),
        Dialect::Meeting => error(dialect, StatusCode::UNAUTHORIZED, "invalid token"),
    }
}

/// What the store refused or could not do.
pub(super) fn failure(dialect: Dialect, error: &BoardError) -> Response {
    let said = error.to_string();
    let (status, body) = match error {
        BoardError::NoTicket(_) => (StatusCode::NOT_FOUND, json!({ "error": "Ticket not found" })),
        BoardError::NoTask(_) => (StatusCode::NOT_FOUND, json!({ "error": "Task not found" })),
        BoardError::NotAnId(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({ "error": "input must be a 24 character hex string, 12 byte Uint8Array, or an integer" }),
        ),
        BoardError::NoChannel(name) => {
            (StatusCode::NOT_FOUND, json!({ "error": format!("channel not found: {name}") }))
        }
        BoardError::ChannelExists(_) => {
            (StatusCode::CONFLICT, json!({ "error": "channel already exists" }))
        }
        BoardError::MoveForbidden { role, from, to } => {
            (StatusCode::FORBIDDEN, forbidden_move(&said, *role, *from, *to))
        }
        BoardError::Forbidden { role, allowed, .. } => (
            StatusCode::FORBIDDEN,
            json!({ "error": said, "role": role.as_str(), "allowed": [allowed] }),
        ),
        BoardError::NoMessage(_) | BoardError::NoMember(_) => {
            (StatusCode::NOT_FOUND, json!({ "error": said }))
        }
        BoardError::Pattern(_) | BoardError::Immutable(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": said }))
        }
        BoardError::Refused(_) => (StatusCode::BAD_REQUEST, json!({ "error": said })),
        BoardError::TooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, json!({ "error": said })),
        BoardError::Full(_) => (StatusCode::CONFLICT, json!({ "error": said })),
        BoardError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": said })),
        BoardError::Newer { .. }
        | BoardError::Storage { .. }
        | BoardError::Uncertain(_)
        | BoardError::File { .. }
        | BoardError::NoRandom(_) => {
            tracing::error!(error = %said, "the board could not answer");
            (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": said }))
        }
    };
    json_text(dialect, status, body.to_string())
}

/// Says which moves the caller may make from here, and who may make this one.
fn forbidden_move(said: &str, role: crate::Role, from: Status, to: Status) -> Value {
    let allowed: Vec<&str> = Status::ALL
        .iter()
        .filter(|other| **other != from && role.may_move(from, **other))
        .map(|other| other.as_str())
        .collect();
    json!({
        "error": said,
        "role": role.as_str(),
        "from": from.as_str(),
        "to": to.as_str(),
        "allowed": allowed,
        "mayMove": crate::Role::who_may(from, to),
    })
}
