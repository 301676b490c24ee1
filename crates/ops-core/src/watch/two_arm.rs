//! New version against old version, by counts of an event such as a failed request.

use serde::{Deserialize, Serialize};

use super::{
    BETS, Portfolio,
    block::{BlockClock, ControlRate, at_least_one, largest_bet},
};

/// What a [`TwoArm`] tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwoArmParams {
    /// Tolerated factor on the control's rate.
    pub rho: f64,
    /// Tolerated addition to the control's rate, as a share of requests.
    pub delta: f64,
    /// Rate of the event before the deployment.
    pub p_prior: f64,
    /// Overdispersion: events are dependent only within groups of at most this many requests.
    pub d: f64,
    /// Tests the opposite: that the new version is at least that bad. Its rejection says "good
    /// enough".
    pub mirrored: bool,
    /// Whether wealth is kept back for trouble that begins late.
    pub restarts: bool,
    /// What one block may add to the evidence at most, as a natural logarithm; `None`: as much as
    /// it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

impl Default for TwoArmParams {
    /// Tolerances of the error stream: a tenth more and 0.05 percentage points.
    fn default() -> Self {
        let (rho, delta, p_prior, d) = (1.1, 0.0005, 0.01, 1.0);
        Self { rho, delta, p_prior, d, mirrored: false, restarts: true, most: None }
    }
}

/// Requests and events of both arms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    canary: u64,
    canary_events: u64,
    control: u64,
    control_events: u64,
}

/// An e-process for H0: in every block, the canary's rate is at most `rho` times the control's
/// rate plus `delta`. The control's rate may move as it likes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwoArm {
    params: TwoArmParams,
    block: Block,
    clock: BlockClock,
    rate: ControlRate,
    portfolio: Portfolio,
}

impl TwoArm {
    /// A stream that begins at second 0. Parameters out of range are brought into it.
    pub fn new(mut params: TwoArmParams) -> Self {
        params.rho = if params.rho.is_finite() { params.rho.max(1e-6) } else { 1.0 };
        params.delta = if params.delta.is_finite() { params.delta.clamp(0.0, 1.0) } else { 0.0 };
        params.d = at_least_one(params.d);
        Self {
            rate: ControlRate::new(params.p_prior),
            portfolio: Portfolio::new(BETS.len(), params.restarts).at_most(params.most),
            block: Block::default(),
            clock: BlockClock::default(),
            params,
        }
    }

    /// Takes the counts `(requests, events)` of the interval that ended at second `t`.
    pub fn feed(&mut self, t: u64, canary: (u64, u64), control: (u64, u64)) {
        let block = &mut self.block;
        block.canary = block.canary.saturating_add(canary.0);
        block.canary_events = block.canary_events.saturating_add(canary.1.min(canary.0));
        block.control = block.control.saturating_add(control.0);
        block.control_events = block.control_events.saturating_add(control.1.min(control.0));
        if self.clock.ends(t, block.canary, block.control) {
            self.flush(t);
        }
    }

    /// Ends the block now. Must be called when weights change: one block over two weights would
    /// compare different times with each other (Simpson's paradox). A block without control is
    /// dropped.
    pub fn flush(&mut self, t: u64) {
        let block = std::mem::take(&mut self.block);
        self.clock = BlockClock::default();
        if block.control == 0 {
            return;
        }
        let m_b = self.rate.guess(t);
        self.portfolio.play(
            t,
            self.params.d,
            BETS.map(|u| log_factor(&self.params, u, m_b, block)),
        );
        self.rate.learn(t, block.control_events as f64, block.control);
    }

    /// Natural logarithm of the evidence.
    pub fn log_e(&self) -> f64 {
        self.portfolio.log_e()
    }
}

/// Logarithm of the factor of one block under the bet `u`.
///
/// Under H0 its expectation is at most 1: with `l_b n_b = rho l_c n_c`, each request's factor
/// `1 + l (x - m)` has mean at most `exp(l (p - m))`, and the exponents of the two arms cancel.
fn log_factor(params: &TwoArmParams, u: f64, m_b: f64, block: Block) -> f64 {
    let TwoArmParams { rho, delta, mirrored, .. } = *params;
    let m_c = rho * m_b + delta;
    if m_c >= 1.0 || block.canary == 0 || block.control == 0 {
        return 0.0;
    }
    let (n_c, x_c) = (block.canary as f64, block.canary_events as f64);
    let (n_b, x_b) = (block.control as f64, block.control_events as f64);
    let limit = if mirrored {
        largest_bet(1.0 / (1.0 - m_c), block.canary, block.control, rho, m_b)
    } else {
        largest_bet(1.0 / m_c, block.canary, block.control, rho, 1.0 - m_b)
    };
    let sign = if mirrored { -1.0 } else { 1.0 };
    let l_c = sign * u * limit;
    let l_b = rho * l_c * n_c / n_b;
    x_c * (l_c * (1.0 - m_c)).ln_1p()
        + (n_c - x_c) * (-l_c * m_c).ln_1p()
        + x_b * (-l_b * (1.0 - m_b)).ln_1p()
        + (n_b - x_b) * (l_b * m_b).ln_1p()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Probability of `x` events in `n` requests.
    fn binomial(n: u64, x: u64, p: f64) -> f64 {
        let choose = (0..x).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
        choose * p.powi(x as i32) * (1.0 - p).powi((n - x) as i32)
    }

    /// Expectation of the factor over all outcomes of a block.
    fn expectation(params: &TwoArmParams, u: f64, m_b: f64, n: (u64, u64), p: (f64, f64)) -> f64 {
        let mut sum = 0.0;
        for canary_events in 0..=n.0 {
            for control_events in 0..=n.1 {
                let block = Block { canary: n.0, canary_events, control: n.1, control_events };
                sum += binomial(n.0, canary_events, p.0)
                    * binomial(n.1, control_events, p.1)
                    * log_factor(params, u, m_b, block).exp();
            }
        }
        sum
    }

    #[test]
    fn expected_factor_is_at_most_one_on_all_small_blocks() {
        for (rho, delta) in [(1.1, 0.0005), (1.0, 0.0), (1.5, 0.005)] {
            let params = TwoArmParams { rho, delta, ..TwoArmParams::default() };
            let opposite = TwoArmParams { mirrored: true, ..params.clone() };
            for n in [(1, 1), (1, 4), (3, 2), (5, 5), (4, 9)] {
                for p_b in [0.0, 0.001, 0.05, 0.3, 0.6] {
                    for (m_b, u) in
                        [0.0001, 0.01, 0.4].into_iter().flat_map(|m| BETS.map(|u| (m, u)))
                    {
                        let edge: f64 = rho * p_b + delta;
                        for p_c in [0.0, edge / 2.0, edge] {
                            let e = expectation(&params, u, m_b, n, (p_c, p_b));
                            assert!(e <= 1.0 + 1e-12, "{e} for {n:?} {p_c} {p_b} {m_b} {u}");
                        }
                        for p_c in [edge, f64::midpoint(edge, 1.0), 1.0] {
                            let e = expectation(&opposite, u, m_b, n, (p_c, p_b));
                            assert!(
                                e <= 1.0 + 1e-12,
                                "mirrored {e} for {n:?} {p_c} {p_b} {m_b} {u}"
                            );
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn evidence_is_always_a_number(
            rho in prop_oneof![Just(f64::NAN), 0.0..5.0f64],
            delta in -1.0..2.0f64,
            p_prior in prop_oneof![Just(f64::INFINITY), -1.0..2.0f64],
            mirrored: bool,
            restarts: bool,
            seconds in prop::collection::vec((0..200u64, 0..60u64, 0..80u64, 0..60u64, 0..80u64, any::<bool>()), 0..60),
        ) {
            let params = TwoArmParams { rho, delta, p_prior, d: 0.0, mirrored, restarts, most: None };
            let mut stream = TwoArm::new(params);
            for (t, n_c, x_c, n_b, x_b, change) in seconds {
                if change {
                    stream.flush(t);
                }
                stream.feed(t, (n_c, x_c), (n_b, x_b));
                prop_assert!(stream.log_e().is_finite());
            }
        }
    }

    #[test]
    fn huge_counts_stay_finite() {
        let mut stream = TwoArm::new(TwoArmParams::default());
        for t in [1, u64::MAX] {
            stream.feed(t, (u64::MAX, u64::MAX), (u64::MAX, 0));
            stream.feed(t, (u64::MAX, 0), (u64::MAX, u64::MAX));
        }
        assert!(stream.log_e().is_finite());
    }

    #[test]
    fn a_change_of_weights_flushes_the_block() {
        let mut stream = TwoArm::new(TwoArmParams::default());
        stream.feed(1, (2, 2), (20, 0));
        assert!(stream.log_e().abs() < 1e-12, "two requests are no block yet");
        stream.flush(1);
        assert!(stream.log_e() > 1.0, "the flush counts them: {}", stream.log_e());

        let mut alone = TwoArm::new(TwoArmParams::default());
        alone.feed(1, (4, 4), (0, 0));
        alone.flush(1);
        alone.feed(2, (0, 0), (50, 0));
        alone.feed(12, (0, 0), (50, 0));
        assert!(alone.log_e().abs() < 1e-12, "a block without control is dropped");
    }
}
