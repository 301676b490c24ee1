//! Requests of the door's own: to replicas, to see which live, and through its own front while a
//! switch is young.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use ops_core::{
    id::{ServiceName, Stamp},
    route::Protocol,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::front::Front;
use crate::{
    proxy::{Backend, Marker},
    state::{LiveRoute, SharedTable, host_key},
};

/// Time between two probes of a replica.
const REPLICA_PAUSE: Duration = Duration::from_secs(5);

/// For how long a switch is young, and the time between two probes meanwhile.
const SWITCH: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(200));

/// Longest time of one probe.
const LIMIT: Duration = Duration::from_secs(2);

/// Most probes of replicas under way at a time.
const MAX_AT_A_TIME: usize = 64;

/// Asks replicas for the path that their route names, for ever. What fails counts as a failed
/// request does; what answers again is asked again.
pub(super) async fn ask_replicas(table: SharedTable) {
    let mut ticks = interval(REPLICA_PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let mut asked = JoinSet::new();
        for (backend, host, path) in replicas(&table) {
            if asked.len() >= MAX_AT_A_TIME {
                asked.join_next().await;
            }
            asked.spawn(async move {
                let question = question(&host, &path, "");
                let status = ask(TcpStream::connect(backend.address()), &question).await;
                backend.note(status.is_ok_and(|status| status < 500));
            });
        }
        while asked.join_next().await.is_some() {}
    }
}

fn replicas(table: &SharedTable) -> Vec<(Arc<Backend>, String, String)> {
    let table = table.borrow();
    let mut replicas = Vec::new();
    for live in table.routes() {
        let manner = &live.route.manner;
        let Some(path) = manner.probe_path.clone().filter(|_| manner.protocol == Protocol::Http1)
        else {
            continue;
        };
        // One replica needs no probe: it is asked whatever comes of it.
        for leg in live.legs.iter().filter(|leg| leg.backends.len() > 1) {
            let host = live.route.host.clone();
            for backend in &leg.backends {
                let host = host.clone().unwrap_or_else(|| backend.address().to_string());
                replicas.push((Arc::clone(backend), host, path.clone()));
            }
        }
    }
    replicas
}

/// Sends requests through the door's own front while switches are young, for ever.
pub(super) async fn ask_the_front(table: SharedTable, front: Arc<Front>, marker: Arc<Marker>) {
    let mut bell = table.subscribe();
    let mut known = stamps(&table);
    let mut young = JoinSet::new();
    while bell.changed().await.is_ok() {
        while young.try_join_next().is_some() {}
        let now = stamps(&table);
        let changed = now.iter().filter(|(service, stamp)| known.get(service) != Some(stamp));
        for (service, _) in changed {
            let live = table.borrow().route(service).map(Arc::downgrade);
            if let Some(live) = live {
                young.spawn(watch_switch(
                    table.clone(),
                    live,
                    Arc::clone(&front),
                    Arc::clone(&marker),
                ));
            }
        }
        known = now;
    }
}

fn stamps(table: &SharedTable) -> BTreeMap<ServiceName, Stamp> {
    table.borrow().routes().map(|live| (live.route.service.clone(), live.stamp)).collect()
}

/// Probes until the switch is no longer young, or the next one has come.
async fn watch_switch(
    table: SharedTable,
    route: Weak<LiveRoute>,
    front: Arc<Front>,
    marker: Arc<Marker>,
) {
    let until = Instant::now() + SWITCH.0;
    while Instant::now() < until {
        let Some(live) = route.upgrade() else { return };
        let host = live.route.host.clone().unwrap_or_else(|| front.address.to_string());
        let Some(question) = through_the_front(&table, &live, &host, &marker) else { return };
        let service = Arc::clone(&live.service);
        drop(live);
        let status = ask(front.connect(&host), &question).await;
        service.count_probe(!status.is_ok_and(|status| status < 500));
        sleep(SWITCH.1).await;
    }
}

/// The request that goes through the front; `None` where it could say nothing of the route.
fn through_the_front(
    table: &SharedTable,
    live: &Arc<LiveRoute>,
    host: &str,
    marker: &Marker,
) -> Option<String> {
    let path = live.route.manner.probe_path.as_ref()?;
    if live.route.hold.is_some() || live.route.pause.is_some() {
        return None;
    }
    let (headers, lines) = live.asked_for();
    let table = table.borrow();
    // What another service answers says nothing of this one.
    let bare = path.split('?').next().unwrap_or_default();
    table
        .find(&host_key(host), bare, &headers)
        .filter(|found| Arc::ptr_eq(found, live))
        .map(|_| question(host, path, &format!("{lines}{}", marker.line())))
}

/// A request; `lines` are further lines of its header.
fn question(host: &str, path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: ops-edge\r\nconnection: close\r\n{lines}\r\n"
    )
}

/// Asks once; the status of the answer.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    connecting: impl Future<Output = io::Result<S>>,
    question: &str,
) -> io::Result<u16> {
    let exchange = async {
        let mut stream = connecting.await?;
        stream.write_all(question.as_bytes()).await?;
        // "HTTP/1.1 200"
        let mut line = [0; 12];
        stream.read_exact(&mut line).await?;
        let status = line.get(9..).and_then(|digits| std::str::from_utf8(digits).ok());
        status.and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData.into())
    };
    timeout(LIMIT, exchange).await.map_err(|_| io::ErrorKind::TimedOut)?
}
