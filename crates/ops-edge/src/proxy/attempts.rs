//! A request's attempts to reach a backend.
//!
//! What is tried again, and what is not:
//!
//! - A connection that cannot be opened, or closes before the request is written to it, has had no
//!   effect: another backend *of the same release* is tried, at most [`MAX_BACKENDS_TRIED`] in
//!   all. If one of them answers, the user met no failure and none is counted.
//! - A kept connection that closes before the first byte of the answer was most likely idle for
//!   too long: a request without body and with an idempotent method is sent once more, on a fresh
//!   connection. Other requests use kept connections only if they were idle for less than
//!   [`SURELY_ALIVE`].
//! - Everything else is answered 502 or 504 and counted against the release it was meant for.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{
    backend::{Backend, BackendUse, Connection},
    body::{Upload, UploadProgress},
    outgoing::Outgoing,
};
use crate::{
    config::EdgeConfig,
    state::{LiveLeg, Visit},
};

/// Most backends that one request tries to connect to.
const MAX_BACKENDS_TRIED: usize = 3;

/// A kept connection that was in use this recently is not closed by a server for being idle.
const SURELY_ALIVE: Duration = Duration::from_secs(1);

/// Why a request got no answer from its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incident {
    /// No connection could be had.
    Broken,
    /// The connection stood and broke.
    Reset,
    /// The answer did not begin in time.
    Silent,
    /// The client sent more than it may.
    TooLarge,
    /// The client broke off its own request.
    ClientBroke,
    /// The client did not go on with its own request.
    ClientStalled,
}

/// What became of a request on one backend.
enum Tried {
    Answer(Response<Incoming>, Connection, Option<Arc<UploadProgress>>),
    /// It never left; it can go elsewhere.
    Unsent(Box<Outgoing>),
    Failed(Incident),
}

/// Tries backends of a release until one takes the request.
pub(super) async fn try_backends(
    config: &EdgeConfig,
    visit: Option<&Visit>,
    leg: &LiveLeg,
    mut outgoing: Outgoing,
) -> Result<(Response<Incoming>, Exchange), Incident> {
    let mut tried: Vec<Arc<Backend>> = Vec::new();
    while tried.len() < MAX_BACKENDS_TRIED {
        let Some(backend) = leg.pick(&tried) else {
            break;
        };
        if let Some(visit) = visit.filter(|_| !tried.is_empty()) {
            visit.retried();
        }
        let used = backend.enter();
        match try_backend(config, visit, backend, outgoing).await {
            Tried::Answer(response, connection, upload) => {
                backend.note(!response.status().is_server_error());
                return Ok((response, Exchange { used, connection, upload }));
            }
            Tried::Failed(incident) => {
                if matches!(incident, Incident::Reset | Incident::Silent) {
                    backend.note(false);
                }
                return Err(incident);
            }
            Tried::Unsent(back) => outgoing = *back,
        }
        backend.note(false);
        tried.push(Arc::clone(backend));
    }
    Err(Incident::Broken)
}

/// Tries a kept connection first, then a fresh one.
async fn try_backend(
    config: &EdgeConfig,
    visit: Option<&Visit>,
    backend: &Backend,
    outgoing: Outgoing,
) -> Tried {
    if outgoing.over_h2() {
        return try_shared(config, visit, backend, outgoing).await;
    }
    let mut outgoing = outgoing;
    let max_age = if outgoing.repeatable {
        config.idle_timeout
    } else {
        config.idle_timeout.min(SURELY_ALIVE)
    };
    if let Some(connection) = backend.take(max_age) {
        let copy = outgoing.copy();
        let limits = outgoing.limits;
        // Not repeatable again: once more is once.
        let repeat = |request| Outgoing {
            request,
            upload: None,
            repeatable: false,
            upgrades: false,
            limits,
        };
        match send(connection, outgoing, copy.map(repeat)).await {
            Tried::Unsent(back) => outgoing = *back,
            other => return other,
        }
        if let Some(visit) = visit {
            visit.retried();
        }
    }
    match backend.connect(config).await {
        Ok(connection) => send(connection, outgoing, None).await,
        Err(error) => {
            tracing::debug!(address = %backend.address(), %error, "no connection");
            Tried::Unsent(Box::new(outgoing))
        }
    }
}

/// Sends over the one HTTP/2 connection; opens a new one if that closed in the meantime.
async fn try_shared(
    config: &EdgeConfig,
    visit: Option<&Visit>,
    backend: &Backend,
    mut outgoing: Outgoing,
) -> Tried {
    loop {
        let (connection, kept) = match backend.share(config).await {
            Ok(shared) => shared,
            Err(error) => {
                tracing::debug!(address = %backend.address(), %error, "no connection");
                return Tried::Unsent(Box::new(outgoing));
            }
        };
        match send(connection, outgoing, None).await {
            Tried::Unsent(back) if kept => {
                backend.forget_shared();
                if let Some(visit) = visit {
                    visit.retried();
                }
                outgoing = *back;
            }
            other => return other,
        }
    }
}

/// Sends a request on one connection. `spare` is sent instead if the connection closes before
/// the first byte of an answer.
async fn send(
    mut connection: Connection,
    mut outgoing: Outgoing,
    spare: Option<Outgoing>,
) -> Tried {
    let received = connection.bytes_read();
    let upload = outgoing.upload.clone();
    let request = std::mem::replace(&mut outgoing.request, Request::new(Upload::Empty));
    let answer = {
        let answer = connection.send(request);
        in_time(answer, upload.as_deref(), outgoing.limits.response_timeout).await
    };
    let mut error = match answer {
        Ok(Ok(response)) => return Tried::Answer(response, connection, upload),
        Ok(Err(error)) => error,
        Err(incident) => return Tried::Failed(incident),
    };
    if let Some(request) = error.take_message() {
        return Tried::Unsent(Box::new(outgoing.with(request)));
    }
    match upload {
        Some(upload) if upload.is_too_large() => return Tried::Failed(Incident::TooLarge),
        Some(upload) if upload.is_broken() => return Tried::Failed(Incident::ClientBroke),
        _ => {}
    }
    match spare {
        Some(spare) if received.is_some() && connection.bytes_read() == received => {
            Tried::Unsent(Box::new(spare))
        }
        _ => Tried::Failed(Incident::Reset),
    }
}

/// An exchange whose answer has begun.
pub(super) struct Exchange {
    pub(super) used: BackendUse,
    pub(super) connection: Connection,
    pub(super) upload: Option<Arc<UploadProgress>>,
}

/// Waits for the header of an answer for at most `limit` after the last progress of the request.
async fn in_time<T>(
    answer: impl Future<Output = T>,
    upload: Option<&UploadProgress>,
    limit: Duration,
) -> Result<T, Incident> {
    let mut answer = pin!(answer);
    let mut deadline = Instant::now() + limit;
    loop {
        if let Ok(answer) = tokio::time::timeout_at(deadline, answer.as_mut()).await {
            return Ok(answer);
        }
        let Some(upload) = upload else {
            return Err(Incident::Silent);
        };
        let moved = Instant::from_std(upload.last_moved()) + limit;
        if moved <= deadline {
            let client = upload.awaits_client();
            return Err(if client { Incident::ClientStalled } else { Incident::Silent });
        }
        deadline = moved;
    }
}
