//! Hand-made worlds in which a promise is broken, to show that its check can fail.

use ops_core::{
    id::{Digest, Generation, OpId, Stamp, TicketId},
    route::{Leg, Route},
    world::ReleaseSpec,
};
use ops_engine::ports::Act;

use crate::{
    story::Story,
    world::{
        Deal, World,
        planning::{Lacks, ME, Wish},
        wishes::{CART, commit_name},
    },
};

fn wish(version: &str, lacks: Lacks) -> Wish {
    Wish { lacks, ..Wish::of(CART, version, Digest::of(version.as_bytes())) }
}

/// A world with one service, `cart`.
pub(super) struct Stage {
    pub(super) world: World,
    ticket: Option<TicketId>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let mut world = World::new(1, Story::default());
        world.advance(60_000);
        Self { world, ticket: None }
    }

    /// A ticket whose artifact lies in the store.
    pub(super) fn ticket(&mut self, version: &str, lacks: Lacks) -> Digest {
        self.file(wish(version, lacks))
    }

    /// The same, from a source commit, with tickets whose work it holds.
    pub(super) fn ticket_at(
        &mut self,
        version: &str,
        commit: u64,
        includes: &[TicketId],
        lacks: Lacks,
    ) -> Digest {
        let commit = Some(commit_name(commit));
        self.file(Wish { commit, includes: includes.to_vec(), ..wish(version, lacks) })
    }

    /// A ticket that asks for another `ops.yaml`.
    pub(super) fn settings_ticket(&mut self, commit: u64, lacks: Lacks) {
        let governs = Some(commit_name(commit));
        self.file(Wish { governs, ..wish("ops.yaml", lacks) });
    }

    fn file(&mut self, wish: Wish) -> Digest {
        self.ticket = Some(self.world.planning.file(&wish));
        self.world.store.stored.insert(wish.digest.clone(), true);
        wish.digest
    }

    fn act(&mut self, deal: Deal) {
        let done: Act = self.world.act(deal);
        done.unwrap();
    }

    fn stamp(generation: u64, deployment: u64, op: u32) -> Stamp {
        Stamp { generation: Generation(generation), deployment, op: OpId(op) }
    }

    pub(super) fn start(&mut self, op: u32, release: &str, digest: &Digest) {
        self.start_at(Self::stamp(1, 1, op), release, digest, 0);
    }

    /// Starts a release as the `ops.yaml` of a commit has it.
    pub(super) fn start_configured(&mut self, commit: u64, release: &str, digest: &Digest) {
        self.start_at(Self::stamp(1, 1, 1), release, digest, commit);
    }

    pub(super) fn start_for(&mut self, by: (u64, u64), release: &str, digest: &Digest) {
        self.start_at(Self::stamp(by.0, by.1, 1), release, digest, 0);
    }

    fn start_at(&mut self, stamp: Stamp, release: &str, artifact: &Digest, commit: u64) {
        let spec = ReleaseSpec {
            release: release.into(),
            service: CART.into(),
            artifact: artifact.clone(),
            command: Vec::new(),
            env: vec![("CONFIG".into(), commit.to_string())],
            secrets: Vec::new(),
            replicas: 1,
            fixed_port: None,
            stop_grace_ms: 1_000,
            container: None,
            compose: None,
        };
        self.act(Deal::Start { stamp, spec: Box::new(spec) });
    }

    pub(super) fn stop(&mut self, op: u32, release: &str) {
        let stamp = Self::stamp(1, 1, op);
        self.act(Deal::Stop { stamp, service: CART.into(), release: release.into() });
    }

    pub(super) fn route(&mut self, op: u32, legs: &[(&str, u8)]) {
        let leg = |(release, weight): &(&str, u8)| Leg {
            release: (*release).into(),
            weight: *weight,
            backends: self
                .world
                .target
                .of(&CART.into())
                .filter(|one| one.release.as_str() == *release)
                .filter_map(|one| one.address.clone())
                .collect(),
        };
        let legs = legs.iter().map(leg).collect();
        let route = Route { legs, ..Route::new(CART.into(), None, "/") };
        self.act(Deal::SetRoute { stamp: Self::stamp(1, 1, op), route: Box::new(route) });
    }

    pub(super) fn pass(&mut self, ms: u64) {
        let t = self.world.t();
        self.world.advance(t + ms);
    }

    pub(super) fn comment(&mut self, text: &str) {
        let ticket = self.ticket.clone().unwrap();
        self.world.planning.say(&ticket, ME, text);
    }

    pub(super) fn post(&mut self, text: &str) {
        self.world.meeting.post("ops", ME, text, false);
    }

    pub(super) fn close(&mut self) {
        let ticket = self.ticket.clone().unwrap();
        let t = self.world.t();
        self.world.planning.close(&ticket, t).unwrap();
    }
}
