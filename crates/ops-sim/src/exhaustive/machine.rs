//! One deployment: the state machine of `ops-core`, as it is, against the simulated target and door.
//!
//! Between any two inputs everything can happen that the machine knows: each answer of an act (done;
//! done and unknown; lost; refused; accepted and not done; stale), a look that shows what there is,
//! shows nothing, or shows harm, a reading of the ticket, a crash with an act that lands later, a
//! time-out, a reboot, and each word of a person. Letters are written when they are due; that they
//! may not be is the random simulation's.
//!
//! Of all that goes wrong and all that people say, only so many things happen in one run, in every order
//! and at every place. A key forgets times, numbers and words: of a timer only whether it is over, of tries only the
//! first three.

mod key;
mod moves;
mod view;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use ops_core::{
    checks::Facts,
    deploy::{
        About, Act, Created, Delivery, Deployment, Effect, Input, Outcome, PhaseName, decided,
        effects,
    },
    id::{DeploymentId, Generation, Identity, OpId, ReleaseId, Stamp},
    ticket::Ticket,
    time::{BootId, Now},
};
use ops_engine::ports::ActError;

use super::Small;
use crate::{
    scheduler::{Sim, happening::Happening},
    story::Story,
    world::{
        conduct::{Conduct, Kind},
        door::SimDoor,
        lock,
        planning::{PO, Wish},
        target::SimTarget,
        wishes::{CART, STOCK},
    },
};

/// One deployment and its world.
#[derive(Clone)]
pub struct Machine {
    state: Deployment,
    now: Now,
    generation: Generation,
    target: SimTarget,
    door: SimDoor,
    stored: bool,
    /// An act that a crash or a slow network left under way, and until when it may still land: doors
    /// and keepers give up what they could not do in time.
    late: Option<(Act, Stamp, u64)>,
    pulled: bool,
    /// How many more times something goes wrong or somebody says a word.
    troubles: u8,
    known: Arc<Known>,
}

/// What the checks were told last.
type Heard = Arc<Mutex<Option<(Created, Box<Facts>)>>>;

/// What does not change.
struct Known {
    facts: Box<Facts>,
    ticket: Option<Ticket>,
    /// Whether something served before.
    old: Option<ReleaseId>,
    serves_without_gap: bool,
}

impl Machine {
    /// A deployment of a service that is about to begin, as the simulated team and its world have it:
    /// the first one or the second one.
    ///
    /// # Errors
    ///
    /// If the simulation does not come so far.
    pub fn begin(service: &str, second: bool, troubles: u8) -> Result<Self, String> {
        let mut sim = Sim::new(7, Story::default());
        let dependencies = if service == STOCK { &[CART][..] } else { &[] };
        let before = dependencies.iter().copied().chain(second.then_some(service));
        let mut shipped = 0;
        for one in before {
            ship(&mut sim, one, "v1");
            shipped += 1;
            let closed = |sim: &Sim| lock(&sim.world).planning.closed.len() >= shipped;
            if !sim.run_until(900_000, closed) || !sim.run_until(900_000, Sim::at_rest) {
                return Err(format!("{one} was not shipped"));
            }
        }
        let heard: Heard = Arc::default();
        let ear = Arc::clone(&heard);
        sim.run_until(1_000, |sim| sim.engine.is_some());
        let engine = sim.engine.as_mut().ok_or("the daemon does not run")?;
        engine.watch_decisions(Box::new(move |before, input, _| {
            if let Input::Facts(facts) = input {
                let mut heard = ear.lock().unwrap_or_else(PoisonError::into_inner);
                *heard = Some((before.created.clone(), facts.clone()));
            }
        }));
        ship(&mut sim, service, "v2");
        let number = DeploymentId(shipped as u64 + 1);
        let planned = sim.run_until(300_000, |sim| {
            let one = sim.engine.as_ref().and_then(|engine| engine.deployment(number));
            one.is_some_and(|one| one.phase_name() == PhaseName::Planned)
        });
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((created, facts)) = heard.filter(|_| planned) else {
            return Err("the checks did not pass".into());
        };
        let world = lock(&sim.world);
        let now = Now { boot: BootId("b0".into()), ..world.clock.now() };
        let serving = world.door.served.get(&created.service).cloned();
        let old = serving.and_then(|served| Some(served.route.legs.first()?.release.clone()));
        let known = Known {
            ticket: facts.ticket.as_ref().ok().and_then(Clone::clone),
            facts,
            serves_without_gap: world.units.get(&created.service).is_some_and(|one| one.runs_twice),
            old,
        };
        Ok(Self {
            state: Deployment::begin(created, &now),
            generation: world.door.generation().max(world.target.generation()),
            target: world.target.clone(),
            door: world.door.clone(),
            stored: false,
            late: None,
            pulled: false,
            troubles,
            known: Arc::new(known),
            now,
        })
    }

    /// Feeds one input and writes the letters that are due then; `None` if it is refused or changes
    /// nothing.
    fn feed(&self, input: &Input) -> Option<Self> {
        let (_, after) = decided(&self.state, input, &self.now).ok()?;
        let mut next = self.clone();
        next.state = after?;
        next.letters();
        Some(next)
    }

    fn letters(&mut self) {
        for _ in 0..64 {
            let due = self.state.outbox.iter().find_map(|letter| match letter.delivery {
                Delivery::Intended { .. } => {
                    Some(Input::LetterEnded { n: letter.n, outcome: Outcome::Applied })
                }
                Delivery::Sent { .. } => Some(Input::LetterLooked { n: letter.n, found: Ok(true) }),
                _ => None,
            });
            let Some(due) = due else { return };
            let Ok((_, Some(after))) = decided(&self.state, &due, &self.now) else { return };
            self.state = after;
        }
    }

    fn pass(&self, ms: u64) -> Self {
        let mut next = self.clone();
        let end = self.now.ms + ms;
        if let Some((act, stamp, until)) = self.late.clone().filter(|(.., until)| *until <= end) {
            next.late = None;
            next.now.ms = until;
            next.target.advance(until);
            let _ = next.act(&act, stamp);
        }
        next.now.ms = end;
        next.now.wall += jiff::SignedDuration::from_millis(ms as i64);
        next.target.advance(next.now.ms);
        next
    }

    fn stamp(&self, op: OpId) -> Stamp {
        let generation = self.state.lease.unwrap_or(self.generation);
        Stamp { generation, deployment: self.state.id().0, op }
    }

    /// Lets an act happen.
    fn act(&mut self, act: &Act, stamp: Stamp) -> Result<(), ActError> {
        let t = self.now.ms;
        match act {
            Act::Import { .. } => self.stored = true,
            Act::Start { spec } => {
                let good = Conduct::of(Kind::Good);
                self.target.start(stamp, spec, (&good, &BTreeMap::new()), t)?;
            }
            Act::Stop { service, release } => self.target.stop(stamp, service, release, t)?,
            Act::Remove { service, release } => self.target.remove(stamp, service, release)?,
            Act::SetRoute { route } => self.door.set_route(stamp, route, t)?,
            Act::RemoveRoute { service } => self.door.remove_route(stamp, service)?,
        }
        Ok(())
    }
}

/// What can happen.
struct Moves(Vec<(String, Machine)>);

impl Moves {
    fn push(&mut self, words: String, next: Option<Machine>) {
        self.0.extend(next.map(|next| (words, next)));
    }
}

impl Small for Machine {
    fn key(&self) -> String {
        self.as_key()
    }

    fn moves(&self) -> Vec<(String, Self)> {
        let mut all = Moves(Vec::new());
        if self.end().is_some() {
            return all.0;
        }
        for effect in effects(&self.state, &self.now) {
            match &effect {
                Effect::Act { op, act } => self.answers(*op, act, &mut all),
                Effect::Look(order) => self.looks(order, &mut all),
                other => self.desk(other, &mut all),
            }
        }
        if self.state.halted.is_some() || self.state.phase_name() == PhaseName::Held {
            // Whoever halted it lets it go on in the end.
            let by = Identity::from(PO);
            all.push("resume".into(), self.feed(&Input::Resume { by }));
        }
        if let Some((act, stamp, _)) = &self.late {
            let mut landed = self.clone();
            landed.late = None;
            let _ = landed.act(act, *stamp);
            all.push(format!("the late {} takes effect", act.name()), Some(landed));
        }
        self.people(&mut all);
        self.crashes(&mut all);
        self.time(&mut all);
        all.0
    }

    fn holds(&self) -> Result<(), String> {
        let state = &self.state;
        let name = state.phase_name();
        let acting = effects(state, &self.now).iter().any(|one| matches!(one, Effect::Act { .. }));
        if acting && state.lease.is_none() {
            return Err(format!("P4: it acts without a lease while {}", name.text()));
        }
        if state.acted() && state.checklist.as_ref().is_none_or(|list| !list.passed()) {
            return Err("P1: it acts, and its last checks did not pass".into());
        }
        let letter = |about| state.outbox.iter().any(|one| one.about == about && one.settled());
        if letter(About::Close) && !letter(About::Record) {
            return Err("P10: it closes a ticket that has no record".into());
        }
        if letter(About::Close) && state.cause().is_some() {
            return Err("P10: it closed a ticket and went back".into());
        }
        self.serves()
    }

    fn end(&self) -> Option<&'static str> {
        (self.state.ended() && self.late.is_none()).then(|| self.state.phase_name().text())
    }
}

impl Machine {
    /// P6: what served before serves until the new version does.
    fn serves(&self) -> Result<(), String> {
        let (true, Some(_)) = (self.known.serves_without_gap, &self.known.old) else {
            return Ok(());
        };
        let service = &self.state.created.service;
        let served = self.door.served.get(service).ok_or("P6: nothing is routed any more")?;
        let legs = served.route.legs.iter().filter(|leg| leg.weight > 0);
        let alive = legs
            .into_iter()
            .all(|leg| self.target.of(service).any(|one| one.release == leg.release && one.wanted));
        if alive { Ok(()) } else { Err("P6: requests go to what was told to stop".into()) }
    }
}

fn ship(sim: &mut Sim, service: &str, version: &str) {
    let digest = ops_core::id::Digest::of(format!("{service} {version}").as_bytes());
    lock(&sim.world).conducts.insert(digest.clone(), Conduct::of(Kind::Good));
    sim.happen(&Happening::File(Wish::of(service, version, digest)));
}

/// The small worlds that are enumerated: a service, and whether something served before.
pub const WORLDS: [(&str, bool); 3] = [(CART, false), (CART, true), (STOCK, true)];
