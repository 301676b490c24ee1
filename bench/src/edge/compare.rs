//! Throughput, processor time and latency of proxies beside each other, in rounds whose order
//! changes, so that a noisy machine hurts all alike.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    Told,
    backend::Backend,
    cores::Cores,
    phases::{BUSY_MIN, Paced, Saturated, median, pace, pulse, saturate},
    proxies::{CONNECTIONS, Kind, Proxy, need},
    wrk,
};
use crate::{
    answer::{Goal, progress},
    ground::BenchError,
    machine,
};

/// Throughput at least, as a share of `HAProxy`'s and of Caddy's.
const OF_HAPROXY: f64 = 0.6;
const OF_CADDY: f64 = 1.5;
/// Processor time per request at most, as a multiple of `HAProxy`'s.
const CPU_OF_HAPROXY: f64 = 1.7;
/// Latency at half load at most, as a multiple of `HAProxy`'s.
const P99_OF_HAPROXY: f64 = 1.3;
/// Seconds of load that nobody looks at, before the first round.
const WARM_UP: u64 = 1;

/// What is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) rate: f64,
}

/// One proxy.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    proxy: Kind,
    /// Requests per second at saturation: the median of the valid rounds.
    per_second: Option<f64>,
    /// Rounds in which the proxy was the limit.
    valid_rounds: usize,
    /// Medians of all rounds.
    busy: f64,
    load_core_busy: f64,
    saturated_cpu_us: f64,
    common_cpu_us: f64,
    common_p99_us: f64,
    half_rate: f64,
    half_p50_us: f64,
    half_p99_us: f64,
    /// The generator's own delay at half load.
    half_delay_p99_us: f64,
    failed: u64,
    /// Whether enough rounds were valid for the throughput, and all for the rest.
    valid: bool,
    saturated: Vec<Saturated>,
    common: Vec<Paced>,
    half: Vec<Paced>,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    cores: Cores,
    rounds: usize,
    seconds: u64,
    common_rate: f64,
    load_before: String,
    /// 99th percentile at the common rate without a proxy: what generator, backend and machine add.
    floor_p99_us: Option<f64>,
    rows: Vec<Row>,
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
            case.saturated.push(saturate(&case.proxy, cores, plan.seconds)?);
        }
        for at in order(round + 1, cases.len()) {
            let case = &mut cases[at];
            case.common.push(pace(&case.proxy, plan.rate, plan.seconds)?);
        }
        floor.push(pulse(backend.address, plan.rate, plan.seconds).send()?.latency_us(990) as f64);
    }
    for round in 0..plan.rounds {
        progress(&format!("  half load, round {}, load {}", round + 1, machine::load()));
        for at in order(round, cases.len()) {
            let case = &mut cases[at];
            let most = median(case.saturated.iter().map(|one| one.per_second));
            let rate = most.unwrap_or_default() / 2.0;
            case.half.push(pace(&case.proxy, rate, plan.seconds)?);
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
        let paced = |all: &[Paced], value: fn(&Paced) -> f64| {
            median(all.iter().map(value)).unwrap_or(f64::NAN)
        };
        let valid: Vec<_> = saturated.iter().filter(|one| one.is_valid()).collect();
        let most = saturated.len() <= 2 * valid.len() && !valid.is_empty();
        let lost = saturated.iter().map(|one| one.failed);
        let lost = lost.chain(common.iter().chain(&half).map(|one| one.failed));
        Row {
            proxy: proxy.kind,
            per_second: median(valid.iter().map(|one| one.per_second)),
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
            valid: most && common.iter().chain(&half).all(Paced::is_valid),
            saturated,
            common,
            half,
        }
    }
}

impl Report {
    fn row(&self, kind: Kind) -> Option<&Row> {
        self.rows.iter().find(|row| row.proxy == kind)
    }

    /// A goal on the edge's figure as a multiple of a peer's.
    fn ratio(
        &self,
        words: &str,
        peer: Kind,
        value: impl Fn(&Row) -> Option<f64>,
        fits: impl Fn(f64) -> bool,
    ) -> Option<Goal> {
        let (own, other) = (self.row(Kind::Ops)?, self.row(peer)?);
        let goal = format!("{words} × {}'s", peer.name());
        let Some((own, other)) = value(own).zip(value(other)) else {
            let why = "invalid: a proxy was not the limit, something else on this machine was";
            return Some(Goal::new(goal, why, false));
        };
        let ratio = own / other;
        Some(Goal::new(goal, format!("{ratio:.2} ({own:.1} to {other:.1})"), fits(ratio)))
    }
}

impl Told for Report {
    fn table(&self) -> String {
        let mut out = format!(
            "1 kB answers, {} connections; proxies on core {}, load and backend on core {}; medians of {} \
             rounds of {} s; load average before {}\n\n",
            wrk::CONNECTIONS,
            self.cores.proxy,
            self.cores.load,
            self.rounds,
            self.seconds,
            self.load_before
        );
        let _ = writeln!(
            out,
            "{:<9} {:>36}   {:>22}   {:>41}",
            "",
            "saturation",
            format!("{:.0} requests/s", self.common_rate),
            "half of its saturation"
        );
        let _ = writeln!(
            out,
            "{:<9} {:>10} {:>8} {:>6} {:>9}   {:>10} {:>11}   {:>10} {:>9} {:>9} {:>10}   {:>6}",
            "proxy",
            "requests/s",
            "CPU/req",
            "core",
            "load core",
            "CPU/req",
            "p99",
            "requests/s",
            "p50",
            "p99",
            "own delay",
            "failed"
        );
        for row in &self.rows {
            out.push_str(&row.line());
        }
        if let Some(floor) = self.floor_p99_us {
            let rate = self.common_rate;
            let _ = writeln!(out, "without a proxy, {rate:.0} requests/s: p99 {floor:.0} µs");
        }
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let throughput = |row: &Row| row.per_second.filter(|_| row.valid);
        let all = [
            self.ratio(
                &format!("throughput at least {OF_HAPROXY}"),
                Kind::Haproxy,
                throughput,
                |ratio| ratio >= OF_HAPROXY,
            ),
            self.ratio(
                &format!("throughput at least {OF_CADDY}"),
                Kind::Caddy,
                throughput,
                |ratio| ratio >= OF_CADDY,
            ),
            self.ratio(
                &format!("CPU per request at saturation at most {CPU_OF_HAPROXY}"),
                Kind::Haproxy,
                |row| Some(row.saturated_cpu_us),
                |ratio| ratio <= CPU_OF_HAPROXY,
            ),
            self.ratio(
                &format!("CPU per request at the common rate at most {CPU_OF_HAPROXY}"),
                Kind::Haproxy,
                |row| Some(row.common_cpu_us),
                |ratio| ratio <= CPU_OF_HAPROXY,
            ),
            self.ratio(
                &format!("p99 at half load at most {P99_OF_HAPROXY}"),
                Kind::Haproxy,
                |row| Some(row.half_p99_us).filter(|_| row.half.iter().all(Paced::is_valid)),
                |ratio| ratio <= P99_OF_HAPROXY,
            ),
        ];
        let mut goals: Vec<Goal> = all.into_iter().flatten().collect();
        goals.extend(self.rows.iter().map(Row::validity));
        goals
    }
}

impl Row {
    fn line(&self) -> String {
        let per_second =
            self.per_second.map_or_else(|| "invalid".into(), |rate| format!("{rate:.0}"));
        format!(
            "{:<9} {:>10} {:>5.1} µs {:>5.0}% {:>8.0}%   {:>7.1} µs {:>8.0} µs   {:>10.0} {:>6.0} µs \
             {:>6.0} µs {:>7.0} µs   {:>6}\n",
            self.proxy.name(),
            per_second,
            self.saturated_cpu_us,
            self.busy * 100.0,
            self.load_core_busy * 100.0,
            self.common_cpu_us,
            self.common_p99_us,
            self.half_rate,
            self.half_p50_us,
            self.half_p99_us,
            self.half_delay_p99_us,
            self.failed
        )
    }

    fn validity(&self) -> Goal {
        let least = BUSY_MIN * 100.0;
        Goal::new(
            format!(
                "{}: its own core at least {least:.0} % busy in most rounds, nothing lost",
                self.proxy.name()
            ),
            format!(
                "{} of {} rounds, {} lost",
                self.valid_rounds,
                self.saturated.len(),
                self.failed
            ),
            self.valid && self.failed == 0,
        )
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
