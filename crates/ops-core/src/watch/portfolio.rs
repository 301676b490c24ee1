//! A mixture over several bets and over the times at which trouble may begin.

use serde::{Deserialize, Serialize};

use super::combine::log_sum_exp;

/// Seconds between two restarts.
const RESTART_EVERY: u64 = 60;
/// Share of the wealth that plays from the start; the rest waits for the restarts.
const START_SHARE: f64 = 0.7;
/// Share of the waiting wealth that stays behind at each restart.
const KEPT_AT_RESTART: f64 = 0.95;

/// Wealth of several bets, as natural logarithms.
///
/// A restart moves a part of a reserve into each bet. It leaves the total as it is, but gives
/// trouble that begins late fresh wealth that earlier quiet did not eat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Portfolio {
    log_wealth: Vec<f64>,
    log_reserve: Option<f64>,
    next_restart: u64,
    /// What one round may add to a bet at most; `None`: as much as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most: Option<f64>,
}

impl Portfolio {
    /// A portfolio of `bets` bets that starts at second 0 with a total wealth of 1.
    pub fn new(bets: usize, restarts: bool) -> Self {
        let bets = bets.max(1);
        let share = if restarts { START_SHARE } else { 1.0 };
        Self {
            log_wealth: vec![(share / bets as f64).ln(); bets],
            log_reserve: restarts.then(|| (1.0 - START_SHARE).ln()),
            next_restart: RESTART_EVERY,
            most: None,
        }
    }

    /// With a bound of what one round may add to a bet. A factor that is cut down is still one whose
    /// expectation is at most 1.
    #[must_use]
    pub fn at_most(self, most: Option<f64>) -> Self {
        Self { most, ..self }
    }

    /// Plays one round at second `t`: the logarithm of each bet's factor, divided by the
    /// overdispersion `d` so that dependent groups of requests cannot count as independent.
    pub fn play(&mut self, t: u64, d: f64, log_factors: impl IntoIterator<Item = f64>) {
        self.restart(t);
        for (wealth, factor) in self.log_wealth.iter_mut().zip(log_factors) {
            *wealth += (factor / d).min(self.most.unwrap_or(f64::INFINITY));
        }
    }

    /// Does all restarts that were due before second `t`. Between two rounds they add up to one.
    fn restart(&mut self, t: u64) {
        let Some(reserve) = self.log_reserve.as_mut() else {
            return;
        };
        let due = t.saturating_sub(self.next_restart).div_ceil(RESTART_EVERY);
        if due == 0 {
            return;
        }
        let log_kept = due as f64 * KEPT_AT_RESTART.ln();
        let injected = *reserve + (-log_kept.exp_m1()).ln() - (self.log_wealth.len() as f64).ln();
        for wealth in &mut self.log_wealth {
            *wealth = log_sum_exp([*wealth, injected]);
        }
        *reserve += log_kept;
        self.next_restart = self.next_restart.saturating_add(due.saturating_mul(RESTART_EVERY));
    }

    /// Natural logarithm of the total wealth: the evidence so far.
    pub fn log_e(&self) -> f64 {
        log_sum_exp(self.log_wealth.iter().copied().chain(self.log_reserve))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_with_wealth_one_and_restarts_do_not_change_it() {
        let mut portfolio = Portfolio::new(6, true);
        assert!(portfolio.log_e().abs() < 1e-12);
        for t in [1, 61, 600, 86_400, u64::MAX] {
            portfolio.play(t, 1.0, [0.0; 6]);
            assert!(portfolio.log_e().abs() < 1e-9, "at {t}: {}", portfolio.log_e());
        }
    }

    #[test]
    fn one_round_adds_at_most_what_it_may_and_takes_as_much_as_it_says() {
        let mut portfolio = Portfolio::new(1, false).at_most(Some(2.0));
        portfolio.play(1, 1.0, [50.0]);
        assert!((portfolio.log_e() - 2.0).abs() < 1e-12);
        portfolio.play(2, 2.0, [-50.0]);
        assert!((portfolio.log_e() + 23.0).abs() < 1e-12);
    }

    #[test]
    fn many_restarts_at_once_equal_the_same_one_by_one() {
        let (mut lazy, mut eager) = (Portfolio::new(6, true), Portfolio::new(6, true));
        for t in 1..=1000 {
            eager.play(t, 1.0, [0.0; 6]);
        }
        for portfolio in [&mut lazy, &mut eager] {
            portfolio.play(1000, 1.0, [1.0, 2.0, 3.0, -1.0, -2.0, -9.0]);
        }
        assert!((lazy.log_e() - eager.log_e()).abs() < 1e-9);
    }
}
