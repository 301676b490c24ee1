//! Thousands of random deployments, and the same one twice.

use ops_sim::{
    campaign::{LEAST_HITS, campaign, run},
    reach::{ROWS_OUT_OF_REACH, out_of_reach},
};

/// Deployments of one run of the tests, unless `OPS_SIM_RUNS` says otherwise: as many as let the
/// rarest cell be met well more often than it must be.
const DEPLOYMENTS: u64 = 14_000;
/// Below this many, rare cells may stay unmet.
const ENOUGH: u64 = 10_000;
/// Broken runs after which it is enough.
const MOST_BROKEN: usize = 5;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn promises_hold_in_thousands_of_deployments() {
    let wanted = number("OPS_SIM_RUNS").unwrap_or(DEPLOYMENTS);
    let report = campaign(1, wanted, MOST_BROKEN);
    let tables = report.coverage.tables();
    println!("{tables}\n{} deployments in {:.0} s", report.deployments, report.seconds);
    if let Some(first) = report.broken.first() {
        let seeds: Vec<_> = report.broken.iter().map(|outcome| outcome.seed).collect();
        let told = run(first.seed, true);
        panic!(
            "{}\n{:?}\nseeds with broken promises: {seeds:?}; this was seed {}: \
             OPS_SIM_SEED={} cargo nextest run -p ops-sim replay",
            told.story, told.violation, told.seed, told.seed
        );
    }
    if wanted >= ENOUGH {
        let rows = report.coverage.rare_rows(LEAST_HITS, ROWS_OUT_OF_REACH);
        assert!(rows.is_empty(), "rows met fewer than {LEAST_HITS} times: {rows:?}\n{tables}");
        let cells = report.coverage.rare_cells(LEAST_HITS, &out_of_reach);
        assert!(cells.is_empty(), "cells met fewer than {LEAST_HITS} times: {cells:?}\n{tables}");
        let faults = report.coverage.rare_faults(LEAST_HITS);
        assert!(faults.is_empty(), "faults met fewer than {LEAST_HITS} times: {faults:?}");
    }
}

#[test]
fn replay_of_a_seed_tells_the_same_story() {
    let seeds = number("OPS_SIM_SEED").map_or(vec![3, 4], |seed| vec![seed]);
    for seed in seeds {
        let (first, second) = (run(seed, true), run(seed, true));
        assert_eq!(first.hash, second.hash, "seed {seed} is not one run");
        assert_eq!(first.story, second.story, "seed {seed} is not one story");
        assert_eq!(
            first.hash,
            run(seed, false).hash,
            "telling the story of seed {seed} changes it"
        );
        assert_eq!(first.violation, None, "{}", first.story);
    }
}
