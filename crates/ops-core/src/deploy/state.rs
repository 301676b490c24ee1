//! One deployment, rebuilt from its journal.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    act::Op,
    cause::{Cause, HoldCause},
    letter::Letter,
    phase::{Phase, PhaseName},
    watching::Watching,
};
use crate::{
    checks::Checklist,
    id::{DeploymentId, Digest, EnvironmentName, Generation, Identity, ServiceName, TicketId},
    judgement::{Advice, Point},
    plan::{Kind, Plan, Stage, Step},
    settings::People,
    ticket::Ticket,
    time::{Now, Timer},
};

/// How a deployment begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Its number.
    pub id: DeploymentId,
    /// Why.
    pub kind: Kind,
    /// The asking ticket first.
    pub tickets: Vec<TicketId>,
    /// The service, as far as the ticket tells; the checks decide.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// The lock group, `environment/group`.
    pub group: String,
    /// ops's own identity on the planning board: what it wrote itself is no news.
    pub me: Identity,
    /// The channel for news.
    pub channel: String,
    /// How often it was tried before with an outcome that allows another try (S5).
    pub retries: u32,
}

/// A halt of forward acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Who.
    pub by: Identity,
    /// Its bound.
    pub bound: Timer,
}

/// Walking through steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Steps of its own instead of the plan's: a way back, a clean-up, a confirmation.
    pub own: Option<Vec<Step>>,
    /// The current step.
    pub at: usize,
    /// Its deadline.
    pub deadline: Timer,
    /// How often it was extended.
    pub extensions: u32,
    /// How often its act was tried.
    pub tries: u32,
    /// How often ops was started again in this step.
    #[serde(default)]
    pub restarts: u32,
    /// Seconds observed in this step.
    pub seconds: u64,
    /// Requests that the new release answered in this step.
    pub requests: u64,
}

/// A moment worth telling on the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// When.
    pub at: jiff::Timestamp,
    /// What.
    pub words: String,
}

/// When what figures are made from happened to a deployment: labels of the wall clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The first of its traffic was ordered: from here on users could be hurt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<jiff::Timestamp>,
    /// It passed its watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<jiff::Timestamp>,
    /// The way back was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<jiff::Timestamp>,
    /// What served before serves again, or one version was healthy again after it froze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<jiff::Timestamp>,
    /// Its ticket was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<jiff::Timestamp>,
}

/// Requests that waited at the door because the service cannot run twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When it began; its length is the service's limit.
    pub limit: Timer,
    /// How long it lasted, in milliseconds, once it is over.
    pub lasted_ms: Option<u64>,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that was or was not seen; none excludes another"
)]
pub struct Deployment {
    /// How it began.
    pub created: Created,
    /// When it began.
    pub began: Now,
    /// When its last event happened.
    pub last: Now,
    /// Where it stands.
    pub phase: Phase,
    /// Whether forward acts are halted.
    pub halted: Option<Halt>,
    /// Abort was asked for while an act was under way.
    pub abort: Option<Identity>,
    /// The lease's generation while it is held.
    pub lease: Option<Generation>,
    /// Whether the space that a way back needs is set aside.
    pub reserved: bool,
    /// The operation under way or the last one of the current step.
    pub op: Option<Op>,
    /// The number of the next operation.
    pub next_op: u32,
    /// The last checks.
    pub checklist: Option<Arc<Checklist>>,
    /// The ticket as the checks read it.
    pub ticket: Option<Arc<Ticket>>,
    /// Who was who when the checks ran.
    pub people: Option<Arc<People>>,
    /// The candidate's hash as the checks read it.
    pub candidate: Option<Digest>,
    /// What will be done.
    pub plan: Option<Arc<Plan>>,
    /// The plan's hash, as it was journaled with it.
    pub plan_hash: Option<Digest>,
    /// Whether the route's weight of the new release was ever above 0.
    pub on_traffic: bool,
    /// Whether stopping the old release was at least intended.
    pub old_stopped: bool,
    /// Acts that the preparation intended.
    pub rehearsal_started: bool,
    /// The gap at the door.
    pub gap: Option<Gap>,
    /// What was observed.
    pub watching: Option<Box<Watching>>,
    /// How often harm that only the time before shows was looked at beside the old version.
    #[serde(default)]
    pub confirmations: u32,
    /// Whether the ticket looked pulled back at the last reading.
    pub pull_seen: Option<String>,
    /// Whether the ticket was read right before closing and still wants it.
    pub close_confirmed: bool,
    /// Words owed and written.
    pub outbox: Vec<Letter>,
    /// Holds that the ticket was told of since it last went on.
    pub told: BTreeSet<String>,
    /// What it was held on last, until it goes on.
    pub held_on: Option<HoldCause>,
    /// How often the checks ran.
    pub checked: u32,
    /// Milliseconds from the start of the new release until it was healthy.
    pub start_ms: Option<u64>,
    /// Boot time in milliseconds at which the new release was told to start.
    pub started_at: Option<u64>,
    /// Boot time in milliseconds at which the rehearsal copy was told to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsed_at: Option<u64>,
    /// Whether the new release was at least told to start.
    pub started: bool,
    /// When its ticket last asked for this candidate, until users can notice something of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Now>,
    /// Until when a start of the new release of which nobody knows may still come about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_late: Option<Timer>,
    /// Milliseconds from healthy to all traffic moved, dwells and watches excluded.
    pub switch_ms: u64,
    /// Boot time in milliseconds at which the way back was decided on.
    pub decided_back_at: Option<u64>,
    /// For the record.
    pub milestones: Vec<Milestone>,
    /// What a model has said of it.
    #[serde(default, skip_serializing_if = "Advice::is_none")]
    pub advice: Advice,
    /// When what is counted happened to it.
    #[serde(default)]
    pub times: Times,
}

impl Deployment {
    /// A new deployment, from its first event.
    pub fn begin(created: Created, now: &Now) -> Self {
        Self {
            created,
            began: now.clone(),
            last: now.clone(),
            phase: Phase::Queued { recheck: Timer::start(now, super::QUEUE_RECHECK_MS) },
            halted: None,
            abort: None,
            lease: None,
            reserved: false,
            op: None,
            next_op: 1,
            checklist: None,
            ticket: None,
            people: None,
            candidate: None,
            plan: None,
            plan_hash: None,
            on_traffic: false,
            old_stopped: false,
            rehearsal_started: false,
            gap: None,
            watching: None,
            confirmations: 0,
            pull_seen: None,
            start_late: None,
            read_at: None,
            close_confirmed: false,
            outbox: Vec::new(),
            told: BTreeSet::new(),
            held_on: None,
            checked: 0,
            start_ms: None,
            started_at: None,
            rehearsed_at: None,
            started: false,
            switch_ms: 0,
            decided_back_at: None,
            milestones: Vec::new(),
            advice: Advice::none(),
            times: Times::default(),
        }
    }

    /// Its number.
    pub fn id(&self) -> DeploymentId {
        self.created.id
    }

    /// Its phase's name.
    pub fn phase_name(&self) -> PhaseName {
        self.phase.name()
    }

    /// The run, in phases that have one.
    pub fn run(&self) -> Option<&Run> {
        match &self.phase {
            Phase::Planned { run, .. }
            | Phase::Deploying { run }
            | Phase::Verifying { run }
            | Phase::Watching { run }
            | Phase::RollingBack { run, .. }
            | Phase::Documenting { run: Some(run) } => Some(run),
            Phase::Queued { .. }
            | Phase::Checking { .. }
            | Phase::Held { .. }
            | Phase::Documenting { run: None }
            | Phase::Soaking { .. }
            | Phase::Promoted
            | Phase::Closed
            | Phase::RolledBack { .. }
            | Phase::Frozen { .. }
            | Phase::Thawed { .. }
            | Phase::Withdrawn { .. }
            | Phase::KeptNotClosed { .. } => None,
        }
    }

    pub(super) fn run_mut(&mut self) -> Option<&mut Run> {
        match &mut self.phase {
            Phase::Planned { run, .. }
            | Phase::Deploying { run }
            | Phase::Verifying { run }
            | Phase::Watching { run }
            | Phase::RollingBack { run, .. }
            | Phase::Documenting { run: Some(run) } => Some(run),
            _ => None,
        }
    }

    /// The current step.
    pub fn step(&self) -> Option<&Step> {
        let run = self.run()?;
        match &run.own {
            Some(own) => own.get(run.at),
            None => self.plan.as_ref()?.steps.get(run.at),
        }
    }

    /// All steps of the current run.
    pub fn steps(&self) -> &[Step] {
        match (self.run(), &self.plan) {
            (Some(Run { own: Some(own), .. }), _) => own,
            (_, Some(plan)) => &plan.steps,
            (_, None) => &[],
        }
    }

    /// Whether the new release may have been put on traffic or the old one touched: from here on
    /// the only way out is forward or back.
    pub fn acted(&self) -> bool {
        matches!(
            self.phase,
            Phase::Deploying { .. } | Phase::Verifying { .. } | Phase::Watching { .. }
        )
    }

    /// Whether anything of the new release was at least intended: it started, or the door or the
    /// old release was touched.
    pub fn touched(&self) -> bool {
        self.started || self.on_traffic || self.old_stopped || self.gap.is_some()
    }

    /// Whether its phase has no way on.
    pub fn at_rest(&self) -> bool {
        matches!(
            self.phase,
            Phase::Closed
                | Phase::Promoted
                | Phase::RolledBack { .. }
                | Phase::Thawed { .. }
                | Phase::Withdrawn { .. }
                | Phase::KeptNotClosed { .. }
        )
    }

    /// Whether nothing more will happen to it: at rest, lease given back, every word written.
    pub fn ended(&self) -> bool {
        self.at_rest() && self.lease.is_none() && self.owing().next().is_none()
    }

    /// Words that are owed and not settled yet.
    pub fn owing(&self) -> impl Iterator<Item = &Letter> {
        self.outbox.iter().filter(|letter| !letter.settled())
    }

    /// Whether it keeps others out of its lock group.
    pub fn blocks_group(&self) -> bool {
        self.lease.is_some()
            || matches!(
                self.phase,
                Phase::Planned { .. }
                    | Phase::Deploying { .. }
                    | Phase::Verifying { .. }
                    | Phase::Watching { .. }
                    | Phase::RollingBack { .. }
                    | Phase::Documenting { run: Some(_) }
                    | Phase::Frozen { .. }
            )
    }

    /// Whether its end condemns what it brought (P15, S10): that was judged bad, also where it was
    /// brought back. A rotation brought nothing but a secret.
    pub fn condemns(&self) -> bool {
        let brought = matches!(self.created.kind, Kind::Release | Kind::Rollback { .. });
        brought && self.cause().is_some_and(super::Cause::condemns)
    }

    /// The cause of going back, in phases that have one.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.phase {
            Phase::RollingBack { cause, .. }
            | Phase::RolledBack { cause }
            | Phase::Frozen { cause, .. }
            | Phase::Thawed { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// The stage of the current step.
    pub fn stage(&self) -> Option<Stage> {
        self.step().map(|step| step.stage)
    }

    /// Whether all that it still does takes back what it did.
    pub fn goes_back(&self) -> bool {
        matches!(
            self.phase,
            Phase::RollingBack { .. }
                | Phase::Frozen { .. }
                | Phase::Planned { failed: Some(_), .. }
        )
    }

    /// Whether its first acts are still to come or to be seen: nothing of it was given to users yet.
    pub(crate) fn is_unseen(&self) -> bool {
        matches!(self.phase, Phase::Deploying { .. }) && !self.on_traffic && self.gap.is_none()
    }

    /// Whether it stands where a judgement that it seeks would count.
    pub(crate) fn seeks(&self) -> bool {
        match self.advice.sought.as_ref().map(|sought| sought.dossier.point) {
            Some(Point::Plan) => matches!(self.phase, Phase::Checking { .. }),
            Some(Point::Watch) => self.acted(),
            None => false,
        }
    }

    /// Whether an act is under way.
    pub fn busy(&self) -> bool {
        self.op.as_ref().is_some_and(|op| op.outcome.is_none())
    }

    /// Whether an act of it that seemed to be over may still change the world: until then nobody
    /// else must act in its place (P4).
    pub fn may_land_late(&self, now: &Now) -> bool {
        self.op.as_ref().is_some_and(|op| !op.settle.over(now))
    }

    /// Whether a start of its new release of which nobody knows may still come about.
    pub fn may_start_late(&self, now: &Now) -> bool {
        self.start_late.as_ref().is_some_and(|late| !late.over(now))
    }

    /// Whether its last act ended, or was begun, less than so many milliseconds ago.
    pub fn acted_within(&self, ms: u64, now: &Now) -> bool {
        self.op.as_ref().is_some_and(|op| op.settle.passed(now) < ms)
    }

    /// Whether the release that it brought serves and passed its watch (S24).
    pub fn passed(&self) -> bool {
        matches!(
            self.phase,
            Phase::Documenting { .. }
                | Phase::Soaking { .. }
                | Phase::Promoted
                | Phase::Closed
                | Phase::KeptNotClosed { .. }
        )
    }
}

impl Deployment {
    /// Whether it has passed its first act and has not come to rest: its way must not end for
    /// lack of anything that ops itself could have set aside before.
    pub fn on_the_way(&self) -> bool {
        self.acted()
            || matches!(
                self.phase,
                Phase::RollingBack { .. } | Phase::Frozen { .. } | Phase::Documenting { .. }
            )
    }
}

impl Deployment {
    /// The share of the new version that the last finished routing step set, in percent.
    pub fn weight_set(&self) -> Option<u8> {
        self.run().map(|_| self.expected_weight())
    }
}
