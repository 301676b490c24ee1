//! The figures themselves.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Change, ChangeKind};
use crate::{id::DeploymentId, talk::Reported};

const WEEK_SECONDS: f64 = 7.0 * 24.0 * 3_600.0;

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Not in it.
    pub after: Timestamp,
    /// In it.
    pub until: Timestamp,
}

impl Window {
    /// The last days before an instant.
    pub fn days(until: Timestamp, days: u32) -> Self {
        let span = jiff::SignedDuration::from_hours(i64::from(days) * 24);
        Self { after: until.checked_sub(span).unwrap_or(Timestamp::MIN), until }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.after < at && at <= self.until
    }

    /// Its length in weeks.
    pub fn weeks(&self) -> f64 {
        self.until.duration_since(self.after).as_secs_f64() / WEEK_SECONDS
    }
}

/// Some durations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// The one in the middle, in seconds; of two in the middle what lies between them.
    pub median_seconds: Option<u64>,
    /// The longest, in seconds.
    pub longest_seconds: Option<u64>,
}

impl Spread {
    fn of(mut seconds: Vec<u64>) -> Self {
        seconds.sort_unstable();
        let count = seconds.len();
        let middle = |at: usize| seconds.get(at).copied();
        let median = if count % 2 == 1 {
            middle(count / 2)
        } else {
            let pair =
                count.checked_sub(1).and_then(|last| middle(last / 2).zip(middle(count / 2)));
            pair.map(|(low, high)| low.midpoint(high))
        };
        Self { count, median_seconds: median, longest_seconds: seconds.last().copied() }
    }
}

/// The figures of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Which.
    pub window: Window,
    /// Releases that passed their watch on the last stage.
    pub deployments: usize,
    /// The same per week.
    pub per_week: f64,
    /// From `rfp` to closed, where the board told the time of the former.
    pub lead: Spread,
    /// Releases to which users came.
    pub changes: usize,
    /// Of these, how many hurt.
    pub failed: usize,
    /// From harm to restored.
    pub restore: Spread,
}

fn seconds(from: Timestamp, until: Timestamp) -> Option<u64> {
    u64::try_from(until.duration_since(from).as_secs()).ok()
}

/// Deployments that a person had taken back, by that rollback; ops's own returns of earlier stages
/// take back nothing on the last one.
fn taken_back(changes: &[Change]) -> impl Iterator<Item = (DeploymentId, &Change)> {
    changes.iter().filter_map(|change| match change.kind {
        ChangeKind::Rollback { of } if change.times.passed.is_some() => Some((of, change)),
        _ => None,
    })
}

/// Counts changes and incidents of a window.
pub fn metrics(changes: &[Change], incidents: &[Reported], window: Window) -> Metrics {
    let releases =
        || changes.iter().filter(|one| one.kind == ChangeKind::Release && one.last_stage);
    let passed = || releases().filter(|one| one.times.passed.is_some_and(|at| window.holds(at)));
    let lead = passed().filter_map(|one| seconds(one.ready?, one.times.closed?));
    let back: BTreeSet<_> = taken_back(changes).map(|(of, _)| of).collect();
    let hit: BTreeSet<_> = incidents.iter().filter_map(|one| one.incident.deployment).collect();
    let ends = |one: &&Change| one.times.passed.or(one.times.back);
    let met = || {
        releases()
            .filter(|one| one.times.traffic.is_some())
            .filter(move |one| ends(one).is_some_and(|at| window.holds(at)))
    };
    let hurt = |one: &&Change| one.failed || back.contains(&one.id) || hit.contains(&one.id);
    let own =
        releases().filter(|one| one.failed && one.times.traffic.is_some()).filter_map(|one| {
            let (from, until) = one.times.back.zip(one.times.restored)?;
            window.holds(until).then(|| seconds(from, until)).flatten()
        });
    let asked = taken_back(changes).filter_map(|(_, by)| {
        let until = by.times.passed.filter(|_| by.last_stage)?;
        window.holds(until).then(|| seconds(by.began, until)).flatten()
    });
    let gone = |one: &Reported| {
        let of = one.incident.deployment;
        let went = |id| releases().any(|change| change.id == id && change.times.restored.is_some());
        of.is_some_and(|id| back.contains(&id) || went(id))
    };
    let ended = incidents.iter().filter(|one| !gone(one)).filter_map(|one| {
        let (_, until) = one.resolved.as_ref()?;
        window.holds(*until).then(|| seconds(one.incident.at, *until)).flatten()
    });
    let deployments = passed().count();
    let weeks = window.weeks();
    Metrics {
        window,
        deployments,
        per_week: if weeks > 0.0 { deployments as f64 / weeks } else { 0.0 },
        lead: Spread::of(lead.collect()),
        changes: met().count(),
        failed: met().filter(hurt).count(),
        restore: Spread::of(own.chain(asked).chain(ended).collect()),
    }
}
