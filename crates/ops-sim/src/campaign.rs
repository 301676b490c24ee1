//! Runs by seed, and many of them.

use std::time::Instant;

use crate::{
    coverage::Coverage,
    director::{Director, Mood},
    invariants::Violation,
    scheduler::{Sim, happening::Happening},
    story::Story,
    world::lock,
};

/// Everything must be at rest this long after all was mended (P9).
const REST_MS: u64 = 2 * 3_600_000;
/// People clear up this often meanwhile.
const CLEAR_UP_MS: u64 = 60_000;
/// Lines of a story that are told.
const LINES: usize = 4000;

/// What came of one seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Deployments that were begun.
    pub deployments: u64,
    /// What was met.
    pub coverage: Coverage,
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// Hash over every event and its time.
    pub hash: u64,
    /// The last lines of its story, if it was kept.
    pub story: String,
}

/// Runs one seed.
pub fn run(seed: u64, keep_story: bool) -> Outcome {
    let story = if keep_story { Story::kept() } else { Story::default() };
    let mut sim = Sim::new(seed, story);
    let mut director = Director::new(seed);
    sim.calm(director.mood() == Mood::Calm);
    director.begin(&mut sim);
    loop {
        sim.run_until(u64::MAX / 2, |_| false);
        if !sim.take_directed() || sim.over() || !director.next(&mut sim) {
            break;
        }
    }
    rest(&mut sim);
    let world = lock(&sim.world);
    let mut coverage = sim.coverage().clone();
    coverage.fates.clone_from(&world.faults.counted);
    if let Some(made) = coverage.forbidden.first()
        && sim.violation.is_none()
    {
        let words = format!("{made:?} is not in the table of states");
        sim.violation = Some(Violation { promise: "table", words });
    }
    Outcome {
        seed,
        deployments: sim.journal_length(),
        coverage,
        violation: sim.violation.clone(),
        hash: world.story.hash(),
        story: world.story.text(LINES),
    }
}

/// Mends everything and waits until nothing is under way.
fn rest(sim: &mut Sim) {
    sim.ambush = None;
    sim.happen(&Happening::Mend);
    let end = sim.t() + REST_MS;
    while !sim.over() {
        Director::clear_up(sim);
        if sim.run_until(CLEAR_UP_MS, Sim::at_rest) {
            sim.check(true);
            return;
        }
        if sim.t() > end {
            let words = sim.unrest();
            sim.broken("P9", format!("not at rest {REST_MS} ms after all was mended: {words}"));
        }
    }
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Report {
    /// Seeds.
    pub runs: u64,
    /// Deployments.
    pub deployments: u64,
    /// What was met.
    pub coverage: Coverage,
    /// Runs in which a promise was broken.
    pub broken: Vec<Outcome>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Runs seeds from `first` until so many deployments were begun or so many runs broke a promise.
pub fn campaign(first: u64, deployments: u64, most_broken: usize) -> Report {
    let began = Instant::now();
    let mut report = Report::default();
    for seed in first.. {
        if report.deployments >= deployments || report.broken.len() >= most_broken {
            break;
        }
        let outcome = run(seed, false);
        report.runs += 1;
        report.deployments += outcome.deployments;
        report.coverage.add(&outcome.coverage);
        if outcome.violation.is_some() {
            report.broken.push(outcome);
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    report
}
