//! Leaves a server alone that has not answered for a while, so that nothing waits for it.

/// So many exchanges in a row without an answer open it.
pub const FAILURES_MAX: u32 = 5;
/// Milliseconds for which it stays open, until one exchange tries again.
pub const OPEN_MS: u64 = 60_000;

/// The state of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// Questions go through; so many in a row had no answer.
    Closed { failures: u32 },
    /// None goes through before this moment.
    Open { until_ms: u64 },
    /// One tries; it is lost if it has not come back by then.
    Probing { until_ms: u64 },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Lets a question through that will be over after `at_most_ms`, or says for how many
    /// milliseconds none will be.
    pub(crate) fn admit(&mut self, now_ms: u64, at_most_ms: u64) -> Result<(), u64> {
        match *self {
            Self::Closed { .. } => Ok(()),
            Self::Open { until_ms } | Self::Probing { until_ms } if now_ms < until_ms => {
                Err(until_ms - now_ms)
            }
            Self::Open { .. } | Self::Probing { .. } => {
                *self = Self::Probing { until_ms: now_ms.saturating_add(at_most_ms) };
                Ok(())
            }
        }
    }

    /// Takes in how one ended that was let through.
    pub(crate) fn ended(&mut self, answered: bool, now_ms: u64) {
        let open = Self::Open { until_ms: now_ms.saturating_add(OPEN_MS) };
        *self = match *self {
            _ if answered => Self::default(),
            Self::Closed { failures } if failures + 1 < FAILURES_MAX => {
                Self::Closed { failures: failures + 1 }
            }
            Self::Closed { .. } | Self::Probing { .. } => open,
            // One that began before it opened tells nothing new.
            Self::Open { .. } => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for n in 0..u64::from(FAILURES_MAX) {
            assert_eq!(breaker.admit(n, 100), Ok(()));
            breaker.ended(false, n);
        }
        breaker
    }

    #[test]
    fn p9_it_opens_after_failures_in_a_row_and_tries_one_later() {
        let mut breaker = opened();
        let since = u64::from(FAILURES_MAX) - 1;
        assert_eq!(breaker.admit(since + 1, 100), Err(OPEN_MS - 1));
        let later = since + OPEN_MS;
        assert_eq!(breaker.admit(later - 1, 100), Err(1));
        assert_eq!(breaker.admit(later, 100), Ok(()));
        assert_eq!(breaker.admit(later, 100), Err(100), "only one");
        breaker.ended(false, later + 50);
        assert_eq!(breaker.admit(later + 50, 100), Err(OPEN_MS));
        let later = later + 50 + OPEN_MS;
        assert_eq!(breaker.admit(later, 100), Ok(()));
        breaker.ended(true, later + 1);
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn an_answer_in_between_begins_the_count_again() {
        let mut breaker = Breaker::default();
        for n in 0..u64::from(3 * FAILURES_MAX) {
            assert_eq!(breaker.admit(n, 100), Ok(()));
            breaker.ended(n % 3 == 0, n);
        }
    }

    #[test]
    fn p9_one_that_never_came_back_does_not_block_it() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(OPEN_MS * 2, 100), Ok(()));
        assert_eq!(breaker.admit(OPEN_MS * 2 + 100, 100), Ok(()));
    }

    #[test]
    fn late_failures_do_not_keep_it_open() {
        let mut breaker = opened();
        let open = breaker;
        breaker.ended(false, 30_000);
        assert_eq!(breaker, open);
    }
}
