//! Whether users are being hurt.

use super::Draft;
use crate::{
    deploy::{Cause, act::View},
    id::ReleaseId,
    plan::Which,
    settings::Strategy,
    watch::Verdict,
    world::TargetView,
};

/// Ends of new replicas by themselves, once they have been healthy, until that is harm.
const RESTARTS: u32 = 2;
/// How often harm that only the time before shows is looked at beside the old version. Each time takes
/// half a minute at least, so that an outage of a minute ends meanwhile.
const CONFIRMATIONS: u32 = 3;
/// Failed probes in a row of one new replica until that is harm.
const PROBES: u32 = 3;

/// What the new version changed beside its replicas and what fails since.
fn beside_harm(target: &TargetView, new: &ReleaseId, view: &View) -> Option<String> {
    target.changed_by(new).find_map(|one| {
        let health = view.health.get(&one.id).filter(|health| health.bad >= PROBES)?;
        let why = health.why.as_deref().unwrap_or("nobody says why");
        Some(format!("{}, which the new version changed, fails: {why}", one.id))
    })
}

impl Draft<'_> {
    /// Begins the way back if a detector tripped.
    pub(super) fn judge_harm(&mut self, view: &View) {
        if self.state.busy() {
            return;
        }
        let cause = self
            .door_harm(view)
            .or_else(|| self.probe_harm(view))
            .or_else(|| self.declared_harm())
            .or_else(|| self.signal_harm(view))
            .or_else(|| self.lost_signal());
        if let Some(cause) = cause {
            self.back(cause);
        }
    }

    /// While nobody looked the door went back by itself, by the order that came with the route.
    fn door_harm(&self, view: &View) -> Option<Cause> {
        let plan = self.state.plan.as_ref()?;
        let returned = view.door.as_ref().ok()?.returned.as_ref()?;
        let (requests, failed) = returned.seen;
        let ours = returned.because == plan.new.spec.release;
        ours.then(|| Cause::Harm {
            detector: "the door's own limit".into(),
            words: format!(
                "{failed} of {requests} requests failed on the new version while ops was away, so \
                 the door went back to the old one by itself"
            ),
        })
    }

    /// Restarts and failing probes: no statistics.
    fn probe_harm(&self, view: &View) -> Option<Cause> {
        let plan = self.state.plan.as_ref()?;
        let judged = self.state.start_ms.is_some() || self.state.on_traffic;
        let target = view.target.as_ref().ok().filter(|_| judged)?;
        let new = plan.new.spec.release.clone();
        let restarts: u32 = target.of(&new).map(|replica| replica.restarts).sum();
        let exit = |exit: Option<String>| exit.unwrap_or_else(|| "an unknown status".into());
        if restarts >= RESTARTS {
            let last = target.of(&new).find_map(|replica| replica.last_exit.clone());
            let words = format!(
                "new replicas ended {restarts} times by themselves, last with {}",
                exit(last)
            );
            return Some(Cause::Harm { detector: "restarts".into(), words });
        }
        if let Some(one) = target.changed_by(&new).find(|one| one.restarts >= RESTARTS) {
            let words = format!(
                "{}, which the new version changed, ended {} times by itself, last with {}",
                one.id,
                one.restarts,
                exit(one.last_exit.clone())
            );
            return Some(Cause::Harm { detector: "restarts".into(), words });
        }
        if let Some(words) = beside_harm(target, &new, view) {
            return Some(Cause::Harm { detector: "health".into(), words });
        }
        let sick = |release: &ReleaseId| {
            target.of(release).find_map(|replica| {
                let health = view.health.get(&replica.id)?;
                (health.bad >= PROBES).then(|| health.why.clone().unwrap_or_default())
            })
        };
        let words = sick(&new)?;
        let shared = plan.release(Which::Old).and_then(|old| sick(&old));
        Some(match shared {
            // Both versions are sick: that is not what the new one did.
            Some(_) => Cause::Errored {
                step: "health".into(),
                words: format!("both versions fail their health probes: {words}"),
            },
            None => Cause::Harm {
                detector: "health".into(),
                words: format!("a new replica fails its health probes: {words}"),
            },
        })
    }

    /// What `ops.yaml` says is harm by itself.
    fn declared_harm(&self) -> Option<Cause> {
        let (detector, words) = self.state.watching.as_ref()?.declared_harm.clone()?;
        Some(Cause::Harm { detector, words })
    }

    /// What was to judge the new version has been silent for too long: nothing is known of it (P8).
    fn lost_signal(&self) -> Option<Cause> {
        let plan = self.state.plan.as_ref()?;
        let service = &plan.service;
        let watching = self.state.watching.as_ref()?;
        let words = watching.sensors.lost(&service.signals, service.watch.grace_seconds)?;
        Some(Cause::Inconclusive { words })
    }

    fn signal_harm(&mut self, view: &View) -> Option<Cause> {
        let plan = self.plan()?;
        let verdict = self.state.watching.as_ref()?.judge.verdict();
        match verdict {
            Verdict::NoHarm => None,
            Verdict::Certain { detector, words } => Some(Cause::Harm { detector, words }),
            Verdict::Harm { leading, words, .. } => {
                Some(Cause::Harm { detector: leading.to_string(), words })
            }
            Verdict::BaselineOnly { gross, words, .. } => {
                plan.old.as_ref()?;
                let detector = "errors against the baseline".to_owned();
                if !view.sick_dependencies.is_empty() {
                    let sick = view.sick_dependencies.join(", ");
                    let words = format!("{words}, while {sick} does not answer healthy");
                    return Some(Cause::Inconclusive { words });
                }
                if gross || plan.service.strategy == Strategy::Recreate {
                    return Some(Cause::Harm { detector, words });
                }
                let more = self.state.confirmations < CONFIRMATIONS;
                if more && self.state.expected_weight() == 100 {
                    self.confirm(words);
                }
                None
            }
        }
    }
}
