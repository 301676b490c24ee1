//! One deployment in every order of faults, crashes, time-outs and words: one trouble in a run here,
//! more behind `ops-sim --exhaustive`.

use ops_sim::exhaustive::{
    explore,
    machine::{Machine, WORLDS},
};

/// Troubles in one run.
const TROUBLES: u8 = 1;
/// States of one world until it is too large for a test.
const STATES: usize = 400_000;

#[test]
fn p1_p4_p6_p9_p10_hold_in_every_state_of_a_small_world_and_each_has_a_way_out() {
    for (service, second) in WORLDS {
        let found = explore(Machine::begin(service, second, TROUBLES).unwrap(), STATES);
        println!("{service} {second}: {} states, {} moves", found.states, found.moves);
        assert_eq!(found.broken, None, "{service} {second}");
        assert!(!found.cut, "{} states are not all", found.states);
        assert_eq!(found.dead_ends, 0, "{service} {second}: states without a way out");
        for end in ["closed", "rolled-back", "withdrawn"] {
            let reached = found.ends.contains(&end);
            assert!(reached, "{service} {second}: {end} was never reached: {:?}", found.ends);
        }
    }
}
