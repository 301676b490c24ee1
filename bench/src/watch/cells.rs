//! Which scenarios are played under which conditions.

use std::fmt::Write as _;

use super::{
    scenario::{Scenario, Truth, named},
    traffic::Cell,
};

/// Seconds until latency is judged in a deployment as it is shipped, with a watch of 15 min or more.
pub(super) const SHIPPED: u64 = 30;
/// Latency is judged from the first request on, as in the specification's own measurements.
const AT_ONCE: u64 = 0;
const USUAL_BASE: f64 = 0.005;

/// A name, requests per second, share of the new version.
type Short = (&'static str, f64, f64);

/// Nothing is wrong.
const NULLS: &[Short] = &[
    ("null", 5.0, 0.05),
    ("null", 5.0, 0.1),
    ("null", 5.0, 0.5),
    ("null", 50.0, 0.05),
    ("null", 50.0, 0.1),
    ("null", 50.0, 0.5),
    ("null", 500.0, 0.05),
    ("null", 500.0, 0.1),
    ("null-burst", 50.0, 0.1),
    ("null-burst", 500.0, 0.1),
    ("null-diurnal", 50.0, 0.1),
    ("null-harmless", 50.0, 0.1),
    ("null-harmless", 500.0, 0.1),
    ("null-edge", 50.0, 0.1),
    ("null-edge", 50.0, 0.5),
    ("null-edge", 500.0, 0.1),
    ("null-better", 50.0, 0.1),
    ("null-cluster", 50.0, 0.1),
    ("null-gc", 50.0, 0.1),
    ("null-gc", 500.0, 0.1),
    ("sticky", 50.0, 0.1),
    ("sticky", 50.0, 0.5),
    ("sticky", 500.0, 0.1),
    ("sticky-broken", 50.0, 0.1),
    ("null-surge", 50.0, 0.1),
    ("null-retries", 50.0, 0.1),
    ("null-cold", 50.0, 0.1),
    ("null-memory", 50.0, 0.1),
    ("null-night", 50.0, 0.1),
    ("null-unrouted", 50.0, 0.1),
];

/// Errors and everything that is judged from the first request on.
const HARM: &[Short] = &[
    ("err+0.5pp", 50.0, 0.1),
    ("err+0.5pp", 500.0, 0.1),
    ("err+2pp", 5.0, 0.1),
    ("err+2pp", 50.0, 0.05),
    ("err+2pp", 50.0, 0.1),
    ("err+2pp", 50.0, 0.5),
    ("err+2pp", 500.0, 0.1),
    ("err+10pp", 5.0, 0.1),
    ("err+10pp", 50.0, 0.1),
    ("err100", 5.0, 0.1),
    ("err100", 50.0, 0.1),
    ("err-slow", 50.0, 0.1),
    ("err-late+2pp", 50.0, 0.1),
    ("err+2pp-burst", 50.0, 0.1),
    ("hang", 50.0, 0.1),
    ("sticky+2pp", 50.0, 0.1),
    ("login", 50.0, 0.1),
    ("lost-route", 50.0, 0.1),
    ("flapping", 50.0, 0.1),
    ("one-route", 50.0, 0.1),
    ("storm+1pp", 50.0, 0.1),
    ("retry-storm", 50.0, 0.1),
    ("leak", 50.0, 0.1),
];

/// Latency, judged at once.
const SLOW: &[Short] = &[
    ("lat1.2", 5.0, 0.1),
    ("lat1.2", 50.0, 0.1),
    ("lat1.2", 500.0, 0.1),
    ("lat1.5", 5.0, 0.1),
    ("lat1.5", 50.0, 0.1),
    ("lat2", 5.0, 0.1),
    ("lat2", 50.0, 0.1),
    ("lat-tail", 5.0, 0.5),
    ("lat-tail", 50.0, 0.1),
    ("lat-tail", 500.0, 0.1),
    ("lat-bimodal", 50.0, 0.1),
    ("lat-slow", 50.0, 0.1),
    ("lat1.5-burst", 50.0, 0.1),
];

/// Latency, judged after the warm-up of a deployment as it is shipped.
const SLOW_SHIPPED: &[Short] = &[("lat1.2", 50.0, 0.1), ("lat1.5", 50.0, 0.1), ("lat2", 50.0, 0.1)];

/// How soon the new version is good enough, where it is.
const GOOD: &[Short] = &[
    ("null", 5.0, 0.1),
    ("null", 5.0, 0.5),
    ("null", 50.0, 0.05),
    ("null", 50.0, 0.1),
    ("null", 50.0, 0.5),
    ("null", 500.0, 0.1),
    ("sticky", 50.0, 0.1),
];

/// Where "good enough" would be wrong.
const MARGINS: &[Short] = &[
    ("ni-margin-err", 50.0, 0.1),
    ("ni-margin-lat", 50.0, 0.1),
    ("null-night", 50.0, 0.1),
    ("null-unrouted", 50.0, 0.1),
];

fn cells(shorts: &[Short], warmup: u64) -> impl Iterator<Item = Cell> {
    shorts.iter().filter_map(move |(name, rps, weight)| {
        let scenario = named(name)?;
        Some(Cell { scenario, rps: *rps, weight: *weight, base: USUAL_BASE, warmup })
    })
}

/// The same cells with the base error rates 0.1 % and 1 %.
fn other_bases(cells: &[Cell], name: &str) -> Vec<Cell> {
    let fitting = cells.iter().find(|cell| is(cell, name, 50.0, 0.1) && cell.base == USUAL_BASE);
    let both =
        fitting.into_iter().flat_map(|cell| [0.001, 0.01].map(|base| Cell { base, ..*cell }));
    both.collect()
}

/// Whether a cell is this one, whatever its base error rate and its warm-up.
pub(super) fn is(cell: &Cell, name: &str, rps: f64, weight: f64) -> bool {
    let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
    cell.scenario.name == name && same(cell.rps, rps) && same(cell.weight, weight)
}

/// Cells in which a rollback is a false alarm.
pub(super) fn nulls() -> Vec<Cell> {
    let mut all: Vec<_> = cells(NULLS, SHIPPED).collect();
    let more = other_bases(&all, "null");
    all.extend(more);
    all.extend(cells(&[("null", 50.0, 0.1), ("null", 500.0, 0.1)], AT_ONCE));
    all
}

/// Cells in which there must be a rollback.
pub(super) fn harmful() -> Vec<Cell> {
    let mut all: Vec<_> = cells(HARM, SHIPPED).collect();
    let more = other_bases(&all, "err+2pp");
    all.extend(more);
    all.extend(cells(SLOW, AT_ONCE));
    all.extend(cells(SLOW_SHIPPED, SHIPPED));
    all
}

/// Cells in which the new version is good enough.
pub(super) fn good() -> Vec<Cell> {
    cells(GOOD, SHIPPED).collect()
}

/// Cells in which it is not shown to be.
pub(super) fn margins() -> Vec<Cell> {
    cells(MARGINS, SHIPPED).collect()
}

/// Short words for a cell: scenario, requests per second and share, and what is unusual.
pub(super) fn words(cell: &Cell) -> [String; 2] {
    let Scenario { name, truth, .. } = cell.scenario;
    let mut name = name.to_owned();
    if cell.base != USUAL_BASE {
        let _ = write!(name, ", base {} %", cell.base * 100.0);
    }
    // Only latency is judged after a warm-up.
    let judged_later = truth == Truth::Rollback
        && SLOW_SHIPPED.iter().any(|(slow, ..)| *slow == cell.scenario.name)
        && cell.warmup == SHIPPED;
    if judged_later {
        name.push_str(", warm-up 30 s");
    } else if truth != Truth::Rollback && cell.warmup == AT_ONCE {
        name.push_str(", no warm-up");
    }
    let weight = format!("{}", cell.weight);
    [name, format!("{}/{}", cell.rps, weight.trim_start_matches('0'))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::scenario::{OWN, SPECIFIED};

    #[test]
    fn every_name_is_known_and_every_scenario_is_played() {
        let lists = [NULLS, HARM, SLOW, SLOW_SHIPPED, GOOD, MARGINS];
        let shorts: Vec<_> = lists.iter().flat_map(|list| list.iter()).collect();
        assert!(shorts.iter().all(|(name, ..)| named(name).is_some()));
        for scenario in SPECIFIED.iter().chain(OWN) {
            let played = shorts.iter().any(|(name, ..)| *name == scenario.name);
            assert!(played, "{}", scenario.name);
        }
    }

    #[test]
    fn cells_are_where_their_truth_is() {
        assert!(nulls().iter().all(|cell| cell.scenario.truth != Truth::Rollback));
        assert!(harmful().iter().all(|cell| cell.scenario.truth == Truth::Rollback));
        assert!(good().iter().all(|cell| cell.scenario.truth == Truth::Continue));
        assert!(margins().iter().all(|cell| cell.scenario.truth == Truth::NotGoodEnough));
    }

    #[test]
    fn words_tell_cells_apart() {
        for cells in [nulls(), harmful()] {
            let mut all: Vec<_> = cells.iter().map(words).collect();
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count, "{all:?}");
        }
        assert_eq!(words(&nulls()[0]), ["null", "5/.05"]);
    }
}
