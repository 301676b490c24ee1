//! What the comparison says, and what of it must be reached.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    Told,
    cores::Cores,
    phases::{BUSY_MIN, Paced, Saturated, mostly_valid},
    proxies::Kind,
    wrk,
};
use crate::answer::Goal;

/// Throughput at least, as a share of `HAProxy`'s and of Caddy's.
const OF_HAPROXY: f64 = 0.6;
const OF_CADDY: f64 = 1.5;
/// Processor time per request at most, as a multiple of `HAProxy`'s.
const CPU_OF_HAPROXY: f64 = 1.7;
/// Latency at half load at most, as a multiple of `HAProxy`'s.
const P99_OF_HAPROXY: f64 = 1.3;

/// One proxy.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(super) proxy: Kind,
    /// Requests per second at saturation: the median of the valid rounds, if most are.
    pub(super) per_second: Option<f64>,
    /// Rounds in which the proxy was the limit.
    pub(super) valid_rounds: usize,
    /// Medians of all rounds.
    pub(super) busy: f64,
    pub(super) load_core_busy: f64,
    pub(super) saturated_cpu_us: f64,
    pub(super) common_cpu_us: f64,
    pub(super) common_p99_us: f64,
    pub(super) half_rate: f64,
    pub(super) half_p50_us: f64,
    pub(super) half_p99_us: f64,
    /// The generator's own delay at half load.
    pub(super) half_delay_p99_us: f64,
    pub(super) failed: u64,
    /// Whether enough rounds were valid for the throughput, and all for the rest.
    pub(super) valid: bool,
    pub(super) saturated: Vec<Saturated>,
    pub(super) common: Vec<Paced>,
    pub(super) half: Vec<Paced>,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(super) cores: Cores,
    pub(super) rounds: usize,
    pub(super) seconds: u64,
    pub(super) common_rate: f64,
    pub(super) load_before: String,
    /// 99th percentile at the common rate without a proxy: what generator, backend and machine add.
    pub(super) floor_p99_us: Option<f64>,
    pub(super) rows: Vec<Row>,
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
            let why = "invalid: something else on this machine was in the way";
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
                |row| Some(row.half_p99_us).filter(|_| mostly_valid(&row.half)),
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
        let paced = self.common.iter().chain(&self.half);
        let undisturbed = paced.filter(|one| one.is_valid()).count();
        Goal::new(
            format!(
                "{}: its own core at least {least:.0} % busy at saturation, and undisturbed at a rate, in \
                 most rounds; nothing lost",
                self.proxy.name()
            ),
            format!(
                "{} of {} and {undisturbed} of {} rounds, {} lost",
                self.valid_rounds,
                self.saturated.len(),
                self.common.len() + self.half.len(),
                self.failed
            ),
            self.valid && self.failed == 0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(proxy: Kind, per_second: f64, cpu_us: f64, p99_us: f64) -> Row {
        let half = Paced {
            rate: 1.0,
            cpu_us,
            p50_us: 1,
            p99_us: 1,
            delay_p99_us: 1,
            others: 0.0,
            answered: 100,
            failed: 0,
        };
        Row {
            proxy,
            per_second: Some(per_second),
            valid_rounds: 1,
            busy: 1.0,
            load_core_busy: 0.5,
            saturated_cpu_us: cpu_us,
            common_cpu_us: cpu_us,
            common_p99_us: p99_us,
            half_rate: 1.0,
            half_p50_us: 1.0,
            half_p99_us: p99_us,
            half_delay_p99_us: 1.0,
            failed: 0,
            valid: true,
            saturated: Vec::new(),
            common: Vec::new(),
            half: vec![half],
        }
    }

    /// Which goals are met, in their order: throughput twice, CPU twice, latency, three rows.
    fn goals_of(ops: Row) -> Vec<bool> {
        let rows = vec![
            ops,
            row(Kind::Haproxy, 50_000.0, 20.0, 1_000.0),
            row(Kind::Caddy, 12_000.0, 80.0, 3_000.0),
        ];
        let report = Report {
            cores: Cores { proxy: 0, load: 1 },
            rounds: 1,
            seconds: 1,
            common_rate: 1.0,
            load_before: String::new(),
            floor_p99_us: None,
            rows,
        };
        report.goals().iter().map(|goal| goal.met).collect()
    }

    #[test]
    fn each_goal_can_be_missed() {
        let good = || row(Kind::Ops, 31_000.0, 33.0, 1_200.0);
        let all = |met: [u8; 8]| met.map(|one| one == 1).to_vec();
        assert_eq!(goals_of(good()), all([1; 8]));
        let slow = Row { per_second: Some(29_000.0), ..good() };
        assert_eq!(goals_of(slow), all([0, 1, 1, 1, 1, 1, 1, 1]));
        let slower = Row { per_second: Some(17_000.0), ..good() };
        assert_eq!(goals_of(slower), all([0, 0, 1, 1, 1, 1, 1, 1]));
        assert_eq!(
            goals_of(row(Kind::Ops, 31_000.0, 35.0, 1_400.0)),
            all([1, 1, 0, 0, 0, 1, 1, 1])
        );
        let not_the_limit = Row { per_second: None, valid: false, ..good() };
        assert_eq!(goals_of(not_the_limit), all([0, 0, 1, 1, 1, 0, 1, 1]));
        let lossy = Row { failed: 1, ..good() };
        assert_eq!(goals_of(lossy), all([1, 1, 1, 1, 1, 0, 1, 1]));
    }
}
