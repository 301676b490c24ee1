//! ops's own gateway, as every agent of `DevTeam` has one: where the boards and the router knock.
//!
//! Nothing that is said here is believed: a knock wakes ops, which then reads the boards. All is
//! answered at once, since whoever moved a ticket is waiting for the answer.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, time::timeout};

use crate::secret;

/// Bytes of a notice: a board sends 500 characters of a description and one comment.
const NOTICE_BYTES: usize = 1 << 20;
/// Bytes of one frame of the router.
const FRAME_BYTES: usize = 256 << 10;
/// Routers at the same time; one is usual.
const ROUTERS: usize = 16;
/// How long a router may take to say who it is.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// The router pings every 30 s: who is silent for so long is gone.
const SILENCE: Duration = Duration::from_mins(2);
/// The protocol that router and gateway speak.
const PROTOCOL: u64 = 3;

/// Called when somebody knocked: reads the boards soon. It must not block.
pub type Knock = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
struct Gate {
    /// Hash of the token, so that comparing takes the same time whatever is shown.
    token: [u8; 32],
    knock: Knock,
    routers: Arc<Semaphore>,
}

impl Gate {
    fn knows(&self, token: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let differs = shown.iter().zip(&self.token).fold(0, |all, (a, b)| all | (a ^ b));
        differs == 0
    }
}

/// The gateway's pages: `GET /health`, `POST /v1/chat/completions`, and the router's WebSocket on
/// every other path. Callers show `token` (`OPENCLAW_GATEWAY_TOKEN`), which must not be empty.
pub fn gateway(token: &str, knock: Knock) -> Router {
    let token = Sha256::digest(token.as_bytes()).into();
    let gate = Gate { token, knock, routers: Arc::new(Semaphore::new(ROUTERS)) };
    Router::new()
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/v1/chat/completions", post(completions))
        .fallback(any(router))
        .layer(DefaultBodyLimit::max(NOTICE_BYTES))
        .with_state(gate)
}

/// A notice of the planning board. Only the status of the answer is read there.
async fn completions(State(gate): State<Gate>, headers: HeaderMap, body: Bytes) -> Response {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Bearer "));
    if !token.is_some_and(|token| gate.knows(token)) {
        let words = json!({ "error": { "message": "unknown token", "type": "authentication" } });
        return (StatusCode::UNAUTHORIZED, Json(words)).into_response();
    }
    let asked: Option<Value> = serde_json::from_slice(&body).ok();
    let Some(model) = asked.as_ref().and_then(|asked| asked.get("messages").map(|_| model(asked)))
    else {
        let words = json!({ "error": { "message": "no messages", "type": "invalid_request" } });
        return (StatusCode::BAD_REQUEST, Json(words)).into_response();
    };
    (gate.knock)();
    let message = json!({ "role": "assistant", "content": "Noted. ops reads the board now." });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    let words = json!({
        "id": "ops", "object": "chat.completion", "created": 0, "model": model,
        "choices": [choice],
        "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 },
    });
    Json(words).into_response()
}

fn model(asked: &Value) -> &str {
    asked.get("model").and_then(Value::as_str).unwrap_or("default")
}

async fn router(
    State(gate): State<Gate>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else { return StatusCode::NOT_FOUND.into_response() };
    let Ok(place) = Arc::clone(&gate.routers).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    upgrade.max_message_size(FRAME_BYTES).max_frame_size(FRAME_BYTES).on_upgrade(
        move |socket| async move {
            let _place = place;
            converse(socket, &gate).await;
        },
    )
}

/// Speaks with a router until it goes, breaks the rules or falls silent.
async fn converse(mut socket: WebSocket, gate: &Gate) {
    let Ok(nonce) = secret::random() else { return };
    let challenge =
        json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": nonce } });
    if say(&mut socket, &challenge).await.is_none() {
        return;
    }
    let known = timeout(INTRODUCTION, introduced(&mut socket, gate)).await;
    if !matches!(known, Ok(Some(()))) {
        let _ = socket.send(Message::Close(None)).await;
        return;
    }
    while let Ok(Some(request)) = timeout(SILENCE, heard(&mut socket)).await {
        let answer = match method(&request) {
            "wake" => {
                (gate.knock)();
                done(&request, &json!({ "status": "accepted" }))
            }
            other => refused(&request, "UNKNOWN_METHOD", &format!("ops knows no {other:.40}")),
        };
        if say(&mut socket, &answer).await.is_none() {
            return;
        }
    }
}

/// Waits until a router has shown the token. The signature of its device proves nothing to ops,
/// which knows no devices; the token alone opens.
async fn introduced(socket: &mut WebSocket, gate: &Gate) -> Option<()> {
    loop {
        let request = heard(socket).await?;
        let token = request.pointer("/params/auth/token").and_then(Value::as_str);
        if method(&request) != "connect" {
            say(socket, &refused(&request, "NOT_CONNECTED", "connect first")).await?;
        } else if token.is_some_and(|token| gate.knows(token)) {
            let hello = json!({ "type": "hello-ok", "protocol": PROTOCOL });
            return say(socket, &done(&request, &hello)).await;
        } else {
            say(socket, &refused(&request, "UNAUTHORIZED", "token mismatch")).await?;
            return None;
        }
    }
}

/// The next request; `None` if the router has gone. What is no request is passed over.
async fn heard(socket: &mut WebSocket) -> Option<Value> {
    loop {
        match socket.recv().await?.ok()? {
            Message::Text(text) => {
                let frame: Option<Value> = serde_json::from_str(&text).ok();
                let request = frame.filter(|frame| {
                    frame.get("type").and_then(Value::as_str) == Some("req")
                        && frame.get("id").is_some_and(Value::is_string)
                });
                if request.is_some() {
                    return request;
                }
            }
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) => {}
        }
    }
}

fn method(request: &Value) -> &str {
    request.get("method").and_then(Value::as_str).unwrap_or_default()
}

fn done(request: &Value, payload: &Value) -> Value {
    json!({ "type": "res", "id": request.get("id"), "ok": true, "payload": payload })
}

fn refused(request: &Value, code: &str, message: &str) -> Value {
    let error = json!({ "code": code, "message": message });
    json!({ "type": "res", "id": request.get("id"), "ok": false, "error": error })
}

async fn say(socket: &mut WebSocket, words: &Value) -> Option<()> {
    let text = Utf8Bytes::from(words.to_string());
    timeout(INTRODUCTION, socket.send(Message::Text(text))).await.ok()?.ok()
}
