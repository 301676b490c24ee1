//! Client connections: accepted up to a bound, drained at the end.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    config::EdgeConfig,
    proxy::{Proxy, Visitor},
};

/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections are told. If the sender goes, they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
}

/// What every connection holds on to.
#[derive(Clone)]
struct House {
    proxy: Arc<Proxy>,
    config: Arc<EdgeConfig>,
    phase: watch::Receiver<Phase>,
    /// Never sent on: its last copy goes with the last connection.
    _alive: mpsc::Sender<()>,
}

/// Serves connections until `shutdown` is ready and the drain is over.
pub(super) async fn serve(
    listeners: Vec<TcpListener>,
    proxy: &Arc<Proxy>,
    config: &Arc<EdgeConfig>,
    shutdown: impl Future<Output = ()>,
) {
    let (phase, told) = watch::channel(Phase::Serving);
    let (alive, mut all_gone) = mpsc::channel(1);
    let house =
        House { proxy: Arc::clone(proxy), config: Arc::clone(config), phase: told, _alive: alive };
    let places = Arc::new(Semaphore::new(config.max_connections));
    let mut doors = JoinSet::new();
    for listener in listeners {
        doors.spawn(accept(listener, house.clone(), Arc::clone(&places)));
    }
    drop(house);
    shutdown.await;
    doors.shutdown().await;
    phase.send_replace(Phase::Draining);
    if timeout(config.drain_timeout, all_gone.recv()).await.is_err() {
        tracing::warn!("the drain took too long: the connections that are left are closed");
    }
}

async fn accept(listener: TcpListener, house: House, places: Arc<Semaphore>) {
    // A place is taken before a connection is: at the bound, clients wait in the kernel's queue.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(converse(stream, peer, house.clone(), place));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, house: House, _place: OwnedSemaphorePermit) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a client was gone before it was served");
        return;
    }
    let visitor = Visitor { address: peer.ip(), proto: "http" };
    let proxy = Arc::clone(&house.proxy);
    let service = service_fn(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { proxy.serve(visitor, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(house.config.header_timeout)
        .max_buf_size(house.config.max_header_bytes)
        .max_header_size(house.config.max_header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut phase = house.phase.clone();
    loop {
        select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a client connection broke");
                }
                return;
            }
            told = phase.changed() => match told {
                Ok(()) => connection.as_mut().graceful_shutdown(),
                Err(_) => return,
            },
        }
    }
}
