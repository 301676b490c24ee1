//! The metrics over HTTP, and where replicas can be asked for theirs, on a loopback address of its own.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{admin::Desk, proxy::DoorBody};

/// What the metrics are.
const TEXT: &str = "text/plain; version=0.0.4";

/// What the replicas are.
const JSON: &str = "application/json";

/// The answer to everything else.
const NOT_HERE: &str = "Metrics are at /metrics, replicas for service discovery at /targets.\n";

/// Most readers at a time.
const MAX_READERS: usize = 16;

/// Longest time of one connection of a reader.
const LONGEST: Duration = Duration::from_secs(30);

/// Pause until the address is tried again.
const BIND_PAUSE: Duration = Duration::from_secs(2);

/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes the address as soon as it is free (an edge that is followed still has it), and answers
/// whoever reads, for ever.
pub(super) async fn serve(address: SocketAddr, desk: Arc<Desk>) {
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => tracing::warn!(%address, %error, "metrics cannot be read there yet"),
        }
        sleep(BIND_PAUSE).await;
    };
    let places = Arc::new(Semaphore::new(MAX_READERS));
    let mut readers = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        while readers.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let desk = Arc::clone(&desk);
        readers.spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&desk), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(LONGEST)
                .serve_connection(TokioIo::new(stream), service);
            let _ = timeout(LONGEST, connection).await;
            drop(place);
        });
    }
}

async fn answer(
    desk: Arc<Desk>,
    request: Request<Incoming>,
) -> Result<Response<DoorBody>, Infallible> {
    let path = request.uri().path();
    let (status, kind, text) = match path {
        "/metrics" if request.method() == Method::GET => {
            let rendered = tokio::task::spawn_blocking(move || desk.metrics()).await;
            (StatusCode::OK, TEXT, rendered.unwrap_or_default())
        }
        "/targets" if request.method() == Method::GET => (StatusCode::OK, JSON, desk.targets()),
        _ => (StatusCode::NOT_FOUND, TEXT, NOT_HERE.to_owned()),
    };
    let mut answer = Response::new(DoorBody::Text(Some(text.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(answer)
}
