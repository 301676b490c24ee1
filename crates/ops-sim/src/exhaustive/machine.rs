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

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use ops_core::{
    checks::Facts,
    deploy::{
        About, Act, Created, Delivery, Deployment, Effect, Health, Input, LeaseAnswer, Letter,
        LookOrder, Outcome, Phase, PhaseName, View, decided, effects, wake_at,
    },
    id::{DeploymentId, Generation, Identity, OpId, ReleaseId, Stamp},
    plan::{Plan, Which},
    signal::{Arm, SignalSecond},
    ticket::Ticket,
    time::{BootId, Now, Timer},
    world::Fault,
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

/// Milliseconds between two looks: what was ordered before has settled by then.
const LOOK_MS: u64 = 2_100;
/// Milliseconds after which what froze is tried again.
const REST_MS: u64 = 61_000;
/// Milliseconds within which an act lands or never does.
const LATE_MS: u64 = 9_000;
/// Seconds of traffic that a long look brings: more than any watch of the simulated team asks for.
const SECONDS: u64 = 45;
/// Requests of such a second.
const REQUESTS: u64 = 40;

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

    fn ended(&self, op: OpId, outcome: Outcome) -> Option<Self> {
        self.feed(&Input::OpEnded { op, outcome })
    }

    fn answers(&self, op: OpId, act: &Act, all: &mut Moves) {
        let stamp = self.stamp(op);
        let fault = || Fault::new("no answer", "the world", "look");
        let mut done = self.clone();
        let outcome = match done.act(act, stamp) {
            Ok(()) => Outcome::Applied,
            Err(ActError::Stale(fault)) => Outcome::Stale { fault },
            Err(ActError::NotApplied(fault) | ActError::Unknown(fault)) => {
                Outcome::NotApplied { fault }
            }
        };
        all.push(format!("{} is done", act.name()), done.ended(op, outcome));
        if self.troubles == 0 {
            return;
        }
        let mut worse = self.clone();
        worse.troubles -= 1;
        let mut quietly = worse.clone();
        if quietly.act(act, stamp).is_ok() {
            let unknown = quietly.ended(op, Outcome::Unknown { fault: fault() });
            all.push(format!("{} is done, and no answer comes", act.name()), unknown);
        }
        let lost = worse.ended(op, Outcome::Unknown { fault: fault() });
        all.push(format!("{} is lost", act.name()), lost);
        let refused = worse.ended(op, Outcome::NotApplied { fault: fault() });
        all.push(format!("{} is refused", act.name()), refused);
        let hollow = worse.ended(op, Outcome::Applied);
        all.push(format!("{} is accepted and not done", act.name()), hollow);
        let stale = worse.ended(op, Outcome::Stale { fault: fault() });
        all.push(format!("{} is stale", act.name()), stale);
        let mut later = worse.clone();
        later.late = Some((act.clone(), stamp, self.now.ms + LATE_MS));
        let later = later.ended(op, Outcome::Unknown { fault: fault() });
        all.push(format!("{} comes later", act.name()), later);
    }

    /// What a look shows.
    fn view(&self, plan: &Plan, order: &LookOrder, seconds: u64, errors: u64) -> View {
        let name = &plan.service.name;
        let t = self.now.ms;
        let replicas = self.target.of(name).filter(|one| one.running());
        let health = replicas.map(|one| {
            let good = if one.healthy(t) { 9 } else { 0 };
            (one.id.clone(), Health { good, bad: 0, why: None })
        });
        let signals = order.signals_after.map(|after| {
            let last = t / 1_000;
            let first = last.saturating_sub(seconds).max(after + 1);
            Ok((first..last).map(|second| self.second(plan, second, errors)).collect())
        });
        View {
            target: Ok(self.target.look(name)),
            door: Ok(self.door.look(name, t)),
            health: health.collect(),
            signals,
            smoke: order.smoke.map(|_| Ok(Vec::new())),
            stored: order
                .stored
                .as_ref()
                .map(|digest| Ok(self.stored || *digest != plan.new.candidate.artifact)),
            sick_dependencies: Vec::new(),
        }
    }

    fn second(&self, plan: &Plan, second: u64, errors: u64) -> SignalSecond {
        let served = self.door.served.get(&plan.service.name);
        let legs = served.map(|served| served.route.legs.clone()).unwrap_or_default();
        let arms = legs.iter().filter(|leg| leg.weight > 0).map(|leg| {
            let bad = if leg.release == plan.new.spec.release { errors } else { 0 };
            let latency = vec![(100, REQUESTS)];
            let arm = Arm {
                requests: REQUESTS,
                s2xx: REQUESTS - bad,
                s5xx: bad,
                latency,
                ..Arm::default()
            };
            (leg.release.clone(), arm)
        });
        SignalSecond {
            second,
            arms: arms.collect(),
            weights: legs.iter().map(|leg| (leg.release.clone(), leg.weight)).collect(),
            ..SignalSecond::default()
        }
    }

    fn looks(&self, order: &LookOrder, all: &mut Moves) {
        let Some(plan) = self.state.plan.clone() else { return };
        let soon = self.pass(LOOK_MS);
        let view = soon.view(&plan, order, 0, 0);
        let looked = soon.feed(&Input::Looked(Box::new(view)));
        // Time has passed, whether or not it showed anything new.
        all.push("a look".into(), Some(looked.unwrap_or(soon)));
        if order.signals_after.is_some() {
            let later = self.pass(SECONDS * 1_000);
            let view = later.view(&plan, order, SECONDS, 0);
            all.push("a look after a while".into(), later.feed(&Input::Looked(Box::new(view))));
        }
        if self.state.phase_name() == PhaseName::Frozen {
            // Between two starts of the old version it rests, longer than between two looks.
            let later = self.pass(REST_MS);
            let view = later.view(&plan, order, 0, 0);
            let looked = later.feed(&Input::Looked(Box::new(view)));
            all.push("a look much later".into(), Some(looked.unwrap_or(later)));
        }
        if self.troubles == 0 {
            return;
        }
        let mut worse = self.pass(LOOK_MS);
        worse.troubles -= 1;
        let fault = || Fault::new("no answer", "the world", "look");
        let blind = View {
            target: Err(fault()),
            door: Err(fault()),
            health: BTreeMap::new(),
            signals: order.signals_after.map(|_| Err(fault())),
            smoke: order.smoke.map(|_| Err(fault())),
            stored: order.stored.as_ref().map(|_| Err(fault())),
            sick_dependencies: Vec::new(),
        };
        all.push("a blind look".into(), worse.feed(&Input::Looked(Box::new(blind))));
        let mut sick = worse.view(&plan, order, 0, 0);
        for replica in self.target.of(&plan.service.name) {
            if replica.release == plan.new.spec.release {
                let why = Some("status 503".into());
                sick.health.insert(replica.id.clone(), Health { good: 0, bad: 9, why });
            }
        }
        all.push("the new one is sick".into(), worse.feed(&Input::Looked(Box::new(sick))));
        if order.signals_after.is_some() {
            let mut later = self.pass(SECONDS * 1_000);
            later.troubles -= 1;
            let view = later.view(&plan, order, SECONDS, REQUESTS / 2);
            all.push("it hurts".into(), later.feed(&Input::Looked(Box::new(view))));
        }
    }

    fn desk(&self, effect: &Effect, all: &mut Moves) {
        let mut worse = self.clone();
        worse.troubles = self.troubles.saturating_sub(1);
        let bad = self.troubles > 0;
        match effect {
            Effect::AwaitTurn => all.push("its turn".into(), self.feed(&Input::Turn)),
            Effect::Gather => {
                let mut facts = self.known.facts.clone();
                facts.at = self.now.wall;
                all.push("the checks pass".into(), self.feed(&Input::Facts(facts.clone())));
                facts.host = Err(Fault::new("no answer", "the host", "look"));
                let failed = worse.feed(&Input::Facts(facts)).filter(|_| bad);
                all.push("a check fails".into(), failed);
            }
            Effect::TakeLease => {
                let mut taken = self.clone();
                taken.generation = taken.generation.next();
                let answer = LeaseAnswer::Taken(taken.generation);
                all.push("the lease".into(), taken.feed(&Input::Lease(answer)));
                let held = worse.feed(&Input::Lease(LeaseAnswer::HeldBy("D-9".into())));
                all.push("somebody has the lease".into(), held.filter(|_| bad));
            }
            Effect::GiveLease => {
                let given = self.feed(&Input::Lease(LeaseAnswer::Released));
                all.push("the lease is back".into(), given);
            }
            Effect::Reserve => {
                all.push("room is set aside".into(), self.feed(&Input::Reserved(Ok(()))));
                if !self.state.on_the_way() {
                    let none = worse.feed(&Input::Reserved(Err("no room".into())));
                    all.push("no room".into(), none.filter(|_| bad));
                }
            }
            Effect::ReadTicket { .. } => self.reading(&worse, bad, all),
            _ => {}
        }
    }

    fn reading(&self, worse: &Self, bad: bool, all: &mut Moves) {
        let Some(ticket) = self.known.ticket.clone() else { return };
        let mut read = ticket;
        if self.pulled {
            read.status = "in-progress".into();
        }
        let input = Input::TicketRead(Ok(Some(Box::new(read))));
        all.push("the ticket is read".into(), self.feed(&input));
        if bad && !self.pulled {
            let mut pulled = worse.clone();
            pulled.pulled = true;
            all.push("the ticket is pulled back".into(), Some(pulled));
        }
    }

    fn people(&self, all: &mut Moves) {
        if self.troubles == 0 {
            return;
        }
        let mut asked = self.clone();
        asked.troubles -= 1;
        let by = Identity::from(PO);
        for (words, input) in [
            ("halt", Input::Halt { by: by.clone() }),
            ("abort", Input::Abort { by: by.clone() }),
            ("acknowledge", Input::Acknowledge { by }),
            ("somebody reports", Input::Reported { words: "I-1".into() }),
        ] {
            all.push(words.into(), asked.feed(&input));
        }
    }

    fn crashes(&self, all: &mut Moves) {
        if self.troubles == 0 || self.state.at_rest() {
            return;
        }
        let mut dead = self.clone();
        dead.troubles -= 1;
        let op =
            self.state.op.as_ref().filter(|op| op.outcome.is_none() && self.state.lease.is_some());
        if let Some(op) = op {
            let stamp = self.stamp(op.id);
            let mut done = dead.clone();
            let _ = done.act(&op.act, stamp);
            all.push("it crashes after the act".into(), done.feed(&Input::Restarted));
            let mut late = dead.clone();
            late.late = Some((op.act.clone(), stamp, self.now.ms + LATE_MS));
            all.push("it crashes, and the act comes later".into(), late.feed(&Input::Restarted));
        }
        all.push("it crashes".into(), dead.feed(&Input::Restarted));
        let mut again = dead.clone();
        again.now = Now { boot: BootId(format!("{}+", self.now.boot.0)), ms: 5_000, ..again.now };
        again.door.restart(5_000);
        again.target.reboot(5_000);
        again.late = None;
        all.push("the machine reboots".into(), again.feed(&Input::Restarted));
    }

    fn time(&self, all: &mut Moves) {
        // What waits for a person has no end of its own; everything else has.
        let Some(at) = wake_at(&self.state, &self.now) else { return };
        let later = self.pass(at.saturating_sub(self.now.ms) + 1);
        let ticked = later.feed(&Input::Tick);
        all.push("its time is over".into(), Some(ticked.unwrap_or(later)));
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
        let state = &self.state;
        let over = |timer: &Timer| timer.over(&self.now);
        let phase = self.phase_key();
        let cause = state.cause().map(ops_core::deploy::Cause::name);
        let run = state.run().map(|run| {
            let own: Vec<_> = run.own.iter().flatten().map(|step| step.goal.name()).collect();
            (
                run.at,
                own,
                over(&run.deadline),
                run.extensions.min(2),
                run.tries.min(3),
                run.seconds > 0,
            )
        });
        let failed = match &state.phase {
            Phase::Planned { failed, .. } => failed.as_ref().map(ops_core::deploy::Cause::name),
            _ => None,
        };
        let op = state.op.as_ref().map(|op| {
            let outcome = op.outcome.as_ref().map(std::mem::discriminant);
            (op.act.name(), self.role(&op.act), outcome, over(&op.settle))
        });
        let about = |about| {
            let mut of = state.outbox.iter().filter(|letter| letter.about == about);
            of.any(Letter::settled)
        };
        let paper = [About::Plan, About::Record, About::Close].map(about);
        let flags = [
            state.halted.is_some(),
            state.halted.as_ref().is_some_and(|halt| over(&halt.bound)),
            state.abort.is_some(),
            state.lease.is_some(),
            state.reserved,
            state.on_traffic,
            state.old_stopped,
            state.rehearsal_started,
            state.started,
            state.gap.is_some(),
            state.gap.as_ref().is_some_and(|gap| gap.lasted_ms.is_some()),
            state.watching.is_some(),
            state.confirmations > 0,
            state.confirmations > 1,
            state.confirmations > 2,
            state.pull_seen.is_some(),
            state.close_confirmed,
            self.stored,
            self.pulled,
        ];
        let late = self
            .late
            .as_ref()
            .map(|(act, stamp, _)| (act.name(), self.role(act), stamp.op.0 + 1 >= state.next_op));
        let world = self.world();
        let left = self.troubles;
        format!(
            "{:?} {phase} {cause:?} {failed:?} {run:?} {op:?} {paper:?} {flags:?} {late:?} {world} {left}",
            state.phase_name()
        )
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

    /// What of the phase makes a difference beside its name.
    fn phase_key(&self) -> String {
        let state = &self.state;
        let over = |timer: &Timer| timer.over(&self.now);
        let over_now = match &state.phase {
            Phase::Queued { recheck } | Phase::Held { recheck, .. } => over(recheck),
            Phase::Checking { deadline } | Phase::Soaking { until: deadline } => over(deadline),
            Phase::Frozen { healthy, acknowledged, .. } => {
                healthy.as_ref().is_some_and(over) ^ acknowledged.is_some()
            }
            _ => false,
        };
        let healing = matches!(&state.phase, Phase::Frozen { healthy: Some(_), .. });
        let held = match &state.phase {
            Phase::Held { cause, .. } => cause.key(),
            _ => String::new(),
        };
        format!("{over_now} {healing} {held}")
    }

    fn role(&self, act: &Act) -> String {
        let Some(plan) = &self.state.plan else { return String::new() };
        let of = |release: &ReleaseId| {
            let all = [Which::New, Which::Old, Which::Rehearsal];
            let found = all.iter().position(|which| plan.release(*which).as_ref() == Some(release));
            found.map_or_else(|| "other".to_owned(), |at| ["new", "old", "copy"][at].to_owned())
        };
        match act {
            Act::Start { spec } => of(&spec.release),
            Act::Stop { release, .. } | Act::Remove { release, .. } => of(release),
            Act::SetRoute { route } => {
                format!("{} {}", route.weight_of(&plan.new.spec.release), route.hold.is_some())
            }
            Act::Import { .. } | Act::RemoveRoute { .. } => String::new(),
        }
    }

    /// Replicas and route, as far as they differ for the machine.
    fn world(&self) -> String {
        let Some(plan) = &self.state.plan else { return String::new() };
        let each = [Which::New, Which::Old, Which::Rehearsal].map(|which| {
            let release = plan.release(which);
            let mut of = self
                .target
                .of(&plan.service.name)
                .filter(|one| Some(&one.release) == release.as_ref());
            of.next().map(|one| (one.running(), one.alive(), one.healthy(self.now.ms)))
        });
        let route = self.door.served.get(&plan.service.name).map(|served| {
            let ours = self.state.op.as_ref().is_some_and(|op| {
                served.stamp.deployment == self.state.id().0 && served.stamp.op >= op.id
            });
            let weight = served.route.weight_of(&plan.new.spec.release);
            (weight, served.route.hold.is_some(), served.probed_at <= self.now.ms, ours)
        });
        format!("{each:?} {route:?}")
    }
}

fn ship(sim: &mut Sim, service: &str, version: &str) {
    let digest = ops_core::id::Digest::of(format!("{service} {version}").as_bytes());
    lock(&sim.world).conducts.insert(digest.clone(), Conduct::of(Kind::Good));
    sim.happen(&Happening::File(Wish::of(service, version, digest)));
}

/// The small worlds that are enumerated: a service, and whether something served before.
pub const WORLDS: [(&str, bool); 3] = [(CART, false), (CART, true), (STOCK, true)];
