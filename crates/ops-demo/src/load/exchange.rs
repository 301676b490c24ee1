//! One request over one connection, and what its failure means.

use std::{error::Error, io, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::AbortHandle};

use super::{
    plan::Visit,
    record::{Loss, Outcome},
};
use crate::{clock::boot_us, shop::VERSION_HEADER};

/// Largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 1024 * 1024;

/// A request as the load sends it again and again.
#[derive(Debug)]
pub(super) struct Template {
    visit: Visit,
    headers: HeaderMap,
}

impl Template {
    pub(super) fn new(visit: Visit, host: &HeaderValue) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.clone());
        if !visit.body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Self { visit, headers }
    }

    /// The request; its parts were checked with the plan.
    fn request(&self) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(self.visit.method.clone())
            .uri(self.visit.path.as_str())
            .body(Full::new(self.visit.body.clone()))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// An open connection. Dropping it closes it, whatever it is doing.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    async fn open(target: SocketAddr) -> Result<Self, Loss> {
        let stream = TcpStream::connect(target).await.map_err(|_| Loss::Connect)?;
        stream.set_nodelay(true).map_err(|_| Loss::Connect)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| Loss::Connect)?;
        // What ends a connection is learnt from its requests.
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Self { sender, driver })
    }
}

/// Sends a request and reads its answer to the end. Gives the connection back if it can serve
/// again. `sent_us` is set when the request is handed to a connection.
pub(super) async fn exchange(
    kept: Option<Connection>,
    target: SocketAddr,
    template: &Template,
    sent_us: &mut Option<u64>,
) -> (Outcome, Option<Connection>) {
    match attempt(kept, target, template, sent_us).await {
        Ok((outcome, connection)) => (outcome, Some(connection)),
        Err(loss) => (Outcome::lost(loss), None),
    }
}

async fn attempt(
    kept: Option<Connection>,
    target: SocketAddr,
    template: &Template,
    sent_us: &mut Option<u64>,
) -> Result<(Outcome, Connection), Loss> {
    let mut kept = kept;
    loop {
        let reused = kept.is_some();
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(target).await?,
        };
        // A kept connection that was closed meanwhile is replaced before anything is sent.
        if connection.sender.ready().await.is_err() {
            if reused {
                continue;
            }
            return Err(Loss::Reset);
        }
        let request = template.request().map_err(|_| Loss::Garbled)?;
        *sent_us = Some(boot_us());
        match connection.sender.try_send_request(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                read_to_end(body).await?;
                return Ok((judge(head.status, &head.headers), connection));
            }
            Err(mut refusal) => {
                // The request came back: not a byte of it was written.
                let unsent = refusal.take_message().is_some();
                if !(reused && unsent) {
                    return Err(meaning(refusal.error(), reused));
                }
            }
        }
    }
}

/// Whose answer it is.
fn judge(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let version = headers.get(VERSION_HEADER).and_then(|version| version.to_str().ok());
    let status = status.as_u16();
    match (version, status) {
        (Some(version), _) => Outcome::Answered { status, version: version.to_owned() },
        (None, 502..=504) => Outcome::Lost { loss: Loss::Door, status: Some(status) },
        (None, _) => Outcome::Lost { loss: Loss::Foreign, status: Some(status) },
    }
}

async fn read_to_end(mut body: Incoming) -> Result<(), Loss> {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| meaning(&error, false))?;
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > ANSWER_BYTES {
            return Err(Loss::Garbled);
        }
    }
    Ok(())
}

/// What an error of a connection means for its request.
fn meaning(error: &hyper::Error, reused: bool) -> Loss {
    if error.is_parse() || error.is_parse_too_large() {
        return Loss::Garbled;
    }
    let broke = error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some_and(
        |source| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            matches!(source.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        },
    );
    let closed = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    if reused && (broke || closed) { Loss::Stale } else { Loss::Reset }
}
