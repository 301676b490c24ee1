//! Answers the questions of the admin socket.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ops_core::{id::ServiceName, signal::SignalSecond, world::Fault};

use super::protocol::{Answer, Ask, EdgeStatus, RefusalKind};
use crate::state::{Control, Refusal, SharedTable};

/// Where questions are answered. Acts go one after the other; looks do not wait for them.
pub(crate) struct Desk {
    control: Mutex<Control>,
    table: SharedTable,
    instance: String,
    listen: Vec<SocketAddr>,
}

impl Desk {
    pub(crate) fn new(control: Control, instance: String, listen: Vec<SocketAddr>) -> Arc<Self> {
        let table = control.table();
        Arc::new(Self { control: Mutex::new(control), table, instance, listen })
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        // A change becomes visible only as a whole, so a panic in the middle left the old state.
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one line. Blocks for as long as the disk takes.
    pub(crate) fn answer(&self, line: &[u8]) -> Answer {
        match serde_json::from_slice(line) {
            Ok(ask) => self.reply(ask),
            Err(error) => {
                let what = format!("the line is no question: {error}");
                let next = "send one JSON object per line, such as {\"ask\":\"status\"}";
                let fault = Fault::new(what, "admin socket of the edge", next);
                Answer::Refused { kind: RefusalKind::Malformed, fault }
            }
        }
    }

    fn reply(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Look { service } => Answer::View(self.table.borrow().view(&service)),
            Ask::SetRoute { stamp, route } => done(self.control().set_route(stamp, route)),
            Ask::RemoveRoute { stamp, service } => {
                done(self.control().remove_route(stamp, &service))
            }
            Ask::Signals { service, after } => Answer::Signals(self.signals(&service, after)),
            Ask::Status {} => Answer::Status(self.status()),
        }
    }

    fn signals(&self, service: &ServiceName, after: u64) -> Vec<SignalSecond> {
        let service = self.table.borrow().service(service).cloned();
        service.map(|service| service.signals(after)).unwrap_or_default()
    }

    /// What this edge is, and all that it serves.
    pub(crate) fn status(&self) -> EdgeStatus {
        let table = self.table.borrow();
        let held = table.services().map(|service| (service.name().clone(), service.waiting()));
        let unrouted = table
            .services()
            .filter(|service| table.route(service.name()).is_none())
            .map(|service| (service.name().clone(), service.in_flight(|_| false)));
        EdgeStatus {
            instance: self.instance.clone(),
            listen: self.listen.clone(),
            highest: table.highest(),
            routes: table.routes().map(|live| live.served()).collect(),
            held: held.filter(|(_, waiting)| *waiting > 0).collect(),
            unrouted: unrouted.filter(|(_, in_flight)| !in_flight.is_empty()).collect(),
        }
    }

    /// Sets the reserve of the state folder aside again, if it was used. Blocks.
    pub(crate) fn keep_reserve(&self) {
        self.control().dir().keep_reserve();
    }
}

fn done(act: Result<(), Refusal>) -> Answer {
    let (kind, fault) = match act {
        Ok(()) => return Answer::Done,
        Err(Refusal::NotApplied(fault)) => (RefusalKind::NotApplied, fault),
        Err(Refusal::Unknown(fault)) => (RefusalKind::Unknown, fault),
        Err(Refusal::Stale(fault)) => (RefusalKind::Stale, fault),
    };
    tracing::warn!(%fault, ?kind, "an act was refused");
    Answer::Refused { kind, fault }
}
