//! The daemon's jobs: how long they take, and what becomes of them when the daemon dies.

use ops_core::{
    deploy::{Act, Letter, To},
    record::digest,
};
use ops_engine::{Done, Job, JobKey, Work, perform};

use super::{Event, Sim};
use crate::world::{Deal, faults::Part, lock};

impl Sim {
    pub(super) fn dispatch(&mut self, job: Job) {
        let t = self.t();
        let slow = {
            let world = lock(&self.world);
            parts(&job.work).iter().any(|part| world.faults.is_slow(*part, t))
        };
        let delay = match (&job.work, slow) {
            // Every call ends within 10 s, but these make many.
            (Work::Gather { .. }, true) => self.dice.between(4_000, 140_000),
            (Work::Look { .. }, true) => self.dice.between(4_000, 25_000),
            (Work::Judge { .. }, true) => self.dice.between(4_000, 29_000),
            (_, true) => self.dice.between(4_000, 9_500),
            (Work::Look { .. } | Work::Highest | Work::Mentions { .. }, _) => {
                self.dice.between(3, 40)
            }
            (Work::Act { .. }, _) => {
                if self.dice.chance(self.pace.slow_permille) && self.strikes() {
                    self.dice.between(500, 5_000)
                } else {
                    self.dice.between(10, 250)
                }
            }
            _ => self.dice.between(20, 600),
        };
        self.invariants.dispatched(&job, t);
        self.agenda.enter(t + delay, Event::Perform(self.epoch, Box::new(job)));
    }

    pub(super) fn perform(&mut self, job: Job) {
        let deadly = deal(&job.work).is_some()
            && self.dice.chance(self.pace.death_permille)
            && self.strikes();
        if deadly && self.dice.chance(500) {
            let down = self.dice.between(50, 5_000);
            self.leave_behind(&job);
            self.kill(down);
            return;
        }
        let too_old = self.disk.is_ahead();
        self.invariants.performed(&lock(&self.world), &job, too_old);
        let done = perform(&self.ports, &job.work);
        if deadly {
            let down = self.dice.between(50, 5_000);
            self.kill(down);
            return;
        }
        let waited = std::mem::take(&mut lock(&self.world).waited);
        if waited > 0 || self.dice.chance(self.pace.lag_permille) && self.strikes() {
            let lag = if waited > 0 { waited } else { self.dice.between(20, 2_500) };
            let at = self.t() + lag;
            self.agenda.enter(at, Event::Deliver(self.epoch, job.key, Box::new(done)));
        } else {
            self.deliver(&job.key, done);
        }
    }

    pub(super) fn deliver(&mut self, key: &JobKey, done: Done) {
        let now = self.now();
        let Some(engine) = &mut self.engine else { return };
        let judged = match (key, &done) {
            (JobKey::Judge(by), Done::Judged(dossier, exchange)) => {
                Some((*by, dossier.clone(), exchange.clone()))
            }
            _ => None,
        };
        if let Err(why) = engine.done(key, done, &now) {
            self.failed(&why);
            if let Some((by, dossier, exchange)) = judged {
                self.invariants.perhaps_heard(by, &dossier, &exchange);
            }
        } else if let Some((by, dossier, exchange)) = judged {
            let t = self.t();
            self.invariants.heard(by, &dossier, &exchange, t);
        }
    }

    /// What a daemon that stands still was about to send.
    pub(super) fn send_later(&mut self, job: &Job, ms: u64) {
        if let Some(deal) = deal(&job.work) {
            lock(&self.world).at(ms, deal);
        }
    }

    /// What a dying daemon had already sent may still arrive.
    pub(super) fn leave_behind(&mut self, job: &Job) {
        if let Some(deal) = deal(&job.work).filter(|_| self.dice.chance(300)) {
            let mut world = lock(&self.world);
            // On boards of others the request was not sent yet.
            if !(world.guest && deal.letter()) {
                world.in_flight(deal);
            }
        }
    }
}

/// The act on the world that a job is.
fn deal(work: &Work) -> Option<Deal> {
    match work {
        Work::Act { stamp, act } => Some(match act.clone() {
            Act::Import { reference, digest, .. } => Deal::Import { reference, digest },
            Act::Start { spec } => Deal::Start { stamp: *stamp, spec },
            Act::SetRoute { route } => Deal::SetRoute { stamp: *stamp, route: Box::new(route) },
            Act::RemoveRoute { service } => Deal::RemoveRoute { stamp: *stamp, service },
            Act::Stop { service, release } => Deal::Stop { stamp: *stamp, service, release },
            Act::Remove { service, release } => Deal::Remove { stamp: *stamp, service, release },
        }),
        Work::Deliver { letter, .. } => match &letter.to {
            To::Comment { ticket } => {
                Some(Deal::Comment { ticket: ticket.clone(), text: letter.body.clone() })
            }
            To::Post { channel } => {
                Some(Deal::Post { channel: channel.clone(), text: letter.body.clone() })
            }
            // The move is read and made in one breath; a request that was sent is over.
            To::Close { .. } => None,
        },
        Work::DeliverPosts { posts } => {
            let letters: Vec<&Letter> = posts.iter().map(|(letter, _)| letter.as_ref()).collect();
            let first = letters.first()?;
            let To::Post { channel } = &first.to else { return None };
            let text = digest(first.news, &letters);
            Some(Deal::Post { channel: channel.clone(), text })
        }
        _ => None,
    }
}

fn parts(work: &Work) -> &'static [Part] {
    match work {
        Work::Look { .. } => &[Part::Target, Part::Door, Part::Prober],
        Work::Sense { .. } => &[Part::Metrics],
        Work::Gather { .. } => &[Part::Planning, Part::Target, Part::Store],
        Work::Prune { .. } => &[Part::Store],
        Work::Act { act, .. } => match act {
            Act::Import { .. } => &[Part::Store],
            Act::Start { .. } | Act::Stop { .. } | Act::Remove { .. } => &[Part::Target],
            Act::SetRoute { .. } | Act::RemoveRoute { .. } => &[Part::Door],
        },
        Work::ReadTicket { .. } | Work::Queue { .. } => &[Part::Planning],
        Work::Deliver { letter, .. } | Work::Find { letter, .. } => match letter.to {
            To::Post { .. } => &[Part::Meeting],
            To::Comment { .. } | To::Close { .. } => &[Part::Planning],
        },
        Work::Judge { .. } => &[Part::Model],
        Work::DeliverPosts { .. } => &[Part::Meeting],
        Work::Highest => &[Part::Target],
        Work::Count { .. } => &[Part::Door],
        Work::Secrets { .. } => &[Part::Secrets],
        Work::Tell { .. } => &[Part::Host],
        Work::Mentions { .. } | Work::Answer { .. } | Work::Announce { .. } => &[Part::Meeting],
    }
}
