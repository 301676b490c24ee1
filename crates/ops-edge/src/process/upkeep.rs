//! What goes on beside the traffic.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    admin::Desk,
    config::EdgeConfig,
    state::{LiveRoute, SharedTable},
    tls::Tls,
};

/// How often time goes on in the signals, and idle connections are looked through.
const TICK: Duration = Duration::from_millis(500);

/// Every how many ticks the reserve of the state folder is looked after: each 10 s.
const RESERVE_TICKS: u32 = 20;

/// Pause between two rounds of probes of a restored route.
const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// Every how many ticks the files of certificates are looked at: each 2 s.
const TLS_TICKS: u32 = 4;

/// Every how many ticks it is looked whether a route must go back: each second.
const GUARD_TICKS: u32 = 2;

/// What is looked after.
pub(super) struct Upkeep {
    pub(super) table: SharedTable,
    pub(super) desk: Arc<Desk>,
    pub(super) config: Arc<EdgeConfig>,
    pub(super) tls: Option<Arc<Tls>>,
}

impl Upkeep {
    /// Looks after signals, idle connections, certificates and the reserve, for ever.
    pub(super) async fn keep(self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut count: u32 = 0;
        loop {
            ticks.tick().await;
            self.tick();
            count = count.wrapping_add(1);
            if let Some(tls) = self.tls.as_ref().filter(|_| count.is_multiple_of(TLS_TICKS)) {
                let tls = Arc::clone(tls);
                aside("the certificates", move || tls.reload()).await;
            }
            if count.is_multiple_of(GUARD_TICKS) {
                let desk = Arc::clone(&self.desk);
                aside("the guards", move || desk.mind_guards()).await;
            }
            if count.is_multiple_of(RESERVE_TICKS) {
                let desk = Arc::clone(&self.desk);
                aside("the reserve", move || desk.keep_reserve()).await;
            }
        }
    }

    fn tick(&self) {
        let table = self.table.borrow();
        for service in table.services() {
            service.tick();
        }
        let legs = table.routes().flat_map(|live| &live.legs);
        for backend in legs.flat_map(|leg| &leg.backends) {
            backend.sweep(self.config.idle_timeout);
        }
    }
}

/// Does what blocks where that is allowed.
async fn aside(what: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = tokio::task::spawn_blocking(work).await {
        tracing::warn!(%error, "{what} could not be looked after");
    }
}

/// Starts a probe of each restored route. It ends when all backends that may get traffic were
/// reached, or when the route was replaced.
pub(super) fn probe_restored(
    table: &SharedTable,
    config: &Arc<EdgeConfig>,
    tasks: &mut JoinSet<()>,
) {
    for live in table.borrow().routes() {
        tasks.spawn(probe(Arc::downgrade(live), config.connect_timeout));
    }
}

async fn probe(route: Weak<LiveRoute>, limit: Duration) {
    let addresses = |live: &LiveRoute| -> Vec<SocketAddr> {
        let legs = live.legs.iter().filter(|leg| leg.weight > 0);
        legs.flat_map(|leg| &leg.backends).map(|backend| backend.address()).collect()
    };
    let Some(mut left) = route.upgrade().map(|live| addresses(&live)) else {
        return;
    };
    loop {
        let mut missing = Vec::new();
        for address in left {
            // Held only weakly while waiting: a route that was replaced is not kept alive.
            let reached = timeout(limit, TcpStream::connect(address)).await;
            if !matches!(reached, Ok(Ok(_))) {
                missing.push(address);
            }
        }
        let Some(live) = route.upgrade() else { return };
        if missing.is_empty() {
            live.probed.store(true, Ordering::SeqCst);
            return;
        }
        drop(live);
        left = missing;
        sleep(PROBE_PAUSE).await;
    }
}
