//! The web page of the boards: plain HTML and plain forms, without scripts.

mod board;
mod frame;
mod login;
mod session;
mod ticket;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, post},
};

use super::{Desk, body, form::Form, rate::Caller};
use crate::{BoardError, BoardStore, Member, limits};
use frame::{Html, Visit};
use session::Session;
pub(super) use session::Sessions;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/", get(show_board))
        .route("/tickets/{id}", get(show_ticket))
        .route("/tickets/{id}/comments", post(comment))
        .route("/tickets/{id}/move", post(move_ticket))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
}

/// Why a page is not shown.
enum Trouble {
    /// Nobody is logged in.
    LogIn,
    /// The form is not one that this session was given.
    Forged,
    /// Faster than the rate; seconds to wait.
    TooFast(u64),
    Board(BoardError),
    Body(body::Refusal),
    Form(&'static str),
}

impl From<BoardError> for Trouble {
    fn from(error: BoardError) -> Self {
        Self::Board(error)
    }
}

async fn show_board(State(desk): State<Desk>, request: Request) -> Response {
    let permissive = desk.settings.permissive;
    visit(&desk, request, "/", move |store, visit| {
        Ok(board::page(visit, &store.columns(limits::SHOWN_PER_COLUMN)?, permissive))
    })
    .await
}

async fn show_ticket(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let permissive = desk.settings.permissive;
    let back = request.uri().path().to_owned();
    visit(&desk, request, &back, move |store, visit| {
        Ok(ticket::page(visit, &store.ticket(&id)?, permissive))
    })
    .await
}

async fn comment(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    submit(&desk, request, move |store, visit, form| {
        let text = form.first("text").unwrap_or_default().replace("\r\n", "\n");
        if text.trim().is_empty() {
            return Err(Trouble::Form("A comment needs some text."));
        }
        let comment = store.comment(&visit.member, &id, &text)?;
        Ok(format!("/tickets/{}#comment-{}", store.ticket(&id)?.ticket_number, comment.id))
    })
    .await
}

async fn move_ticket(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    submit(&desk, request, move |store, visit, form| {
        let to = form.first("status").unwrap_or_default();
        if to.is_empty() {
            return Err(Trouble::Form("Choose where the ticket goes."));
        }
        let moved = store.move_ticket(&visit.member, &id, to)?;
        Ok(format!("/tickets/{}#history", moved.ticket_number))
    })
    .await
}

/// Shows a page to whoever is logged in; everybody else is asked to.
async fn visit(
    desk: &Desk,
    request: Request,
    back: &str,
    show: impl FnOnce(&BoardStore, &Visit) -> Result<Html, Trouble> + Send + 'static,
) -> Response {
    let session = session_of(desk, request.headers());
    let meter = Arc::clone(&desk.meter);
    let done = desk.call(move |store| {
        let visit = enter(store, session)?;
        let reader = Caller::Reader(visit.member.id().to_owned());
        meter.count(reader, store.running_ms()).map_err(Trouble::TooFast)?;
        show(store, &visit)
    });
    match done.await {
        Ok(html) => frame::answer(StatusCode::OK, html),
        Err(trouble) => answer(trouble, back),
    }
}

/// Does what a form asks for, and shows the page that the act names.
async fn submit(
    desk: &Desk,
    request: Request,
    act: impl FnOnce(&BoardStore, &Visit, &Form) -> Result<String, Trouble> + Send + 'static,
) -> Response {
    let (path, _) = request.uri().path().rsplit_once('/').unwrap_or_default();
    let back = path.to_owned();
    let session = session_of(desk, request.headers());
    let form = match read_form(request).await {
        Ok(form) => form,
        Err(trouble) => return answer(trouble, &back),
    };
    let meter = Arc::clone(&desk.meter);
    let done = desk.call(move |store| {
        let visit = enter(store, session)?;
        if !visit.owns(form.first("csrf").unwrap_or_default()) {
            return Err(Trouble::Forged);
        }
        let writer = Caller::Writer(visit.member.id().to_owned());
        meter.count(writer, store.running_ms()).map_err(Trouble::TooFast)?;
        act(store, &visit, &form)
    });
    match done.await {
        Ok(next) => frame::see(&next, None),
        Err(trouble) => answer(trouble, &back),
    }
}

fn session_of(desk: &Desk, headers: &HeaderMap) -> Option<Session> {
    let id = cookie(headers, session::COOKIE)?;
    desk.sessions.find(&id, desk.store.running_ms())
}

/// The session's member, if the token with which they logged in is still theirs.
fn enter(store: &BoardStore, session: Option<Session>) -> Result<Visit, Trouble> {
    let session = session.ok_or(Trouble::LogIn)?;
    let member = store.member_by_hash(&session.token_hash)?.ok_or(Trouble::LogIn)?;
    Ok(Visit { member, csrf: session.csrf })
}

async fn read_form(request: Request) -> Result<Form, Trouble> {
    let form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if !form {
        return Err(Trouble::Form("This page takes forms only."));
    }
    let bytes =
        body::whole(request.into_body(), limits::FORM_BYTES).await.map_err(Trouble::Body)?;
    Ok(Form::read(&String::from_utf8_lossy(&bytes)))
}

/// A cookie of the request.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

fn peer(request: &Request) -> Caller {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    Caller::Stranger(peer.map(|info| info.0.ip()))
}

fn answer(trouble: Trouble, back: &str) -> Response {
    let (status, said) = match trouble {
        Trouble::LogIn => return frame::see(&login::path(back), None),
        Trouble::Forged => (
            StatusCode::FORBIDDEN,
            "This form is older than your session, or not from this page. Nothing was done: go \
             back, reload the page and send it again."
                .to_owned(),
        ),
        Trouble::TooFast(seconds) => {
            let said = format!("Too many requests: try again in {seconds} s.");
            let page = frame::trouble(StatusCode::TOO_MANY_REQUESTS, &said, back);
            let mut response = frame::answer(StatusCode::TOO_MANY_REQUESTS, page);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            return response;
        }
        Trouble::Board(error) => (status_of(&error), error.to_string()),
        Trouble::Body(refusal) => {
            let (status, said) = refusal.said();
            (status, said.to_owned())
        }
        Trouble::Form(said) => (StatusCode::BAD_REQUEST, said.to_owned()),
    };
    frame::answer(status, frame::trouble(status, &said, back))
}

fn status_of(error: &BoardError) -> StatusCode {
    match error {
        BoardError::NoTicket(_) | BoardError::NotAnId(_) => StatusCode::NOT_FOUND,
        BoardError::MoveForbidden { .. } | BoardError::Forbidden { .. } => StatusCode::FORBIDDEN,
        BoardError::Refused(_) => StatusCode::BAD_REQUEST,
        BoardError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        BoardError::Full(_) => StatusCode::CONFLICT,
        BoardError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer without a body.
fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Whether this member may make some move from a status, and which.
fn open_moves(member: &Member, from: &str, permissive: bool) -> Vec<crate::Status> {
    let Some(from) = crate::Status::parse(from) else { return Vec::new() };
    let all = crate::Status::ALL.into_iter().filter(|to| *to != from);
    all.filter(|to| permissive || member.role().may_move(from, *to)).collect()
}
