//! Which release a request enters, and how it waits while its route is held (S7).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue};
use ops_core::route::Hold;
use tokio::time::timeout_at;

use super::sticky::{Known, know};
use crate::state::{About, LiveRoute, ServiceState, SharedTable, Table, Visit, WaitingPlace};

/// Where a request goes.
pub(crate) enum Admission {
    /// Into a release.
    Enter(Box<Entered>),
    /// Nowhere: no route matches.
    NoRoute,
    /// Nowhere: its route has no place for it. It is counted as refused. Seconds after which it may
    /// come again, if the route says so.
    Refused(Option<u32>),
}

/// A request that is in.
pub(crate) struct Entered {
    pub(crate) visit: Visit,
    pub(crate) route: Arc<LiveRoute>,
    /// Which leg of the route it goes to.
    pub(crate) leg: usize,
    /// Cookie for a client that has none yet.
    pub(crate) cookie: Option<HeaderValue>,
}

/// What the table says at one moment.
enum Reading {
    Enter(Box<Entered>),
    Held(Arc<ServiceState>, Hold),
    Paused(Arc<ServiceState>, u32),
    NoBackend(Arc<ServiceState>),
    NoRoute,
}

/// What a request looks for.
pub(crate) struct Wanted<'a> {
    /// A host key.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// Whether it came over TLS.
    pub(crate) secure: bool,
    pub(crate) arrived: Instant,
}

/// Finds a request's release; waits for as long as the route is held and its bounds allow.
pub(crate) async fn admit(table: &SharedTable, wanted: &Wanted<'_>) -> Admission {
    let reading = read(&table.borrow(), wanted, false);
    match reading {
        Reading::Enter(entered) => Admission::Enter(entered),
        Reading::NoRoute => Admission::NoRoute,
        Reading::Paused(service, after) => refuse(&service, Some(after)),
        Reading::NoBackend(service) => refuse(&service, None),
        Reading::Held(service, hold) => match service.wait_here(hold.max_requests) {
            Some(place) => wait(table, wanted, &service, place).await,
            None => refuse(&service, None),
        },
    }
}

/// Waits in a place until the hold is lifted or its time is over. A longer or shorter hold that
/// replaces the first one applies to those who wait already.
async fn wait(
    table: &SharedTable,
    wanted: &Wanted<'_>,
    service: &Arc<ServiceState>,
    _place: WaitingPlace,
) -> Admission {
    let mut bell = table.subscribe();
    loop {
        // The bell was taken before this look, so a change in between rings it.
        let reading = read(&bell.borrow_and_update(), wanted, true);
        let hold = match reading {
            Reading::Enter(entered) => return Admission::Enter(entered),
            Reading::Paused(service, after) => return refuse(&service, Some(after)),
            // The route went away while the request waited for it.
            Reading::NoRoute => return refuse(service, None),
            Reading::NoBackend(service) => return refuse(&service, None),
            Reading::Held(_, hold) => hold,
        };
        let until = wanted.arrived + Duration::from_millis(hold.max_wait_ms);
        match timeout_at(until.into(), bell.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return refuse(service, None),
        }
    }
}

/// Reads the table. The caller holds its read lock, so a request that enters a release is counted
/// there before the table can be replaced.
fn read(table: &Table, wanted: &Wanted<'_>, held: bool) -> Reading {
    let Some(live) = table.find(wanted.host, wanted.path, wanted.headers) else {
        return Reading::NoRoute;
    };
    let service: &Arc<ServiceState> = &live.service;
    if let Some(pause) = &live.route.pause {
        return Reading::Paused(Arc::clone(service), pause.retry_after_seconds);
    }
    if let Some(hold) = &live.route.hold {
        return Reading::Held(Arc::clone(service), hold.clone());
    }
    let sticky = live.route.manner.sticky.as_ref();
    let known = sticky.map(|sticky| know(sticky, wanted.headers, &live.route.path, wanted.secure));
    let Known { unit, cookie } = known.unwrap_or_default();
    let Some(leg) = live.draw(unit) else {
        return Reading::NoBackend(Arc::clone(service));
    };
    let template = service.templates().find(wanted.path);
    let about = About { arrived: wanted.arrived, held, unit, template };
    let visit = Visit::enter(service, &live.legs[leg].release, about);
    Reading::Enter(Box::new(Entered { visit, route: Arc::clone(live), leg, cookie }))
}

fn refuse(service: &ServiceState, after: Option<u32>) -> Admission {
    service.refuse();
    Admission::Refused(after)
}
