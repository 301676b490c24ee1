//! How the door sends requests of one service to its releases.

use serde::{Deserialize, Serialize};

use crate::id::{ReleaseId, ServiceName, Stamp};

/// What the door does with the requests of one service. Replaced as a whole, never in parts.
///
/// The fields after `hold` are absent where they say nothing, so that a plain route reads the same
/// to every version of the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The service whose requests these are.
    pub service: ServiceName,
    /// Host name to match, without port; `None` matches every host.
    pub host: Option<String>,
    /// Path prefix to match, beginning with `/`. The longest match wins.
    pub path: String,
    /// Where requests go. Weights add up to 100 unless `hold` is set.
    pub legs: Vec<Leg>,
    /// Requests wait at the door while this is set.
    pub hold: Option<Hold>,
    /// Requests are answered 503 at once while this is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// How requests are matched, shared out and passed on.
    #[serde(default, skip_serializing_if = "Manner::is_plain")]
    pub manner: Box<Manner>,
    /// The one act that the door may do by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Box<Guard>>,
    /// A release without traffic that gets copies of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Box<Mirror>>,
}

/// One release's share of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// The release.
    pub release: ReleaseId,
    /// Its share of new requests, in percent.
    pub weight: u8,
    /// Addresses of its replicas, `ip:port`.
    pub backends: Vec<String>,
}

/// A bounded wait at the door, for services that cannot run twice (S7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// A request that waited this long is answered 503 with Retry-After. Milliseconds.
    pub max_wait_ms: u64,
    /// At most this many requests wait; further ones are answered 503 at once.
    pub max_requests: u32,
}

/// Requests are turned away: 503 with Retry-After, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// What Retry-After says, in seconds.
    pub retry_after_seconds: u32,
}

/// How requests are matched beyond host and path, shared out among releases, and passed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manner {
    /// Headers that a request must bear, all of them. A route that asks for more headers comes
    /// before one that asks for fewer, on the same path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderMatch>,
    /// Keeps a client with its release while weights stand or move towards that release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// What the service speaks.
    #[serde(skip_serializing_if = "Protocol::is_http1")]
    pub protocol: Protocol,
    /// Longest time from the last progress of a request to the header of its answer, in
    /// milliseconds; `None`: the door's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_timeout_ms: Option<u64>,
    /// Over how long the long-lived connections of a release that leaves are closed, in
    /// milliseconds; `None`: the door's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_ms: Option<u64>,
    /// Templates of paths, such as `/carts/{id}`, by which requests are counted. Without any the
    /// door makes them up by leaving out what looks like a name of one thing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<String>,
    /// Path that the door itself asks for: of every replica, to see which live, and through its
    /// own front while a switch is young.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_path: Option<String>,
}

impl Manner {
    /// Whether it says nothing.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A header and its value, as they must be, to the byte. The name's case does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderMatch {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// By what the door knows a client again. The client is then the unit of the statistics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sticky {
    /// By a cookie of this name, which the door sets itself.
    Cookie(String),
    /// By the value of this header. Requests without it are drawn one by one.
    Header(String),
}

/// What a service speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 without TLS, known before (RFC 9113 §3.3).
    H2,
}

impl Protocol {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_http1(&self) -> bool {
        *self == Self::Http1
    }
}

/// The pre-authorised return: an order written beforehand, which the door carries out by itself
/// if nobody who could give it was there for a while and the newcomer is beyond these limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The release that gets all requests; a leg of the route.
    pub to: ReleaseId,
    /// The stamp under which the door acts. Above the route's own, of the same generation.
    pub stamp: Stamp,
    /// Highest share of failed requests of any other leg, in thousandths.
    pub max_errors_permille: u16,
    /// Least requests of that leg until its share is judged.
    pub min_requests: u64,
    /// Over how many seconds it is judged.
    pub over_seconds: u32,
    /// How long no daemon must have been seen, in milliseconds.
    pub silent_ms: u64,
}

/// What the door did by itself, told until the route is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// The release that got all requests.
    pub to: ReleaseId,
    /// The weights before.
    pub from: Vec<(ReleaseId, u8)>,
    /// The release that was beyond the limits.
    pub because: ReleaseId,
    /// Its requests and, of these, those that failed, while it was judged.
    pub seen: (u64, u64),
    /// The second since boot at which the door acted.
    pub second: u64,
}

/// Copies of requests to a release that gets no traffic. Answers are counted and thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The release; not a leg of the route.
    pub release: ReleaseId,
    /// Addresses of its replicas, `ip:port`.
    pub backends: Vec<String>,
    /// Share of the safe requests without a body (GET, HEAD, OPTIONS) that are copied, in percent.
    pub percent: u8,
}

/// A route as the door serves it now, read back from the door itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedRoute {
    /// The route.
    pub route: Route,
    /// Stamp of the act that set it.
    pub stamp: Stamp,
    /// False after a restart of the door until its backends were probed again.
    pub probed: bool,
    /// Requests in flight, per release. Releases that left the route stay listed until they are
    /// empty, so that a drain can be watched.
    pub in_flight: Vec<(ReleaseId, u64)>,
}

impl Route {
    /// A route without legs; for every host if `host` is `None`.
    pub fn new(service: ServiceName, host: Option<String>, path: impl Into<String>) -> Self {
        Self {
            service,
            host,
            path: path.into(),
            legs: Vec::new(),
            hold: None,
            pause: None,
            manner: Box::default(),
            guard: None,
            mirror: None,
        }
    }

    /// The weight of a release in percent, 0 if it has no leg.
    pub fn weight_of(&self, release: &ReleaseId) -> u8 {
        self.legs.iter().find(|leg| &leg.release == release).map_or(0, |leg| leg.weight)
    }
}
