//! Answers the questions of the admin socket.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ops_core::{id::ServiceName, signal::SignalSecond, world::Fault};

use tokio::sync::watch;

use super::protocol::{Answer, Ask, EdgeStatus, RefusalKind, Told};
use crate::{
    clock::{boot_id, boot_ms, boot_second},
    handover::{Estate, Farewell},
    metrics,
    state::{Control, Due, Entries, Refusal, SharedTable, due},
    targets,
    tls::Tls,
};

/// Where questions are answered. Acts go one after the other; looks do not wait for them.
pub(crate) struct Desk {
    control: Mutex<Control>,
    table: SharedTable,
    instance: String,
    build: String,
    listen: Vec<SocketAddr>,
    tls: Option<Arc<Tls>>,
    boot: String,
    /// The second since boot at which somebody looked at a service or acted on it.
    seen: AtomicU64,
    /// What a new edge needs; `None` once this one accepts no more.
    estate: Mutex<Option<Arc<Estate>>>,
    /// How far a handover has come.
    pub(crate) farewell: watch::Sender<Farewell>,
}

impl Desk {
    pub(crate) fn new(
        control: Control,
        (instance, build): (String, String),
        listen: Vec<SocketAddr>,
        tls: Option<Arc<Tls>>,
        estate: Estate,
    ) -> Arc<Self> {
        let table = control.table();
        Arc::new(Self {
            control: Mutex::new(control),
            table,
            instance,
            build,
            listen,
            tls,
            boot: boot_id(),
            seen: AtomicU64::new(boot_second()),
            estate: Mutex::new(Some(Arc::new(estate))),
            farewell: watch::Sender::new(Farewell::None),
        })
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
                // Told by place: the parser would repeat parts of the line.
                let what = format!("the line is no question (column {})", error.column());
                let next = "send one JSON object per line, such as {\"ask\":\"status\"}";
                let fault = Fault::new(what, "admin socket of the edge", next);
                Answer::Refused { kind: RefusalKind::Malformed, fault }
            }
        }
    }

    fn reply(&self, ask: Ask) -> Answer {
        if !matches!(ask, Ask::Status {} | Ask::Metrics {}) {
            self.seen.store(boot_second(), Ordering::Relaxed);
        }
        match ask {
            Ask::Metrics {} => Answer::Metrics(self.metrics()),
            Ask::Look { service } => Answer::View(self.table.borrow().view(&service)),
            Ask::SetRoute { stamp, route } => {
                done(self.act(|control| control.set_route(stamp, route)))
            }
            Ask::RemoveRoute { stamp, service } => {
                done(self.act(|control| control.remove_route(stamp, &service)))
            }
            // Whoever holds the connection sees to it before it comes here.
            Ask::HandOver {} => done(Err(replaced())),
            Ask::Signals { service, after } => Answer::Signals(self.signals(&service, after)),
            Ask::Seconds { service, after } => Answer::Seconds(self.seconds(&service, after)),
            Ask::Status {} => Answer::Status(self.status()),
        }
    }

    /// Acts on the routes, unless they are another edge's already.
    fn act(&self, act: impl FnOnce(&mut Control) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let mut control = self.control();
        // Looked at under the lock: see `settle`.
        if *self.farewell.borrow() == Farewell::None { act(&mut control) } else { Err(replaced()) }
    }

    /// Waits until no act is under way that began before the routes were closed.
    pub(crate) async fn settle(self: &Arc<Self>) {
        let desk = Arc::clone(self);
        let settled = tokio::task::spawn_blocking(move || drop(desk.control())).await;
        settled.unwrap_or_else(|error| tracing::warn!(%error, "acts could not be waited for"));
    }

    /// What a new edge needs.
    pub(crate) fn estate(&self) -> Option<Arc<Estate>> {
        self.estate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets go of what a new edge would need: a listening socket that somebody holds takes clients.
    pub(crate) fn drop_estate(&self) {
        self.estate.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The name of this process.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// What is remembered of all services.
    pub(crate) fn entries(&self) -> Entries {
        self.control().entries().clone()
    }

    /// Serves by the routes of the edge that took over.
    pub(crate) fn follow(&self, entries: Entries) {
        self.control().follow(entries);
    }

    /// The table that is served.
    pub(crate) fn table(&self) -> &SharedTable {
        &self.table
    }

    fn signals(&self, service: &ServiceName, after: u64) -> Vec<SignalSecond> {
        let service = self.table.borrow().service(service).cloned();
        service.map(|service| service.signals(after)).unwrap_or_default()
    }

    fn seconds(&self, name: &ServiceName, after: u64) -> Told {
        let (service, view) = {
            let table = self.table.borrow();
            (table.service(name).cloned(), table.view(name))
        };
        Told {
            boot: self.boot.clone(),
            now_ms: boot_ms(),
            last: view.last,
            served: view.served.is_some(),
            counted: service.is_some(),
            seconds: service.map(|service| service.signals(after)).unwrap_or_default(),
        }
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
            build: self.build.clone(),
            listen: self.listen.clone(),
            highest: table.highest(),
            routes: table.routes().map(|live| live.served()).collect(),
            held: held.filter(|(_, waiting)| *waiting > 0).collect(),
            tls: self.tls.as_ref().map(|tls| tls.status()).unwrap_or_default(),
            unrouted: unrouted.filter(|(_, in_flight)| !in_flight.is_empty()).collect(),
        }
    }

    /// What this edge counted, as Prometheus reads it.
    pub(crate) fn metrics(&self) -> String {
        metrics::render(&self.table.borrow(), self.tls.as_deref())
    }

    /// Where the replicas of each release listen, as Prometheus finds them.
    pub(crate) fn targets(&self) -> String {
        targets::render(&self.table.borrow())
    }

    /// Carries out the orders that routes left with the door, where they are due. Blocks.
    pub(crate) fn mind_guards(&self) {
        if *self.farewell.borrow() != Farewell::None {
            // They are another edge's to mind.
            return;
        }
        let now = boot_second();
        let silent_ms = now.saturating_sub(self.seen.load(Ordering::Relaxed)) * 1000;
        let orders: Vec<Due> =
            self.table.borrow().routes().filter_map(|live| due(live, silent_ms, now)).collect();
        for order in orders {
            let words = format!("{} to {}", order.service, order.returned.to);
            match self.act(|control| control.carry_out(order)) {
                Ok(()) => tracing::error!("no daemon was seen and limits were passed: {words}"),
                Err(refusal) => tracing::error!(?refusal, "could not return {words}"),
            }
        }
    }

    /// Sets the reserve of the state folder aside again, if it was used. Blocks.
    pub(crate) fn keep_reserve(&self) {
        self.control().dir().keep_reserve();
    }
}

fn replaced() -> Refusal {
    let next = "ask again in a moment: another edge takes over";
    Refusal::NotApplied(Fault::new("this edge is being replaced", "edge", next))
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
