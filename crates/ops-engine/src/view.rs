//! Deployments as lists, pages and JSON show them.

mod watch;

use ops_core::{
    checks::Check,
    deploy::{Deployment, owed},
    id::{DeploymentId, TicketId},
    metrics::Change,
    plan::Kind,
    record,
    time::Now,
};
use serde::{Deserialize, Serialize};

pub use watch::{HurtShown, SignalShown, StreamShown, WatchView};

/// One check for people and programs.
pub type CheckView = Check;

/// A ticket of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketView {
    /// Its number.
    pub id: TicketId,
    /// Its title.
    pub title: String,
    /// What ops does with it.
    pub state: String,
    /// What it waits for, in words.
    pub waiting: Option<String>,
    /// When that is expected to be over, where it can be told; a label.
    pub expected: Option<jiff::Timestamp>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// Its goal, short.
    pub name: String,
    /// Its goal in words.
    pub words: String,
    /// `done`, `current` or `later`.
    pub state: String,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentView {
    /// Its number, `D-12`.
    pub id: String,
    /// `release`, `settings`, `adoption`, `rotation` or `rollback`.
    pub kind: String,
    /// Names of the secrets that a rotation brings anew, as far as they are known.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Its tickets; none for a rotation.
    pub tickets: Vec<TicketId>,
    /// Its service.
    pub service: String,
    /// Its environment.
    pub environment: String,
    /// The version.
    pub version: Option<String>,
    /// The artifact's digest.
    pub artifact: Option<String>,
    /// The version before.
    pub previous: Option<String>,
    /// Its phase.
    pub phase: String,
    /// Whether nothing more will happen to it.
    pub ended: bool,
    /// Why it went back.
    pub cause: Option<String>,
    /// The short name of that cause.
    pub cause_kind: Option<String>,
    /// When it began.
    pub began: jiff::Timestamp,
    /// When something happened to it last.
    pub last: jiff::Timestamp,
    /// Hash of its plan.
    pub plan: Option<String>,
    /// Hash of the `ops.yaml` that governs it.
    pub revision: Option<String>,
    /// What is waited for, in one sentence.
    pub waiting: Option<String>,
    /// The same as parts.
    pub waiting_for: Option<String>,
    /// Milliseconds left of that wait.
    pub left_ms: Option<u64>,
    /// What happens then.
    pub then: Option<String>,
    /// Who halted it.
    pub halted_by: Option<String>,
    /// Share of traffic on the new version that was set last, in percent.
    pub weight: Option<u8>,
    /// Observed seconds.
    pub observed_seconds: u64,
    /// Requests of the new version.
    pub requests: u64,
    /// Failed requests of the new version.
    pub errors: u64,
    /// Boot time in milliseconds when it began.
    pub began_ms: u64,
    /// Boot time in milliseconds of the last thing that happened to it.
    pub last_ms: u64,
    /// Boot time in milliseconds at which the way back was decided on.
    pub decided_back_ms: Option<u64>,
    /// Milliseconds from healthy to all traffic moved, dwells and watches excluded.
    pub switch_ms: u64,
    /// How long requests waited at the door, in milliseconds.
    pub gap_ms: Option<u64>,
    /// Evidence of harm, 1 is enough for a rollback.
    pub evidence: f64,
    /// What the watch has seen; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Box<WatchView>>,
    /// Checks.
    pub checks: Vec<CheckView>,
    /// Steps.
    pub steps: Vec<StepView>,
    /// What happened, `time words`.
    pub milestones: Vec<(jiff::Timestamp, String)>,
    /// Words owed to boards that are not written yet.
    pub owed_words: usize,
    /// What figures are made from; older journals do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

fn rotated(deployment: &Deployment) -> Vec<String> {
    let plan = deployment.plan.as_deref();
    let plan = plan.filter(|_| matches!(deployment.created.kind, Kind::Rotation { .. }));
    plan.map_or_else(Vec::new, |plan| plan.rotated().into_iter().map(str::to_owned).collect())
}

impl DeploymentView {
    /// Without checks, steps and waits: for lists.
    pub fn brief(deployment: &Deployment) -> Self {
        let plan = deployment.plan.as_deref();
        let watching = deployment.watching.as_deref();
        Self {
            id: deployment.id().to_string(),
            kind: match deployment.created.kind {
                Kind::Release => "release".into(),
                Kind::Settings { .. } => "settings".into(),
                Kind::Rotation { .. } => "rotation".into(),
                Kind::Adoption => "adoption".into(),
                Kind::Rollback { .. } => "rollback".into(),
            },
            secrets: rotated(deployment),
            tickets: deployment.created.tickets.clone(),
            service: deployment.created.service.to_string(),
            environment: deployment.created.environment.to_string(),
            version: plan.map(|plan| plan.new.candidate.version.clone()),
            artifact: plan.map(|plan| plan.new.candidate.artifact.to_string()),
            previous: plan
                .and_then(|plan| plan.old.as_ref())
                .map(|old| old.candidate.version.clone()),
            phase: deployment.phase_name().text().into(),
            ended: deployment.ended(),
            cause: deployment.cause().map(ops_core::deploy::Cause::words),
            cause_kind: deployment.cause().map(|cause| cause.name().to_owned()),
            began: deployment.began.wall,
            last: deployment.last.wall,
            plan: deployment.plan_hash.as_ref().map(ToString::to_string),
            revision: plan.map(|plan| plan.revision.hash.to_string()),
            waiting: None,
            waiting_for: None,
            left_ms: None,
            then: None,
            halted_by: deployment.halted.as_ref().map(|halt| record::person(&halt.by)),
            weight: None,
            observed_seconds: watching.map_or(0, |watching| watching.seconds),
            requests: watching.map_or(0, |watching| watching.requests),
            errors: watching.map_or(0, |watching| watching.errors),
            began_ms: deployment.began.ms,
            last_ms: deployment.last.ms,
            decided_back_ms: deployment.decided_back_at,
            switch_ms: deployment.switch_ms,
            gap_ms: deployment.gap.as_ref().and_then(|gap| gap.lasted_ms),
            evidence: watching.map_or(0.0, |watching| watching.judge.evidence()),
            watch: None,
            checks: Vec::new(),
            steps: Vec::new(),
            milestones: Vec::new(),
            change: Some(Change::of(deployment)),
            owed_words: deployment.outbox.iter().filter(|letter| !letter.settled()).count(),
        }
    }

    /// With everything.
    pub fn full(deployment: &Deployment, now: &Now) -> Self {
        let report = owed(deployment, now).report;
        let at = deployment.run().map(|run| run.at);
        let steps = deployment.steps().iter().enumerate().map(|(index, step)| StepView {
            name: step.goal.name(),
            words: step.goal.words(),
            state: match at {
                Some(at) if index < at => "done",
                Some(at) if index == at => "current",
                Some(_) => "later",
                None if deployment.passed() => "done",
                None => "later",
            }
            .into(),
        });
        Self {
            waiting: Some(record::report_sentence(&report)),
            waiting_for: Some(report.waiting_for),
            left_ms: report.left_ms,
            then: Some(report.then),
            weight: deployment.weight_set(),
            watch: WatchView::of(deployment).map(Box::new),
            checks: deployment.checklist.as_ref().map_or_else(Vec::new, |list| list.checks.clone()),
            steps: steps.collect(),
            milestones: deployment
                .milestones
                .iter()
                .map(|milestone| (milestone.at, milestone.words.clone()))
                .collect(),
            ..Self::brief(deployment)
        }
    }

    /// The deployment's number.
    pub fn number(&self) -> Option<DeploymentId> {
        self.id.parse().ok()
    }
}
