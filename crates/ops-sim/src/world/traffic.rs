//! The simulated customers: requests per second, errors and latency of each release.

use ops_core::{
    id::ReleaseId,
    route::{Leg, Route},
    signal::{Arm, SignalSecond},
};

use super::{door::Served, target::SimTarget};
use crate::dice::Dice;

/// Latency bucket of most requests to a good version, and of the slow tenth.
const USUAL: u16 = 100;
const TAIL: u16 = 124;

/// One second at the door. `span` is the simulated time of its first and last instant.
pub(super) fn second(
    number: u64,
    span: (u64, u64),
    rate: u64,
    served: Option<&Served>,
    target: &SimTarget,
    dice: &mut Dice,
) -> SignalSecond {
    let mut second = SignalSecond { second: number, ..SignalSecond::default() };
    let requests = if rate == 0 { 0 } else { dice.between(rate * 4 / 5, rate * 6 / 5) };
    let Some(served) = served else {
        second.refused = requests;
        return second;
    };
    if served.since <= span.0 {
        second.weights = weights(&served.route);
    }
    if served.route.hold.is_some() {
        return second;
    }
    for leg in &served.route.legs {
        let arm = arm(leg, requests, span.1, target, dice);
        if arm.requests > 0 {
            second.arms.push((leg.release.clone(), arm));
        }
    }
    second
}

fn weights(route: &Route) -> Vec<(ReleaseId, u8)> {
    route.legs.iter().map(|leg| (leg.release.clone(), leg.weight)).collect()
}

fn arm(leg: &Leg, requests: u64, t: u64, target: &SimTarget, dice: &mut Dice) -> Arm {
    let n = dice.part_of(requests, f64::from(leg.weight) / 100.0);
    let replicas: Vec<_> = leg.backends.iter().filter_map(|address| target.at(address)).collect();
    let answering = replicas.iter().filter(|replica| replica.healthy(t)).count();
    let Some(conduct) = replicas.first().map(|replica| replica.conduct()) else {
        return Arm { requests: n, connect: n, ..Arm::default() };
    };
    if answering == 0 {
        return Arm { requests: n, connect: n, ..Arm::default() };
    }
    let failed = dice.part_of(n, conduct.error_share_at(t));
    let slow = dice.part_of(n, 0.1);
    let mut latency = Vec::with_capacity(2);
    for (bucket, count) in [(USUAL, n - slow), (TAIL, slow)] {
        if count > 0 {
            latency.push((bucket + conduct.slower, count));
        }
    }
    Arm { requests: n, s2xx: n - failed, s5xx: failed, latency, ..Arm::default() }
}
