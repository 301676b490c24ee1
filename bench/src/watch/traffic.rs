//! Simulated traffic of both versions, second by second, as the door would tell it. Deterministic
//! in scenario, rate, weight, base error rate and seed.

mod clients;
mod nodes;

use ops_core::{
    id::ReleaseId,
    signal::{Arm, LATENCY_BUCKETS, Latency, SignalSecond, latency_bucket},
};

pub(super) use self::nodes::{NOISE, PERSISTENCE, Usage};
use self::{
    clients::{Crowd, Moment},
    nodes::Nodes,
};
use super::{
    chance::Chance,
    latency::{Shape, buckets},
    scenario::{Bursts, HORIZON, Harm, Latencies, Scenario, Stalls, Users},
};

/// Seconds before the deployment from which the watch learns.
pub(super) const BEFORE: u64 = 600;
/// Answers 4xx that any service gives, as shares of its requests.
const USUAL_STATUSES: [(u16, f64); 2] = [(401, 0.001), (404, 0.005)];
/// How long a request takes that met a stalled pod.
const STALLED_MICROS: u64 = 570_000;
/// Name of the version that serves before the deployment.
const OLD: &str = "old";

/// One cell of a table: a scenario under these conditions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// What happens.
    pub(super) scenario: Scenario,
    /// Requests per second, both versions together.
    pub(super) rps: f64,
    /// Share of the new version.
    pub(super) weight: f64,
    /// Share of requests that fail anyway.
    pub(super) base: f64,
    /// Seconds from the new version's first request until its latency is judged.
    pub(super) warmup: u64,
}

/// A pair: of the new version, of the old one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Both<T> {
    pub(super) canary: T,
    pub(super) control: T,
}

/// The true state of things in one second: what only the oracle may know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    /// Share of failed requests.
    pub(super) errors: Both<f64>,
    /// By how many buckets latency is above its usual shape.
    pub(super) shift: Both<f64>,
    /// Share of answers with the changed status.
    pub(super) status: Both<f64>,
    /// How much of the change is there, 0 to 1.
    pub(super) level: f64,
}

/// One second of both versions.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The second, from 1.
    pub(super) t: u64,
    /// What the door saw of both.
    pub(super) arms: Both<Arm>,
    /// Share of requests that the door sent to the new version.
    pub(super) share: f64,
    /// What both took of their machines, where that was read in this second.
    pub(super) usage: Option<Usage>,
    /// Bad responses of the new version.
    pub(super) bad: u64,
    /// The truth.
    pub(super) rates: Rates,
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    cell: Cell,
    chance: Chance,
    shapes: Both<Shape>,
    bursts: Vec<bool>,
    slow_from: u16,
    crowd: Option<Crowd>,
    nodes: Option<Nodes>,
    t: u64,
}

/// The latency of both versions as the scenario wants it.
pub(super) fn shapes(scenario: &Scenario) -> Both<Shape> {
    let control = match scenario.world.latency {
        Latencies::Usual => Shape::usual(),
        Latencies::Bimodal(slow) => Shape::bimodal(slow),
    };
    let change = &scenario.change;
    let canary = match (change.tail, change.slow_way) {
        (Some((share, times)), _) => Shape::with_tail(share, times),
        (None, Some(slow)) => Shape::bimodal(slow),
        (None, None) => control.clone(),
    };
    Both { canary, control }
}

impl Traffic {
    pub(super) fn new(cell: &Cell, seed: u64) -> Self {
        let Cell { scenario, rps, weight, base, .. } = cell;
        let words = format!("{}/{rps}/{weight}/{base}/{seed}", scenario.name);
        let mut chance = Chance::of(&words);
        let shapes = shapes(scenario);
        Self {
            cell: *cell,
            bursts: scenario.world.bursts.map_or_else(Vec::new, |one| when(&one, &mut chance)),
            slow_from: shapes.control.quantile(0.95),
            shapes,
            crowd: scenario.world.clients.map(|clients| Crowd::new(clients, *rps, &mut chance)),
            nodes: scenario.world.memory.then(|| Nodes::new(&mut chance)),
            chance,
            t: 0,
        }
    }

    /// The seconds before the deployment, in which only the old version serves.
    pub(super) fn before(&mut self) -> (Vec<SignalSecond>, ReleaseId) {
        let old = ReleaseId::from(OLD);
        let seconds = (1..=BEFORE).map(|second| {
            let arm = self.second_before();
            SignalSecond { second, arms: vec![(old.clone(), arm)], ..SignalSecond::default() }
        });
        (seconds.collect(), old)
    }

    fn second_before(&mut self) -> Arm {
        let Cell { rps, base, scenario, .. } = self.cell;
        let (requests, failed, units) = if let Some(crowd) = &mut self.crowd {
            let errors = Both { canary: 0.0, control: base };
            let Both { control, .. } = crowd.second(rps, 0.0, errors, &mut self.chance);
            (control.requests, control.failed, control)
        } else {
            let requests = self.chance.poisson(rps);
            (requests, self.failed(requests, base), Moment::default())
        };
        let control = self.shapes.control.clone();
        let mut arm = self.arm(requests, failed, &control, 0.0, 1.0);
        units.tell(&mut arm);
        self.statuses(&mut arm, &scenario, None);
        arm
    }

    /// The next second of the watch.
    pub(super) fn second(&mut self) -> Seen {
        self.t += 1;
        let Cell { weight, scenario, .. } = self.cell;
        let rates = self.rates();
        let share = if scenario.world.users == Users::Old { 0.0 } else { weight };
        let (mut canary, control) = self.counts(share, &rates);
        let mut unanswered = 0;
        if scenario.change.answered < 1.0 {
            let answered = self.chance.binomial(canary.requests, scenario.change.answered);
            unanswered = canary.requests - answered;
            // What failed is among what was answered in the same proportion.
            let share = answered as f64 / canary.requests.max(1) as f64;
            canary.failed = self.chance.binomial(canary.failed, share);
            canary.requests = answered;
        }
        let arms = Both {
            canary: self.whole(&canary, &rates, true),
            control: self.whole(&control, &rates, false),
        };
        let requests = Both { canary: arms.canary.requests, control: arms.control.requests };
        let (t, leak) = (self.t, scenario.change.leak);
        let usage =
            self.nodes.as_mut().and_then(|nodes| nodes.second(t, requests, leak, &mut self.chance));
        let bad = match scenario.change.harm {
            Harm::Errors => arms.canary.errors(),
            Harm::Slow => slower(&arms.canary.latency, self.slow_from),
            Harm::Status(status) => {
                arms.canary.kinds.iter().find(|(kind, _)| *kind == status).map_or(0, |(_, n)| *n)
            }
            Harm::Unanswered => unanswered,
            Harm::Memory => 0,
        };
        Seen { t: self.t, arms, share, usage, bad, rates }
    }

    /// What is true in this second.
    fn rates(&self) -> Rates {
        let Cell { base, scenario, .. } = self.cell;
        let change = &scenario.change;
        // The middle of the second.
        let at = self.t as f64 - 0.5;
        let level = change.course.level(at);
        let day = if scenario.world.diurnal { at / HORIZON as f64 } else { 0.0 };
        let burst = self.burst();
        let (burst_errors, burst_slow) = burst.map_or((0.0, 1.0), |one| (one.errors, one.latency));
        let control = base * (1.0 + day);
        let times = 1.0 + (change.errors_times - 1.0) * level;
        let canary = control * times + change.errors * level;
        let slow = (1.0 + 0.4 * day) * burst_slow;
        let usual = change.status.map_or(0.0, |(status, _)| usual_share(status));
        let status = change.status.map_or(0.0, |(_, share)| usual + (share - usual) * level);
        Rates {
            errors: Both {
                canary: (canary + burst_errors).min(1.0),
                control: (control + burst_errors).min(1.0),
            },
            shift: Both {
                canary: buckets(slow * (1.0 + (change.latency - 1.0) * level)),
                control: buckets(slow),
            },
            status: Both { canary: status, control: usual },
            level,
        }
    }

    /// The shared trouble of this second.
    fn burst(&self) -> Option<Bursts> {
        let now = self.bursts.get(self.t as usize - 1).copied().unwrap_or(false);
        self.cell.scenario.world.bursts.filter(|_| now)
    }

    /// Requests and failed ones of both.
    fn counts(&mut self, share: f64, rates: &Rates) -> (Moment, Moment) {
        let Cell { rps, scenario, .. } = self.cell;
        let world = &scenario.world;
        if world.users == Users::Nobody {
            return (Moment::default(), Moment::default());
        }
        let at = self.t as f64 - 0.5;
        let day = if world.diurnal { 0.6 + 0.8 * at / HORIZON as f64 } else { 1.0 };
        let surge = world.surge.filter(|(from, _)| self.t > *from).map_or(1.0, |(_, times)| times);
        let burst = self.burst().map_or(1.0, |burst| burst.traffic);
        let rate = rps * day * surge * burst;
        if let Some(crowd) = &mut self.crowd {
            let both = crowd.second(rate, share, rates.errors, &mut self.chance);
            return (both.canary, both.control);
        }
        let all = self.chance.poisson(rate);
        let mut requests = self.chance.binomial(all, share);
        let others = all - requests;
        let mut failed = self.failed(requests, rates.errors.canary);
        let again = self.chance.binomial(failed, scenario.change.retried);
        requests += again;
        failed += self.failed(again, rates.errors.canary);
        let canary = Moment { requests, failed, ..Moment::default() };
        let failed = self.failed(others, rates.errors.control);
        (canary, Moment { requests: others, failed, ..Moment::default() })
    }

    /// How many of these requests fail.
    fn failed(&mut self, requests: u64, share: f64) -> u64 {
        let Some(mean) = self.cell.scenario.world.cluster else {
            return self.chance.binomial(requests, share);
        };
        let clusters = self.chance.poisson(requests as f64 * share / mean);
        let failed: u64 = (0..clusters).map(|_| self.chance.geometric(mean)).sum();
        failed.min(requests)
    }

    /// One version's second with everything that the door counts.
    fn whole(&mut self, moment: &Moment, rates: &Rates, new: bool) -> Arm {
        let Cell { weight, scenario, .. } = self.cell;
        let (shape, shift, of_pods) = if new {
            (self.shapes.canary.clone(), rates.shift.canary, weight)
        } else {
            (self.shapes.control.clone(), rates.shift.control, 1.0 - weight)
        };
        let mut arm = self.arm(moment.requests, moment.failed, &shape, shift, of_pods);
        moment.tell(&mut arm);
        let changed = scenario.change.status.map(|(kind, _)| (kind, rates.status.canary));
        self.statuses(&mut arm, &scenario, changed.filter(|_| new));
        arm
    }

    /// Requests with their latencies; `of_pods` is the version's share of the pods.
    fn arm(&mut self, requests: u64, failed: u64, shape: &Shape, shift: f64, of_pods: f64) -> Arm {
        let stalled = match self.cell.scenario.world.stalls {
            Some(stalls) => self.stalled(requests, &stalls, of_pods),
            None => 0,
        };
        let mut histogram = [0u64; LATENCY_BUCKETS];
        for _ in stalled..requests {
            histogram[shape.draw(&mut self.chance, shift)] += 1;
        }
        histogram[usize::from(latency_bucket(STALLED_MICROS))] += stalled;
        let latency = (0..).zip(histogram).filter(|(_, count)| *count > 0).collect();
        Arm { requests, s5xx: failed, s2xx: requests - failed, latency, ..Arm::default() }
    }

    /// How many requests meet a stalled pod.
    fn stalled(&mut self, requests: u64, stalls: &Stalls, of_pods: f64) -> u64 {
        let pods = (stalls.pods * of_pods).round().max(1.0);
        let now = self.chance.poisson(pods / stalls.every);
        self.chance.binomial(requests, now as f64 * stalls.seconds / pods)
    }

    /// Makes some of the good answers 4xx.
    fn statuses(&mut self, arm: &mut Arm, scenario: &Scenario, changed: Option<(u16, f64)>) {
        debug_assert!(scenario.change.status.is_none_or(|(kind, _)| usual_share(kind) > 0.0));
        for (kind, usual) in USUAL_STATUSES {
            let share = changed.filter(|(one, _)| *one == kind).map_or(usual, |(_, share)| share);
            let count = self.chance.binomial(arm.s2xx, share);
            if count > 0 {
                arm.s2xx -= count;
                arm.s4xx += count;
                arm.kinds.push((kind, count));
            }
        }
    }
}

fn usual_share(status: u16) -> f64 {
    USUAL_STATUSES.iter().find(|(kind, _)| *kind == status).map_or(0.0, |(_, share)| *share)
}

/// In which seconds of the watch there is shared trouble.
fn when(bursts: &Bursts, chance: &mut Chance) -> Vec<bool> {
    let mut troubled = vec![false; HORIZON as usize];
    for _ in 0..chance.poisson(bursts.mean) {
        let begin = chance.between(0.0, HORIZON as f64);
        let end = begin + chance.between(bursts.seconds.0, bursts.seconds.1);
        for second in troubled.iter_mut().take(end as usize + 1).skip(begin as usize) {
            *second = true;
        }
    }
    troubled
}

/// Requests in or above a bucket.
fn slower(latency: &Latency, bucket: u16) -> u64 {
    latency.iter().filter(|(at, _)| *at >= bucket).map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests;
