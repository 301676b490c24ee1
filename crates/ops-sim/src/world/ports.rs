//! The engine's ports into the simulated world.

use std::sync::Arc;

use ops_core::{
    checks::Alert,
    id::{Digest, Generation, Identity, ReleaseId, ServiceName, Stamp, TicketId},
    judgement::{Exchange, Prompt},
    reading::{LogReading, Reading, Usage},
    record::Notice,
    route::Route,
    settings::{self, Adopt, AlertSource, Notify, ReadState, Service, Settings},
    signal::SignalSecond,
    ticket::{Message, Ticket},
    time::Now,
    world::{DoorView, EngineView, Fault, Foreign, Proof, ReleaseSpec, TargetView},
};
use ops_engine::ports::{
    Act, ActError, Advisor, Alerts, Artifacts, Asked, Door, Herald, Host, HostFacts, Look, Meeting,
    Metrics, Planning, Ports, Probe, ProbeKind, Prober, ResolvedArtifact, Secrets, Senses, Target,
    Wishes,
};

use super::{
    Deal, Shared, World,
    faults::Part,
    lock, planning,
    target::PORTS,
    wishes::{self, FIXED_PORT},
};

/// All ports of one world.
pub fn ports(world: &Shared) -> Ports {
    let port = || Arc::new(Port(Arc::clone(world)));
    Ports {
        target: port(),
        artifacts: port(),
        door: port(),
        prober: port(),
        planning: port(),
        meeting: port(),
        host: port(),
        alerts: port(),
        herald: port(),
        metrics: port(),
        senses: port(),
        secrets: port(),
        wishes: port(),
        advisor: port(),
    }
}

struct Port(Shared);

impl Port {
    fn act(&self, deal: Deal) -> Act {
        lock(&self.0).act(deal)
    }

    fn look<T>(&self, part: Part, look: impl FnOnce(&mut World) -> T) -> Look<T> {
        let mut world = lock(&self.0);
        let t = world.t();
        let permille = world.faults.look_permille;
        let missed = world.dice.chance(permille) && world.injections.strikes();
        if world.faults.is_down(part, t) || missed {
            return Err(Fault::new("no answer came", part.name(), "look again"));
        }
        Ok(look(&mut world))
    }
}

impl Target for Port {
    fn look(&self, service: &ServiceName) -> Look<TargetView> {
        self.look(Part::Target, |world| world.target.look(service))
    }

    fn start(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        self.act(Deal::Start { stamp, spec: Box::new(spec.clone()) })
    }

    fn stop(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.act(Deal::Stop { stamp, service: service.clone(), release: release.clone() })
    }

    fn remove(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.act(Deal::Remove { stamp, service: service.clone(), release: release.clone() })
    }

    fn highest_generation(&self) -> Look<Generation> {
        self.look(Part::Target, |world| world.target.generation())
    }

    fn free_ports(&self, _: u16, _: u16, hosts: &[String]) -> Look<u32> {
        self.look(Part::Target, |world| {
            world.target.all_here(hosts)?;
            Ok(u32::from(PORTS).saturating_sub(world.target.replicas.len() as u32))
        })?
    }

    fn outside(&self, adopt: &Adopt, _: &[String]) -> Look<Option<Foreign>> {
        self.look(Part::Target, |world| {
            let one = world.outside.get(adopt.listens.as_ref()?)?;
            let same = one.artifact == adopt.artifact;
            let differs = || Proof::Differs { how: "its program is another one".into() };
            let proof = if same { Proof::Program } else { differs() };
            Some(Foreign { pid: 4_711, since: jiff::Timestamp::UNIX_EPOCH, proof })
        })
    }

    fn port_free(&self, port: u16, service: &ServiceName, _hosts: &[String]) -> Look<bool> {
        self.look(Part::Target, |world| {
            let address = format!("127.0.0.1:{port}");
            if world.outside.contains_key(&address) {
                return false;
            }
            port != FIXED_PORT
                || world.target.at(&address).is_none_or(|one| one.service == *service)
        })
    }

    /// Its services are processes; hosts must answer none the less.
    fn engines(&self, service: &Service, _: Option<&Digest>) -> Look<Vec<EngineView>> {
        if service.hosts().is_empty() {
            return Ok(Vec::new());
        }
        self.look(Part::Target, |world| world.target.all_here(service.hosts()))?
            .map(|()| Vec::new())
    }
}

impl Artifacts for Port {
    fn resolve(&self, reference: &str, _: &[String]) -> Look<ResolvedArtifact> {
        self.look(Part::Store, |world| world.store.resolve(reference))?
    }

    fn import(&self, reference: &str, expected: &Digest) -> Act {
        self.act(Deal::Import { reference: reference.to_owned(), digest: expected.clone() })
    }

    fn verify(&self, digest: &Digest) -> Look<bool> {
        self.look(Part::Store, |world| world.store.intact(digest))
    }

    fn prune(&self, keep: &[Digest]) -> Act {
        // As if the quota were always used up: only what must stay does.
        lock(&self.0).store.stored.retain(|digest, _| keep.contains(digest));
        Ok(())
    }
}

impl Door for Port {
    fn look(&self, service: &ServiceName) -> Look<DoorView> {
        self.look(Part::Door, |world| {
            world.door.looked = world.clock.t;
            world.door.look(service, world.clock.t)
        })
    }

    fn highest_generation(&self) -> Look<Generation> {
        self.look(Part::Door, |world| world.door.generation())
    }

    fn addresses(&self) -> Look<Vec<String>> {
        self.look(Part::Door, |world| world.settings.edge.listen.clone())
    }

    fn set_route(&self, stamp: Stamp, route: &Route) -> Act {
        self.act(Deal::SetRoute { stamp, route: Box::new(route.clone()) })
    }

    fn remove_route(&self, stamp: Stamp, service: &ServiceName) -> Act {
        self.act(Deal::RemoveRoute { stamp, service: service.clone() })
    }

    fn signals(&self, service: &ServiceName, after: u64) -> Look<Vec<SignalSecond>> {
        self.look(Part::Door, |world| {
            let told = world.door.signals(service, after);
            world.told(&told);
            told
        })
    }
}

impl World {
    /// Notes what the program was told of each release's traffic.
    fn told(&mut self, seconds: &[SignalSecond]) {
        for second in seconds {
            for (release, weight) in second.weights.iter().filter(|(_, weight)| *weight > 0) {
                let seen = self.ledger.seen.entry(release.clone()).or_default();
                if *weight > 0 && second.second > seen.last {
                    seen.last = second.second;
                    seen.seconds += 1;
                    seen.requests += second.arm(release).map_or(0, |arm| arm.requests);
                }
            }
        }
    }

    /// What a request to a path of a replica or of the door gets.
    fn answer(&mut self, probe: &Probe) -> Option<String> {
        let (host, path) = match &probe.kind {
            ProbeKind::Connect => (None, wishes::HEALTH_PATH),
            ProbeKind::Http { host, path, .. } => (host.as_deref(), path.as_str()),
        };
        let address = if self.settings.edge.listen.contains(&probe.address) {
            match self.through_the_door(host) {
                Ok(address) => address,
                Err(why) => return Some(why),
            }
        } else {
            probe.address.clone()
        };
        if let Some(one) = self.outside.get(&address) {
            return (!one.well).then(|| "status 503".into());
        }
        let t = self.clock.t;
        let Some(replica) = self.target.at(&address) else {
            return Some("the connection was refused".into());
        };
        let broken = replica.conduct().kind == super::conduct::Kind::Broken;
        match (replica.healthy(t), path == wishes::SMOKE_PATH && broken) {
            (true, false) => None,
            (true, true) => Some("status 404 instead of 200".into()),
            (false, _) => Some("status 503".into()),
        }
    }

    fn through_the_door(&mut self, host: Option<&str>) -> Result<String, String> {
        let mut routes = self.door.served.values();
        let served = routes.find(|one| one.route.host.as_deref() == host).ok_or("status 404")?;
        if served.route.hold.is_some() {
            return Err("status 503".into());
        }
        let mut left = self.dice.below(100);
        for leg in &served.route.legs {
            if left < u64::from(leg.weight) {
                let at = self.dice.below(leg.backends.len() as u64) as usize;
                return leg.backends.get(at).cloned().ok_or_else(|| "status 503".to_owned());
            }
            left -= u64::from(leg.weight);
        }
        Err("status 503".into())
    }
}

impl Prober for Port {
    fn probe(&self, probe: &Probe) -> Look<Option<String>> {
        self.look(Part::Prober, |world| world.answer(probe))
    }
}

impl Planning for Port {
    fn me(&self) -> Look<Identity> {
        Ok(planning::ME.into())
    }

    fn ready(&self) -> Look<Vec<Ticket>> {
        self.look(Part::Planning, |world| {
            let t = world.t();
            let ready = world.planning.tickets.iter().filter(|(_, one)| one.status == "rfp");
            ready.filter_map(|(id, _)| world.planning.ticket(id, t)).collect()
        })
    }

    fn ticket(&self, id: &TicketId) -> Look<Option<Ticket>> {
        self.look(Part::Planning, |world| world.planning.ticket(id, world.clock.t))
    }

    fn comment(&self, id: &TicketId, text: &str) -> Act {
        self.act(Deal::Comment { ticket: id.clone(), text: text.to_owned() })
    }

    fn close(&self, id: &TicketId) -> Act {
        self.act(Deal::Close { ticket: id.clone() })
    }
}

impl Advisor for Port {
    fn ask(&self, _: &settings::Advisor, prompt: &Prompt) -> Exchange {
        let mut world = lock(&self.0);
        if world.faults.is_down(Part::Model, world.t()) {
            return Exchange::none("no answer came");
        }
        world.model.ask(prompt)
    }
}

impl Meeting for Port {
    fn post(&self, channel: &str, text: &str) -> Act {
        self.act(Deal::Post { channel: channel.to_owned(), text: text.to_owned() })
    }

    fn messages(&self, channel: &str, after: Option<&str>) -> Look<Vec<Message>> {
        self.look(Part::Meeting, |world| {
            world.meeting.after(after, |message| message.channel == channel)
        })
    }

    fn mentions(&self, after: Option<&str>) -> Look<Vec<Message>> {
        self.look(Part::Meeting, |world| world.meeting.after(after, |message| message.mentions_ops))
    }
}

impl Host for Port {
    fn facts(&self) -> Look<HostFacts> {
        self.look(Part::Host, |world| world.host.clone())
    }

    fn load_per_core(&self) -> Look<f64> {
        self.look(Part::Host, |_| 0.5)
    }

    fn clock_ms(&self) -> Look<u64> {
        self.look(Part::Host, |_| 1)
    }

    fn certificate(&self, _: &str) -> Look<i64> {
        self.look(Part::Host, |_| 90 * 24 * 3_600)
    }

    fn state(&self, _: &ReadState) -> Look<Digest> {
        self.look(Part::Host, |_| Digest::of(b"state"))
    }
}

impl Alerts for Port {
    fn firing(&self, _: &AlertSource) -> Look<Vec<Alert>> {
        self.look(Part::Host, |_| Vec::new())
    }
}

impl Herald for Port {
    fn tell(&self, _: &Notify, notice: &Notice) -> Act {
        self.look(Part::Host, |world| {
            let t = world.t();
            world.notices.push((t, notice.clone()));
        })
        .map_err(ActError::NotApplied)
    }
}

impl Metrics for Port {
    fn read(&self, asked: &Asked, _: &Now) -> Look<Vec<Reading>> {
        self.look(Part::Metrics, |world| world.metrics(asked))
    }
}

impl Senses for Port {
    fn usage(&self, service: &ServiceName) -> Look<Vec<Usage>> {
        self.look(Part::Target, |world| world.usage(service))
    }

    fn logs(&self, service: &ServiceName, _: &Now) -> Look<LogReading> {
        self.look(Part::Target, |world| world.logs(service))
    }
}

impl Secrets for Port {
    fn version(&self, reference: &str) -> Look<Option<String>> {
        self.look(Part::Secrets, |world| world.secrets.then(|| world.secret_version(reference)))
    }
}

impl Wishes for Port {
    fn newest(&self) -> Look<Arc<Settings>> {
        self.look(Part::Wishes, |world| Arc::clone(&world.settings))
    }

    fn at(&self, commit: &str) -> Look<Arc<Settings>> {
        self.look(Part::Wishes, |world| {
            let missing = || Fault::new(format!("no commit {commit}"), "git", "push it");
            world.commits.get(commit).cloned().ok_or_else(missing)
        })?
    }

    fn govern(&self, _: &Arc<Settings>) {}

    fn holds(&self, newer: &str, older: &str) -> Look<Option<bool>> {
        self.look(Part::Wishes, |world| {
            // Commits of the simulated repository are numbered in a row.
            (world.has_commit(newer) && world.has_commit(older)).then_some(newer >= older)
        })
    }

    fn same_tree(&self, one: &str, other: &str) -> Look<Option<bool>> {
        self.look(Part::Wishes, |world| {
            let tree =
                |commit: &str| world.merges.get(commit).cloned().unwrap_or(commit.to_owned());
            let known = world.has_commit(one) && world.has_commit(other);
            known.then(|| tree(one) == tree(other))
        })
    }
}
