//! What can happen next: answers, looks, what the desk hears, words, crashes, time.

use std::collections::BTreeMap;

use ops_core::{
    deploy::{
        Act, Effect, Health, Input, LeaseAnswer, LookOrder, Outcome, PhaseName, View, wake_at,
    },
    id::{Identity, OpId},
    time::{BootId, Now},
    world::Fault,
};
use ops_engine::ports::ActError;

use super::{Machine, Moves, view::REQUESTS};
use crate::world::planning::PO;

/// Milliseconds between two looks: what was ordered before has settled by then.
const LOOK_MS: u64 = 2_100;
/// Milliseconds after which what froze is tried again.
const REST_MS: u64 = 61_000;
/// Milliseconds within which an act lands or never does.
const LATE_MS: u64 = 9_000;
/// Seconds of traffic that a long look brings: more than any watch of the simulated team asks for.
const SECONDS: u64 = 45;

impl Machine {
    fn ended(&self, op: OpId, outcome: Outcome) -> Option<Self> {
        self.feed(&Input::OpEnded { op, outcome })
    }

    pub(super) fn answers(&self, op: OpId, act: &Act, all: &mut Moves) {
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

    pub(super) fn looks(&self, order: &LookOrder, all: &mut Moves) {
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

    pub(super) fn desk(&self, effect: &Effect, all: &mut Moves) {
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

    pub(super) fn people(&self, all: &mut Moves) {
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

    pub(super) fn crashes(&self, all: &mut Moves) {
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

    pub(super) fn time(&self, all: &mut Moves) {
        // What waits for a person has no end of its own; everything else has.
        let Some(at) = wake_at(&self.state, &self.now) else { return };
        let later = self.pass(at.saturating_sub(self.now.ms) + 1);
        let ticked = later.feed(&Input::Tick);
        all.push("its time is over".into(), Some(ticked.unwrap_or(later)));
    }
}
