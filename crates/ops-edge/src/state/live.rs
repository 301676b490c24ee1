//! A route and its legs, ready to serve.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use ops_core::{
    id::Stamp,
    route::{HeaderMatch, Mirror, Protocol, Returned, Route, ServedRoute},
};

use super::{
    ReleaseLoad, ServiceState,
    rendezvous::{hash_of, score},
    ring::Weights,
};
use crate::proxy::Backend;

/// How long the long-lived connections of a release that leaves may take to end, unless its route
/// says otherwise.
const LEAVE_WITHIN: Duration = Duration::from_secs(30);

/// One release's share of a route, ready to serve.
pub(crate) struct LiveLeg {
    pub(crate) release: Arc<ReleaseLoad>,
    pub(crate) weight: u8,
    pub(crate) backends: Vec<Arc<Backend>>,
    /// Hash of the release's name.
    hash: u64,
    /// Where the search for the least loaded backend begins, so that equals take turns.
    turn: AtomicUsize,
}

impl LiveLeg {
    pub(crate) fn new(release: Arc<ReleaseLoad>, weight: u8, backends: Vec<Arc<Backend>>) -> Self {
        let hash = hash_of(release.id().as_str().as_bytes());
        Self { release, weight, backends, hash, turn: AtomicUsize::new(0) }
    }

    /// A release that gets copies: `weight` is their share.
    fn of_mirror(mirror: &Mirror) -> Self {
        let addresses = mirror.backends.iter().filter_map(|text| text.parse().ok());
        let backends = addresses.map(Backend::new).collect();
        Self::new(ReleaseLoad::new(mirror.release.clone()), mirror.percent, backends)
    }

    /// The backend with the fewest requests in flight among those not tried yet; equals take
    /// turns, and those that keep failing come last.
    pub(crate) fn pick(&self, tried: &[Arc<Backend>]) -> Option<&Arc<Backend>> {
        let count = self.backends.len();
        if count == 1 {
            return self.backends.first().filter(|_| tried.is_empty());
        }
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        // Those that keep failing come last, but they come: the last one is never given up.
        (0..count)
            .filter_map(|step| self.backends.get(start.wrapping_add(step) % count))
            .filter(|backend| !tried.iter().any(|other| Arc::ptr_eq(other, backend)))
            .min_by_key(|backend| (backend.is_out(), backend.in_flight()))
    }
}

/// A route, ready to serve.
pub(crate) struct LiveRoute {
    pub(crate) route: Route,
    pub(crate) stamp: Stamp,
    pub(crate) service: Arc<ServiceState>,
    pub(crate) legs: Vec<Arc<LiveLeg>>,
    /// False after a restart until the backends were reached.
    pub(crate) probed: AtomicBool,
    /// Of the manner of the route, as it is used.
    pub(crate) response_timeout: Option<Duration>,
    pub(crate) h2: bool,
    pub(super) headers: Vec<(HeaderName, String)>,
    /// The release that gets copies, if any does.
    pub(crate) mirror: Option<LiveLeg>,
    /// Set if the door itself set this route.
    pub(crate) returned: Option<Returned>,
}

impl LiveRoute {
    /// A route that is ready to serve and not probed.
    pub(crate) fn new(
        route: Route,
        stamp: Stamp,
        service: Arc<ServiceState>,
        legs: Vec<Arc<LiveLeg>>,
    ) -> Self {
        let manner = &route.manner;
        let header =
            |it: &HeaderMatch| Some((HeaderName::try_from(&it.name).ok()?, it.value.clone()));
        Self {
            response_timeout: manner.response_timeout_ms.map(Duration::from_millis),
            h2: manner.protocol == Protocol::H2,
            headers: manner.headers.iter().filter_map(header).collect(),
            mirror: route.mirror.as_deref().map(LiveLeg::of_mirror),
            probed: AtomicBool::new(false),
            returned: None,
            route,
            stamp,
            service,
            legs,
        }
    }

    /// Draws a leg, each with the chance of its weight. For a client that is known the draw is
    /// always the same, else it is independent for every request: the statistics of the watch rest
    /// on that, as turns would let a client that sends in a fixed rhythm meet always the same
    /// release.
    pub(crate) fn draw(&self, client: Option<u64>) -> Option<usize> {
        let drawn = match client {
            Some(client) => self.draw_for(client)?,
            None => self.draw_any()?,
        };
        self.legs.get(drawn).filter(|leg| !leg.backends.is_empty()).map(|_| drawn)
    }

    fn draw_for(&self, client: u64) -> Option<usize> {
        let scores = self.legs.iter().enumerate().filter(|(_, leg)| leg.weight > 0);
        let scores = scores.map(|(at, leg)| (at, score(client, leg.hash, leg.weight)));
        scores.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(at, _)| at)
    }

    fn draw_any(&self) -> Option<usize> {
        let total: u32 = self.legs.iter().map(|leg| u32::from(leg.weight)).sum();
        if total == 0 {
            return None;
        }
        let mut left = fastrand::u32(0..total);
        self.legs.iter().position(|leg| {
            let weight = u32::from(leg.weight);
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        })
    }

    /// How long the long-lived connections of a release that leaves may take to end.
    pub(crate) fn leave_within(&self) -> Duration {
        self.route.manner.drain_ms.map_or(LEAVE_WITHIN, Duration::from_millis)
    }

    /// Whether a request bears all headers that the route asks for.
    pub(super) fn takes(&self, headers: &HeaderMap) -> bool {
        self.headers.iter().all(|(name, value)| {
            headers.get_all(name).iter().any(|it| it.as_bytes() == value.as_bytes())
        })
    }

    /// The headers that the route asks for, and the same as the lines of a request.
    pub(crate) fn asked_for(&self) -> (HeaderMap, String) {
        let (mut headers, mut lines) = (HeaderMap::new(), String::new());
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                let _ = write!(lines, "{name}: {}\r\n", value.to_str().unwrap_or_default());
                headers.append(name, value);
            }
        }
        (headers, lines)
    }

    /// The weights as the signals record them.
    pub(crate) fn weights(&self) -> Weights {
        self.route.legs.iter().map(|leg| (leg.release.clone(), leg.weight)).collect()
    }

    /// The route as it is reported.
    pub(crate) fn served(&self) -> ServedRoute {
        let routed = |id: &_| self.route.legs.iter().any(|leg| &leg.release == id);
        ServedRoute {
            route: self.route.clone(),
            stamp: self.stamp,
            probed: self.probed.load(Ordering::SeqCst),
            in_flight: self.service.in_flight(routed),
        }
    }
}
