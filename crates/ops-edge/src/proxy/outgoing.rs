//! A request made ready for a backend.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, HOST, TE, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper::body::Incoming;

use super::{
    body::{Upload, UploadProgress},
    headers::{join_cookies, set_forwarded, strip_hop_by_hop, takes_trailers},
    visitor::Visitor,
};

const BOTH: HeaderValue = HeaderValue::from_static("upgrade");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const CONNECTION_TE: HeaderValue = HeaderValue::from_static("te");

/// A request made ready for a backend.
pub(crate) struct Outgoing {
    pub(super) request: Request<Upload>,
    pub(super) upload: Option<Arc<UploadProgress>>,
    /// Whether it may be sent twice: idempotent and without a body.
    pub(super) repeatable: bool,
    /// Whether it asks for another protocol.
    pub(super) upgrades: bool,
    pub(super) limits: Limits,
}

/// How long a request may take, and over what it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the last progress of the request to the header of the answer.
    pub(crate) response_timeout: Duration,
    /// Whether the service speaks HTTP/2.
    pub(crate) h2: bool,
}

/// What the door knows of a request beside the request.
pub(crate) struct Circumstances<'a> {
    pub(crate) visitor: &'a Visitor,
    pub(crate) host: Option<HeaderValue>,
    pub(crate) trust_forwarded: bool,
    pub(crate) max_body_bytes: u64,
    pub(crate) upgrades: bool,
    pub(crate) limits: Limits,
}

impl Outgoing {
    pub(crate) fn new(request: Request<Incoming>, about: Circumstances<'_>) -> Self {
        let Circumstances { visitor, host, trust_forwarded, max_body_bytes, upgrades, limits } =
            about;
        let (mut parts, body) = request.into_parts();
        let body = Upload::new(body, max_body_bytes);
        let upload = body.progress();
        let repeatable = upload.is_none() && parts.method.is_idempotent() && !upgrades;
        let headers = &mut parts.headers;
        let trailers = takes_trailers(headers);
        let protocol = headers.remove(UPGRADE).filter(|_| upgrades);
        strip_hop_by_hop(headers);
        if parts.version == Version::HTTP_2 {
            join_cookies(headers);
        }
        let forwarded_for = &visitor.forwarded_for;
        set_forwarded(headers, forwarded_for, visitor.proto, host.as_ref(), trust_forwarded);
        if trailers {
            headers.insert(TE, TRAILERS);
        }
        if limits.h2 && !upgrades {
            headers.remove(HOST);
            parts.version = Version::HTTP_2;
            parts.uri = absolute_form(parts.uri, host.as_ref());
        } else {
            if let Some(host) = host {
                headers.insert(HOST, host);
            }
            if let Some(protocol) = protocol {
                headers.insert(UPGRADE, protocol);
                headers.insert(CONNECTION, BOTH);
            } else if trailers {
                headers.insert(CONNECTION, CONNECTION_TE);
            }
            parts.version = Version::HTTP_11;
            parts.uri = origin_form(parts.uri);
        }
        Self { request: Request::from_parts(parts, body), upload, repeatable, upgrades, limits }
    }

    /// A copy for somebody else to see; `None` if the method may change something or there is a
    /// body.
    pub(crate) fn safe_copy(&self) -> Option<Self> {
        let safe = [Method::GET, Method::HEAD, Method::OPTIONS];
        let request = self.copy().filter(|request| safe.contains(request.method()))?;
        let limits = self.limits;
        Some(Self { request, upload: None, repeatable: false, upgrades: false, limits })
    }

    /// The same request once more; `None` if it may not be sent twice.
    pub(super) fn copy(&self) -> Option<Request<Upload>> {
        if !self.repeatable {
            return None;
        }
        let mut copy = Request::new(Upload::Empty);
        *copy.method_mut() = self.request.method().clone();
        *copy.uri_mut() = self.request.uri().clone();
        *copy.version_mut() = self.request.version();
        *copy.headers_mut() = self.request.headers().clone();
        Some(copy)
    }

    pub(super) fn with(self, request: Request<Upload>) -> Self {
        Self { request, ..self }
    }

    /// Whether it is to be sent over HTTP/2.
    pub(super) fn over_h2(&self) -> bool {
        self.limits.h2 && !self.upgrades
    }
}

fn origin_form(uri: Uri) -> Uri {
    if uri.authority().is_none() && uri.path_and_query().is_some() {
        return uri;
    }
    let mut parts = uri.into_parts();
    parts.scheme = None;
    parts.authority = None;
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default()
}

/// HTTP/2 names scheme and authority beside the path. The connection has no TLS.
fn absolute_form(uri: Uri, host: Option<&HeaderValue>) -> Uri {
    let mut parts = uri.into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = host
        .and_then(|host| Authority::try_from(host.as_bytes()).ok())
        .or(Some(Authority::from_static("localhost")));
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default()
}
