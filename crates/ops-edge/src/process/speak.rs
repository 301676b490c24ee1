//! One client connection, in the protocol that it speaks.

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    time::{Sleep, sleep},
};

use super::{
    client_io::ClientIo,
    connections::House,
    pace::{InTime, Offered},
};
use crate::proxy::Visitor;

/// How often a client's HTTP/2 connection is asked whether it lives, and how long that may take.
const H2_PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// How long an HTTP/2 connection may be without any request.
const H2_IDLE: Duration = Duration::from_mins(2);

/// Streams that a client reset before they were answered, at a time; beyond it the connection is
/// ended (CVE-2023-44487, "rapid reset").
const H2_MAX_PENDING_RESETS: usize = 20;

/// Streams that were ended for a client's error, in all; beyond it the connection is ended.
const H2_MAX_ERRORS: usize = 256;

/// Bytes that a client may send on one stream, and on one connection, ahead of the service.
const H2_WINDOW: (u32, u32) = (256 * 1024, 1024 * 1024);

/// Bytes of answers that one stream keeps ready for a client.
const H2_SEND_BUFFER: usize = 64 * 1024;

/// Serves HTTP/1 until the connection ends.
pub(super) async fn http1<S>(io: ClientIo<S>, peer: SocketAddr, house: House, visitor: Arc<Visitor>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let proxy = Arc::clone(&house.proxy);
    // Boxed, since the connection keeps room for a request that is served also while there is none.
    let service = service_fn(|request| Box::pin(proxy.serve(Arc::clone(&visitor), request)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(house.config.header_timeout)
        .max_buf_size(house.config.max_header_bytes)
        .max_header_size(house.config.max_header_bytes)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut leaving = house.leaving.clone();
    let mut patience = pin!(None);
    loop {
        select! {
            ended = connection.as_mut() => return note(peer, ended),
            told = leaving.changed() => match told {
                // Closed now, it could cross a request that is on its way.
                Ok(()) if leaving.borrow().is_some_and(|it| it.gently) => {
                    visitor.end_with_next();
                    patience.set(Some(sleep(house.config.header_timeout)));
                }
                Ok(()) => connection.as_mut().graceful_shutdown(),
                Err(_) => return,
            },
            () = over(patience.as_mut()) => {
                patience.set(None);
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Waits for a time that may not have begun.
async fn over(time: Pin<&mut Option<Sleep>>) {
    match time.as_pin_mut() {
        Some(time) => time.await,
        None => std::future::pending().await,
    }
}

/// Serves HTTP/2 until the connection ends.
pub(super) async fn http2<S>(io: ClientIo<S>, peer: SocketAddr, house: House, visitor: Arc<Visitor>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (proxy, who) = (Arc::clone(&house.proxy), Arc::clone(&visitor));
    let service = service_fn(move |request| {
        let (proxy, who) = (Arc::clone(&proxy), Arc::clone(&who));
        async move { proxy.serve(who, request).await.map(|answer| answer.map(Offered::new)) }
    });
    let config = &house.config;
    let connection = http2::Builder::new(InTime { limit: config.stall_timeout })
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.max_streams)
        .max_header_list_size(config.max_header_bytes as u32)
        .max_pending_accept_reset_streams(H2_MAX_PENDING_RESETS)
        .max_local_error_reset_streams(H2_MAX_ERRORS)
        .initial_stream_window_size(H2_WINDOW.0)
        .initial_connection_window_size(H2_WINDOW.1)
        .max_send_buf_size(H2_SEND_BUFFER)
        .keep_alive_interval(H2_PING.0)
        .keep_alive_timeout(H2_PING.1)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    let mut leaving = house.leaving.clone();
    // The first request must come in the time of a header, as on other connections.
    let mut quiet = pin!(sleep(config.header_timeout));
    let (mut served, mut sent_away) = (0, false);
    loop {
        select! {
            ended = connection.as_mut() => return note(peer, ended),
            told = leaving.changed() => match told {
                Ok(()) => connection.as_mut().graceful_shutdown(),
                Err(_) => return,
            },
            () = quiet.as_mut() => {
                let (now, ever) = visitor.streams();
                if now == 0 && ever == served {
                    if sent_away {
                        // It does not even answer the farewell.
                        return;
                    }
                    sent_away = true;
                    connection.as_mut().graceful_shutdown();
                }
                served = ever;
                quiet.set(sleep(if sent_away { config.header_timeout } else { H2_IDLE }));
            }
        }
    }
}

fn note(peer: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a client connection broke");
    }
}
