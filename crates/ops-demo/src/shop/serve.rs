//! Connections: taking them, and letting them end well.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::answer::Shop;
use crate::alarm::Alarm;

/// At most this many connections are open; further ones wait in the backlog. Each takes two file
/// descriptors, and the usual limit is 1024.
const CONNECTIONS_MAX: usize = 400;
/// How long requests in flight may take after the order to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How long a connection may stay silent after the order to stop, if no request is in flight.
const SILENT_LIMIT: Duration = Duration::from_secs(1);
/// Pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `told_to_stop` is done, then finishes what has begun. Answers how many connections were
/// cut off at the limit.
pub(super) async fn serve(
    listener: TcpListener,
    shop: Arc<Shop>,
    told_to_stop: impl Future<Output = ()>,
) -> usize {
    let (leave, leaving) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut told_to_stop = pin!(told_to_stop);
    loop {
        tokio::select! {
            biased;
            () = &mut told_to_stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&shop), leaving.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    // Whoever waits in the backlog would be reset when the listener closes.
    while connections.len() < CONNECTIONS_MAX {
        let Some(stream) = accept_waiting(&listener).await else {
            break;
        };
        connections.spawn(converse(stream, Arc::clone(&shop), leaving.clone()));
    }
    drop(listener);
    leave.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is left at the limit is counted below.
    let _ = timeout(DRAIN_LIMIT, drained).await;
    connections.len()
}

/// The next connection of the backlog, if there is one now.
async fn accept_waiting(listener: &TcpListener) -> Option<TcpStream> {
    poll_fn(|context| match listener.poll_accept(context) {
        Poll::Ready(Ok((stream, _))) => Poll::Ready(Some(stream)),
        Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Serves one connection to its end.
async fn converse(
    stream: TcpStream,
    shop: Arc<Shop>,
    mut leaving: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // HTTP/1.1 has one request in flight per connection, so one alarm is enough.
    let alarm = Alarm::new()?;
    let busy = AtomicBool::new(false);
    let (shop, alarm, busy) = (&*shop, &alarm, &busy);
    let service = service_fn(move |request| async move {
        busy.store(true, Ordering::Relaxed);
        let response = shop.answer(request, alarm).await;
        busy.store(false, Ordering::Relaxed);
        Ok::<_, Infallible>(response)
    });
    let mut connection =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // How a customer ends a connection is the customer's business.
        _ = connection.as_mut() => return Ok(()),
        _ = leaving.wait_for(|leaving| *leaving) => {}
    }
    connection.as_mut().graceful_shutdown();
    while timeout(SILENT_LIMIT, connection.as_mut()).await.is_err() {
        if !busy.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(())
}
