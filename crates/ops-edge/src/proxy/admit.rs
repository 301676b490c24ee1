//! Which release a request enters, and how it waits while its route is held (S7).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ops_core::route::Hold;
use tokio::time::timeout_at;

use crate::state::{LiveLeg, LiveRoute, ServiceState, SharedTable, Table, Visit, WaitingPlace};

/// Where a request goes.
pub(crate) enum Admission {
    /// Into a release.
    Enter(Visit, Arc<LiveLeg>),
    /// Nowhere: no route matches.
    NoRoute,
    /// Nowhere: its route has no place for it. It is counted as refused.
    Refused,
}

/// What the table says at one moment.
enum Reading {
    Enter(Visit, Arc<LiveLeg>),
    Held(Arc<ServiceState>, Hold),
    NoBackend(Arc<ServiceState>),
    NoRoute,
}

/// What a request looks for.
pub(crate) struct Wanted<'a> {
    /// A host key.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) arrived: Instant,
}

/// Finds a request's release; waits for as long as the route is held and its bounds allow.
pub(crate) async fn admit(table: &SharedTable, wanted: &Wanted<'_>) -> Admission {
    let reading = read(&table.borrow(), wanted, false);
    match reading {
        Reading::Enter(visit, leg) => Admission::Enter(visit, leg),
        Reading::NoRoute => Admission::NoRoute,
        Reading::NoBackend(service) => refuse(&service),
        Reading::Held(service, hold) => match service.wait_here(hold.max_requests) {
            Some(place) => wait(table, wanted, &service, place).await,
            None => refuse(&service),
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
            Reading::Enter(visit, leg) => return Admission::Enter(visit, leg),
            // The route went away while the request waited for it.
            Reading::NoRoute => return refuse(service),
            Reading::NoBackend(service) => return refuse(&service),
            Reading::Held(_, hold) => hold,
        };
        let until = wanted.arrived + Duration::from_millis(hold.max_wait_ms);
        match timeout_at(until.into(), bell.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return refuse(service),
        }
    }
}

/// Reads the table. The caller holds its read lock, so a request that enters a release is counted
/// there before the table can be replaced.
fn read(table: &Table, wanted: &Wanted<'_>, held: bool) -> Reading {
    let Some(live) = table.find(wanted.host, wanted.path) else {
        return Reading::NoRoute;
    };
    let service: &Arc<ServiceState> = &live.service;
    if let Some(hold) = &live.route.hold {
        return Reading::Held(Arc::clone(service), hold.clone());
    }
    match LiveRoute::draw(live) {
        Some(leg) => {
            let visit = Visit::enter(service, &leg.release, wanted.arrived, held);
            Reading::Enter(visit, Arc::clone(leg))
        }
        None => Reading::NoBackend(Arc::clone(service)),
    }
}

fn refuse(service: &ServiceState) -> Admission {
    service.refuse();
    Admission::Refused
}
