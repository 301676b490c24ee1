//! What may happen to a new version and around it: the scenarios of the comparison.
//!
//! A scenario has a world, which both versions meet, and a change, which only the new one makes.

mod catalogue;
mod own;

use serde::Serialize;

pub(super) use self::{catalogue::SPECIFIED, own::OWN};

/// Seconds of one watch.
pub(super) const HORIZON: u64 = 1_800;

/// What a perfect watch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Truth {
    /// Nothing is wrong: a rollback is a false alarm.
    Continue,
    /// The new version does harm.
    Rollback,
    /// No rollback, but "good enough" would be wrong: exactly on the margin, or nothing was seen.
    NotGoodEnough,
}

/// What counts as a bad response, for users and for the oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    /// Failed requests.
    Errors,
    /// Requests slower than the old version's 95th percentile.
    Slow,
    /// Answers with this status.
    Status(u16),
    /// Requests that are never answered.
    Unanswered,
    /// Memory; no response is bad.
    Memory,
}

/// When the change is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Course {
    /// From the first request on.
    Always,
    /// From this second on.
    From(u64),
    /// Until this second.
    Until(u64),
    /// It grows from nothing at the first second to its whole size at the last one.
    Ramp(u64, u64),
    /// For the first `bad` seconds of each `every`.
    Flapping { bad: u64, every: u64 },
}

impl Course {
    /// How much of the change is there at a time in seconds, 0 to 1.
    pub(super) fn level(self, t: f64) -> f64 {
        let present = match self {
            Self::Always => true,
            Self::From(onset) => t >= onset as f64,
            Self::Until(end) => t < end as f64,
            Self::Ramp(from, to) => {
                return ((t - from as f64) / (to as f64 - from as f64)).clamp(0.0, 1.0);
            }
            Self::Flapping { bad, every } => t % (every as f64) < bad as f64,
        };
        f64::from(u8::from(present))
    }

    /// The second at which the change begins.
    pub(super) fn onset(self) -> u64 {
        match self {
            Self::From(onset) | Self::Ramp(onset, _) => onset,
            Self::Always | Self::Until(_) | Self::Flapping { .. } => 0,
        }
    }
}

/// Shared trouble that comes and goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bursts {
    /// How many in a watch, on average.
    pub(super) mean: f64,
    /// Shortest and longest, in seconds.
    pub(super) seconds: (f64, f64),
    /// Added to both versions' share of failed requests.
    pub(super) errors: f64,
    /// Factor on both versions' latency.
    pub(super) latency: f64,
    /// Factor on the traffic.
    pub(super) traffic: f64,
}

/// Pods that stall for a moment: slow requests in clusters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stalls {
    /// Pods of the whole service.
    pub(super) pods: f64,
    /// Seconds between two stalls of a pod.
    pub(super) every: f64,
    /// Seconds of a stall.
    pub(super) seconds: f64,
}

/// Clients that stay with one version for all of their requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clients {
    /// Mean number of requests of one client; their number is geometric.
    pub(super) requests: f64,
    /// Mean seconds between two requests of one client.
    pub(super) gap: f64,
    /// Share of the base errors that comes from clients all of whose requests fail.
    pub(super) failing: f64,
    /// Requests per second of one client that never leaves and always fails; 0 for none.
    pub(super) broken: f64,
}

/// What latency looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Latencies {
    /// Log-normal, median 100 ms, sigma 0.6.
    Usual,
    /// A quick way and a slow one; the share of the slow one for the old version.
    Bimodal(f64),
}

/// Whom users meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Users {
    /// Both versions.
    Both,
    /// The old version only.
    Old,
    /// Nobody comes.
    Nobody,
}

/// What both versions meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct World {
    /// Shared trouble.
    pub(super) bursts: Option<Bursts>,
    /// Traffic from 0.6 to 1.4, errors from 1 to 2, latency from 1 to 1.4 times the usual.
    pub(super) diurnal: bool,
    /// From this second on there is this many times the traffic.
    pub(super) surge: Option<(u64, f64)>,
    /// Errors come in clusters of this mean, each stuck to one version.
    pub(super) cluster: Option<f64>,
    /// Pods stall.
    pub(super) stalls: Option<Stalls>,
    /// Clients stay with one version.
    pub(super) clients: Option<Clients>,
    /// What latency looks like.
    pub(super) latency: Latencies,
    /// Whom users meet once the new version is there.
    pub(super) users: Users,
    /// Whether memory is measured.
    pub(super) memory: bool,
}

impl World {
    /// Nothing happens.
    pub(super) const CALM: Self = Self {
        bursts: None,
        diurnal: false,
        surge: None,
        cluster: None,
        stalls: None,
        clients: None,
        latency: Latencies::Usual,
        users: Users::Both,
        memory: false,
    };
}

/// What the new version makes different.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    /// When.
    pub(super) course: Course,
    /// What counts as bad.
    pub(super) harm: Harm,
    /// Factor on the share of failed requests.
    pub(super) errors_times: f64,
    /// Added to the share of failed requests.
    pub(super) errors: f64,
    /// Factor on the latency.
    pub(super) latency: f64,
    /// This share of requests takes this many times as long.
    pub(super) tail: Option<(f64, f64)>,
    /// Share of the slow way.
    pub(super) slow_way: Option<f64>,
    /// Share of its requests that it answers.
    pub(super) answered: f64,
    /// Answers with this status have this share.
    pub(super) status: Option<(u16, f64)>,
    /// How many of its failed requests are sent once more, as a share.
    pub(super) retried: f64,
    /// Its memory grows by this share per minute.
    pub(super) leak: f64,
}

impl Change {
    /// It is as the old one.
    pub(super) const NONE: Self = Self {
        course: Course::Always,
        harm: Harm::Errors,
        errors_times: 1.0,
        errors: 0.0,
        latency: 1.0,
        tail: None,
        slow_way: None,
        answered: 1.0,
        status: None,
        retried: 0.0,
        leak: 0.0,
    };
}

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scenario {
    /// Short name.
    pub(super) name: &'static str,
    /// What a perfect watch says.
    pub(super) truth: Truth,
    /// In words.
    pub(super) words: &'static str,
    /// What both versions meet.
    pub(super) world: World,
    /// What the new one makes different.
    pub(super) change: Change,
}

impl Scenario {
    const fn null(name: &'static str, words: &'static str, world: World) -> Self {
        Self { name, truth: Truth::Continue, words, world, change: Change::NONE }
    }

    const fn bad(name: &'static str, words: &'static str, change: Change) -> Self {
        Self { name, truth: Truth::Rollback, words, world: World::CALM, change }
    }
}

/// The scenario with this name.
pub(super) fn named(name: &str) -> Option<Scenario> {
    SPECIFIED.iter().chain(OWN).find(|scenario| scenario.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = SPECIFIED.iter().chain(OWN).map(|one| one.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(named("null").is_some() && named("nulls").is_none());
    }

    #[test]
    fn levels_follow_the_course() {
        let level = |course: Course, t: f64| (course.level(t) * 100.0).round() as i64;
        assert_eq!((level(Course::From(600), 599.5), level(Course::From(600), 600.5)), (0, 100));
        assert_eq!((level(Course::Until(30), 29.5), level(Course::Until(30), 30.5)), (100, 0));
        let ramp = Course::Ramp(300, 1_800);
        assert_eq!((level(ramp, 10.0), level(ramp, 1_050.0), level(ramp, 1_900.0)), (0, 50, 100));
        assert_eq!(ramp.onset(), 300);
        let flapping = Course::Flapping { bad: 5, every: 60 };
        let bad = (0..HORIZON).filter(|t| level(flapping, *t as f64 + 0.5) == 100).count();
        assert_eq!(bad, 150);
    }

    #[test]
    fn a_null_scenario_changes_nothing_beyond_the_tolerance() {
        for scenario in SPECIFIED.iter().chain(OWN).filter(|one| one.truth == Truth::Continue) {
            let Change { errors_times, errors, latency, course, .. } = scenario.change;
            let brief = matches!(course, Course::Until(..=30));
            assert!(errors_times <= 1.1 && errors <= 0.0005, "{}", scenario.name);
            assert!(latency <= 1.090_508 || brief, "{}", scenario.name);
        }
    }
}
