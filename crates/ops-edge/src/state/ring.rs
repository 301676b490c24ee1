//! The signals of one service: one record per second, for the last 30 minutes.
//!
//! The second that is going on is counted in dense histograms; a second that is over is kept
//! sparse and never changes again. A busy service with two releases and some fifty filled latency
//! buckets costs about 1 kB per second, so less than 3 MB in all.

use std::{collections::VecDeque, sync::Arc};

use ops_core::{
    id::ReleaseId,
    signal::{Arm, LATENCY_BUCKETS, Latency, SignalSecond, latency_bucket},
};

/// How many seconds are kept: the 30 minutes after which a restarted daemon can still resume.
pub(crate) const RING_SECONDS: usize = 1800;

/// The door advances every ring about twice a second. If this many seconds passed without, the
/// machine or the process stood still: nothing was observed, and the seconds are left out.
const OBSERVED_GAP_SECONDS: u64 = 5;

/// How a request ended, as its user met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The service answered with this status.
    Answered(u16),
    /// The connection to the service failed or broke.
    Broken,
    /// The service did not answer in time.
    TimedOut,
}

/// A request that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completed {
    pub(crate) outcome: Outcome,
    /// From the request's header to the first byte of the answer.
    pub(crate) latency_micros: u64,
    /// Whether it waited at the door.
    pub(crate) held: bool,
}

/// Weights of the releases of a route, in percent.
pub(crate) type Weights = Arc<[(ReleaseId, u8)]>;

/// The counts of one release in the second that is going on.
struct Tally {
    release: ReleaseId,
    counts: Arm,
    latency: Box<[u32; LATENCY_BUCKETS]>,
}

impl Tally {
    fn new(release: &ReleaseId) -> Self {
        Self {
            release: release.clone(),
            counts: Arm::default(),
            latency: Box::new([0; LATENCY_BUCKETS]),
        }
    }

    fn count(&mut self, done: Completed) {
        self.counts.requests += 1;
        match done.outcome {
            Outcome::Broken => self.counts.connect += 1,
            Outcome::TimedOut => self.counts.timeout += 1,
            Outcome::Answered(..300) => self.counts.s2xx += 1,
            Outcome::Answered(300..400) => self.counts.s3xx += 1,
            Outcome::Answered(400..500) => self.counts.s4xx += 1,
            Outcome::Answered(500..) => self.counts.s5xx += 1,
        }
        self.counts.held += u64::from(done.held);
        self.latency[usize::from(latency_bucket(done.latency_micros))] += 1;
    }

    fn seal(self) -> SealedArm {
        let latency = self.latency.iter().enumerate().filter(|(_, count)| **count > 0);
        SealedArm {
            release: self.release,
            counts: self.counts,
            latency: latency.map(|(bucket, count)| (bucket as u16, *count)).collect(),
        }
    }
}

/// The counts of one release in a second that is over. `counts.latency` stays empty; the histogram
/// stands beside it in half the space.
struct SealedArm {
    release: ReleaseId,
    counts: Arm,
    latency: Box<[(u16, u32)]>,
}

impl SealedArm {
    fn report(&self) -> (ReleaseId, Arm) {
        let latency: Latency =
            self.latency.iter().map(|(bucket, count)| (*bucket, u64::from(*count))).collect();
        (self.release.clone(), Arm { latency, ..self.counts.clone() })
    }
}

/// A second that is over.
pub(crate) struct Sealed {
    second: u64,
    arms: Box<[SealedArm]>,
    refused: u64,
    weights: Option<Weights>,
}

impl Sealed {
    /// The second as it is reported.
    pub(crate) fn report(&self) -> SignalSecond {
        SignalSecond {
            second: self.second,
            arms: self.arms.iter().map(SealedArm::report).collect(),
            refused: self.refused,
            weights: self.weights.as_deref().unwrap_or_default().to_vec(),
        }
    }
}

/// The signals of one service. All times are boot seconds; time that seems to run backwards counts
/// into the second that is going on.
pub(crate) struct Ring {
    second: u64,
    arms: Vec<Tally>,
    refused: u64,
    /// Whether the route changed in the second that is going on.
    changed: bool,
    weights: Weights,
    over: VecDeque<Arc<Sealed>>,
}

impl Ring {
    /// A ring that begins now. Its first second counts as one with a change of route: the service
    /// was not seen for the whole of it.
    pub(crate) fn new(now: u64) -> Self {
        Self {
            second: now,
            arms: Vec::new(),
            refused: 0,
            changed: true,
            weights: Arc::new([]),
            over: VecDeque::new(),
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
        self.over.push_back(Arc::new(Sealed {
            second: self.second,
            arms: self.arms.drain(..).map(Tally::seal).collect(),
            refused: std::mem::take(&mut self.refused),
            weights: (!std::mem::take(&mut self.changed)).then(|| Arc::clone(&self.weights)),
        }));
    }

    /// Counts a request that is over.
    pub(crate) fn count(&mut self, now: u64, release: &ReleaseId, done: Completed) {
        self.advance(now);
        if let Some(tally) = self.arms.iter_mut().find(|tally| &tally.release == release) {
            tally.count(done);
            return;
        }
        let mut tally = Tally::new(release);
        tally.count(done);
        self.arms.push(tally);
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
        self.weights = Arc::clone(weights);
    }

    /// The seconds after `after` that are over, oldest first.
    pub(crate) fn since(&mut self, after: u64, now: u64) -> Vec<Arc<Sealed>> {
        self.advance(now);
        let first = self.over.partition_point(|sealed| sealed.second <= after);
        self.over.range(first..).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(outcome: Outcome) -> Completed {
        Completed { outcome, latency_micros: 1000, held: false }
    }

    fn weights(pairs: &[(&str, u8)]) -> Weights {
        pairs.iter().map(|(name, weight)| (ReleaseId::from(*name), *weight)).collect()
    }

    fn since(ring: &mut Ring, after: u64, now: u64) -> Vec<SignalSecond> {
        ring.since(after, now).iter().map(|sealed| sealed.report()).collect()
    }

    #[test]
    fn a_second_is_given_only_when_it_is_over() {
        let mut ring = Ring::new(10);
        ring.count(10, &"a".into(), done(Outcome::Answered(200)));
        assert!(since(&mut ring, 0, 10).is_empty());
        let seconds = since(&mut ring, 0, 11);
        assert_eq!(seconds.len(), 1);
        assert_eq!(seconds[0].arm(&"a".into()).unwrap().s2xx, 1);
        assert!(since(&mut ring, 10, 11).is_empty());
    }

    #[test]
    fn every_outcome_has_its_own_count_and_every_request_a_latency() {
        let mut ring = Ring::new(1);
        let outcomes = [
            Outcome::Answered(204),
            Outcome::Answered(304),
            Outcome::Answered(404),
            Outcome::Answered(503),
            Outcome::Broken,
            Outcome::TimedOut,
        ];
        for outcome in outcomes {
            ring.count(1, &"a".into(), done(outcome));
        }
        let arm = since(&mut ring, 0, 2)[0].arms[0].1.clone();
        assert_eq!((arm.s2xx, arm.s3xx, arm.s4xx, arm.s5xx), (1, 1, 1, 1));
        assert_eq!((arm.requests, arm.connect, arm.timeout, arm.errors()), (6, 1, 1, 3));
        assert_eq!(arm.latency, vec![(latency_bucket(1000), 6)]);
    }

    #[test]
    fn seconds_without_traffic_are_present() {
        let mut ring = Ring::new(5);
        ring.change(5, &weights(&[("a", 100)]));
        let seconds = since(&mut ring, 0, 9);
        assert_eq!(seconds.iter().map(|s| s.second).collect::<Vec<_>>(), [5, 6, 7, 8]);
        assert!(seconds[0].weights.is_empty());
        assert_eq!(seconds[1].weights, [("a".into(), 100)]);
    }

    #[test]
    fn weights_are_left_out_in_the_second_of_a_change() {
        let mut ring = Ring::new(1);
        ring.change(1, &weights(&[("a", 100)]));
        ring.change(3, &weights(&[("a", 50), ("b", 50)]));
        let seconds = since(&mut ring, 0, 5);
        let known: Vec<usize> = seconds.iter().map(|s| s.weights.len()).collect();
        assert_eq!(known, [0, 1, 0, 2]);
    }

    #[test]
    fn s18_a_standstill_leaves_a_gap_and_loses_no_count() {
        let mut ring = Ring::new(1);
        ring.advance(3);
        ring.count(3, &"a".into(), done(Outcome::Broken));
        let seconds = since(&mut ring, 0, 100);
        assert_eq!(seconds.iter().map(|s| s.second).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(seconds[2].arms[0].1.connect, 1);
        assert!(seconds[2].weights.is_empty());
        assert_eq!(since(&mut ring, 3, 101)[0].second, 100);
    }

    #[test]
    fn a_clock_that_runs_backwards_changes_no_second_that_is_over() {
        let mut ring = Ring::new(10);
        let before = since(&mut ring, 0, 12);
        ring.count(10, &"a".into(), done(Outcome::Answered(200)));
        assert_eq!(since(&mut ring, 0, 12), before);
        assert_eq!(since(&mut ring, 11, 13)[0].arms[0].1.requests, 1);
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut ring = Ring::new(0);
        for second in 1..=2000 {
            ring.advance(second);
        }
        let seconds = since(&mut ring, 0, 2000);
        assert_eq!(seconds.len(), RING_SECONDS);
        assert_eq!(seconds[0].second, 200);
    }
}
