//! The promises, one file each, checked after every event against the simulated world: against
//! what really runs and what really stands on the boards, never against the program's own opinion.

mod board;
mod notices;
mod p10_tickets;
mod p11_posts;
mod p12_judgement;
mod p14_anchor;
mod p15_learns;
mod p1_evidence;
mod p2_way_back;
mod p4_one_at_a_time;
mod p5_orphans;
mod p6_capacity;
mod p7_look_again;
mod p8_fail_closed;
mod p9_word;
mod s12_stages;
mod s19_formats;
mod s4_governs;
mod s8_newest;
#[cfg(test)]
mod staged;

use ops_core::{
    deploy::Deployment,
    id::DeploymentId,
    judgement::{Dossier, Exchange},
};
use ops_engine::{Ask, Job, JobKey, Work, ports::Journal};

use crate::world::World;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: &'static str,
    /// How.
    pub words: String,
}

/// Milliseconds for which evidence of a moment ago still counts (P2).
const FRESH_MS: u64 = 15 * 60_000;

/// All promises, with what each remembers.
#[derive(Debug, Default)]
pub struct Invariants {
    evidence: p1_evidence::Evidence,
    way_back: p2_way_back::WayBack,
    one_at_a_time: p4_one_at_a_time::OneAtATime,
    capacity: p6_capacity::Capacity,
    look_again: p7_look_again::LookAgain,
    fail_closed: p8_fail_closed::FailClosed,
    word: p9_word::Word,
    tickets: p10_tickets::Tickets,
    judgement: p12_judgement::Judgement,
    learns: p15_learns::Learns,
    governs: s4_governs::Governs,
    newest: s8_newest::Newest,
    stages: s12_stages::Stages,
    formats: s19_formats::Formats,
    notices: notices::Notices,
    /// Whether nothing goes wrong in this run but what the versions themselves do: then times are
    /// bounded as well.
    pub calm: bool,
}

impl Invariants {
    /// Checks all of them. `quiet`: nothing is under way any more.
    pub fn check(&mut self, world: &World, quiet: bool) -> Option<Violation> {
        let each = [
            ("P1", self.evidence.check(world)),
            ("P2", self.way_back.check(world)),
            ("P4", self.one_at_a_time.check(world)),
            ("P6", self.capacity.check(world, self.calm)),
            ("P7", self.look_again.check()),
            ("P8", self.fail_closed.check(world)),
            ("P9", self.word.check(world)),
            ("P10", self.tickets.check(world)),
            ("P12", self.judgement.check(world)),
            ("P15", self.learns.check(world)),
            ("P3, S4", self.governs.check(world)),
            ("S8", self.newest.check(world)),
            ("S12", self.stages.check(world)),
            ("S19", self.formats.check()),
        ];
        let last = [
            ("P5", p5_orphans::check as fn(&World) -> Result<(), String>),
            ("P10", p10_tickets::at_rest),
            ("P11", p11_posts::at_rest),
            ("S12", s12_stages::at_rest),
        ];
        let at_rest = last.iter().filter(|_| quiet).map(|(name, check)| (*name, check(world)));
        let mut all = each.into_iter().chain(at_rest);
        all.find_map(|(promise, said)| said.err().map(|words| Violation { promise, words }))
    }

    /// Checks what only a living daemon can do.
    pub fn alive<'a>(
        &mut self,
        world: &World,
        open: impl Iterator<Item = &'a Deployment>,
    ) -> Option<Violation> {
        let open: Vec<_> = open.collect();
        let each = [
            ("notices", self.notices.check(world, open.iter().copied())),
            ("P9", self.word.alive(world, open.iter().copied())),
        ];
        let mut all = each.into_iter();
        all.find_map(|(promise, said)| said.err().map(|words| Violation { promise, words }))
    }

    /// Compares the journal with what stands on the boards, when nothing is under way any more.
    pub fn journaled(&self, world: &World, journal: &dyn Journal) -> Option<Violation> {
        let said = p14_anchor::at_rest(world, journal);
        said.err().map(|words| Violation { promise: "P14", words })
    }

    /// Is told of a request by a person that was granted.
    pub fn granted(&mut self, world: &World, ask: &Ask) {
        self.word.granted(world, ask);
        self.judgement.granted(world, ask);
        self.learns.granted(ask);
    }

    /// Is told of a request by a person of which nobody knows whether it was granted.
    pub fn perhaps_granted(&mut self, world: &World, ask: &Ask) {
        self.word.perhaps(ask);
        self.judgement.granted(world, ask);
        self.learns.granted(ask);
    }

    /// Is told that somebody wrote to ops.
    pub fn mentioned(&mut self, words: &str) {
        self.word.mentioned(words);
    }

    /// Is told of a job that reaches the world, and whether the ops that sent it cannot read all of its
    /// journal.
    pub fn performed(&mut self, world: &World, job: &Job, too_old: bool) {
        self.look_again.performed(job);
        if too_old {
            self.formats.performed(world, job);
        }
    }

    /// Is told that a job was begun, at this time.
    pub fn dispatched(&mut self, job: &Job, t: u64) {
        if let (Work::Judge { dossier, .. }, JobKey::Judge(by)) = (&job.work, &job.key) {
            self.judgement.asked(*by, dossier, t);
        }
    }

    /// Is told that ops died while it took in a model's answer: nobody knows whether it has it.
    pub fn perhaps_heard(&mut self, by: DeploymentId, dossier: &Dossier, exchange: &Exchange) {
        self.judgement.perhaps_heard(by, dossier.point, exchange);
    }

    /// Is told that a model's answer was taken in.
    pub fn heard(&mut self, by: DeploymentId, dossier: &Dossier, exchange: &Exchange, t: u64) {
        self.judgement.heard(by, dossier, exchange, t);
    }

    /// Is told that another ops starts, and how many deployments there are.
    pub fn started_anew(&mut self, deployments: u64) {
        self.formats.started_anew(deployments);
    }

    /// Is told how many deployments there are while the ops that runs cannot read all of its journal.
    pub fn begun(&mut self, deployments: u64) {
        self.formats.begun(deployments);
    }
}
