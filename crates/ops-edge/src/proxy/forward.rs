//! One request on its way to a backend and back.
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

use http::{
    HeaderValue, Request, Response, StatusCode, Uri, Version, header::HOST, uri::PathAndQuery,
};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{
    backend::{Backend, BackendUse, Connection},
    body::{DoorBody, Relay, UnderWay, Upload, UploadProgress},
    headers::{set_forwarded, strip_hop_by_hop},
    intake::{Proxy, Visitor},
};
use crate::state::{LiveLeg, Outcome, Visit};

/// Most backends that one request tries to connect to.
const MAX_BACKENDS_TRIED: usize = 3;

/// A kept connection that was in use this recently is not closed by a server for being idle.
const SURELY_ALIVE: Duration = Duration::from_secs(1);

/// Why a request got no answer from its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incident {
    /// The connection failed or broke.
    Broken,
    /// The answer did not begin in time.
    Silent,
    /// The client broke off its own request.
    ClientBroke,
    /// The client did not go on with its own request.
    ClientStalled,
}

/// A request made ready for a backend.
pub(crate) struct Outgoing {
    request: Request<Upload>,
    upload: Option<Arc<UploadProgress>>,
    /// Whether it may be sent twice: idempotent and without a body.
    repeatable: bool,
}

impl Outgoing {
    pub(crate) fn new(
        request: Request<Incoming>,
        visitor: Visitor,
        host: Option<HeaderValue>,
        trust_forwarded: bool,
    ) -> Self {
        let (mut parts, body) = request.into_parts();
        let body = Upload::new(body);
        let upload = body.progress();
        let repeatable = upload.is_none() && parts.method.is_idempotent();
        strip_hop_by_hop(&mut parts.headers);
        let headers = &mut parts.headers;
        set_forwarded(headers, visitor.address, visitor.proto, host.as_ref(), trust_forwarded);
        if let Some(host) = host {
            headers.insert(HOST, host);
        }
        parts.version = Version::HTTP_11;
        parts.uri = origin_form(parts.uri);
        Self { request: Request::from_parts(parts, body), upload, repeatable }
    }

    /// The same request once more; `None` if it may not be sent twice.
    fn copy(&self) -> Option<Request<Upload>> {
        if !self.repeatable {
            return None;
        }
        let mut copy = Request::new(Upload::Empty);
        *copy.method_mut() = self.request.method().clone();
        *copy.uri_mut() = self.request.uri().clone();
        *copy.headers_mut() = self.request.headers().clone();
        Some(copy)
    }

    fn with(self, request: Request<Upload>) -> Self {
        Self { request, ..self }
    }
}

fn origin_form(uri: Uri) -> Uri {
    let mut parts = uri.into_parts();
    parts.scheme = None;
    parts.authority = None;
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default()
}

/// What became of a request on one backend.
enum Tried {
    Answer(Response<Incoming>, Connection, Option<Arc<UploadProgress>>),
    /// It never left; it can go elsewhere.
    Unsent(Box<Outgoing>),
    Failed(Incident),
}

impl Proxy {
    /// Sends a request to a backend of its release and passes the answer on.
    pub(super) async fn forward(
        &self,
        mut visit: Visit,
        leg: &LiveLeg,
        outgoing: Outgoing,
    ) -> Response<DoorBody> {
        let incident = match self.try_backends(leg, outgoing).await {
            Ok((response, under_way)) => {
                if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    return self.relay(visit, response, under_way);
                }
                // Nobody asked for that: the door sent no wish to upgrade.
                Incident::Broken
            }
            Err(incident) => incident,
        };
        match incident {
            Incident::Broken => visit.answered(Outcome::Broken),
            Incident::Silent => visit.answered(Outcome::TimedOut),
            // The client's own doing says nothing about the release.
            Incident::ClientBroke | Incident::ClientStalled => {}
        }
        incident.words()
    }

    async fn try_backends(
        &self,
        leg: &LiveLeg,
        mut outgoing: Outgoing,
    ) -> Result<(Response<Incoming>, Exchange), Incident> {
        let mut tried: Vec<Arc<Backend>> = Vec::new();
        while tried.len() < MAX_BACKENDS_TRIED {
            let Some(backend) = leg.pick(&tried) else {
                break;
            };
            let used = backend.enter();
            match self.try_backend(backend, outgoing).await {
                Tried::Answer(response, connection, upload) => {
                    return Ok((response, Exchange { used, connection, upload }));
                }
                Tried::Failed(incident) => return Err(incident),
                Tried::Unsent(back) => outgoing = *back,
            }
            tried.push(Arc::clone(backend));
        }
        Err(Incident::Broken)
    }

    /// Tries a kept connection first, then a fresh one.
    async fn try_backend(&self, backend: &Backend, mut outgoing: Outgoing) -> Tried {
        let max_age = if outgoing.repeatable {
            self.config.idle_timeout
        } else {
            self.config.idle_timeout.min(SURELY_ALIVE)
        };
        if let Some(connection) = backend.take(max_age) {
            let copy = outgoing.copy();
            // Not repeatable again: once more is once.
            let repeat = |request| Outgoing { request, upload: None, repeatable: false };
            match self.send(connection, outgoing, copy.map(repeat)).await {
                Tried::Unsent(back) => outgoing = *back,
                other => return other,
            }
        }
        match backend.connect(&self.config).await {
            Ok(connection) => self.send(connection, outgoing, None).await,
            Err(error) => {
                tracing::debug!(address = %backend.address(), %error, "no connection");
                Tried::Unsent(Box::new(outgoing))
            }
        }
    }

    /// Sends a request on one connection. `spare` is sent instead if the connection closes before
    /// the first byte of an answer.
    async fn send(
        &self,
        mut connection: Connection,
        mut outgoing: Outgoing,
        spare: Option<Outgoing>,
    ) -> Tried {
        let received = connection.bytes_read();
        let upload = outgoing.upload.clone();
        let request = std::mem::replace(&mut outgoing.request, Request::new(Upload::Empty));
        let answer = connection.sender.try_send_request(request);
        let answer = in_time(answer, upload.as_deref(), self.config.response_timeout).await;
        let mut error = match answer {
            Ok(Ok(response)) => return Tried::Answer(response, connection, upload),
            Ok(Err(error)) => error,
            Err(incident) => return Tried::Failed(incident),
        };
        if let Some(request) = error.take_message() {
            return Tried::Unsent(Box::new(outgoing.with(request)));
        }
        if upload.is_some_and(|upload| upload.is_broken()) {
            return Tried::Failed(Incident::ClientBroke);
        }
        match spare {
            Some(spare) if connection.bytes_read() == received => Tried::Unsent(Box::new(spare)),
            _ => Tried::Failed(Incident::Broken),
        }
    }

    fn relay(
        &self,
        mut visit: Visit,
        response: Response<Incoming>,
        exchange: Exchange,
    ) -> Response<DoorBody> {
        let (mut parts, body) = response.into_parts();
        strip_hop_by_hop(&mut parts.headers);
        parts.version = Version::HTTP_11;
        visit.answered(Outcome::Answered(parts.status.as_u16()));
        let under_way = UnderWay {
            visit,
            backend: exchange.used,
            connection: exchange.connection,
            upload: exchange.upload,
            max_idle: self.config.max_idle_per_backend,
        };
        Response::from_parts(parts, DoorBody::Relay(Relay::new(body, under_way)))
    }
}

/// An exchange whose answer has begun.
struct Exchange {
    used: BackendUse,
    connection: Connection,
    upload: Option<Arc<UploadProgress>>,
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
