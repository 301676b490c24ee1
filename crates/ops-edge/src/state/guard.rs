//! The pre-authorised return (DESIGN §4): when a route's own order is due.

use ops_core::{
    id::{ServiceName, Stamp},
    route::{Guard, Returned},
};

use super::LiveRoute;

/// An order that is due.
pub(crate) struct Due {
    pub(crate) service: ServiceName,
    /// The order's own stamp, under which it is carried out.
    pub(crate) stamp: Stamp,
    pub(crate) returned: Returned,
}

/// The order of a route, if nobody was seen for `silent_ms` and a release is beyond its limits.
pub(crate) fn due(live: &LiveRoute, silent_ms: u64, now: u64) -> Option<Due> {
    let guard = live.route.guard.as_deref().filter(|guard| silent_ms >= guard.silent_ms)?;
    let mut legs = live.route.legs.iter().filter(|leg| leg.weight > 0 && leg.release != guard.to);
    let (because, seen) = legs.find_map(|leg| {
        let seen = live.service.lately(&leg.release, guard.over_seconds);
        is_beyond(guard, seen).then(|| (leg.release.clone(), seen))
    })?;
    let returned = Returned {
        to: guard.to.clone(),
        from: live.weights().to_vec(),
        because,
        seen,
        second: now,
    };
    Some(Due { service: live.route.service.clone(), stamp: guard.stamp, returned })
}

fn is_beyond(guard: &Guard, (requests, errors): (u64, u64)) -> bool {
    requests >= guard.min_requests.max(1)
        && errors * 1000 > requests * u64::from(guard.max_errors_permille)
}
