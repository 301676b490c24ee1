//! One simulated deployment, watched by everybody at once.

use super::{
    oracle::Oracle,
    ours::Ours,
    rivals::{self, Minute},
    scenario::{HORIZON, Truth},
    traffic::{Cell, Traffic},
};

/// Seconds of a minute, at whose end rivals decide.
const MINUTE: u64 = 60;

/// What somebody decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trip {
    /// The second of the watch.
    pub(super) at: u64,
    /// Bad responses of the new version until then, since the change began.
    pub(super) bad: u64,
}

/// What came of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// When ours rolled back, and what led.
    pub(super) ours: Option<(Trip, String)>,
    /// When ours would have gone on early.
    pub(super) good_enough: Option<u64>,
    /// When the rivals rolled back, in the order of their names.
    pub(super) rivals: [Option<Trip>; rivals::NAMES.len()],
    /// When the test that is told everything rolled back.
    pub(super) oracle: Option<Trip>,
    /// All bad responses since the change began.
    pub(super) bad: u64,
}

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Ours, the rivals, the oracle where there is something to find.
    All,
    /// Ours alone.
    Ours,
}

/// Plays one run until everybody has decided, or the watch is over.
pub(super) fn play(cell: &Cell, seed: u64, who: Who) -> Outcome {
    let mut traffic = Traffic::new(cell, seed);
    let (before, old) = traffic.before();
    let mut ours = Ours::new(&before, &old, cell.warmup, cell.scenario.world.memory);
    drop(before);
    let harmful = cell.scenario.truth == Truth::Rollback;
    let mut oracle = (harmful && who == Who::All).then(|| Oracle::new(cell));
    let mut rivals = match who {
        Who::All => Vec::from(rivals::all()),
        Who::Ours => Vec::new(),
    };
    let onset = cell.scenario.change.course.onset();
    let (mut minutes, mut minute) = (Vec::new(), Minute::default());
    let mut outcome = Outcome {
        ours: None,
        good_enough: None,
        rivals: [None; rivals::NAMES.len()],
        oracle: None,
        bad: 0,
    };
    for t in 1..=HORIZON {
        let second = traffic.second();
        outcome.bad += if t > onset { second.bad } else { 0 };
        let trip = Trip { at: t, bad: outcome.bad };
        if outcome.ours.is_none() {
            ours.feed(&second);
            outcome.ours = ours.tripped().map(|leading| (trip, leading));
        }
        if outcome.good_enough.is_none() && outcome.ours.is_none() && ours.good_enough(t) {
            outcome.good_enough = Some(t);
        }
        if let Some(oracle) = oracle.as_mut().filter(|_| outcome.oracle.is_none()) {
            oracle.feed(&second);
            outcome.oracle = oracle.tripped().then_some(trip);
        }
        minute.add(&second);
        if t.is_multiple_of(MINUTE) {
            minutes.push(std::mem::take(&mut minute));
            for (slot, rival) in outcome.rivals.iter_mut().zip(&mut rivals) {
                if slot.is_none() && rival.decides(&minutes) {
                    *slot = Some(trip);
                }
            }
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::scenario::named;

    fn cell(name: &str) -> Cell {
        let scenario = named(name).unwrap();
        Cell { scenario, rps: 50.0, weight: 0.1, base: 0.005, warmup: 30 }
    }

    #[test]
    fn a_run_can_be_repeated() {
        let cell = cell("err+10pp");
        let first = play(&cell, 3, Who::All);
        assert_eq!(first, play(&cell, 3, Who::All));
        assert_ne!(first, play(&cell, 4, Who::All));
    }

    #[test]
    fn total_failure_is_seen_by_everybody_and_by_ours_first() {
        let outcome = play(&cell("err100"), 1, Who::All);
        let (ours, leading) = outcome.ours.clone().unwrap();
        assert!(ours.at <= 5 && ours.bad <= 30 && leading == "errors", "{outcome:?}");
        assert!(outcome.oracle.unwrap().at <= ours.at);
        let minutes = outcome.rivals.map(|trip| trip.map(|trip| trip.at / 60));
        let expected = [5, 5, 5, 30, 6, 2, 4, 20, 30, 1].map(Some);
        assert_eq!(minutes, expected, "in the order of {:?}", rivals::NAMES);
        assert!(outcome.bad > 8_000);
    }

    #[test]
    fn bad_responses_count_from_the_onset() {
        let outcome = play(&cell("err-late+2pp"), 1, Who::All);
        assert!((110..200).contains(&outcome.bad), "{outcome:?}");
        if let Some((trip, _)) = outcome.ours {
            assert!(trip.at > 600, "nothing to see before");
        }
    }

    #[test]
    fn nobody_rolls_back_where_nobody_comes_but_who_takes_that_for_a_failure() {
        let outcome = play(&cell("null-night"), 1, Who::All);
        assert_eq!((outcome.ours, outcome.good_enough, outcome.oracle), (None, None, None));
        assert_eq!(outcome.rivals[4].map(|trip| trip.at), Some(360), "Flagger");
    }
}
