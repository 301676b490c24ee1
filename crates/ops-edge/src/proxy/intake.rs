//! A request as it comes in: what the door answers by itself, and what it passes on.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONTENT_TYPE, HOST, RETRY_AFTER},
    uri::Authority,
};
use hyper::body::Incoming;

use super::{
    admit::{Admission, Wanted, admit},
    body::DoorBody,
    forward::{Incident, Outgoing},
    headers::wants_upgrade,
};
use crate::{
    config::EdgeConfig,
    state::{SharedTable, host_key},
};

/// Seconds after which a refused client may come again.
const RETRY_AFTER_SECONDS: &str = "1";

/// Who is at the door.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// What it speaks: `http` or `https`.
    pub(crate) proto: &'static str,
}

/// Serves requests by the routes of a table.
pub(crate) struct Proxy {
    pub(super) table: SharedTable,
    pub(super) config: Arc<EdgeConfig>,
}

impl Proxy {
    pub(crate) fn new(table: SharedTable, config: Arc<EdgeConfig>) -> Self {
        Self { table, config }
    }

    /// Answers one request.
    pub(crate) async fn serve(
        &self,
        visitor: Visitor,
        request: Request<Incoming>,
    ) -> Result<Response<DoorBody>, Infallible> {
        let arrived = Instant::now();
        if request.method() == Method::CONNECT || wants_upgrade(request.headers()) {
            return Ok(words(
                StatusCode::NOT_IMPLEMENTED,
                "This door does not change protocols.\n",
            ));
        }
        let Ok(host) = host_of(&request) else {
            return Ok(words(StatusCode::BAD_REQUEST, "The request must name one host.\n"));
        };
        let key = host.as_ref().and_then(|host| host.to_str().ok()).map(host_key);
        let wanted = Wanted {
            host: key.as_deref().unwrap_or_default(),
            path: request.uri().path(),
            arrived,
        };
        let answer = match admit(&self.table, &wanted).await {
            Admission::Enter(visit, leg) => {
                let trust = self.config.trust_forwarded;
                let outgoing = Outgoing::new(request, visitor, host, trust);
                self.forward(visit, &leg, outgoing).await
            }
            Admission::NoRoute => {
                words(StatusCode::NOT_FOUND, "No service answers to this host and path.\n")
            }
            Admission::Refused => {
                let text = "The service cannot take this request now; please try again.\n";
                let mut answer = words(StatusCode::SERVICE_UNAVAILABLE, text);
                let seconds = HeaderValue::from_static(RETRY_AFTER_SECONDS);
                answer.headers_mut().insert(RETRY_AFTER, seconds);
                answer
            }
        };
        Ok(answer)
    }
}

/// The one host that a request names. `Ok(None)`: none, as HTTP/1.0 allows.
fn host_of(request: &Request<Incoming>) -> Result<Option<HeaderValue>, ()> {
    if let Some(authority) = request.uri().authority() {
        // The target decides where it names a host (RFC 9112 §3.2.2).
        return HeaderValue::from_str(authority.as_str()).map(Some).map_err(|_| ());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_10 => Ok(None),
        (Some(host), None) if is_host(host) => Ok(Some(host.clone())),
        _ => Err(()),
    }
}

fn is_host(value: &HeaderValue) -> bool {
    Authority::try_from(value.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'))
}

/// An answer of the door itself.
pub(super) fn words(status: StatusCode, text: &'static str) -> Response<DoorBody> {
    let mut answer = Response::new(DoorBody::Text(Some(Bytes::from_static(text.as_bytes()))));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

impl Incident {
    /// What the client is told.
    pub(super) fn words(self) -> Response<DoorBody> {
        match self {
            Self::Broken => words(StatusCode::BAD_GATEWAY, "The service could not be reached.\n"),
            Self::Silent => {
                words(StatusCode::GATEWAY_TIMEOUT, "The service did not answer in time.\n")
            }
            Self::ClientBroke => words(StatusCode::BAD_REQUEST, "The request's body broke off.\n"),
            Self::ClientStalled => {
                words(StatusCode::REQUEST_TIMEOUT, "The request's body did not come in time.\n")
            }
        }
    }
}
