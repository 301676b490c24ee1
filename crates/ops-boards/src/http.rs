//! Both boards over HTTP, in the wire protocol of `DevTeam`'s boards.
//!
//! Where this board differs from `DevTeam`'s it is on purpose: every request needs a token (health
//! excepted), roles are enforced (403), unknown fields are refused instead of stored, `comments`
//! and `history` cannot be overwritten, and nothing can be deleted.

mod body;
mod form;
mod meeting;
mod planning;
mod reply;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, Uri, header, uri::PathAndQuery},
    response::Response,
};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::{BoardError, BoardStore, Member, limits};
use reply::{Dialect, Reply};

/// First segments after `/api/` that belong to the planning board.
const PLANNING: [&str; 7] = ["health", "me", "tickets", "boards", "users", "ticket-types", "board"];

/// What every handler shares.
#[derive(Clone)]
struct Desk {
    store: Arc<BoardStore>,
    places: Arc<Semaphore>,
}

/// Both boards, to be served on a listener of their own: unknown paths are answered here too, as
/// the boards answer them.
///
/// The listener bounds connections and the time for a request's head; the time and size of a body
/// are bounded here.
pub fn router(store: Arc<BoardStore>) -> Router {
    let desk = Desk { store, places: Arc::new(Semaphore::new(limits::CALLS_AT_ONCE)) };
    let boards: Router = Router::new()
        .merge(planning::routes())
        .merge(meeting::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(desk);
    Router::new().fallback_service(boards.map_request(settle_path))
}

/// On the planning board case and a trailing slash do not matter; on the meeting board they do.
fn settle_path<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    if !is_planning(request.uri().path()) {
        return request;
    }
    let mut path = request.uri().path().to_ascii_lowercase();
    while path.len() > 1 && path.ends_with('/') {
        path.pop();
    }
    if let Some(query) = request.uri().query() {
        path.push('?');
        path.push_str(query);
    }
    if let Ok(settled) = PathAndQuery::try_from(path) {
        *request.uri_mut() = Uri::from(settled);
    }
    request
}

fn is_planning(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    segments.next().is_some_and(|first| first.eq_ignore_ascii_case("api"))
        && segments
            .next()
            .is_some_and(|second| PLANNING.iter().any(|known| second.eq_ignore_ascii_case(known)))
}

async fn unknown(request: Request) -> Response {
    let path = request.uri().path();
    let meeting = ["/api/channels", "/api/messages", "/api/mentions", "/api/agents", "/health"];
    if meeting.iter().any(|known| path.starts_with(known)) {
        reply::go_not_found()
    } else {
        reply::page(
            axum::http::StatusCode::NOT_FOUND,
            &format!("Cannot {} {path}", request.method()),
        )
    }
}

impl Desk {
    /// Runs one call of the store beside the asynchronous threads; at most `CALLS_AT_ONCE` run.
    async fn call<T: Send + 'static>(
        &self,
        act: impl FnOnce(&BoardStore) -> Result<T, BoardError> + Send + 'static,
    ) -> Result<T, BoardError> {
        let place =
            Arc::clone(&self.places).acquire_owned().await.map_err(|_| BoardError::Stopping)?;
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            act(&store)
        });
        done.await.map_err(|_| BoardError::Stopping)?
    }

    /// Runs one call and answers with what it gives.
    async fn answer(
        &self,
        dialect: Dialect,
        act: impl FnOnce(&BoardStore) -> Result<Reply, BoardError> + Send + 'static,
    ) -> Response {
        match self.call(act).await {
            Ok(reply) => reply.send(dialect),
            Err(error) => reply::failure(dialect, &error),
        }
    }

    /// Who sent a request. There is no anonymous manager here: without a token it is nobody.
    async fn who(&self, dialect: Dialect, headers: &HeaderMap) -> Result<Member, Box<Response>> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = shown.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(Box::new(reply::no_token(dialect)));
        };
        let token = token.to_owned();
        match self.call(move |store| store.member_by_token(&token)).await {
            Ok(Some(member)) => Ok(member),
            Ok(None) => Err(Box::new(reply::wrong_token(dialect))),
            Err(error) => Err(Box::new(reply::failure(dialect, &error))),
        }
    }
}
