//! Stands between ops and the boards, on a port of this machine. What becomes of an exchange is said
//! before it begins, so that it is the same in every run of a seed.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, Response, StatusCode, header},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ops_core::id::Digest;
use tokio::{net::TcpListener, runtime::Runtime};
use tower::ServiceExt as _;

use crate::shown::Overwrites;

/// How long a request may take to come although whoever sent it has given up.
const COMES: Duration = Duration::from_secs(1);
/// How long a board may take for what it is asked.
const ENDS: Duration = Duration::from_mins(1);

/// What becomes of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It passes.
    Pass,
    /// The board gets the request, and the connection breaks before it answers.
    AnswerLost,
    /// The connection breaks before the board gets the request.
    RequestLost,
    /// The board does what it is asked, and answers so late that nobody waits any more.
    AnsweredLate,
    /// Nobody gets the request, nobody answers.
    Silence,
    /// The board does what it is asked, and a page is the answer.
    PageAfter,
    /// A page is the answer, and nothing was done.
    PageInstead,
    /// The answer breaks off in its middle.
    Cut,
    /// The board does it twice.
    Twice,
    /// Nobody answers, and the board does what it was asked later.
    DoneLater,
}

impl Fate {
    /// Whether ops waits for an answer until it gives up.
    pub(crate) fn silent(self) -> bool {
        matches!(self, Self::AnsweredLate | Self::Silence | Self::DoneLater)
    }
}

/// A request, whole.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer, whole.
#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What came of the exchanges of one call.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How often a board took a write.
    pub(crate) done: u32,
    /// A write that is to be done later.
    pub(crate) later: Option<Asked>,
    /// How far the front is with an exchange that it leaves unanswered.
    silence: Silence,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Silence {
    /// No request has come.
    #[default]
    Open,
    /// It has come.
    Begun,
    /// What was to become of it has.
    Over,
}

#[derive(Default)]
struct State {
    boards: Option<Router>,
    orders: Vec<Fate>,
    outcome: Outcome,
    overwrites: Overwrites,
    /// Requests so far: of the planning board, of the meeting board.
    requests: [u64; 2],
}

/// The front. It ends with the test.
pub(crate) struct Front {
    pub(crate) base: String,
    state: Arc<Mutex<State>>,
    /// Rings when an unanswered exchange has got further.
    turned: Arc<Condvar>,
    runtime: Runtime,
}

impl Front {
    pub(crate) fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let turned: Arc<Condvar> = Arc::default();
        let shared = (Arc::clone(&state), Arc::clone(&turned));
        runtime.spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let answer = service_fn(move |request| answer(shared.clone(), request));
                    // A connection that was to break has broken.
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(caller), answer).await;
                });
            }
        });
        Self { base: format!("http://{address}"), state, turned, runtime }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        held(&self.state)
    }

    /// Whoever asked has given up. Waits until what was to become of the request has; one that does not
    /// come any more was lost.
    pub(crate) fn given_up(&self) {
        let waits = |until: Silence, most: Duration| {
            let not_yet = |state: &mut State| state.outcome.silence < until;
            let waited = self.turned.wait_timeout_while(self.state(), most, not_yet);
            !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
        };
        if waits(Silence::Begun, COMES) {
            assert!(waits(Silence::Over, ENDS), "a board did not do what it was asked");
        }
    }

    /// These boards answer from now on.
    pub(crate) fn lead_to(&self, boards: Router) {
        self.state().boards = Some(boards);
    }

    /// What becomes of the next exchanges; those behind them pass.
    pub(crate) fn order(&self, fates: &[Fate]) {
        let mut state = self.state();
        state.orders = fates.iter().rev().copied().collect();
        state.outcome = Outcome::default();
    }

    /// What came of them.
    pub(crate) fn outcome(&self) -> Outcome {
        let mut state = self.state();
        state.orders.clear();
        std::mem::take(&mut state.outcome)
    }

    /// Does what was put off. True if the board took it.
    pub(crate) fn does(&self, asked: &Asked) -> bool {
        let boards = self.state().boards.clone().unwrap();
        let answer = self.runtime.block_on(pass(boards, asked.clone()));
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    /// Requests so far: of the planning board, of the meeting board.
    pub(crate) fn requests(&self) -> [u64; 2] {
        self.state().requests
    }

    /// Somebody writes over what stands on tickets.
    pub(crate) fn overwrites<T>(&self, change: impl FnOnce(&mut Overwrites) -> T) -> T {
        change(&mut self.state().overwrites)
    }

    /// Where the boards run.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}

fn held(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

const PAGE: &str = "<!DOCTYPE html><html><body>@everyone Bad Gateway</body></html>";

async fn answer(
    (state, turned): (Arc<Mutex<State>>, Arc<Condvar>),
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let asked = Asked { method: parts.method, path, headers: parts.headers, body };
    let writes = asked.method != Method::GET;
    let (boards, fate) = {
        let mut state = held(&state);
        let meeting = ["/api/m", "/api/channels", "/api/agents"]
            .iter()
            .any(|one| asked.path.starts_with(one))
            && !asked.path.starts_with("/api/me?")
            && asked.path != "/api/me";
        state.requests[usize::from(meeting)] += 1;
        (state.boards.clone(), state.orders.pop().unwrap_or(Fate::Pass))
    };
    let broken = || Err(io::ErrorKind::ConnectionReset.into());
    let Some(boards) = boards else { return broken() };
    let done = |answer: &Answer| {
        if writes && answer.status.is_success() {
            held(&state).outcome.done += 1;
        }
    };
    match fate {
        Fate::RequestLost => return broken(),
        Fate::Silence | Fate::DoneLater | Fate::AnsweredLate => {
            // Whoever gives up takes this exchange away, but not what the board does.
            tokio::spawn(unanswered((state, turned), boards, asked, fate));
            return std::future::pending().await;
        }
        Fate::PageInstead => return Ok(page()),
        Fate::Twice => done(&pass(boards.clone(), asked.clone()).await?),
        Fate::Pass | Fate::AnswerLost | Fate::PageAfter | Fate::Cut => {}
    }
    let tag = asked.headers.get(header::IF_NONE_MATCH).cloned();
    let mut asked = asked;
    let overwritten = held(&state).overwrites.any();
    if overwritten {
        asked.headers.remove(header::IF_NONE_MATCH);
    }
    let mut answer = pass(boards, asked).await?;
    done(&answer);
    if overwritten {
        answer.body = held(&state).overwrites.shown(&answer.body);
        let own = format!("W/\"{}\"", Digest::of(&answer.body));
        if tag.is_some_and(|tag| tag == own) {
            answer.status = StatusCode::NOT_MODIFIED;
            answer.body = Bytes::new();
        }
        answer.headers.insert(header::ETAG, own.parse().map_err(io::Error::other)?);
    }
    match fate {
        Fate::AnswerLost => broken(),
        Fate::PageAfter => Ok(page()),
        Fate::Cut => {
            let half = answer.body.slice(..answer.body.len() / 2);
            Ok(sent(Answer { body: half, ..answer }))
        }
        _ => Ok(sent(answer)),
    }
}

/// Does what is to become of a request that nobody answers in time.
async fn unanswered(
    (state, turned): (Arc<Mutex<State>>, Arc<Condvar>),
    boards: Router,
    asked: Asked,
    fate: Fate,
) {
    held(&state).outcome.silence = Silence::Begun;
    turned.notify_all();
    let writes = asked.method != Method::GET;
    let done = match fate {
        Fate::AnsweredLate => {
            let answer = pass(boards, asked.clone()).await;
            writes && answer.is_ok_and(|answer| answer.status.is_success())
        }
        _ => false,
    };
    let mut state = held(&state);
    state.outcome.done += u32::from(done);
    state.outcome.later = (fate == Fate::DoneLater).then_some(asked);
    state.outcome.silence = Silence::Over;
    turned.notify_all();
}

async fn pass(boards: Router, asked: Asked) -> io::Result<Answer> {
    let mut request = Request::builder()
        .method(asked.method)
        .uri(asked.path)
        .body(Body::from(asked.body))
        .map_err(io::Error::other)?;
    *request.headers_mut() = asked.headers;
    let answer = boards.oneshot(request).await.map_err(io::Error::other)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}

fn sent(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn page() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(PAGE.as_bytes())));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
