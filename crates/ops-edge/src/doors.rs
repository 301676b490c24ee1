//! Doors on several hosts as one door.
//!
//! All have the same routes with the same weights, each with the copies on its own host alone, so
//! that nobody's request crosses the network between hosts. What one of them does not say is not
//! known of the whole (P8): a route counts only where all serve it, a second only where all told
//! it. An act that reached some and not others is perhaps done; the same act again brings the rest.

mod alignment;
mod parts;
mod summed;
mod whole;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use ops_core::{
    id::{Generation, ServiceName, Stamp},
    route::Route,
    signal::SignalSecond,
    world::{DoorView, Fault},
};
use ops_engine::ports::{Act, ActError, Door, Look};

use crate::{
    admin::Told,
    clock::{boot_id, boot_ms},
    door::EdgeDoor,
};
use alignment::{Alignment, Heard};
use parts::Part;

/// Where it is written down how the doors' clocks stand.
const CLOCKS: &str = "doors.json";

/// A door on a host.
#[derive(Debug)]
pub struct HostDoor {
    /// The host's address, at which its copies listen and users are served.
    pub address: Ipv4Addr,
    /// The door.
    pub door: EdgeDoor,
}

/// Doors on several hosts, by the names of the hosts.
#[derive(Debug)]
pub struct Doors {
    hosts: BTreeMap<String, HostDoor>,
    boot: String,
    file: PathBuf,
    /// How each door's clock stands to this machine's. Kept, so that each second keeps its place.
    clocks: Mutex<BTreeMap<String, Alignment>>,
}

impl Doors {
    /// The doors of these hosts. How their clocks stand is remembered in a state folder.
    pub fn new(state_dir: &Path, hosts: BTreeMap<String, HostDoor>) -> Self {
        let file = state_dir.join(CLOCKS);
        let text = std::fs::read(&file).unwrap_or_default();
        let clocks = Mutex::new(serde_json::from_slice(&text).unwrap_or_default());
        Self { hosts, boot: boot_id(), file, clocks }
    }

    /// Each door by the name of its host.
    pub fn each(&self) -> impl Iterator<Item = (&str, &EdgeDoor)> {
        self.hosts.iter().map(|(name, host)| (name.as_str(), &host.door))
    }

    /// Services that are not served the same everywhere.
    ///
    /// # Errors
    ///
    /// If a door does not answer.
    pub fn apart(&self) -> Look<Vec<ServiceName>> {
        let each = self.asked(EdgeDoor::status)?;
        let routes = each.into_iter().flat_map(|(_, status)| status.routes);
        let names: BTreeSet<ServiceName> = routes.map(|served| served.route.service).collect();
        let mut apart = Vec::new();
        for name in names {
            if self.look(&name)?.differs {
                apart.push(name);
            }
        }
        Ok(apart)
    }

    /// Does something at all doors at once.
    fn all<T: Send>(&self, work: impl Fn(&str, &HostDoor) -> T + Sync) -> Vec<(&str, T)> {
        let work = &work;
        thread::scope(|scope| {
            let begun: Vec<_> = self
                .hosts
                .iter()
                .map(|(name, host)| (name.as_str(), scope.spawn(move || work(name, host))))
                .collect();
            let ended = |(name, work): (_, thread::ScopedJoinHandle<'_, T>)| {
                // A defect at one door is one of this program, and is told as such.
                (name, work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            };
            begun.into_iter().map(ended).collect()
        })
    }

    /// Asks all doors; all must answer.
    fn asked<T: Send>(&self, ask: impl Fn(&EdgeDoor) -> Look<T> + Sync) -> Look<Vec<(&str, T)>> {
        let answers = self.all(|_, host| ask(&host.door));
        answers
            .into_iter()
            .map(|(name, answer)| Ok((name, answer.map_err(|fault| on_host(name, fault))?)))
            .collect()
    }

    /// What one door tells of a service, its seconds by this machine's clock.
    fn seconds(
        &self,
        name: &str,
        door: &EdgeDoor,
        service: &ServiceName,
        after: u64,
    ) -> Look<Told> {
        let known = self.clocks().get(name).cloned();
        let from = known.as_ref().map_or(0, |clock| clock.theirs(after));
        let from_ms = boot_ms();
        let mut told = door.seconds(service, from)?;
        let heard = Heard { boot: &told.boot, now_ms: told.now_ms, from_ms, until_ms: boot_ms() };
        let clock = match known.filter(|clock| clock.holds(&self.boot, &heard)) {
            Some(clock) => clock,
            None => self.aligned(name, Alignment::of(&self.boot, &heard)),
        };
        told.seconds = clock.ours(told.seconds);
        Ok(told)
    }

    fn clocks(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Alignment>> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn aligned(&self, name: &str, clock: Alignment) -> Alignment {
        let mut clocks = self.clocks();
        clocks.insert(name.to_owned(), clock.clone());
        // Where it cannot be written, the next start aligns the clocks anew, which costs a second.
        let fresh = self.file.with_extension("fresh");
        let written = serde_json::to_vec(&*clocks).map_err(std::io::Error::other);
        let written = written.and_then(|text| std::fs::write(&fresh, text));
        if let Err(error) = written.and_then(|()| std::fs::rename(&fresh, &self.file)) {
            tracing::warn!(%error, "how the clocks of the doors stand could not be written down");
        }
        clock
    }

    fn act(&self, act: impl Fn(&str, &HostDoor) -> Act + Sync) -> Act {
        whole_act(self.all(act))
    }
}

/// What an act at several doors is, all in all.
fn whole_act(answers: Vec<(&str, Act)>) -> Act {
    let all = answers.len();
    let failed: Vec<(&str, ActError)> =
        answers.into_iter().filter_map(|(host, act)| Some((host, act.err()?))).collect();
    let untouched = failed.iter().all(|(_, error)| matches!(error, ActError::NotApplied(_)));
    let nowhere = untouched && failed.len() == all;
    let stale = failed.iter().position(|(_, error)| matches!(error, ActError::Stale(_)));
    let Some((host, error)) = failed.into_iter().nth(stale.unwrap_or(0)) else { return Ok(()) };
    Err(match error {
        ActError::Stale(fault) => ActError::Stale(on_host(host, fault)),
        ActError::NotApplied(fault) if nowhere => ActError::NotApplied(on_host(host, fault)),
        ActError::NotApplied(fault) | ActError::Unknown(fault) => {
            ActError::Unknown(on_host(host, fault))
        }
    })
}

fn on_host(host: &str, fault: Fault) -> Fault {
    Fault { place: format!("door on {host}: {}", fault.place), ..fault }
}

/// Where users find a door: an address that means all of a host's is the one by which it is known.
fn public(listen: SocketAddr, host: Ipv4Addr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(host), listen.port())
    } else {
        listen
    }
}

impl Door for Doors {
    fn look(&self, service: &ServiceName) -> Look<DoorView> {
        let views = self.asked(|door| door.look(service))?;
        Ok(whole::view(views.into_iter().map(|(_, view)| view).collect()))
    }

    fn highest_generation(&self) -> Look<Generation> {
        let each = self.asked(EdgeDoor::highest_generation)?;
        Ok(each.into_iter().map(|(_, highest)| highest).max().unwrap_or_default())
    }

    fn addresses(&self) -> Look<Vec<String>> {
        let each = self.asked(EdgeDoor::status)?;
        let of = |(name, status): (&str, crate::EdgeStatus)| {
            let host = self.hosts[name].address;
            status.listen.into_iter().map(move |listen| public(listen, host).to_string())
        };
        Ok(each.into_iter().flat_map(of).collect())
    }

    fn set_route(&self, stamp: Stamp, route: &Route) -> Act {
        let hosts = self.hosts.iter().map(|(name, host)| (name.as_str(), host.address));
        let parts = parts::of(route, hosts).map_err(ActError::NotApplied)?;
        self.act(|name, host| match &parts[name] {
            Part::Set(route) => host.door.set_route(stamp, route),
            Part::Nothing => host.door.remove_route(stamp, &route.service),
        })
    }

    fn remove_route(&self, stamp: Stamp, service: &ServiceName) -> Act {
        self.act(|_, host| host.door.remove_route(stamp, service))
    }

    fn signals(&self, service: &ServiceName, after: u64) -> Look<Vec<SignalSecond>> {
        let told = self.all(|name, host| self.seconds(name, &host.door, service, after));
        let told: Vec<(&str, Told)> = told
            .into_iter()
            .map(|(name, told)| Ok((name, told.map_err(|fault| on_host(name, fault))?)))
            .collect::<Look<_>>()?;
        summed::seconds(told, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(what: &str) -> Fault {
        Fault::new(what, "the edge", "look")
    }

    #[test]
    fn p5_an_act_that_reached_some_doors_is_perhaps_done() {
        assert_eq!(whole_act(vec![("a", Ok(())), ("b", Ok(()))]), Ok(()));
        let away = || Err(ActError::NotApplied(fault("away")));
        let nowhere = whole_act(vec![("a", away()), ("b", away())]);
        assert!(matches!(nowhere, Err(ActError::NotApplied(_))), "{nowhere:?}");
        let some = whole_act(vec![("a", Ok(())), ("b", away())]);
        let Err(ActError::Unknown(fault)) = some else { panic!("{some:?}") };
        assert_eq!(fault.place, "door on b: the edge");
    }

    #[test]
    fn p4_one_door_that_saw_a_later_act_refuses_for_all() {
        let stale = Err(ActError::Stale(fault("later")));
        let away = Err(ActError::NotApplied(fault("away")));
        let said = whole_act(vec![("a", away), ("b", stale), ("c", Ok(()))]);
        let Err(ActError::Stale(fault)) = said else { panic!("{said:?}") };
        assert_eq!(fault.place, "door on b: the edge");
    }

    #[test]
    fn users_find_a_door_at_its_hosts_address() {
        let host = Ipv4Addr::new(10, 0, 0, 2);
        let at = |text: &str| public(text.parse().unwrap(), host).to_string();
        assert_eq!(at("0.0.0.0:80"), "10.0.0.2:80");
        assert_eq!(at("[::]:80"), "10.0.0.2:80");
        assert_eq!(at("10.1.0.2:80"), "10.1.0.2:80");
    }
}
