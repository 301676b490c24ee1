//! Runs the program with one mistake in it, until the promise that it breaks says so: the proof that
//! the check can fail.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use ops_core::mutation::{ALL, Mutation, choose};

use crate::campaign::{Outcome, run};

/// What was found of one mistake.
#[derive(Debug, Default)]
pub struct Found {
    /// The run in which the promise that it breaks was seen to be broken, if there was one.
    pub caught: Option<Outcome>,
    /// Deployments until then.
    pub deployments: u64,
    /// Runs until then.
    pub runs: u64,
    /// Runs in which another promise was seen to be broken first, and the seed of one of them.
    pub others: BTreeMap<&'static str, (u64, u64)>,
}

/// The promises that a mistake breaks. Any of several where the mistake shows in one or another,
/// depending on where the world strikes; the first is the one that it was made for.
pub fn breaks(mutation: Mutation) -> &'static [&'static str] {
    use Mutation as M;
    match mutation {
        M::ShipWithoutVerdicts | M::AcceptOtherEvidence | M::ResumeApproves => &["P1"],
        M::SkipRehearsal => &["P2"],
        M::GovernAtOnce => &["P3, S4"],
        M::IgnoreLease => &["P4"],
        M::ActWithoutIntent | M::LeaveItThere => &["P5"],
        M::DropCapacityFloor | M::ForgetToHold => &["P6"],
        M::ForgetReadBack => &["P7", "P5", "P6", "P10"],
        M::UseAnOldLook => &["P7"],
        M::CountWallTime => &["P8"],
        M::SilencePasses => &["P8", "P5", "P6", "P10"],
        M::AskNoModel | M::IgnoreJudgement => &["P12"],
        M::WaitForever | M::ForgetAbort | M::ActWhileHalted => &["P9"],
        M::CloseBeforeComment | M::CloseWhatWentBack | M::SendBlindly => &["P10"],
        M::PostTwice | M::BuryUrgent | M::KeepQuiet => &["P11"],
        M::DropAnchor => &["P14"],
        M::DeployCondemned => &["P15"],
        M::ShipOlder | M::CloseUnproven => &["S8"],
        M::SkipStages | M::LeaveOnStage => &["S12"],
        M::TellNobody | M::NeverStopTelling => &["notices"],
        M::WordsBegin => &["table"],
        M::ActOnNewer => &["S19"],
    }
}

/// Deployments within which a mistake must be caught.
pub const MOST_DEPLOYMENTS: u64 = 10_000;

/// The names of all mistakes.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(_, name)| *name)
}

/// What was found, in one line.
pub fn told(name: &str, found: &Found) -> String {
    let Found { caught, deployments, runs, others } = found;
    let each = others.iter().map(|(promise, (n, seed))| format!("{promise} {n}x, seed {seed}"));
    let others: Vec<_> = each.collect();
    let others = if others.is_empty() { "-".to_owned() } else { others.join(", ") };
    let shown = caught.as_ref().and_then(|run| Some((run.seed, run.violation.as_ref()?)));
    match shown {
        Some((seed, broken)) => format!(
            "{name}: caught by {} after {deployments} deployments ({runs} runs; seed {seed}; before: \
             {others}): {}",
            broken.promise, broken.words
        ),
        None => format!("{name}: NOT CAUGHT in {deployments} deployments ({others})"),
    }
}

/// The mistake with a name.
pub fn named(name: &str) -> Option<Mutation> {
    ALL.iter().find(|(_, known)| *known == name).map(|(mutation, _)| *mutation)
}

/// Runs seeds from `first` on all cores until the mistake is caught or so many deployments were
/// begun.
pub fn hunt(mutation: Mutation, first: u64, most: u64) -> Found {
    let next = AtomicU64::new(first);
    let found = Mutex::new(Found::default());
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                choose(Some(mutation));
                work(mutation, &next, &found, most);
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn work(mutation: Mutation, next: &AtomicU64, found: &Mutex<Found>, most: u64) {
    loop {
        {
            let found = found.lock().unwrap_or_else(PoisonError::into_inner);
            if found.caught.is_some() || found.deployments >= most {
                return;
            }
        }
        let outcome = run(next.fetch_add(1, Ordering::Relaxed), false);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.runs += 1;
        found.deployments += outcome.deployments;
        match &outcome.violation {
            Some(broken) if breaks(mutation).contains(&broken.promise) => {
                found.caught.get_or_insert(outcome);
            }
            Some(broken) => {
                found.others.entry(broken.promise).or_insert((0, outcome.seed)).0 += 1;
            }
            None => {}
        }
    }
}
