//! The planning board's older endpoints, which its web page uses: the same tickets by their ids
//! alone, without a limit, and with notices for every change.

use axum::{
    Router,
    extract::{Path, Request, State},
    response::Response,
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{super::form::Form, Desk, PB, Reply, input, write};
use crate::{BoardError, BoardStore, ListQuery, TicketWire};

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/tasks", get(list).post(create))
        .route("/api/tasks/reorder", post(reorder))
        .route("/api/tasks/by-ticket/{number}", get(by_number))
        .route("/api/tasks/{id}", get(show).put(edit).delete(delete))
        .route("/api/tasks/{id}/comments", get(comments).post(comment))
        .route("/api/tasks/{id}/attachments", post(attach))
        .route("/api/boards/{id}/tasks", get(of_board))
}

/// An id of 24 hex digits; numbers are none here.
fn only_id(id: &str) -> Result<&str, BoardError> {
    if id.contains('-') {
        return Err(BoardError::NotAnId(id.to_owned()));
    }
    Ok(id)
}

/// What the older endpoints call a ticket that is not there.
fn task<T>(found: Result<T, BoardError>) -> Result<T, BoardError> {
    found.map_err(|error| match error {
        BoardError::NoTicket(id) => BoardError::NoTask(id),
        other => other,
    })
}

fn by_id(store: &BoardStore, id: &str) -> Result<TicketWire, BoardError> {
    task(store.ticket(only_id(id)?))
}

async fn list(State(desk): State<Desk>, request: Request) -> Response {
    let query = input::task_query(&Form::read(request.uri().query().unwrap_or_default()));
    desk.look(PB, request, move |store, _| match query {
        Some(query) => Ok(Reply::ok(&store.list_all(&query)?)),
        None => Ok(Reply::ok(&json!([]))),
    })
    .await
}

async fn of_board(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    desk.look(PB, request, move |store, _| {
        let query = ListQuery { board_id: Some(id), ..ListQuery::default() };
        Ok(Reply::ok(&store.list_all(&query)?))
    })
    .await
}

async fn show(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    desk.look(PB, request, move |store, _| Ok(Reply::ok(&by_id(store, &id)?))).await
}

async fn by_number(
    State(desk): State<Desk>,
    Path(number): Path<String>,
    request: Request,
) -> Response {
    desk.look(PB, request, move |store, _| {
        if !number.contains('-') {
            return Err(BoardError::NoTask(number));
        }
        Ok(Reply::ok(&task(store.ticket(&number))?))
    })
    .await
}

async fn create(State(desk): State<Desk>, request: Request) -> Response {
    write(desk, request, |store, member, fields| {
        let new = input::new_task(store, member, &fields)?;
        Ok(Reply::created(&store.create(member, &new)?))
    })
    .await
}

async fn edit(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, fields| {
        let edit = input::edit(store, member, &fields)?;
        Ok(Reply::ok(&task(store.edit_and_notify(member, only_id(&id)?, &edit))?))
    })
    .await
}

async fn delete(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, _| {
        task(store.delete(member, only_id(&id)?, true))?;
        Ok(Reply::ok(&json!({ "success": true })))
    })
    .await
}

async fn comments(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    desk.look(PB, request, move |store, _| Ok(Reply::ok(&by_id(store, &id)?.comments))).await
}

async fn comment(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    write(desk, request, move |store, member, fields| match input::comment(&fields) {
        Some(text) => Ok(Reply::created(&task(store.comment(member, only_id(&id)?, &text))?)),
        None => Ok(Reply::broken("the text of a comment must be a string")),
    })
    .await
}

async fn attach(State(desk): State<Desk>, request: Request) -> Response {
    desk.look(PB, request, |_, _| {
        Ok(Reply::broken(
            "attachments need a store that this board does not have: put a link into a comment",
        ))
    })
    .await
}

async fn reorder(State(desk): State<Desk>, request: Request) -> Response {
    write(desk, request, |store, member, fields| {
        let ids = order(&fields)?;
        store.reorder(member, &ids)?;
        Ok(Reply::ok(&json!({ "success": true })))
    })
    .await
}

fn order(fields: &Map<String, Value>) -> Result<Vec<String>, BoardError> {
    let invalid = || BoardError::Refused("Invalid order data".to_owned());
    let list = fields.get("order").and_then(Value::as_array).ok_or_else(invalid)?;
    let id = |item: &Value| item.get("id").and_then(Value::as_str).map(str::to_owned);
    list.iter().map(|item| id(item).ok_or_else(invalid)).collect()
}
