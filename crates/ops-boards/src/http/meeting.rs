//! The meeting board's endpoints.

use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Desk, body,
    etag::Known,
    form::Form,
    reply::{Dialect, Reply},
};
use crate::{AuditQuery, BoardError, Member, MessageQuery};

const MB: Dialect = Dialect::Meeting;

/// How far back mentions go when the caller names no time, in milliseconds.
const MENTIONS_BACK: i64 = 24 * 60 * 60 * 1000;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/health", get(health))
        .route("/api/agents", get(agents))
        .route("/api/channels", get(channels).post(create_channel))
        .route("/api/channels/{id}/messages", get(list_by_id).post(post_by_id).delete(clear))
        .route("/api/channels/{id}/threads", get(threads))
        .route("/api/audit", get(audit))
        .route("/api/messages", get(list_by_name).post(post_by_name))
        .route("/api/mentions", get(mentions))
}

/// Who writes, and the fields of what they wrote.
async fn written(
    desk: &Desk,
    mut request: Request,
) -> Result<(Member, Map<String, Value>), Box<Response>> {
    let member = desk.writer(MB, &mut request).await?;
    let fields = body::read(MB, request).await?;
    Ok((member, fields))
}

async fn health() -> Response {
    Reply::ok(&json!({ "status": "ok" })).send(MB, &Known::none())
}

async fn agents(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(MB, request, |store, _| {
        let agents: Vec<_> = store.members()?.into_iter().map(Member::agent).collect();
        Ok(Reply::ok(&agents))
    })
    .await
}

async fn channels(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(MB, request, |store, _| Ok(Reply::ok(&store.channels()?))).await
}

async fn create_channel(State(desk): State<Desk>, request: Request) -> Response {
    let (member, fields) = match written(&desk, request).await {
        Ok(written) => written,
        Err(refusal) => return *refusal,
    };
    let (Some(name), Some(about)) = (field(&fields, "name"), field(&fields, "description")) else {
        return body::invalid();
    };
    desk.answer(MB, move |store| Ok(Reply::created(&store.create_channel(&member, &name, &about)?)))
        .await
}

async fn list_by_name(State(desk): State<Desk>, request: Request) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default());
    desk.look(MB, request, move |store, _| {
        let channel = form.first("channel").unwrap_or_default();
        if channel.is_empty() {
            return Ok(refuse("channel query parameter is required"));
        }
        Ok(Reply::ok(&store.messages(channel, &message_query(&form)?)?))
    })
    .await
}

async fn list_by_id(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default());
    desk.look(MB, request, move |store, _| {
        let id = channel_id(&id)?;
        Ok(Reply::ok(&store.messages_by_id(&id, &message_query(&form)?)?))
    })
    .await
}

async fn post_by_name(State(desk): State<Desk>, request: Request) -> Response {
    let (member, fields) = match written(&desk, request).await {
        Ok(written) => written,
        Err(refusal) => return *refusal,
    };
    let texts = ["channel", "content", "body", "thread_id"].map(|name| field(&fields, name));
    let [Some(channel), Some(content), Some(body), Some(thread)] = texts else {
        return body::invalid();
    };
    desk.answer(MB, move |store| {
        let text = if content.is_empty() { body } else { content };
        if text.trim().is_empty() {
            return Ok(refuse("message content is required (use \"content\" or \"body\" field)"));
        }
        let channel = channel.trim();
        if channel.is_empty() {
            return Ok(refuse("channel name is required"));
        }
        let thread = (!thread.is_empty()).then_some(thread.as_str());
        Ok(Reply::created(&store.post(&member, channel, &text, thread)?))
    })
    .await
}

async fn post_by_id(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (member, fields) = match written(&desk, request).await {
        Ok(written) => written,
        Err(refusal) => return *refusal,
    };
    let (Some(text), Some(thread)) = (field(&fields, "content"), field(&fields, "thread_id"))
    else {
        return body::invalid();
    };
    desk.answer(MB, move |store| {
        let id = channel_id(&id)?;
        if text.trim().is_empty() {
            return Ok(refuse("message content is required"));
        }
        let thread = (!thread.is_empty()).then_some(thread.as_str());
        Ok(Reply::created(&store.post_by_id(&member, &id, &text, thread)?))
    })
    .await
}

async fn clear(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(MB, request, |_, member| {
        Err(BoardError::Forbidden {
            role: member.role(),
            what: "clear a channel".to_owned(),
            allowed: "nobody may: what was said stays".to_owned(),
        })
    })
    .await
}

async fn mentions(State(desk): State<Desk>, request: Request) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default());
    desk.look(MB, request, move |store, member| {
        let since = since(&form)?.unwrap_or_else(|| store.now_ms() - MENTIONS_BACK);
        Ok(Reply::ok(&store.mentions(member.id(), since)?))
    })
    .await
}

async fn threads(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    desk.look(MB, request, move |store, _| Ok(Reply::ok(&store.threads(&channel_id(&id)?)?))).await
}

async fn audit(State(desk): State<Desk>, request: Request) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default());
    desk.look(MB, request, move |store, _| {
        let query = AuditQuery {
            actor: form.first("actor").filter(|actor| !actor.is_empty()).map(str::to_owned),
            since: since(&form)?,
            limit: limit(&form),
        };
        Ok(Reply::ok(&store.audit(&query)?))
    })
    .await
}

fn refuse(why: &str) -> Reply {
    Reply::with(StatusCode::BAD_REQUEST, &json!({ "error": why }))
}

/// A text field; absent and null are empty, anything else is `None`.
fn field(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => None,
    }
}

fn channel_id(text: &str) -> Result<String, BoardError> {
    if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(BoardError::Refused("invalid channel id".to_owned()))
}

fn message_query(form: &Form) -> Result<MessageQuery, BoardError> {
    Ok(MessageQuery { since: since(form)?, limit: limit(form) })
}

/// A limit; junk counts as none.
fn limit(form: &Form) -> Option<usize> {
    form.first("limit").and_then(|text| text.parse().ok()).filter(|limit| *limit > 0)
}

/// A time in whole milliseconds; it must name its offset.
fn since(form: &Form) -> Result<Option<i64>, BoardError> {
    let Some(text) = form.first("since").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let time: Timestamp = text.parse().map_err(|_| {
        BoardError::Refused("invalid since parameter, use RFC3339 format".to_owned())
    })?;
    Ok(Some(time.as_millisecond()))
}
