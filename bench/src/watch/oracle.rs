//! The limit: a test that is told in advance what the new version changes, from when on, and how
//! everything else stands at each moment.
//!
//! It is Wald's sequential probability ratio test of the truth against that state within the
//! tolerance of the watch which is hardest to tell from the truth. Under every state within the
//! tolerance the ratio is a supermartingale, so that it exceeds `1/alpha` with a chance of at most
//! `alpha` (Ville). No test with this promise is quicker on average, up to the overshoot.

use ops_core::signal::{LATENCY_BUCKETS, Latency};

use super::{
    latency::{Cells, Shape},
    scenario::Harm,
    traffic::{Both, Cell, NOISE, PERSISTENCE, Rates, Seen, Usage, shapes},
};

/// Chance of a false alarm.
const ALPHA: f64 = 0.01;
/// Tolerance of failed requests: factor and addition.
const ERRORS: (f64, f64) = (1.1, 0.0005);
/// The same of answers 4xx.
const STATUSES: (f64, f64) = (1.2, 0.002);
/// Tolerance of latency, in buckets.
const BUCKETS: f64 = 1.0;
/// The share of its requests that a version answers at least.
const ANSWERED: f64 = 0.8;
/// Tolerance of memory.
const GROWTH: f64 = 0.25;
/// Logarithm of a ratio beyond which numbers end.
const CERTAIN: f64 = 700.0;

/// The test.
#[derive(Debug, Clone)]
pub(super) struct Oracle {
    cell: Cell,
    shapes: Both<Shape>,
    /// Logarithms of ratios per bucket, for the states of latency met last.
    ratios: Vec<(Both<f64>, Box<Cells>)>,
    /// The last difference of logarithms of memory from its expectation: under the truth, and
    /// within the tolerance.
    last_memory: Option<(f64, f64)>,
    log_ratio: f64,
}

impl Oracle {
    pub(super) fn new(cell: &Cell) -> Self {
        Self {
            cell: *cell,
            shapes: shapes(&cell.scenario),
            ratios: Vec::new(),
            last_memory: None,
            log_ratio: 0.0,
        }
    }

    /// Takes a second.
    pub(super) fn feed(&mut self, seen: &Seen) {
        let Both { canary, control } = &seen.arms;
        self.log_ratio += match self.cell.scenario.change.harm {
            Harm::Errors => {
                share_ratio((canary.requests, canary.errors()), seen.rates.errors, ERRORS)
            }
            // Only good answers become others.
            Harm::Status(_) => {
                share_ratio((canary.s2xx + canary.s4xx, seen.bad), seen.rates.status, STATUSES)
            }
            Harm::Slow => self.latency_ratio(&seen.rates, &canary.latency),
            Harm::Unanswered => self.answered_ratio(canary.requests, control.requests),
            Harm::Memory => self.memory_ratio(seen),
        };
    }

    pub(super) fn tripped(&self) -> bool {
        self.log_ratio >= -ALPHA.ln()
    }

    fn latency_ratio(&mut self, rates: &Rates, latency: &Latency) -> f64 {
        if rates.level <= 0.0 {
            return 0.0;
        }
        let at = self.ratios.iter().position(|(shift, _)| *shift == rates.shift);
        let at = at.unwrap_or_else(|| {
            let truth = self.shapes.canary.cells(rates.shift.canary);
            let allowed = self.shapes.control.cells(rates.shift.control + BUCKETS);
            // Two states are in use at once where trouble comes and goes.
            if self.ratios.len() >= 2 {
                self.ratios.remove(0);
            }
            self.ratios.push((rates.shift, Box::new(slower_ratio(&truth, &allowed))));
            self.ratios.len() - 1
        });
        let table = &self.ratios[at].1;
        latency.iter().map(|(bucket, count)| *count as f64 * table[usize::from(*bucket)]).sum()
    }

    /// Of all answered requests, which are the new version's.
    fn answered_ratio(&self, canary: u64, control: u64) -> f64 {
        let share = |answered: f64| {
            let own = self.cell.weight * answered;
            own / (own + 1.0 - self.cell.weight)
        };
        let (truth, allowed) = (share(self.cell.scenario.change.answered), share(ANSWERED));
        if truth >= allowed {
            return 0.0;
        }
        canary as f64 * (truth / allowed).ln()
            + control as f64 * ((1.0 - truth) / (1.0 - allowed)).ln()
    }

    /// The difference of two nodes' memory wanders around its mean with a known memory and noise.
    fn memory_ratio(&mut self, seen: &Seen) -> f64 {
        let Some(Usage { memory, .. }) = seen.usage else { return 0.0 };
        let grown = self.cell.scenario.change.leak * seen.t as f64 / 60.0;
        let difference = (memory.canary / memory.control).ln();
        let off = (difference - grown.ln_1p(), difference - grown.min(GROWTH).ln_1p());
        let Some(last) = self.last_memory.replace(off) else { return 0.0 };
        let (truth, allowed) = (off.0 - PERSISTENCE * last.0, off.1 - PERSISTENCE * last.1);
        let variance = 2.0 * NOISE * NOISE * (1.0 - PERSISTENCE * PERSISTENCE);
        (allowed * allowed - truth * truth) / (2.0 * variance)
    }
}

/// `events` of `requests` under the truth, against the largest share within the tolerance.
fn share_ratio((requests, events): (u64, u64), rates: Both<f64>, tolerance: (f64, f64)) -> f64 {
    let allowed = tolerance.0 * rates.control + tolerance.1;
    if rates.canary <= allowed || allowed >= 1.0 {
        return 0.0;
    }
    let others = requests.saturating_sub(events);
    let rest = match others {
        0 => 0.0,
        others => others as f64 * ((1.0 - rates.canary) / (1.0 - allowed)).ln(),
    };
    events as f64 * (rates.canary / allowed).ln() + rest
}

/// Logarithm of the ratio of `truth` to the distribution nearest to it among those that are
/// stochastically not above `allowed`.
///
/// That one is `truth` times the regression of `allowed / truth` on functions that do not ascend,
/// weighted by `truth` (Robertson, Wright and Dykstra 1988): pool adjacent violators.
fn slower_ratio(truth: &Cells, allowed: &Cells) -> Cells {
    // Blocks of buckets: mass under `allowed`, under `truth`, number of buckets.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (truth, allowed) in truth.iter().zip(allowed) {
        let mut block = (*allowed, *truth, 1);
        // The later block's ratio must not be above the earlier one's.
        while let Some(last) = blocks.pop_if(|last| last.0 * block.1 <= block.0 * last.1) {
            block = (last.0 + block.0, last.1 + block.1, last.2 + block.2);
        }
        blocks.push(block);
    }
    let mut ratios = [0.0; LATENCY_BUCKETS];
    let all = blocks.iter().flat_map(|(allowed, truth, count)| {
        // Both are zero only where nothing ever is.
        let ratio = if *truth > 0.0 || *allowed > 0.0 { (truth / allowed).ln() } else { 0.0 };
        std::iter::repeat_n(ratio.clamp(-CERTAIN, CERTAIN), *count)
    });
    for (slot, ratio) in ratios.iter_mut().zip(all) {
        *slot = ratio;
    }
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{
        latency::buckets,
        scenario::{HORIZON, named},
        traffic::Traffic,
    };

    fn cell(name: &str) -> Cell {
        let scenario = named(name).unwrap();
        Cell { scenario, rps: 50.0, weight: 0.1, base: 0.005, warmup: 30 }
    }

    /// Median of the seconds until it trips.
    fn median(name: &str) -> u64 {
        let cell = cell(name);
        let mut delays: Vec<u64> = (0..41)
            .map(|seed| {
                let (mut traffic, mut oracle) = (Traffic::new(&cell, seed), Oracle::new(&cell));
                let trip = (1..=HORIZON).find(|_| {
                    oracle.feed(&traffic.second());
                    oracle.tripped()
                });
                trip.unwrap_or(u64::MAX)
            })
            .collect();
        delays.sort_unstable();
        delays[20]
    }

    #[test]
    fn two_points_more_errors_take_about_a_minute() {
        // The specification computed 66 s in expectation.
        let median = median("err+2pp");
        assert!((45..=75).contains(&median), "{median}");
    }

    #[test]
    fn every_bad_scenario_is_found_by_who_is_told() {
        for (name, most) in [
            ("err100", 3),
            ("err+10pp", 15),
            ("lat1.5", 15),
            ("lat2", 5),
            ("lat-tail", 240),
            ("lat-bimodal", 45),
            ("hang", 6),
            ("login", 60),
            ("leak", 1_500),
        ] {
            let median = median(name);
            assert!(median <= most, "{name}: {median}");
        }
    }

    #[test]
    fn nothing_beyond_the_tolerance_is_no_evidence() {
        for name in ["null", "null-edge", "null-burst", "null-better", "null-unrouted"] {
            let cell = cell(name);
            let (mut traffic, mut oracle) = (Traffic::new(&cell, 1), Oracle::new(&cell));
            for _ in 0..100 {
                oracle.feed(&traffic.second());
            }
            assert!(oracle.log_ratio.abs() < 1e-12, "{name}");
        }
    }

    #[test]
    fn the_ratio_is_no_larger_than_one_on_average_within_the_tolerance() {
        let control = Shape::usual();
        let allowed = control.cells(BUCKETS);
        for truth in [
            Shape::usual().cells(buckets(1.2)),
            Shape::usual().cells(buckets(2.0)),
            Shape::with_tail(0.02, 5.0).cells(0.0),
            Shape::bimodal(0.35).cells(0.0),
            Shape::usual().cells(0.0),
        ] {
            let ratios = slower_ratio(&truth, &allowed);
            assert!(ratios.is_sorted());
            for within in [control.cells(BUCKETS), control.cells(0.0), control.cells(-4.0)] {
                let mean: f64 = within.iter().zip(ratios).map(|(p, ratio)| p * ratio.exp()).sum();
                assert!(mean <= 1.0 + 1e-6, "{mean}");
            }
        }
    }

    #[test]
    fn a_share_of_one_is_certain() {
        let rates = Both { canary: 1.0, control: 0.005 };
        assert!(share_ratio((5, 5), rates, ERRORS) > 20.0);
        assert!(share_ratio((5, 4), rates, ERRORS) < -1e9, "one good answer excludes it");
    }
}
