//! Throughput, processor time and latency of proxies beside each other, in rounds whose order
//! changes, so that a noisy machine hurts all alike.

use std::time::Duration;

use super::{
    backend::Backend,
    cores::{Cores, await_quiet},
    peers::need,
    phases::{Paced, Saturated, median, mostly_valid, pace, pulse, saturate},
    proxies::{CONNECTIONS, Kind, Proxy},
    verdict::{Report, Row},
};
use crate::{answer::progress, ground::BenchError, machine};

/// Seconds of load that nobody looks at, before the first round.
const WARM_UP: u64 = 1;

/// What is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    /// How long each measurement may wait for a quiet machine.
    pub(crate) patience: Duration,
    pub(crate) rate: f64,
}

/// A proxy and what was measured of it.
struct Case {
    proxy: Proxy,
    saturated: Vec<Saturated>,
    common: Vec<Paced>,
    half: Vec<Paced>,
}

pub(crate) fn run(plan: &Plan) -> Result<Report, BenchError> {
    need(&plan.kinds, &[("wrk", "wrk"), ("taskset", "util-linux")])?;
    let load_before = machine::load();
    let cores = Cores::take()?;
    let folder = super::changes::folder()?;
    let backend = Backend::start("v1")?;
    let mut cases = Vec::new();
    for &kind in &plan.kinds {
        let proxy = Proxy::start(kind, folder.path(), cores, backend.address, CONNECTIONS)?;
        cases.push(Case { proxy, saturated: Vec::new(), common: Vec::new(), half: Vec::new() });
    }
    for case in &cases {
        saturate(&case.proxy, cores, WARM_UP)?;
    }
    let mut floor = Vec::new();
    for round in 0..plan.rounds {
        progress(&format!("  round {} of {}, load {}", round + 1, plan.rounds, machine::load()));
        for at in order(round, cases.len()) {
            let case = &mut cases[at];
            await_quiet(cores, plan.patience);
            case.saturated.push(saturate(&case.proxy, cores, plan.seconds)?);
        }
        for at in order(round + 1, cases.len()) {
            let case = &mut cases[at];
            await_quiet(cores, plan.patience);
            case.common.push(pace(&case.proxy, cores, plan.rate, plan.seconds)?);
        }
        floor.push(pulse(backend.address, plan.rate, plan.seconds).send()?.latency_us(990) as f64);
    }
    for round in 0..plan.rounds {
        progress(&format!("  half load, round {}, load {}", round + 1, machine::load()));
        for at in order(round, cases.len()) {
            let case = &mut cases[at];
            let most = median(case.saturated.iter().map(|one| one.per_second));
            let rate = most.unwrap_or_default() / 2.0;
            await_quiet(cores, plan.patience);
            case.half.push(pace(&case.proxy, cores, rate, plan.seconds)?);
        }
    }
    let rows = cases.into_iter().map(Case::row).collect();
    let (rounds, seconds, common_rate) = (plan.rounds, plan.seconds, plan.rate);
    Ok(Report {
        cores,
        rounds,
        seconds,
        common_rate,
        load_before,
        floor_p99_us: median(floor.into_iter()),
        rows,
    })
}

/// The order of a round: A B C D, D C B A, B C D A, A D C B and so on, so that each comes first,
/// last, and after each.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).map(|at| (at + round / 2) % count).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

impl Case {
    fn row(self) -> Row {
        let Self { proxy, saturated, common, half } = self;
        let of = |value: fn(&Saturated) -> f64| median(saturated.iter().map(value));
        // Of the rounds that count; where none does, the row is invalid and its figures say why.
        let paced = |all: &[Paced], value: fn(&Paced) -> f64| {
            let valid = median(all.iter().filter(|one| one.is_valid()).map(value));
            valid.or_else(|| median(all.iter().map(value))).unwrap_or(f64::NAN)
        };
        let valid: Vec<_> = saturated.iter().filter(|one| one.is_valid()).collect();
        let most = saturated.len() <= 2 * valid.len() && !valid.is_empty();
        let lost = saturated.iter().map(|one| one.failed);
        let lost = lost.chain(common.iter().chain(&half).map(|one| one.failed));
        Row {
            proxy: proxy.kind,
            per_second: median(valid.iter().map(|one| one.per_second)).filter(|_| most),
            valid_rounds: valid.len(),
            busy: of(|one| one.busy).unwrap_or(f64::NAN),
            load_core_busy: of(|one| one.load_core_busy).unwrap_or(f64::NAN),
            saturated_cpu_us: of(|one| one.cpu_us).unwrap_or(f64::NAN),
            common_cpu_us: paced(&common, |one| one.cpu_us),
            common_p99_us: paced(&common, |one| one.p99_us as f64),
            half_rate: paced(&half, |one| one.rate),
            half_p50_us: paced(&half, |one| one.p50_us as f64),
            half_p99_us: paced(&half, |one| one.p99_us as f64),
            half_delay_p99_us: paced(&half, |one| one.delay_p99_us as f64),
            failed: lost.sum(),
            valid: most && mostly_valid(&common) && mostly_valid(&half),
            saturated,
            common,
            half,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_first_and_last() {
        assert_eq!(order(0, 4), [0, 1, 2, 3]);
        assert_eq!(order(1, 4), [3, 2, 1, 0]);
        assert_eq!(order(2, 4), [1, 2, 3, 0]);
        assert_eq!(order(3, 4), [0, 3, 2, 1]);
        for place in [0, 3] {
            let mut there: Vec<_> = (0..8).map(|round| order(round, 4)[place]).collect();
            there.sort_unstable();
            assert_eq!(there, [0, 0, 1, 1, 2, 2, 3, 3]);
        }
    }
}
