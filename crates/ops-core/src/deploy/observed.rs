//! How the watch of a deployment grows with what was seen of it.

use super::{Event, state::Deployment, watching::Added};
use crate::{
    plan::{Goal, Step},
    signal::SignalSecond,
    time::Now,
};

impl Deployment {
    pub(super) fn seen(&mut self, seconds: &[SignalSecond]) {
        let weight = self.expected_weight();
        let Some(plan) = self.plan.clone() else {
            return;
        };
        let since = self.observing_since();
        let grace = plan.service.watch.grace_seconds;
        let Some(watching) = &mut self.watching else {
            return;
        };
        let added: Vec<Added> =
            seconds.iter().map(|second| watching.feed(second, since, weight, grace)).collect();
        for one in added {
            self.count(one);
        }
    }

    pub(super) fn beat(&mut self, now: &Now) {
        let Some(plan) = self.plan.clone() else {
            return;
        };
        let Some(watching) = &mut self.watching else {
            return;
        };
        let added = watching.beat(now.ms, plan.service.watch.grace_seconds);
        self.count(added);
    }

    /// What the senses beside the door said.
    pub(super) fn sensed(&mut self, event: &Event, now: &Now) {
        let since = self.observing_since();
        let Some(watching) = &mut self.watching else { return };
        match event {
            Event::SignalRead { name, readings } => {
                let added = watching.read(name, readings, now.ms / 1_000, since);
                self.count(added);
            }
            Event::SignalLost { name, words } => {
                watching.sensors.failed(name, words, now.ms / 1_000);
            }
            Event::Used { usage } => watching.used(usage),
            Event::Logged { reading } => watching.logged(reading),
            Event::Alerted { names } => watching.alerted(names),
            _ => {}
        }
    }

    fn count(&mut self, added: Added) {
        let observing = matches!(self.step(), Some(Step { goal: Goal::Observed { .. }, .. }));
        if let Some(run) = self.run_mut() {
            if added.gap {
                run.seconds = 0;
                run.requests = 0;
            }
            if observing {
                run.seconds += added.seconds;
                run.requests += added.requests;
            }
        }
    }

    /// The share of the new release that the current step watches.
    pub(super) fn expected_weight(&self) -> u8 {
        let at = self.run().map_or(0, |run| run.at);
        let before = self.steps().get(..at).unwrap_or_default();
        let last = |steps: &[Step]| {
            steps.iter().rev().find_map(|step| match step.goal {
                Goal::Routed { new } => Some(new),
                _ => None,
            })
        };
        last(before).unwrap_or(0)
    }

    /// Seconds up to this one are not of the current step.
    pub(super) fn observing_since(&self) -> u64 {
        self.run().map_or(0, |run| run.deadline.since / 1_000)
    }
}
