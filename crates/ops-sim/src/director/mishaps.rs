//! What breaks in a random run.

use ops_core::{
    deploy::{Deployment, PhaseName},
    id::{DeploymentId, Digest},
    judgement::Point,
};
use ops_engine::Ask;

use super::Director;
use crate::{
    disk::Die,
    scheduler::{
        Sim,
        happening::{Happening, operator},
    },
    world::{
        faults::Part,
        lock,
        wishes::{CART, CART_BEFORE, CART_TOKEN, UNITS},
    },
};

/// The values that a secret has had, in turn.
const VERSIONS: [&str; 6] = ["v1", "v2", "v3", "v4", "v5", "v6"];

impl Director {
    pub(super) fn daemon(&mut self, sim: &mut Sim) {
        let happening = match self.dice.below(7) {
            0 => Happening::Kill(self.dice.between(20, 9_000)),
            4 | 5 => Happening::StandStill(self.dice.between(25_000, 150_000)),
            6 => {
                sim.happen(&Happening::Upgrade);
                let old = self.dice.between(2_000, 90_000);
                sim.plan(old, Happening::Downgrade);
                sim.plan(old + self.dice.between(2_000, 120_000), Happening::Upgrade);
                return;
            }
            1 => Happening::Kill(self.dice.between(20_000, 150_000)),
            2 => Happening::DieAt(Die::Before(self.dice.below(6))),
            _ => Happening::DieAt(Die::After(self.dice.below(6))),
        };
        sim.happen(&happening);
    }

    pub(super) fn machine(&mut self, sim: &mut Sim) {
        let happening = match self.dice.below(6) {
            0 => Happening::Reboot,
            1 => Happening::Suspend(self.dice.between(1_000, 90_000)),
            2 | 3 => Happening::DoorRestart,
            4 => Happening::StepWall(-(self.dice.between(1_000, 7_200_000) as i64)),
            _ => Happening::StepWall(self.dice.between(1_000, 7_200_000) as i64),
        };
        sim.happen(&happening);
    }

    pub(super) fn replica(&mut self, sim: &mut Sim) {
        let n = self.dice.below(64);
        if self.hosts && self.dice.chance(400) {
            let ms = self.dice.between(1_000, 240_000);
            sim.happen(&Happening::HostAway(n, ms));
            return;
        }
        let happening = if self.dice.chance(150) {
            Happening::NodeFails(n, self.dice.between(1_000, 40_000))
        } else if self.dice.chance(500) {
            Happening::ReplicaDies(n)
        } else {
            Happening::Blip(n, self.dice.between(300, 6_000))
        };
        sim.happen(&happening);
    }

    pub(super) fn part(&mut self, sim: &mut Sim) {
        let part = Part::ALL[self.dice.below(Part::ALL.len() as u64) as usize];
        let board = matches!(part, Part::Planning | Part::Meeting);
        let most = if board { 400_000 } else { 100_000 };
        let ms = self.dice.between(1_000, most);
        let happening = if self.dice.chance(650) {
            Happening::Down(part, ms)
        } else {
            Happening::Slow(part, ms.min(100_000))
        };
        sim.happen(&happening);
    }

    pub(super) fn room(&mut self, sim: &mut Sim) {
        let ms = self.dice.between(2_000, 60_000);
        let (bad, good) = match self.dice.below(5) {
            0 => (Happening::DiskFull(true), Some(Happening::DiskFull(false))),
            1 => (Happening::ReserveFails(true), Some(Happening::ReserveFails(false))),
            2 => (Happening::HostLow(true), Some(Happening::HostLow(false))),
            3 => (Happening::SecretsGone(true), Some(Happening::SecretsGone(false))),
            _ => match self.stored(sim) {
                Some(digest) => (Happening::Spoil(digest), None),
                None => return,
            },
        };
        sim.happen(&bad);
        if let Some(good) = good {
            sim.plan(ms, good);
        }
    }

    /// Somebody puts another secret in place and keeps the one before, or forgets to; sometimes it
    /// is taken back.
    pub(super) fn secret(&mut self, sim: &mut Sim) {
        let Some(serves) = serving(sim) else { return };
        let now = lock(&sim.world).secret_version(CART_TOKEN);
        let at = VERSIONS.iter().position(|version| *version == now).unwrap_or(0);
        let next = VERSIONS[(at + 1) % VERSIONS.len()];
        let before = if self.dice.chance(150) { "forgotten" } else { serves };
        sim.happen(&Happening::Secret(CART_BEFORE, before));
        sim.happen(&Happening::Secret(CART_TOKEN, next));
        if self.dice.chance(350) {
            let after = self.dice.between(500, 60_000);
            sim.plan(after, Happening::Secret(CART_TOKEN, serves));
        }
    }

    pub(super) fn stored(&mut self, sim: &Sim) -> Option<Digest> {
        let world = lock(&sim.world);
        let at = self.dice.below(world.store.stored.len() as u64) as usize;
        world.store.stored.keys().nth(at).cloned()
    }

    /// Nobody comes to the service of a deployment for minutes.
    pub(super) fn night(&mut self, sim: &mut Sim, deployment: DeploymentId) {
        let found = sim.engine.as_ref().and_then(|engine| engine.deployment(deployment));
        let Some(service) = found.map(|one| one.created.service.to_string()) else { return };
        let dawn = self.dice.between(120_000, 400_000);
        sim.plan(dawn, Happening::Rate(service.clone(), 40));
        sim.happen(&Happening::Rate(service, 0));
        if self.dice.chance(500) {
            sim.happen(&Happening::Slow(Part::Model, dawn));
        }
    }

    /// Now and then nobody comes any more before users meet what a model has let pass: later too
    /// much would have been seen already.
    pub(super) fn night_falls(&mut self, sim: &mut Sim) {
        let all = sim.engine.iter().flat_map(ops_engine::Engine::deployments);
        let passed = |one: &&Deployment| {
            let last = one.advice.last.as_ref();
            let soon = matches!(one.phase_name(), PhaseName::Planned | PhaseName::Deploying);
            let passed = last.is_some_and(|given| given.dossier.point == Point::Plan);
            soon && passed && !one.on_traffic && !one.goes_back()
        };
        let found: Vec<_> = all.into_iter().filter(passed).map(Deployment::id).collect();
        if let Some(id) = found.first().filter(|_| self.dice.chance(350)) {
            self.night(sim, *id);
        }
    }

    /// Somebody halts what a model is thinking about in mid-traffic. True if there was something.
    pub(super) fn interrupts(&mut self, sim: &mut Sim) -> bool {
        let all = sim.engine.iter().flat_map(ops_engine::Engine::deployments);
        let thinks =
            |one: &&Deployment| one.acted() && one.advice.sought.is_some() && one.halted.is_none();
        let Some(id) = all.into_iter().find(thinks).map(Deployment::id) else { return false };
        if !self.dice.chance(400) {
            return false;
        }
        let halt = Ask::Halt { deployment: Some(id) };
        sim.happen(&Happening::Ask(operator(), halt));
        true
    }

    pub(super) fn traffic(&mut self, sim: &mut Sim) {
        let service = UNITS[self.dice.below(UNITS.len() as u64) as usize].to_owned();
        let rate = self.dice.weighted(&[(0, 3), (2, 2), (40, 4), (200, 1)]);
        if rate == 0 {
            let dawn = self.dice.between(10_000, 240_000);
            sim.plan(dawn, Happening::Rate(service.clone(), 40));
        }
        sim.happen(&Happening::Rate(service, rate));
    }
}

/// The value with which the cart that users reach was started.
fn serving(sim: &Sim) -> Option<&'static str> {
    let world = lock(&sim.world);
    let service = CART.into();
    let route = &world.door.served.get(&service)?.route;
    let mut copies = world.target.of(&service).filter(|one| one.alive());
    let copy = copies.find(|one| route.weight_of(&one.release) == 100)?;
    let version = copy.secrets.get("TOKEN")?;
    VERSIONS.into_iter().find(|known| known == version)
}
