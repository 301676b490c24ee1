//! Both boards over HTTP, in the wire protocol of `DevTeam`'s boards.
//!
//! Where this board differs from `DevTeam`'s it is on purpose: every request needs a token (health
//! excepted), roles are enforced (403), unknown fields are refused instead of stored, nothing can
//! be deleted, and callers have rates (429); `BoardSettings::permissive` gives these up. `comments`
//! and `history` can never be overwritten, and no filter is taken as an operator.

mod body;
mod etag;
mod follow;
mod form;
mod meeting;
mod page;
mod planning;
mod rate;
mod reply;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::{Method, Uri, header, request::Parts, uri::PathAndQuery},
    middleware,
    response::Response,
};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::{BoardError, BoardSettings, BoardStore, Member, limits};
use etag::Known;
use rate::{Caller, Meter};
use reply::{Dialect, Reply};

/// First segments after `/api/` that belong to the planning board.
const PLANNING: [&str; 9] =
    ["health", "me", "tickets", "tasks", "boards", "users", "ticket-types", "board", "webhooks"];

/// What every handler shares.
#[derive(Clone)]
struct Desk {
    store: Arc<BoardStore>,
    settings: Arc<BoardSettings>,
    places: Arc<Semaphore>,
    meter: Arc<Meter>,
    crowd: Arc<follow::Crowd>,
    sessions: Arc<page::Sessions>,
}

/// Both boards and their web page, to be served on a listener of their own: unknown paths are
/// answered here too, as the boards answer them.
///
/// The listener bounds connections and the time for a request's head, allows upgrades (followers
/// come by WebSocket), and puts `ConnectInfo<SocketAddr>` into each request so that strangers are
/// counted by peer. The time and size of a body are bounded here.
pub fn router(store: Arc<BoardStore>, settings: BoardSettings) -> Router {
    if settings.permissive {
        tracing::warn!(
            "the boards are permissive: every token may do everything, and nobody needs one on \
             the meeting board"
        );
    }
    let settings = Arc::new(settings);
    store.set_settings(Arc::clone(&settings));
    let desk = Desk {
        store,
        places: Arc::new(Semaphore::new(limits::CALLS_AT_ONCE)),
        meter: Arc::new(Meter::new(settings.rates)),
        settings,
        crowd: Arc::default(),
        sessions: Arc::default(),
    };
    let boards: Router = Router::new()
        .merge(planning::routes())
        .merge(meeting::routes())
        .merge(page::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(desk.clone());
    Router::new()
        .fallback_service(boards.map_request(settle_path))
        .layer(middleware::from_fn_with_state(desk, follow::upgrades))
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
    let meeting =
        ["/api/channels", "/api/messages", "/api/mentions", "/api/agents", "/api/audit", "/health"];
    if meeting.iter().any(|known| path.starts_with(known)) {
        reply::go_not_found()
    } else {
        reply::page(
            axum::http::StatusCode::NOT_FOUND,
            &format!("Cannot {} {path}", request.method()),
        )
    }
}

/// What a request says of its sender.
#[derive(Debug, Clone)]
struct Sender {
    token: Shown,
    peer: Option<SocketAddr>,
    writes: bool,
}

/// The token that a request shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    /// No `Authorization` at all.
    None,
    /// One in another form than `Bearer <token>`.
    Odd,
    Token(String),
}

impl Sender {
    fn read(parts: &Parts) -> Self {
        let token = match parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str()) {
            None => Shown::None,
            Some(Ok(text)) => match text.strip_prefix("Bearer ") {
                Some(token) => Shown::Token(token.to_owned()),
                None => Shown::Odd,
            },
            Some(Err(_)) => Shown::Odd,
        };
        Self {
            token,
            peer: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0),
            writes: !matches!(parts.method, Method::GET | Method::HEAD),
        }
    }
}

/// Why a request gets no further.
enum Stop {
    Board(BoardError),
    TooFast(u64),
    NoToken,
    WrongToken,
}

impl From<BoardError> for Stop {
    fn from(error: BoardError) -> Self {
        Self::Board(error)
    }
}

impl Stop {
    fn send(self, dialect: Dialect) -> Response {
        match self {
            Self::Board(error) => reply::failure(dialect, &error),
            Self::TooFast(seconds) => reply::too_fast(dialect, seconds),
            Self::NoToken => reply::no_token(dialect),
            Self::WrongToken => reply::wrong_token(dialect),
        }
    }
}

impl Desk {
    /// Runs one call of the store beside the asynchronous threads; at most `CALLS_AT_ONCE` run.
    async fn call<T: Send + 'static, E: From<BoardError> + Send + 'static>(
        &self,
        act: impl FnOnce(&BoardStore) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let stopping = || E::from(BoardError::Stopping);
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| stopping())?;
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            act(&store)
        });
        done.await.map_err(|_| stopping())?
    }

    /// Runs one call and answers with what it gives.
    async fn answer(
        &self,
        dialect: Dialect,
        act: impl FnOnce(&BoardStore) -> Result<Reply, BoardError> + Send + 'static,
    ) -> Response {
        match self.call(act).await {
            Ok(reply) => reply.send(dialect, &Known::none()),
            Err(error) => reply::failure(dialect, &error),
        }
    }

    /// Answers a read by anybody with a token, in one call of the store.
    async fn look(
        &self,
        dialect: Dialect,
        request: Request,
        act: impl FnOnce(&BoardStore, &Member) -> Result<Reply, BoardError> + Send + 'static,
    ) -> Response {
        let (parts, _) = request.into_parts();
        let known = Known::read(&parts.method, &parts.headers);
        let sender = Sender::read(&parts);
        let meter = Arc::clone(&self.meter);
        let permissive = self.settings.permissive;
        let done = self.call(move |store| {
            let member = admit(store, &meter, permissive, dialect, &sender)?;
            act(store, &member).map_err(Stop::Board)
        });
        match done.await {
            Ok(reply) => reply.send(dialect, &known),
            Err(stop) => stop.send(dialect),
        }
    }

    /// Who writes: the token first, so that a stranger's body is not even read.
    async fn writer(
        &self,
        dialect: Dialect,
        request: &mut Request,
    ) -> Result<Member, Box<Response>> {
        let (parts, body) = std::mem::take(request).into_parts();
        let sender = Sender::read(&parts);
        *request = Request::from_parts(parts, body);
        let meter = Arc::clone(&self.meter);
        let permissive = self.settings.permissive;
        self.call(move |store| admit(store, &meter, permissive, dialect, &sender))
            .await
            .map_err(|stop| Box::new(stop.send(dialect)))
    }
}

/// Who sent a request, if they may go on now. Without a token it is nobody; only a permissive
/// meeting board takes a caller without one, or with `dashboard`, for the manager.
fn admit(
    store: &BoardStore,
    meter: &Meter,
    permissive: bool,
    dialect: Dialect,
    sender: &Sender,
) -> Result<Member, Stop> {
    let open = permissive && dialect == Dialect::Meeting;
    let stranger = || {
        let peer = sender.peer.map(|peer| peer.ip());
        meter.count(Caller::Stranger(peer), store.running_ms()).map_err(Stop::TooFast)
    };
    let token = match &sender.token {
        Shown::Token(token) if open && token == "dashboard" => None,
        Shown::None if open => None,
        Shown::Token(token) if !token.is_empty() => Some(token),
        Shown::None | Shown::Odd | Shown::Token(_) => {
            stranger()?;
            return Err(Stop::NoToken);
        }
    };
    let Some(token) = token else {
        stranger()?;
        return Ok(Member::anonymous());
    };
    let Some(member) = store.member_by_token(token)? else {
        stranger()?;
        return Err(Stop::WrongToken);
    };
    let id = member.id().to_owned();
    let caller = if sender.writes { Caller::Writer(id) } else { Caller::Reader(id) };
    meter.count(caller, store.running_ms()).map_err(Stop::TooFast)?;
    Ok(member)
}
