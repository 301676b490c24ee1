//! Many runs of one cell, on all cores.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::{
    run::{Outcome, Who, play},
    traffic::Cell,
};
use crate::ground::BenchError;

/// Plays the seeds 1 to `runs`; the outcomes are in the order of the seeds.
pub(super) fn many(cell: &Cell, runs: u64, who: Who) -> Result<Vec<Outcome>, BenchError> {
    let next = AtomicU64::new(1);
    let work = || {
        let mut done = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > runs {
                return done;
            }
            done.push((seed, play(cell, seed, who)));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let parts: Result<Vec<_>, _> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let broken = |_| BenchError::Odd(format!("a run of {} broke", cell.scenario.name));
    let mut all: Vec<_> = parts.map_err(broken)?.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(seed, _)| *seed);
    Ok(all.into_iter().map(|(_, outcome)| outcome).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::scenario::named;

    #[test]
    fn the_number_of_cores_does_not_matter() {
        let scenario = named("err100").unwrap();
        let cell = Cell { scenario, rps: 5.0, weight: 0.1, base: 0.005, warmup: 30 };
        let together = many(&cell, 3, Who::Ours).unwrap();
        let alone: Vec<_> = (1..=3).map(|seed| play(&cell, seed, Who::Ours)).collect();
        assert_eq!(together, alone);
    }
}
