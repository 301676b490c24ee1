//! What the simulated world shows to a look.

use ops_core::{
    deploy::{Health, LookOrder, View},
    plan::Plan,
    signal::{Arm, SignalSecond},
};

use super::Machine;

/// Requests of a second of traffic.
pub(super) const REQUESTS: u64 = 40;

impl Machine {
    /// What a look shows.
    pub(super) fn view(&self, plan: &Plan, order: &LookOrder, seconds: u64, errors: u64) -> View {
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
}
