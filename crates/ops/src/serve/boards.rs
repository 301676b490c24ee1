//! The embedded boards over HTTP, and what the daemon does when something changes on them.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, header},
    middleware::{self, Next},
    response::Response,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ops_boards::BoardStore;
use ops_engine::{Command, Handle, ports::Ports};
use tokio::{
    net::TcpListener as AsyncListener,
    runtime::{Builder, Runtime},
    sync::Semaphore,
};

use super::{CommitWishes, candidate};
use crate::problem::Problem;

/// Connections at the same time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take, and how long a connection may idle.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long requests in flight may take to end when the daemon ends.
const END_WAIT: Duration = Duration::from_secs(2);
/// Pause after the system refused a connection.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// Threads that serve the boards: their work is done by the store, one write at a time.
const THREADS: usize = 2;

/// Wakes the engine because a board changed. Many changes at once wake it once.
#[derive(Clone)]
pub(crate) struct Nudge(SyncSender<()>);

impl Nudge {
    /// Starts the thread that passes wake-ups on, so that a busy engine never blocks a board.
    pub(crate) fn start(handle: Handle) -> Result<Self, Problem> {
        let (sender, receiver) = sync_channel::<()>(1);
        thread::Builder::new()
            .name("ops-nudge".into())
            .spawn(move || while receiver.recv().is_ok() && handle.send(Command::Nudge) {})
            .map_err(|error| Problem::internal(format!("no thread can be started: {error}")))?;
        Ok(Self(sender))
    }

    fn now(&self) {
        // A full queue means that the engine is about to be woken anyway.
        let _ = self.0.try_send(());
    }
}

/// Boards that are being served.
pub(super) struct Serving {
    runtime: Runtime,
}

impl Serving {
    /// Stops serving; requests in flight have a moment to end.
    pub(super) fn end(self) {
        self.runtime.shutdown_timeout(END_WAIT);
    }
}

#[derive(Clone)]
struct Desk {
    store: Arc<BoardStore>,
    ports: Ports,
    wishes: Arc<CommitWishes>,
    nudge: Nudge,
}

/// Serves the boards on a listener.
pub(super) fn serve(
    listener: TcpListener,
    store: Arc<BoardStore>,
    ports: Ports,
    wishes: Arc<CommitWishes>,
    nudge: Nudge,
) -> Result<Serving, Problem> {
    let failed =
        |error: std::io::Error| Problem::internal(format!("the boards cannot be served: {error}"));
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("ops-boards")
        .enable_all()
        .build()
        .map_err(failed)?;
    let desk = Desk { store: Arc::clone(&store), ports, wishes, nudge };
    let router = ops_boards::router(store).layer(middleware::from_fn_with_state(desk, around));
    let listener = {
        let _inside = runtime.enter();
        AsyncListener::from_std(listener).map_err(failed)?
    };
    runtime.spawn(accept(listener, router));
    Ok(Serving { runtime })
}

async fn accept(listener: AsyncListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a caller of the boards was lost");
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WAIT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a conversation with the boards broke off");
            }
            drop(place);
        });
    }
}

/// Before a verdict the board learns what it is about; after a change the engine looks.
async fn around(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if let Some((ticket, token)) = verdict(&request) {
        let desk = desk.clone();
        let stamped = tokio::task::spawn_blocking(move || {
            let governs =
                desk.wishes.governing().and_then(|settings| settings.revision.commit.clone());
            candidate::stamp(&desk.store, &desk.ports, governs, &ticket, &token);
        });
        if stamped.await.is_err() {
            tracing::error!("the candidate of a verdict could not be told");
        }
    }
    let response = next.run(request).await;
    if writes && response.status().is_success() {
        desk.nudge.now();
    }
    response
}

/// The ticket and the token of a comment that is about to be written.
fn verdict(request: &Request) -> Option<(String, String)> {
    if request.method() != Method::POST {
        return None;
    }
    let path: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let [api, tickets, ticket, comments] = path.as_slice() else { return None };
    let fits = api.eq_ignore_ascii_case("api")
        && tickets.eq_ignore_ascii_case("tickets")
        && comments.eq_ignore_ascii_case("comments");
    let bearer = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = bearer.split_once(' ').map(|(_, token)| token.trim().to_owned())?;
    fits.then(|| ((*ticket).to_owned(), token))
}
