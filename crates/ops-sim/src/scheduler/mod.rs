//! Runs the real engine against the simulated world, one event after the other, in virtual time.

mod agenda;
pub mod happening;
mod jobs;
mod replay;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ops_core::{
    deploy::{Deployment, PhaseName, owed, wake_at},
    id::DeploymentId,
};
use ops_engine::{Ask, Done, Engine, EngineError, Job, JobKey, Who, ports::Ports};
use ops_store::MemoryJournal;

use crate::{
    coverage::Coverage,
    dice::Dice,
    disk::{Disk, DiskHandle},
    invariants::{Invariants, Violation},
    story::Story,
    world::{Shared, World, lock, ports},
};
use agenda::Agenda;
use happening::Happening;

/// Pause of the daemon after its journal failed.
const JOURNAL_PAUSE_MS: u64 = 500;
/// While nothing is under way, the daemon's wake-ups come this late at most.
const IDLE_MS: u64 = 20_000;
/// Events after which a run is given up as endless.
const EVENTS_MAX: u64 = 400_000;

/// Something on the agenda.
enum Event {
    /// A job of a daemon reaches the world.
    Perform(u64, Box<Job>),
    /// Its result reaches the daemon.
    Deliver(u64, JobKey, Box<Done>),
    /// The daemon looks what is owed.
    Wake,
    /// A daemon starts.
    Start,
    /// Something happens.
    Happen(Box<Happening>),
    /// Whoever directs this run is asked what happens next.
    Direct,
}

/// How fast and how reliable the daemon's own work is.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// Share of acts and letters around which the daemon dies, in thousandths.
    pub death_permille: u64,
    /// Share of results that reach the daemon late, in thousandths.
    pub lag_permille: u64,
    /// Share of acts that take seconds, in thousandths.
    pub slow_permille: u64,
}

/// A simulation.
pub struct Sim {
    /// The world.
    pub world: Shared,
    /// The journal's disk.
    pub disk: DiskHandle,
    /// The daemon's engine, while the daemon lives.
    pub engine: Option<Engine<Disk>>,
    /// What was met.
    pub coverage: Arc<Mutex<Coverage>>,
    /// Speed and reliability.
    pub pace: Pace,
    /// Chance for the scheduler, apart from the world's.
    pub dice: Dice,
    /// Whoever directs this run is asked as soon as a deployment is in one of these phases, with an
    /// act under way or without.
    pub ambushes: Vec<(PhaseName, bool)>,
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// Events after which this run is given up as endless.
    pub events_most: u64,
    /// Whether the daemon looks as often as the real one even while nothing is under way.
    pub brisk: bool,
    ports: Ports,
    journal: MemoryJournal,
    agenda: Agenda<Event>,
    invariants: Invariants,
    epoch: u64,
    wake_at: Option<u64>,
    hurry_until: u64,
    floor: u64,
    events: u64,
    directed: bool,
    directs: u32,
    died_at: u64,
    /// Since when an ops runs that cannot read all of its journal.
    behind_since: Option<u64>,
    /// The engine that died last, as it was then.
    left: Option<Engine<Disk>>,
}

impl Sim {
    /// A simulation whose daemon starts at once.
    pub fn new(seed: u64, story: Story) -> Self {
        Self::with_ports(seed, story, |_, ports| ports)
    }

    /// The same, with some ports that do not lead into the simulated world.
    pub fn with_ports(
        seed: u64,
        story: Story,
        change: impl FnOnce(&Shared, Ports) -> Ports,
    ) -> Self {
        let mut dice = Dice::new(seed);
        let world = World::new(dice.fork(1).roll(), story);
        let at = world.t();
        let world: Shared = Arc::new(Mutex::new(world));
        let ports = change(&world, ports(&world));
        let mut sim = Self {
            ports,
            world,
            disk: DiskHandle::default(),
            engine: None,
            coverage: Arc::default(),
            pace: Pace::default(),
            dice,
            ambushes: Vec::new(),
            violation: None,
            events_most: EVENTS_MAX,
            brisk: false,
            journal: MemoryJournal::new(),
            agenda: Agenda::default(),
            invariants: Invariants::default(),
            epoch: 0,
            wake_at: None,
            hurry_until: 0,
            floor: 0,
            events: 0,
            directed: false,
            directs: 0,
            died_at: 0,
            behind_since: None,
            left: None,
        };
        sim.agenda.enter(at, Event::Start);
        sim
    }

    /// Simulated time.
    pub fn t(&self) -> u64 {
        lock(&self.world).t()
    }

    /// Something is to happen after so many milliseconds.
    pub fn plan(&mut self, after_ms: u64, happening: Happening) {
        let at = self.t() + after_ms;
        self.agenda.enter(at, Event::Happen(Box::new(happening)));
    }

    /// Asks to be asked what happens next after so many milliseconds.
    pub fn direct_in(&mut self, after_ms: u64) {
        let at = self.t() + after_ms;
        self.directs += 1;
        self.agenda.enter(at, Event::Direct);
    }

    /// Whether it is planned to be asked.
    pub fn will_direct(&self) -> bool {
        self.directs > 0
    }

    /// Coverage so far.
    pub fn coverage(&self) -> MutexGuard<'_, Coverage> {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal, for looking.
    pub fn journal(&self) -> &MemoryJournal {
        &self.journal
    }

    /// Whether the run is over: a promise is broken or it does not end.
    pub fn over(&self) -> bool {
        self.violation.is_some()
    }

    /// Runs until the condition holds, `Direct` comes up or so much time has passed. True if the
    /// condition holds.
    pub fn run_until(&mut self, within_ms: u64, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.t() + within_ms;
        while !self.over() && self.t() < end {
            if holds(self) {
                return true;
            }
            if !self.step() {
                return false;
            }
            if self.directed {
                break;
            }
        }
        holds(self)
    }

    /// Whether `Direct` came up; takes note of it.
    pub fn take_directed(&mut self) -> bool {
        std::mem::take(&mut self.directed)
    }

    /// Lets the next event happen.
    pub fn step(&mut self) -> bool {
        let Some((at, event)) = self.agenda.take() else { return false };
        self.events += 1;
        if self.events > self.events_most {
            let words = format!("{} events and no end at {at}: {}", self.events, self.unrest());
            self.broken("P9", words);
            return false;
        }
        let at = at.max(self.floor).max(self.t());
        if matches!(event, Event::Wake) && self.wake_at.is_none_or(|wanted| wanted > at) {
            return true;
        }
        self.mix(at, &event);
        lock(&self.world).advance(at);
        match event {
            Event::Perform(epoch, job) if epoch == self.epoch => self.perform(*job),
            Event::Deliver(epoch, key, done) if epoch == self.epoch => self.deliver(&key, *done),
            Event::Perform(..) | Event::Deliver(..) => return true,
            Event::Wake => self.wake_at = None,
            Event::Start => self.start(),
            Event::Happen(happening) => self.happen(&happening),
            Event::Direct => {
                self.directs -= 1;
                self.directed = true;
            }
        }
        self.turn();
        self.check(false);
        self.directed |= self.ambushed().is_some();
        true
    }

    /// The first deployment that has come to where it was waited for, and which ambush that was.
    pub fn ambushed(&self) -> Option<(DeploymentId, usize)> {
        if self.ambushes.is_empty() {
            return None;
        }
        self.engine.as_ref()?.deployments().find_map(|one| {
            let at = (one.phase_name(), one.busy());
            Some((one.id(), self.ambushes.iter().position(|ambush| *ambush == at)?))
        })
    }

    fn mix(&self, at: u64, event: &Event) {
        let kind = match event {
            Event::Perform(..) => 1,
            Event::Deliver(..) => 2,
            Event::Wake => 3,
            Event::Start => 4,
            Event::Happen(_) => 5,
            Event::Direct => 6,
        };
        lock(&self.world).story.mix(at * 8 + kind);
    }

    /// Checks the promises.
    pub fn check(&mut self, quiet: bool) {
        if self.violation.is_none() {
            let world = lock(&self.world);
            if self.disk.is_ahead() {
                let begun = self.journal_length();
                self.invariants.begun(begun);
            }
            self.violation = self.invariants.check(&world, quiet);
            if let (None, Some(engine)) = (&self.violation, &self.engine) {
                self.violation = self.invariants.alive(&world, engine.deployments());
            }
            if self.violation.is_none() && quiet {
                self.violation = self.invariants.journaled(&world, &self.journal);
            }
        }
    }

    /// Notes a broken promise that only the scheduler can see.
    pub fn broken(&mut self, promise: &'static str, words: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { promise, words });
        }
    }

    fn now(&self) -> ops_core::time::Now {
        lock(&self.world).clock.now()
    }

    fn turn(&mut self) {
        let now = self.now();
        let Some(engine) = &mut self.engine else { return };
        match engine.run(&now) {
            Ok(jobs) => {
                for job in jobs {
                    self.dispatch(job);
                }
                let wake = self.next_wake(&now);
                self.wake(wake);
            }
            Err(why) => self.failed(&why),
        }
    }

    fn failed(&mut self, why: &EngineError) {
        let t = self.t();
        if self.disk.died() {
            let down = self.dice.between(50, 8_000);
            self.kill(down);
            return;
        }
        lock(&self.world).story.tell(t, || format!("the engine could not go on: {why}"));
        self.wake(t + JOURNAL_PAUSE_MS);
    }

    fn wake(&mut self, at: u64) {
        if self.wake_at != Some(at) {
            self.wake_at = Some(at);
            self.agenda.enter(at, Event::Wake);
        }
    }

    /// When the daemon looks again: at once where something is under way, late where nothing is.
    fn next_wake(&self, now: &ops_core::time::Now) -> u64 {
        let Some(engine) = &self.engine else { return u64::MAX };
        let t = self.t();
        let resting = |deployment: &Deployment| {
            matches!(deployment.phase_name(), PhaseName::Held | PhaseName::Queued)
                && deployment.lease.is_none()
                && deployment.outbox.iter().all(ops_core::deploy::Letter::written)
        };
        if self.brisk || t < self.hurry_until || !engine.deployments().all(resting) {
            return t + engine.wake_at(now).saturating_sub(now.ms).max(1);
        }
        let own = engine.deployments().filter_map(|deployment| wake_at(deployment, now));
        let next = own.map(|at| at.saturating_sub(now.ms)).min().unwrap_or(IDLE_MS);
        t + next.clamp(1_000, IDLE_MS)
    }

    /// The next seconds are not idle, whatever the deployments say.
    fn hurry(&mut self) {
        self.hurry_until = self.t() + 3_000;
    }

    fn start(&mut self) {
        if self.engine.is_some() {
            return;
        }
        self.disk.revive();
        let left = self.left.take();
        let (now, journal) = (self.now(), self.journal.clone());
        let coverage = Arc::clone(&self.coverage);
        let mut unlike = None;
        let see = |engine: &mut Engine<Disk>| {
            unlike = left.and_then(|left| unlike_its_journal(&left, engine, &journal));
            engine.watch_decisions(Box::new(move |before, input, after| {
                let mut coverage = coverage.lock().unwrap_or_else(PoisonError::into_inner);
                coverage.decided(before, input, after);
            }));
        };
        let disk = Disk::new(self.journal.clone(), self.disk.clone());
        let opened = Engine::open_seen(disk, &now, see);
        if let Some(id) = unlike {
            self.broken(
                "P5",
                format!("the journal tells another state of {id} than the engine had"),
            );
        }
        match opened {
            Ok(engine) => {
                self.engine = Some(engine);
                let absence = (self.died_at, self.t());
                lock(&self.world).ledger.absences.push(absence);
                self.hurry();
            }
            Err(why) => {
                let t = self.t();
                lock(&self.world).story.tell(t, || format!("the daemon does not start: {why}"));
                self.agenda.enter(t + 1_000, Event::Start);
            }
        }
    }

    /// The daemon stands still and another takes over; all that it was about to send goes out later.
    fn stand_still(&mut self, ms: u64) {
        let epoch = self.epoch;
        let own = |event: &Event| matches!(event, Event::Perform(e, _) if *e == epoch);
        for event in self.agenda.take_all(own) {
            if let Event::Perform(_, job) = event {
                self.send_later(&job, ms);
            }
        }
        self.kill(200);
    }

    /// The daemon dies; another starts later. Acts that it had sent may still arrive.
    pub fn kill(&mut self, down_ms: u64) {
        if self.engine.is_none() {
            return;
        }
        let t = self.t();
        lock(&self.world).story.tell(t, || format!("the daemon dies, for {down_ms} ms"));
        let left = self.engine.take();
        self.left = left.filter(|_| !self.disk.died());
        self.died_at = t;
        let epoch = self.epoch;
        self.epoch += 1;
        let own = |event: &Event| matches!(event, Event::Perform(e, _) | Event::Deliver(e, ..) if *e == epoch);
        for event in self.agenda.take_all(own) {
            if let Event::Perform(_, job) = event {
                self.leave_behind(&job);
            }
        }
        self.agenda.enter(t + down_ms, Event::Start);
    }

    /// Whether the next thing that is done to this run is really done.
    pub(super) fn strikes(&self) -> bool {
        lock(&self.world).injections.strikes()
    }

    /// Lets something happen now, unless this run goes without it.
    pub fn happen(&mut self, happening: &Happening) {
        if matches!(happening, Happening::Mend) || self.strikes() {
            self.happens(happening);
        }
    }

    fn happens(&mut self, happening: &Happening) {
        let t = self.t();
        {
            let mut world = lock(&self.world);
            world.story.tell(t, || format!("· {happening:?}"));
            world.happen(happening);
        }
        *self.coverage().happenings.entry(happening.name()).or_insert(0) += 1;
        match happening {
            Happening::Kill(down) => self.kill(*down),
            Happening::DieAt(die) => self.disk.die(*die),
            Happening::StandStill(ms) => self.stand_still(*ms),
            Happening::Upgrade | Happening::Downgrade => {
                self.kill(500);
                if let Some(since) = self.behind_since.take() {
                    // Whoever could read the journal was away.
                    lock(&self.world).ledger.absences.push((since, t));
                }
                self.disk.newer(matches!(happening, Happening::Upgrade));
                self.behind_since = self.disk.is_ahead().then_some(t);
                self.invariants.started_anew(self.journal_length());
            }
            Happening::Reboot => self.kill(2_000),
            Happening::Suspend(ms) => {
                self.floor = t + ms;
                // What is under way stands still like everything else.
                lock(&self.world).ledger.absences.push((t, t + ms));
            }
            Happening::DiskFull(full) => self.disk.full(*full),
            Happening::ReserveFails(fails) => self.disk.reserve_fails(*fails),
            Happening::Ask(who, ask) => {
                self.ask(who, ask);
            }
            Happening::Mend => {
                self.disk.full(false);
                self.disk.reserve_fails(false);
                self.pace = Pace::default();
                if self.disk.is_ahead() {
                    self.happens(&Happening::Upgrade);
                }
            }
            Happening::File(_)
            | Happening::Round(..)
            | Happening::PullBack(_)
            | Happening::Revoke(_)
            | Happening::Remark(_) => {
                // Boards tell ops of changes, mostly.
                if self.dice.chance(900)
                    && let Some(engine) = &mut self.engine
                {
                    engine.nudge();
                    self.hurry();
                }
            }
            Happening::Mention(_, words) => {
                self.invariants.mentioned(words);
                self.hurry();
            }
            _ => {}
        }
    }

    /// A person asks for something. True if it was done.
    pub fn ask(&mut self, who: &Who, ask: &Ask) -> bool {
        let now = self.now();
        let Some(engine) = &mut self.engine else { return false };
        let about = match ask {
            Ask::Halt { deployment } => deployment.map(|id| (id, "halt")),
            Ask::Resume { deployment } => deployment.map(|id| (id, "resume")),
            Ask::Abort { deployment } => Some((*deployment, "abort")),
            Ask::Acknowledge { deployment } => Some((*deployment, "acknowledge")),
            Ask::Again { .. }
            | Ask::Answer { .. }
            | Ask::Rollback { .. }
            | Ask::Lift { .. }
            | Ask::Resolve { .. } => None,
        };
        let phase = about.and_then(|(id, _)| engine.deployment(id)).map(Deployment::phase_name);
        let answer = engine.ask(who, ask, &now);
        self.hurry();
        match answer {
            Ok(reply) => {
                if let (false, Some(phase), Some((_, input))) = (reply.done, phase, about) {
                    self.coverage().was_refused(phase, input);
                }
                let t = self.t();
                let world = lock(&self.world);
                if reply.done {
                    self.invariants.granted(&world, ask);
                }
                drop(world);
                lock(&self.world).story.tell(t, || format!("  → {}", reply.words));
                reply.done
            }
            Err(why) => {
                self.invariants.perhaps_granted(&lock(&self.world), ask);
                self.failed(&why);
                false
            }
        }
    }
}

impl Sim {
    /// Whether nothing is under way: every deployment has ended or waits for somebody else.
    pub fn at_rest(&self) -> bool {
        let Some(engine) = &self.engine else { return false };
        let waits = |deployment: &Deployment| {
            // What was halted before it began waits for whoever halted it.
            let queued = deployment.phase_name() == PhaseName::Queued;
            (deployment.phase_name() == PhaseName::Held || queued && deployment.halted.is_some())
                && deployment.lease.is_none()
                && deployment.outbox.iter().all(ops_core::deploy::Letter::written)
        };
        let late = lock(&self.world).late_acts();
        let behind = self.disk.is_ahead();
        self.t() >= self.hurry_until && late == 0 && !behind && engine.deployments().all(waits)
    }
}

impl Sim {
    /// Deployments that were begun.
    pub fn journal_length(&self) -> u64 {
        self.journal.deployments() as u64
    }

    /// Whether nothing goes wrong in this run but what the versions themselves do.
    pub fn calm(&mut self, calm: bool) {
        self.invariants.calm = calm;
    }

    /// What is still under way, in words.
    pub fn unrest(&self) -> String {
        use std::fmt::Write as _;
        let Some(engine) = &self.engine else { return "the daemon does not run".into() };
        let now = self.now();
        let mut words = String::new();
        for one in engine.deployments().filter(|one| one.phase_name() != PhaseName::Held) {
            let report = owed(one, &now).report;
            let owing = one.outbox.iter().filter(|letter| !letter.written()).count();
            let phase = one.phase_name().text();
            let _ = write!(
                words,
                "{} is {phase}, waits until {}, owes {owing} letters; ",
                one.id(),
                report.waiting_for
            );
        }
        words
    }
}

/// Whatever an engine held in memory is what its journal tells (P5): a deployment of which that is
/// not so. What an older ops cannot read is read here by hand.
fn unlike_its_journal(
    left: &Engine<Disk>,
    told: &Engine<Disk>,
    journal: &MemoryJournal,
) -> Option<DeploymentId> {
    let by_hand = told.is_too_old().then(|| replay::open_deployments(journal));
    let told = |id| match &by_hand {
        Some(all) => all.get(&id),
        None => told.deployment(id),
    };
    left.deployments().find(|live| told(live.id()) != Some(live)).map(Deployment::id)
}
