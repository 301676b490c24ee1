//! Client connections: accepted up to a bound, drained at the end.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    select,
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{client_io::ClientIo, speak};
use crate::{
    admin::Desk,
    config::EdgeConfig,
    handover::Farewell,
    proxy::{Proxy, Visitor},
    state::Leaving,
};

/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection holds on to.
#[derive(Clone)]
pub(super) struct House {
    pub(super) proxy: Arc<Proxy>,
    pub(super) config: Arc<EdgeConfig>,
    /// Whether the process ends. If the sender goes, connections end at once.
    pub(super) leaving: watch::Receiver<Option<Leaving>>,
    /// Never sent on: its last copy goes with the last connection.
    alive: mpsc::Sender<()>,
}

/// An address at which clients arrive.
pub(super) struct Entrance {
    pub(super) listener: TcpListener,
    /// Set where clients speak TLS.
    pub(super) tls: Option<TlsAcceptor>,
}

/// Serves connections until `shutdown` is ready and the drain is over.
pub(super) async fn serve(
    entrances: Vec<Entrance>,
    proxy: &Arc<Proxy>,
    config: &Arc<EdgeConfig>,
    desk: &Desk,
    shutdown: impl Future<Output = ()>,
) {
    let (tell, leaving) = watch::channel(None);
    let (alive, mut all_gone) = mpsc::channel(1);
    let house = House { proxy: Arc::clone(proxy), config: Arc::clone(config), leaving, alive };
    let places = Arc::new(Semaphore::new(config.max_connections));
    let mut doors = JoinSet::new();
    for entrance in entrances {
        doors.spawn(accept(entrance, house.clone(), Arc::clone(&places)));
    }
    drop(house);
    let mut shutdown = pin!(shutdown);
    let handed = async {
        let mut farewell = desk.farewell.subscribe();
        // The sender lives as long as the desk.
        let _ = farewell.wait_for(|farewell| *farewell >= Farewell::Handed).await;
    };
    let gently = select! {
        () = shutdown.as_mut() => false,
        () = handed => true,
    };
    doors.shutdown().await;
    desk.drop_estate();
    let limit = if gently { config.handover_timeout } else { config.drain_timeout };
    tell.send_replace(Some(Leaving::within(limit, gently)));
    if gently {
        select! {
            _ = timeout(limit, all_gone.recv()) => {}
            () = shutdown.as_mut() => {}
        }
    } else if timeout(limit, all_gone.recv()).await.is_err() {
        tracing::warn!("the drain took too long: the connections that are left are closed");
    }
}

async fn accept(entrance: Entrance, house: House, places: Arc<Semaphore>) {
    let proto = if entrance.tls.is_some() { "https" } else { "http" };
    // A place is taken before a connection is: at the bound, clients wait in the kernel's queue.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match entrance.listener.accept().await {
            Ok((stream, peer)) => {
                let (leaving, alive) = (house.leaving.clone(), house.alive.clone());
                let visitor = Visitor::new(peer.ip(), proto, leaving, place, alive);
                let tls = entrance.tls.clone();
                tokio::spawn(converse(stream, peer, house.clone(), Arc::new(visitor), tls));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Finds out what a client speaks, and lets it speak in a task of its own: what is needed only
/// until then does not stay for as long as the connection.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    house: House,
    visitor: Arc<Visitor>,
    tls: Option<TlsAcceptor>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a client was gone before it was served");
        return;
    }
    // What comes before the first request may take no longer than the header of one.
    let limit = house.config.header_timeout;
    let stall_limit = house.config.stall_timeout;
    match tls {
        None => {
            let mut io = ClientIo::new(stream, stall_limit);
            let Ok(Ok(h2)) = timeout(limit, io.speaks_h2()).await else {
                tracing::debug!(%peer, "a client said nothing");
                return;
            };
            speak(io, h2, peer, house, visitor);
        }
        Some(tls) => match timeout(limit, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                speak(ClientIo::new(stream, stall_limit), h2, peer, house, visitor);
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS could not be agreed on"),
            Err(_) => tracing::debug!(%peer, "TLS was not agreed on in time"),
        },
    }
}

fn speak<S>(io: ClientIo<S>, h2: bool, peer: SocketAddr, house: House, visitor: Arc<Visitor>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if h2 {
        tokio::spawn(speak::http2(io, peer, house, visitor));
    } else {
        tokio::spawn(speak::http1(io, peer, house, visitor));
    }
}
