//! Runs by seed, and many of them.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use crate::{
    coverage::Coverage,
    director::{Director, Mood},
    injections::{Without, shrink},
    invariants::Violation,
    scheduler::{Sim, happening::Happening},
    story::Story,
    world::lock,
};

/// Every row and cell of the table of states that can be reached must be met this often.
pub const LEAST_HITS: u64 = 20;
/// Everything must be at rest this long after all was mended (P9).
const REST_MS: u64 = 2 * 3_600_000;
/// The last news of the team is read within this: what is held reads its ticket every 30 s, twice.
const NEWS_MS: u64 = 90_000;
/// People clear up this often meanwhile.
const CLEAR_UP_MS: u64 = 60_000;
/// Lines of a story that are told.
const LINES: usize = 20_000;
/// Runs that shrinking a failure may take.
const SHRINK_TRIES: u32 = 600;

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
    /// How much was done to it.
    pub injections: u32,
}

/// Runs one seed.
pub fn run(seed: u64, keep_story: bool) -> Outcome {
    run_without(seed, keep_story, Without::default())
}

/// Runs one seed without some of what is done to it.
pub fn run_without(seed: u64, keep_story: bool, without: Without) -> Outcome {
    let story = if keep_story { Story::kept() } else { Story::default() };
    let mut sim = Sim::new(seed, story);
    lock(&sim.world).injections.leave_out(without);
    let mut director = Director::new(seed);
    sim.calm(director.mood() == Mood::Calm);
    director.begin(&mut sim);
    loop {
        sim.run_until(u64::MAX / 2, |_| false);
        if !sim.take_directed() || sim.over() || !director.next(&mut sim) {
            break;
        }
    }
    rest(&mut sim, &director);
    let world = lock(&sim.world);
    let mut coverage = sim.coverage().clone();
    coverage.fates.clone_from(&world.faults.counted);
    if let Some(made) = coverage.forbidden.first()
        && sim.violation.is_none()
    {
        let words = format!("{made} is not in the table of states");
        sim.violation = Some(Violation { promise: "table", words });
    }
    Outcome {
        seed,
        deployments: sim.journal_length(),
        coverage,
        violation: sim.violation.clone(),
        hash: world.story.hash(),
        story: world.story.text(LINES),
        injections: world.injections.count(),
    }
}

/// What a run that broke a promise can do without and still break it.
pub fn shrunk(broken: &Outcome) -> Without {
    let Some(promise) = broken.violation.as_ref().map(|one| one.promise) else {
        return Without::default();
    };
    shrink(broken.injections, SHRINK_TRIES, |without| {
        let again = run_without(broken.seed, false, without.clone());
        again.violation.is_some_and(|one| one.promise == promise)
    })
}

/// Mends everything and waits until nothing is under way.
fn rest(sim: &mut Sim, director: &Director) {
    sim.ambushes.clear();
    sim.happen(&Happening::Mend);
    let end = sim.t() + REST_MS;
    sim.run_until(NEWS_MS, |_| false);
    while !sim.over() {
        director.clear_up(sim);
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

/// Runs seeds from `first` on all cores until so many deployments were begun or so many runs broke
/// a promise. Each broken run is told to `on_broken` at once: a long campaign ends hours later.
pub fn campaign(
    first: u64,
    deployments: u64,
    most_broken: usize,
    on_broken: fn(&Outcome),
) -> Report {
    let began = Instant::now();
    let next = AtomicU64::new(first);
    let report = Mutex::new(Report::default());
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&next, &report, deployments, most_broken, on_broken));
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.broken.sort_by_key(|outcome| outcome.seed);
    report.seconds = began.elapsed().as_secs_f64();
    report
}

fn work(
    next: &AtomicU64,
    report: &Mutex<Report>,
    deployments: u64,
    most_broken: usize,
    on_broken: fn(&Outcome),
) {
    loop {
        {
            let report = report.lock().unwrap_or_else(PoisonError::into_inner);
            if report.deployments >= deployments || report.broken.len() >= most_broken {
                return;
            }
        }
        let outcome = run(next.fetch_add(1, Ordering::Relaxed), false);
        if outcome.violation.is_some() {
            on_broken(&outcome);
        }
        report.lock().unwrap_or_else(PoisonError::into_inner).take(outcome);
    }
}

impl Report {
    /// Adds another campaign.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.deployments += other.deployments;
        self.coverage.add(&other.coverage);
        self.broken.extend(other.broken);
        self.seconds += other.seconds;
    }

    fn take(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.deployments += outcome.deployments;
        self.coverage.add(&outcome.coverage);
        if outcome.violation.is_some() {
            self.broken.push(outcome);
        }
    }
}
