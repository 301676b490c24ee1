//! New version against old version, by a score per request: the whole latency distribution.

use serde::{Deserialize, Serialize};

use super::{
    BETS, LEVELS, Portfolio,
    block::{BlockClock, ControlRate, at_least_one, largest_bet},
};
use crate::signal::Latency;

/// Top of the score's scale: level `l` counts `l / 16` of an event.
const TOP: f64 = (LEVELS - 1) as f64;

/// What a [`Scored`] stream tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredParams {
    /// The level of each latency bucket, from [`super::savage_levels`].
    pub levels: Vec<u8>,
    /// Tolerance: by how many buckets the new version may be slower (one bucket is 9 %).
    pub k_tol: u16,
    /// Mean score before the deployment.
    pub p_prior: f64,
    /// Overdispersion of the score.
    pub d: f64,
    /// What one block may add to the evidence at most, as in [`super::TwoArmParams`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

/// How many requests scored each level.
type Scores = [u64; LEVELS];

/// An e-process for H0: the new version's latency is, in distribution, at most `k_tol` buckets
/// above the old version's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    params: ScoredParams,
    canary: Scores,
    control: Scores,
    clock: BlockClock,
    rate: ControlRate,
    portfolio: Portfolio,
}

impl Scored {
    /// A stream that begins at second 0.
    pub fn new(mut params: ScoredParams) -> Self {
        params.d = at_least_one(params.d);
        Self {
            rate: ControlRate::new(params.p_prior),
            portfolio: Portfolio::new(BETS.len(), true).at_most(params.most),
            canary: [0; LEVELS],
            control: [0; LEVELS],
            clock: BlockClock::default(),
            params,
        }
    }

    /// Takes the latencies of the second that ended at `t`.
    pub fn feed(&mut self, t: u64, canary: &Latency, control: &Latency) {
        let canary = self.scores(canary, self.params.k_tol);
        let control = self.scores(control, 0);
        self.feed_scores(t, &canary, &control);
    }

    /// Takes numbers of requests per level.
    pub fn feed_scores(&mut self, t: u64, canary: &[u64; LEVELS], control: &[u64; LEVELS]) {
        add(&mut self.canary, canary);
        add(&mut self.control, control);
        if self.clock.ends(t, total(&self.canary), total(&self.control)) {
            self.flush(t);
        }
    }

    /// Ends the block now, as [`super::TwoArm::flush`] does.
    pub fn flush(&mut self, t: u64) {
        let canary = std::mem::replace(&mut self.canary, [0; LEVELS]);
        let control = std::mem::replace(&mut self.control, [0; LEVELS]);
        self.clock = BlockClock::default();
        let control_requests = total(&control);
        if control_requests == 0 {
            return;
        }
        let m = self.rate.guess(t);
        let factors = BETS.map(|u| log_factor(u, m, &canary, &control));
        self.portfolio.play(t, self.params.d, factors);
        self.rate.learn(t, score_sum(&control), control_requests);
    }

    /// Natural logarithm of the evidence.
    pub fn log_e(&self) -> f64 {
        self.portfolio.log_e()
    }

    /// Levels of a histogram that is first shifted down by the tolerance.
    fn scores(&self, latency: &Latency, shift: u16) -> Scores {
        let mut scores: Scores = [0; LEVELS];
        for (bucket, count) in latency {
            let bucket = usize::from(bucket.saturating_sub(shift));
            // Beyond the histogram everything is as slow as its last bucket.
            let level = self.params.levels.get(bucket).or(self.params.levels.last());
            let level = usize::from(level.copied().unwrap_or(0)).min(LEVELS - 1);
            scores[level] = scores[level].saturating_add(*count);
        }
        scores
    }
}

fn add(sum: &mut Scores, more: &Scores) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}

fn total(scores: &Scores) -> u64 {
    scores.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

fn score_sum(scores: &Scores) -> f64 {
    scores.iter().enumerate().map(|(level, count)| level as f64 / TOP * *count as f64).sum()
}

/// The factor of [`super::TwoArm`] with rho 1 and delta 0, for scores between 0 and 1.
fn log_factor(u: f64, m: f64, canary: &Scores, control: &Scores) -> f64 {
    let (n_c, n_b) = (total(canary), total(control));
    if n_c == 0 || n_b == 0 {
        return 0.0;
    }
    let l_c = u * largest_bet(1.0 / m, n_c, n_b, 1.0, 1.0 - m);
    let l_b = l_c * n_c as f64 / n_b as f64;
    let arm = |scores: &Scores, bet: f64| -> f64 {
        let part = |(level, count): (usize, &u64)| match count {
            0 => 0.0,
            count => *count as f64 * (bet * (level as f64 / TOP - m)).ln_1p(),
        };
        scores.iter().enumerate().map(part).sum()
    };
    arm(canary, l_c) + arm(control, -l_b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn expected_factor_is_at_most_one_when_both_arms_have_one_distribution() {
        // Three requests on each side, each of them level 0, 6 or 16.
        let outcomes = [(0, 0.7), (6, 0.25), (16, 0.05)];
        for m in [0.01, 0.144, 0.5] {
            for u in BETS {
                let mut expected = 0.0;
                for draw in 0..3usize.pow(5) {
                    let (mut canary, mut control, mut p) = ([0; LEVELS], [0; LEVELS], 1.0);
                    for request in 0..5 {
                        let (level, chance) = outcomes[draw / 3usize.pow(request) % 3];
                        let arm = if request < 2 { &mut canary } else { &mut control };
                        arm[level] += 1;
                        p *= chance;
                    }
                    expected += p * log_factor(u, m, &canary, &control).exp();
                }
                assert!(expected <= 1.0 + 1e-12, "{expected} for m {m}, u {u}");
            }
        }
    }

    proptest! {
        #[test]
        fn evidence_is_always_a_number(
            levels in prop::collection::vec(any::<u8>(), 0..20),
            p_prior in prop_oneof![Just(f64::NAN), -1.0..2.0f64],
            seconds in prop::collection::vec(
                (0..100u64, prop::collection::vec((any::<u16>(), 0..50u64), 0..5), prop::collection::vec((any::<u16>(), 0..50u64), 0..5)),
                0..40,
            ),
        ) {
            let mut stream = Scored::new(ScoredParams { levels, k_tol: 1, p_prior, d: f64::NAN, most: None });
            for (t, canary, control) in seconds {
                stream.feed(t, &canary, &control);
                prop_assert!(stream.log_e().is_finite());
            }
        }
    }
}
