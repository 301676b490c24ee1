//! A request as it comes in: what the door answers by itself, and what it passes on.

use std::{convert::Infallible, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, SET_COOKIE},
    uri::Authority,
};
use hyper::body::{Body as _, Incoming};

use super::{
    admit::{Admission, Wanted, admit},
    attempts::Incident,
    body::DoorBody,
    forward::Client,
    headers::wants_upgrade,
    marker::Marker,
    mirror,
    outgoing::{Circumstances, Limits, Outgoing},
    visitor::Visitor,
};
use crate::{
    access_log::AccessLog,
    config::EdgeConfig,
    state::{LiveRoute, SharedTable, host_key},
};

/// Seconds after which a refused client may come again.
const RETRY_AFTER_SECONDS: u32 = 1;

const TOO_LARGE: &str = "The request's body is too large.\n";

/// Serves requests by the routes of a table.
pub(crate) struct Proxy {
    pub(super) table: SharedTable,
    pub(super) config: Arc<EdgeConfig>,
    marker: Arc<Marker>,
    log: Option<Arc<AccessLog>>,
}

impl Proxy {
    pub(crate) fn new(
        table: SharedTable,
        config: Arc<EdgeConfig>,
        marker: Arc<Marker>,
        log: Option<Arc<AccessLog>>,
    ) -> Self {
        Self { table, config, marker, log }
    }

    /// Answers one request.
    pub(crate) async fn serve(
        &self,
        visitor: Arc<Visitor>,
        mut request: Request<Incoming>,
    ) -> Result<Response<DoorBody>, Infallible> {
        let arrived = Instant::now();
        if request.method() == Method::CONNECT {
            let text = "This door opens no tunnels to other places.\n";
            return Ok(words(StatusCode::NOT_IMPLEMENTED, text));
        }
        let own = self.marker.take(request.headers_mut());
        let Ok(host) = host_of(&request) else {
            return Ok(words(StatusCode::BAD_REQUEST, "The request must name one host.\n"));
        };
        if let (Some(limit), Some(size)) =
            (self.config.max_body_bytes, request.body().size_hint().exact())
            && size > limit
        {
            return Ok(words(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE));
        }
        let key = host.as_ref().and_then(|host| host.to_str().ok()).map(host_key);
        let wanted = Wanted {
            host: key.as_deref().unwrap_or_default(),
            path: request.uri().path(),
            headers: request.headers(),
            secure: visitor.proto == "https",
            arrived,
        };
        let entered = match admit(&self.table, &wanted).await {
            Admission::Enter(entered) => entered,
            Admission::NoRoute => {
                let text = "No service answers to this host and path.\n";
                return Ok(words(StatusCode::NOT_FOUND, text));
            }
            Admission::Refused(after) => return Ok(refusal(after.unwrap_or(RETRY_AFTER_SECONDS))),
        };
        let mut entered = entered;
        if own {
            entered.visit.is_own();
        } else if let Some(log) = &self.log {
            entered.visit.logs(log, request.method(), request.version());
        }
        // HTTP/1.0 knows no change of protocol (RFC 9110 §7.8), HTTP/2 has no `Upgrade`.
        let upgrades = request.version() == Version::HTTP_11 && wants_upgrade(request.headers());
        let upgrade = upgrades.then(|| hyper::upgrade::on(&mut request));
        let stream = visitor.stream();
        let (who, is_h1) = (Arc::clone(&visitor), request.version() != Version::HTTP_2);
        let about = Circumstances {
            visitor: &visitor,
            host,
            trust_forwarded: self.config.trust_forwarded,
            max_body_bytes: self.config.max_body_bytes.unwrap_or(u64::MAX),
            upgrades,
            limits: self.limits(&entered.route),
        };
        let outgoing = Outgoing::new(request, about);
        if entered.route.mirror.is_some() {
            mirror::copy(&self.config, &entered.route, *entered.visit.about(), &outgoing);
        }
        let client = Client { visitor, stream, upgrade };
        let leg = &entered.route.legs[entered.leg];
        let mut answer = self.forward(entered.visit, leg, outgoing, client).await;
        if let Some(cookie) = entered.cookie {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        if is_h1 && !upgrades && who.is_last() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }

    fn limits(&self, route: &LiveRoute) -> Limits {
        Limits {
            response_timeout: route.response_timeout.unwrap_or(self.config.response_timeout),
            h2: route.h2,
        }
    }
}

fn refusal(after_seconds: u32) -> Response<DoorBody> {
    let text = "The service cannot take this request now; please try again.\n";
    let mut answer = words(StatusCode::SERVICE_UNAVAILABLE, text);
    answer.headers_mut().insert(RETRY_AFTER, after_seconds.into());
    answer
}

/// The one host that a request names. `Ok(None)`: none, as HTTP/1.0 allows.
fn host_of(request: &Request<Incoming>) -> Result<Option<HeaderValue>, ()> {
    if let Some(authority) = request.uri().authority() {
        // Without a scheme it is a target for CONNECT only (RFC 9112 §3.2.3).
        if !is_authority(authority) || request.uri().scheme().is_none() {
            return Err(());
        }
        // HTTP/2 names the host in one place, or twice the same (RFC 9113 §8.3.1).
        let differs = |host: &HeaderValue| *host != authority.as_str();
        if request.version() == Version::HTTP_2
            && request.headers().get_all(HOST).iter().any(differs)
        {
            return Err(());
        }
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
    Authority::try_from(value.as_bytes()).is_ok_and(|host| is_authority(&host))
}

/// A name and perhaps a port, which is a number; no user.
fn is_authority(authority: &Authority) -> bool {
    let text = authority.as_str();
    let rest = text.get(authority.host().len()..).unwrap_or_default();
    let port = rest.strip_prefix(':').unwrap_or(rest);
    !text.contains('@') && port.bytes().all(|byte| byte.is_ascii_digit())
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
            Self::Broken | Self::Reset => {
                words(StatusCode::BAD_GATEWAY, "The service could not be reached.\n")
            }
            Self::Silent => {
                words(StatusCode::GATEWAY_TIMEOUT, "The service did not answer in time.\n")
            }
            Self::TooLarge => words(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE),
            Self::ClientBroke => words(StatusCode::BAD_REQUEST, "The request's body broke off.\n"),
            Self::ClientStalled => {
                words(StatusCode::REQUEST_TIMEOUT, "The request's body did not come in time.\n")
            }
        }
    }
}
