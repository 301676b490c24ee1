//! The signals of one service: one record per second, for the last 30 minutes.
//!
//! The second that is going on is counted in dense histograms; a second that is over is kept
//! sparse and never changes again. A busy service with two releases and some fifty filled latency
//! buckets costs about 1 kB per second, so less than 3 MB in all.

use std::{collections::VecDeque, sync::Arc};

use ops_core::{
    id::ReleaseId,
    signal::{Arm, Probes, SignalSecond, TemplateCount},
};

use super::{
    crowd::{Crowd, Trial},
    tally::{ByTemplate, Completed, SealedArm, Tally},
    templates::{Names, Templates},
};

/// How many seconds are kept: the 30 minutes after which a restarted daemon can still resume.
pub(crate) const RING_SECONDS: usize = 1800;

/// Most releases whose sums since the start are kept; of more, those unseen for longest go.
const MAX_TOTALS: usize = 32;

/// The door advances every ring about twice a second. If this many seconds passed without, the
/// machine or the process stood still: nothing was observed, and the seconds are left out.
const OBSERVED_GAP_SECONDS: u64 = 5;

/// Weights of the releases of a route, in percent.
pub(crate) type Weights = Arc<[(ReleaseId, u8)]>;

/// A second that is over.
pub(crate) struct Sealed {
    second: u64,
    arms: Box<[SealedArm]>,
    mirrored: Box<[SealedArm]>,
    refused: u64,
    probes: Probes,
    weights: Option<Weights>,
}

impl Sealed {
    /// The second as it is reported.
    pub(crate) fn report(&self, names: &Names) -> SignalSecond {
        SignalSecond {
            second: self.second,
            arms: self.arms.iter().map(SealedArm::report).collect(),
            refused: self.refused,
            weights: self.weights.as_deref().unwrap_or_default().to_vec(),
            probes: self.probes,
            mirrored: self.mirrored.iter().map(SealedArm::report).collect(),
            templates: self.arms.iter().flat_map(|arm| arm.by_template(names)).collect(),
        }
    }
}

/// The signals of one service. All times are boot seconds; time that seems to run backwards counts
/// into the second that is going on.
pub(crate) struct Ring {
    second: u64,
    arms: Vec<Tally>,
    mirrored: Vec<Tally>,
    refused: u64,
    probes: Probes,
    /// Whether the route changed in the second that is going on.
    changed: bool,
    weights: Weights,
    over: VecDeque<Arc<Sealed>>,
    /// Sums of the seconds that are over, per release, the one seen last at the end.
    totals: Vec<Totals>,
    refused_in_all: u64,
    crowd: Crowd,
}

/// What one release did in all seconds that are over.
struct Totals {
    release: ReleaseId,
    arm: Arm,
    templates: Vec<ByTemplate>,
}

impl Ring {
    /// A ring that begins now. Its first second counts as one with a change of route: the service
    /// was not seen for the whole of it.
    pub(crate) fn new(now: u64) -> Self {
        Self {
            second: now,
            arms: Vec::new(),
            mirrored: Vec::new(),
            refused: 0,
            probes: Probes::default(),
            changed: true,
            weights: Arc::new([]),
            over: VecDeque::new(),
            totals: Vec::new(),
            refused_in_all: 0,
            crowd: Crowd::default(),
        }
    }

    /// Ends all seconds before `now`.
    pub(crate) fn advance(&mut self, now: u64) {
        if now <= self.second {
            return;
        }
        if now - self.second > OBSERVED_GAP_SECONDS {
            // The second in which the standstill began was not observed to its end either, but it
            // may hold requests that did complete; those must not be lost.
            self.changed = true;
            self.seal();
            self.second = now;
            self.changed = true;
            return;
        }
        while self.second < now {
            self.seal();
            self.second += 1;
        }
    }

    fn seal(&mut self) {
        if self.over.len() == RING_SECONDS {
            self.over.pop_front();
        }
        let arms: Box<[SealedArm]> = self.arms.drain(..).map(Tally::seal).collect();
        for arm in &arms {
            self.sum_up(arm);
        }
        self.refused_in_all += self.refused;
        self.over.push_back(Arc::new(Sealed {
            second: self.second,
            arms,
            mirrored: self.mirrored.drain(..).map(Tally::seal).collect(),
            refused: std::mem::take(&mut self.refused),
            probes: std::mem::take(&mut self.probes),
            weights: (!std::mem::take(&mut self.changed)).then(|| Arc::clone(&self.weights)),
        }));
    }

    fn sum_up(&mut self, arm: &SealedArm) {
        let sums = latest(&mut self.totals, &arm.release);
        sums.arm.add(&arm.arm());
        arm.add_templates_to(&mut sums.templates);
    }

    /// Sums since the start, per release and template.
    pub(crate) fn template_totals(&mut self, now: u64, names: &Names) -> Vec<TemplateCount> {
        self.advance(now);
        let each = |sums: &Totals| {
            let reports = sums.templates.iter().map(|by| by.report(&sums.release, names));
            reports.collect::<Vec<_>>()
        };
        self.totals.iter().flat_map(each).collect()
    }

    /// Sums since the start, per release, and the requests that none could be given.
    pub(crate) fn totals(&mut self, now: u64) -> (Vec<(ReleaseId, Arm)>, u64) {
        self.advance(now);
        let each = |sums: &Totals| (sums.release.clone(), sums.arm.clone());
        (self.totals.iter().map(each).collect(), self.refused_in_all)
    }

    /// Requests of a release, and those of them that failed, in the last `seconds` that are over.
    pub(crate) fn lately(&mut self, now: u64, release: &ReleaseId, seconds: u32) -> (u64, u64) {
        self.advance(now);
        let from = now.saturating_sub(u64::from(seconds));
        let first = self.over.partition_point(|sealed| sealed.second < from);
        let arms = self.over.range(first..).flat_map(|sealed| &sealed.arms);
        arms.filter(|arm| arm.release == *release).fold((0, 0), |sum, arm| {
            let (requests, errors) = arm.requests_and_errors();
            (sum.0 + requests, sum.1 + errors)
        })
    }

    /// Counts a request that is over.
    pub(crate) fn count(&mut self, now: u64, release: &ReleaseId, done: Completed) {
        self.advance(now);
        let counts = |unit| self.crowd.counts(release, unit, now);
        let trial = done.unit.map_or(Trial::Not, counts);
        tally(&mut self.arms, release).count(done, trial);
    }

    /// Counts that a request was sent again because of a release.
    pub(crate) fn count_retry(&mut self, now: u64, release: &ReleaseId) {
        self.advance(now);
        tally(&mut self.arms, release).count_retry();
    }

    /// Counts the answer to a copy of a request.
    pub(crate) fn count_mirrored(&mut self, now: u64, release: &ReleaseId, done: Completed) {
        self.advance(now);
        tally(&mut self.mirrored, release).count(done, Trial::Not);
    }

    /// Counts a request that the door sent itself.
    pub(crate) fn count_probe(&mut self, now: u64, failed: bool) {
        self.advance(now);
        self.probes.sent += 1;
        self.probes.failed += u64::from(failed);
    }

    /// Takes over seconds that another process counted and that are over; only before this ring
    /// has any of its own. Its templates get this service's numbers.
    pub(crate) fn inherit(&mut self, now: u64, seconds: &[SignalSecond], templates: &Templates) {
        self.advance(now);
        for second in seconds {
            let at = self.over.partition_point(|own| own.second < second.second);
            if self.over.get(at).is_some_and(|own| own.second == second.second) {
                // The one second that both saw: theirs is added to the one that is going on.
                self.add(second, templates);
                continue;
            }
            let sealed = told(second, templates);
            for arm in &sealed.arms {
                self.sum_up(arm);
            }
            self.refused_in_all += sealed.refused;
            self.over.insert(at, Arc::new(sealed));
        }
        while self.over.len() > RING_SECONDS {
            self.over.pop_front();
        }
    }

    /// Adds what another process counted to the second that is going on.
    pub(crate) fn add(&mut self, second: &SignalSecond, templates: &Templates) {
        add_told(&mut self.arms, &mut self.mirrored, second, templates);
        self.refused += second.refused;
        self.probes.sent += second.probes.sent;
        self.probes.failed += second.probes.failed;
    }

    /// Counts a request that no release could be given.
    pub(crate) fn refuse(&mut self, now: u64) {
        self.advance(now);
        self.refused += 1;
    }

    /// Notes a change of route. Called right before and right after the change, so that a change
    /// on the turn of a second marks both.
    pub(crate) fn change(&mut self, now: u64, weights: &Weights) {
        self.advance(now);
        self.changed = true;
        self.crowd.keep(|release| weights.iter().any(|(of, _)| of == release));
        self.weights = Arc::clone(weights);
    }

    /// The seconds after `after` that are over, oldest first.
    pub(crate) fn since(&mut self, after: u64, now: u64) -> Vec<Arc<Sealed>> {
        self.advance(now);
        let first = self.over.partition_point(|sealed| sealed.second <= after);
        self.over.range(first..).cloned().collect()
    }
}

/// The sums of a release, which comes to the end. The first one goes where there is no more room.
fn latest<'a>(totals: &'a mut Vec<Totals>, release: &ReleaseId) -> &'a mut Totals {
    let new = || Totals { release: release.clone(), arm: Arm::default(), templates: Vec::new() };
    let at = totals.iter().position(|one| one.release == *release);
    let one = at.map_or_else(new, |at| totals.remove(at));
    if totals.len() == MAX_TOTALS {
        totals.remove(0);
    }
    totals.push(one);
    let last = totals.len() - 1;
    &mut totals[last]
}

/// A second that another process counted.
fn told(second: &SignalSecond, templates: &Templates) -> Sealed {
    let (mut arms, mut mirrored) = (Vec::new(), Vec::new());
    add_told(&mut arms, &mut mirrored, second, templates);
    let seal = |tallies: Vec<Tally>| tallies.into_iter().map(Tally::seal).collect();
    Sealed {
        second: second.second,
        arms: seal(arms),
        mirrored: seal(mirrored),
        refused: second.refused,
        probes: second.probes,
        weights: (!second.weights.is_empty()).then(|| second.weights.as_slice().into()),
    }
}

fn add_told(
    arms: &mut Vec<Tally>,
    mirrored: &mut Vec<Tally>,
    second: &SignalSecond,
    templates: &Templates,
) {
    for (release, arm) in &second.arms {
        tally(arms, release).add(arm);
    }
    for count in &second.templates {
        tally(arms, &count.release).add_template(templates.told(&count.template), count);
    }
    for (release, arm) in &second.mirrored {
        tally(mirrored, release).add(arm);
    }
}

/// The tally of a release among others; a new one if it has none yet.
fn tally<'a>(tallies: &'a mut Vec<Tally>, release: &ReleaseId) -> &'a mut Tally {
    let at = tallies.iter().position(|tally| &tally.release == release).unwrap_or(tallies.len());
    if at == tallies.len() {
        tallies.push(Tally::new(release));
    }
    &mut tallies[at]
}

#[cfg(test)]
mod tests;
