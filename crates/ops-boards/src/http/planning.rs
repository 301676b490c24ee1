//! The planning board's endpoints.

mod input;
mod tasks;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
    routing::{get, post, put},
};
use serde_json::{Map, Value, json};

use super::{
    Desk, body,
    etag::Known,
    form::Form,
    reply::{Dialect, Reply},
};
use crate::{BoardError, BoardStore, Member, store::KINDS, wire::iso_ms};

const PB: Dialect = Dialect::Planning;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/health", get(health))
        .route("/api/me", get(me))
        .route("/api/me/token", post(rotate))
        .route("/api/tickets", get(list).post(create))
        .route("/api/tickets/{id}", get(show).put(edit).patch(edit).delete(delete))
        .route("/api/tickets/{id}/status", put(status))
        .route("/api/tickets/{id}/assignee", put(assignee))
        .route("/api/tickets/{id}/comments", get(comments).post(comment))
        .route("/api/tickets/{id}/history", get(history))
        .route("/api/boards", get(boards))
        .route("/api/users", get(users))
        .route("/api/ticket-types", get(ticket_types))
        .route("/api/board/summary", get(summary))
        .route("/api/board/workload", get(workload))
        .route("/api/webhooks/me", get(watch).put(set_watch))
        .merge(tasks::routes())
}

/// A write by somebody with a token.
async fn write(
    desk: Desk,
    mut request: Request,
    act: impl FnOnce(&BoardStore, &Member, Map<String, Value>) -> Result<Reply, BoardError>
    + Send
    + 'static,
) -> Response {
    let member = match desk.writer(PB, &mut request).await {
        Ok(member) => member,
        Err(refusal) => return *refusal,
    };
    match body::read(PB, request).await {
        Ok(fields) => desk.answer(PB, move |store| act(store, &member, fields)).await,
        Err(refusal) => *refusal,
    }
}

async fn health(State(desk): State<Desk>) -> Response {
    let now = iso_ms(desk.store.now_ms());
    Reply::ok(&json!({ "status": "healthy", "timestamp": now })).send(PB, &Known::none())
}

async fn me(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |_, member| Ok(Reply::ok(&member.me()))).await
}

async fn rotate(State(desk): State<Desk>, request: Request) -> Response {
    write(desk, request, |store, member, _| {
        Ok(Reply::ok(&json!({ "apiToken": store.issue_token(member.id())? })))
    })
    .await
}

async fn list(State(desk): State<Desk>, request: Request) -> Response {
    let query = input::list_query(&Form::read(request.uri().query().unwrap_or_default()));
    desk.look(PB, request, move |store, _| match query {
        Ok(Some(query)) => Ok(Reply::ok(&store.list(&query)?)),
        Ok(None) => Ok(Reply::ok(&json!([]))),
        Err(negative) => Ok(Reply::broken(&negative)),
    })
    .await
}

async fn show(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    desk.look(PB, request, move |store, _| Ok(Reply::ok(&store.ticket(&id)?))).await
}

async fn create(State(desk): State<Desk>, request: Request) -> Response {
    write(desk, request, |store, member, fields| {
        let new = input::new_ticket(store, member, &fields)?;
        Ok(Reply::created(&store.create(member, &new)?))
    })
    .await
}

async fn edit(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, fields| {
        let edit = input::edit(store, member, &fields)?;
        Ok(Reply::ok(&store.edit(member, &id, &edit)?))
    })
    .await
}

async fn delete(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, _| {
        store.delete(member, &id, false)?;
        Ok(Reply::ok(&json!({ "message": "Ticket deleted" })))
    })
    .await
}

async fn status(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, fields| {
        // As on DevTeam's board: an unknown ticket is told before a missing status.
        if !fields.contains_key("status") {
            store.ticket_exists(&id)?;
        }
        let to = input::status(&fields)?;
        Ok(Reply::ok(&store.move_ticket(member, &id, &to)?))
    })
    .await
}

async fn assignee(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, fields| {
        let edit = input::assignee(&fields)?;
        Ok(Reply::ok(&store.edit_and_notify(member, &id, &edit)?))
    })
    .await
}

async fn comments(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    desk.look(PB, request, move |store, _| Ok(Reply::ok(&store.comments(&id)?))).await
}

async fn history(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    desk.look(PB, request, move |store, _| Ok(Reply::ok(&store.history(&id)?))).await
}

async fn comment(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, fields| match input::comment(&fields) {
        Some(text) => Ok(Reply::created(&store.comment(member, &id, &text)?)),
        None => Ok(Reply::broken("the text of a comment must be a string")),
    })
    .await
}

async fn boards(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |store, _| Ok(Reply::ok(&store.boards()?))).await
}

async fn users(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |store, _| {
        let users: Vec<_> = store.members()?.into_iter().map(Member::user).collect();
        Ok(Reply::ok(&users))
    })
    .await
}

async fn ticket_types(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |_, _| Ok(Reply::ok(&KINDS))).await
}

async fn summary(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |store, _| Ok(counts(store.summary()?))).await
}

async fn workload(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |store, _| Ok(counts(store.workload()?))).await
}

fn counts(counts: Vec<(String, i64)>) -> Reply {
    let counts: Map<String, Value> =
        counts.into_iter().map(|(name, count)| (name, json!(count))).collect();
    Reply::ok(&counts)
}

async fn watch(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |store, member| Ok(Reply::ok(&store.watch(member)?))).await
}

async fn set_watch(State(desk): State<Desk>, request: Request) -> Response {
    write(desk, request, |store, member, fields| {
        let (columns, enabled) = input::watch(&fields)?;
        store.set_watch(member, &columns, enabled)?;
        Ok(Reply::ok(&json!({
            "userEmail": member.email(),
            "userName": member.name(),
            "discordWebhook": null,
            "watchColumns": columns,
            "enabled": enabled,
            "updatedAt": iso_ms(store.now_ms()),
        })))
    })
    .await
}

impl Reply {
    /// Where `DevTeam`'s handler throws: 500.
    fn broken(why: &str) -> Self {
        Self::with(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": why }))
    }
}
