//! Changes of the route under load.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use ops_core::{
    id::{Generation, OpId, Stamp},
    route::Route,
};
use ops_demo::load::{Losses, Spread};
use ops_edge::EdgeDoor;
use ops_engine::ports::Door as _;
use serde::Serialize;

use super::{
    Told,
    backend::Backend,
    changes::{come, folder, latency},
    cores::Cores,
    peers::need,
    proxies::{CONNECTIONS, Kind, Proxy, edge_state, route},
};
use crate::{
    answer::{Goal, progress},
    ground::{BenchError, go},
};

/// From one change to the next.
const PAUSE: Duration = Duration::from_millis(20);
/// Load before the first change and after the last one.
const SETTLE: Duration = Duration::from_secs(1);

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rate: f64,
    changes: u32,
    refused: u32,
    /// The slowest change, from question to answer.
    slowest_ms: f64,
    requests: u64,
    lost: u64,
    losses: Losses,
    /// Answers of 500 and above.
    bad: u64,
    /// Requests that each release answered.
    releases: Vec<(String, u64)>,
    latency: Option<Spread>,
    /// Whether the door says at the end that it serves what it was told last.
    read_back: bool,
}

pub(crate) fn run(changes: u32, rate: f64) -> Result<Report, BenchError> {
    need(&[], &[("taskset", "util-linux")])?;
    let cores = Cores::take()?;
    let folder = folder()?;
    let (old, new) = (Backend::start("v1")?, Backend::start("v2")?);
    let proxy = Proxy::start(Kind::Ops, folder.path(), cores, old.address, CONNECTIONS)?;
    let door = EdgeDoor::new(edge_state(&folder.path().join("ops-edge")));
    let load = come(proxy.address, rate)?;
    thread::sleep(SETTLE);
    progress(&format!("  {changes} changes at {rate} requests/s"));
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    for number in 0..changes {
        let stamp = Stamp { generation: Generation(1), deployment: 2, op: OpId(number + 1) };
        let began = Instant::now();
        if let Err(why) = door.set_route(stamp, &step(number, old.address, new.address)) {
            progress(&format!("  change {number}: {why}"));
            refused += 1;
        }
        slowest = slowest.max(began.elapsed());
        thread::sleep(PAUSE.saturating_sub(began.elapsed()));
    }
    thread::sleep(SETTLE);
    let view = door.look(&"shop".into());
    let view = view.map_err(|why| BenchError::Odd(format!("the edge tells no route: {why}")))?;
    let last = changes.checked_sub(1).map(|number| step(number, old.address, new.address));
    let seen = go(load)?;
    let total = seen.total();
    let releases = seen.versions().iter().map(|one| (one.version.clone(), one.answered));
    Ok(Report {
        rate,
        changes,
        refused,
        slowest_ms: slowest.as_secs_f64() * 1e3,
        requests: total.requests,
        lost: total.lost.total(),
        losses: total.lost,
        bad: total.bad,
        releases: releases.collect(),
        latency: seen.latency(.., None),
        read_back: last.is_none_or(|last| view.served.is_some_and(|served| served.route == last)),
    })
}

/// A release comes, takes all, goes alone, and the other one comes back: each change adds a leg,
/// removes one or moves weight.
fn step(number: u32, old: SocketAddr, new: SocketAddr) -> Route {
    match number % 4 {
        0 => route(&[("v1", 50, old), ("v2", 50, new)]),
        1 => route(&[("v1", 0, old), ("v2", 100, new)]),
        2 => route(&[("v2", 100, new)]),
        _ => route(&[("v1", 100, old)]),
    }
}

impl Told for Report {
    fn table(&self) -> String {
        let mut out = format!(
            "{} changes of the route at {} requests/s, the slowest took {:.1} ms\n{} requests, {} lost\n",
            self.changes, self.rate, self.slowest_ms, self.requests, self.lost
        );
        for (release, answered) in &self.releases {
            let _ = writeln!(out, "{release:<4} answered {answered:>8}");
        }
        out.push_str(&latency(self.latency));
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let asked = self.requests > 0 && self.releases.len() >= 2;
        vec![
            Goal::new(
                format!("{} changes, no request lost", self.changes),
                format!("{} of {} lost, {} bad", self.lost, self.requests, self.bad),
                asked && self.lost == 0 && self.bad == 0,
            ),
            Goal::new(
                "every change accepted, the last one read back",
                format!("{} refused, read back: {}", self.refused, self.read_back),
                self.refused == 0 && self.read_back,
            ),
        ]
    }
}
