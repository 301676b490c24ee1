//! The embedded boards over HTTP, and what the daemon does when something changes on them.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Weak,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{ConnectInfo, Request, State},
    http::Method,
    middleware::{self, Next},
    response::Response,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ops_boards::{BoardSettings, BoardStore};
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

    pub(super) fn now(&self) {
        // A full queue means that the engine is about to be woken anyway.
        let _ = self.0.try_send(());
    }
}

/// Boards that are being served.
pub(super) struct Serving {
    runtime: Runtime,
}

impl Serving {
    /// Begins to serve on a listener, with threads of this name.
    pub(super) fn begin(
        listener: TcpListener,
        router: Router,
        (name, threads): (&str, usize),
    ) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name(name)
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            AsyncListener::from_std(listener)?
        };
        runtime.spawn(accept(listener, router));
        Ok(Self { runtime })
    }

    /// Stops serving; requests in flight have a moment to end.
    pub(super) fn end(self) {
        self.runtime.shutdown_timeout(END_WAIT);
    }
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
    let address = listener.local_addr().map_err(failed)?;
    let settings = settings(&store, ports, wishes, address);
    let router = ops_boards::router(store, settings)
        .layer(middleware::from_fn_with_state(nudge, after_writes));
    Serving::begin(listener, router, ("ops-boards", THREADS)).map_err(failed)
}

/// The boards as `ops.yaml` wants them; they ask for the candidate of a verdict before they write
/// one.
fn settings(
    store: &Arc<BoardStore>,
    ports: Ports,
    wishes: Arc<CommitWishes>,
    address: SocketAddr,
) -> BoardSettings {
    // The store keeps this, so it must not keep the store in turn.
    let store: Weak<BoardStore> = Arc::downgrade(store);
    let permissive = wishes.governing().is_some_and(|settings| settings.boards.permissive);
    BoardSettings {
        permissive,
        public_url: format!("http://{address}"),
        resolve_secret: Arc::new(|reference| {
            ops_signals::secret_text(reference, "`gateways` in ops.yaml")
                .map_err(|fault| fault.to_string())
        }),
        before_verdict: Arc::new(move |ticket| {
            if let Some(store) = store.upgrade() {
                let governs = wishes.governing().and_then(|one| one.revision.commit.clone());
                candidate::stamp(&store, &ports, governs, ticket);
            }
        }),
        ..BoardSettings::default()
    }
}

async fn accept(listener: AsyncListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a caller of the boards was lost");
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            }
        };
        let router = router.clone().layer(Extension(ConnectInfo(peer)));
        let service = TowerToHyperService::new(router);
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WAIT)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a conversation with the boards broke off");
            }
            drop(place);
        });
    }
}

/// After a change the engine looks. A form of the web page is answered with a redirection.
async fn after_writes(State(nudge): State<Nudge>, request: Request, next: Next) -> Response {
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if writes && (response.status().is_success() || response.status().is_redirection()) {
        nudge.now();
    }
    response
}
