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
    form::Form,
    reply::{Dialect, Reply},
};
use crate::{BoardError, BoardStore, Member, MessageQuery};

const MB: Dialect = Dialect::Meeting;

/// How far back mentions go when the caller names no time, in milliseconds.
const MENTIONS_BACK: i64 = 24 * 60 * 60 * 1000;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/health", get(health))
        .route("/api/agents", get(agents))
        .route("/api/channels", get(channels).post(create_channel))
        .route("/api/channels/{id}/messages", get(list_by_id).post(post_by_id).delete(clear))
        .route("/api/messages", get(list_by_name).post(post_by_name))
        .route("/api/mentions", get(mentions))
}

async fn look(
    desk: Desk,
    request: Request,
    act: impl FnOnce(&BoardStore, &Member) -> Result<Reply, BoardError> + Send + 'static,
) -> Response {
    match desk.who(MB, request.headers()).await {
        Ok(member) => desk.answer(MB, move |store| act(store, &member)).await,
        Err(refusal) => *refusal,
    }
}

/// Who writes, and the fields of what they wrote.
async fn written(
    desk: &Desk,
    request: Request,
) -> Result<(Member, Map<String, Value>), Box<Response>> {
    let member = desk.who(MB, request.headers()).await?;
    let fields = body::read(MB, request).await?;
    Ok((member, fields))
}

async fn health() -> Response {
    Reply::ok(&json!({ "status": "ok" })).send(MB)
}

async fn agents(State(desk): State<Desk>, request: Request) -> Response {
    look(desk, request, |store, _| {
        let agents: Vec<_> = store.members()?.into_iter().map(Member::agent).collect();
        Ok(Reply::ok(&agents))
    })
    .await
}

async fn channels(State(desk): State<Desk>, request: Request) -> Response {
    look(desk, request, |store, _| Ok(Reply::ok(&store.channels()?))).await
}

async fn create_channel(State(desk): State<Desk>, request: Request) -> Response {
    let (_, fields) = match written(&desk, request).await {
        Ok(written) => written,
        Err(refusal) => return *refusal,
    };
    let (Some(name), Some(about)) = (field(&fields, "name"), field(&fields, "description")) else {
        return body::invalid();
    };
    desk.answer(MB, move |store| Ok(Reply::created(&store.create_channel(&name, &about)?))).await
}

async fn list_by_name(State(desk): State<Desk>, request: Request) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default());
    look(desk, request, move |store, _| {
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
    look(desk, request, move |store, _| {
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
        if text.is_empty() {
            return Ok(refuse("message content is required (use \"content\" or \"body\" field)"));
        }
        if channel.strip_prefix('#').unwrap_or(&channel).is_empty() {
            return Ok(refuse("channel name is required"));
        }
        let thread = (!thread.is_empty()).then_some(thread.as_str());
        Ok(Reply::created(&store.post(&member, &channel, &text, thread)?))
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
        if text.is_empty() {
            return Ok(refuse("message content is required"));
        }
        let thread = (!thread.is_empty()).then_some(thread.as_str());
        Ok(Reply::created(&store.post_by_id(&member, &id, &text, thread)?))
    })
    .await
}

async fn clear(State(desk): State<Desk>, request: Request) -> Response {
    look(desk, request, |_, member| {
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
    look(desk, request, move |store, member| {
        let since = since(&form)?.unwrap_or_else(|| store.now_ms() - MENTIONS_BACK);
        Ok(Reply::ok(&store.mentions(member.id(), since)?))
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
    let limit = form.first("limit").and_then(|text| text.parse().ok()).filter(|limit| *limit > 0);
    Ok(MessageQuery { since: since(form)?, limit })
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
