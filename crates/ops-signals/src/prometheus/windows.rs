//! Which windows are over, and where they lie on Prometheus's clock.

use ops_core::time::Now;
use ops_engine::ports::Asked;

/// Most windows that are read at once; who asks again gets the next ones.
const AT_ONCE: u64 = 240;

/// Windows of one length, one after the other, that end at multiples of their length since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// The second since boot at which the first one ended.
    first: u64,
    /// Their length in seconds.
    every: u64,
    count: u64,
}

impl Windows {
    /// The oldest windows that ended after `asked.after` and are safely over.
    pub(super) fn over(asked: &Asked, now: &Now) -> Option<Self> {
        let every = asked.signal.every_seconds;
        let safe = now.ms.checked_sub(lag_ms(every))? / 1000;
        let last = safe.checked_div(every)? * every;
        let first = (asked.after / every).checked_add(1)?.checked_mul(every)?;
        let count = last.checked_sub(first)? / every + 1;
        Some(Self { first, every, count: count.min(AT_ONCE) })
    }

    /// Four windows of 15 s, whose first one ended at this second.
    pub(super) fn from_second(first: u64) -> Self {
        Self { first, every: 15, count: 4 }
    }

    /// The seconds since boot at which they ended.
    pub(super) fn ends(&self) -> impl Iterator<Item = u64> + use<> {
        let (first, every) = (self.first, self.every);
        (0..self.count).map(move |number| first + number * every)
    }
}

/// How long after its end a window is left alone, in milliseconds.
///
/// What was scraped just before its end must have come in. A window holds two scrapes or more, else
/// nothing can be counted in it, so half of it is at least the time between two scrapes; and no
/// scrape that is longer under way than 10 s counts, unless somebody changed `scrape_timeout`.
fn lag_ms(every: u64) -> u64 {
    every.saturating_mul(500).clamp(1_000, 10_000)
}

/// The same windows as Prometheus's clock has them, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    first: i64,
    every: i64,
    /// How many.
    pub(super) count: usize,
}

impl Grid {
    /// `ahead` is by how many milliseconds Prometheus's clock is ahead of the boot clock.
    pub(super) fn new(windows: &Windows, ahead: f64) -> Self {
        let first = windows.first.saturating_mul(1000) as f64 + ahead.round();
        Self {
            first: first as i64,
            every: i64::try_from(windows.every.saturating_mul(1000)).unwrap_or(i64::MAX),
            count: windows.count as usize,
        }
    }

    /// The end of the first window, in seconds.
    pub(super) fn start(&self) -> String {
        seconds(self.first)
    }

    /// The end of the last window, in seconds.
    pub(super) fn end(&self) -> String {
        let length = self.every.saturating_mul(self.count.saturating_sub(1) as i64);
        seconds(self.first.saturating_add(length))
    }

    /// The length of a window, in seconds.
    pub(super) fn step(&self) -> String {
        seconds(self.every)
    }

    /// Which window ended at this second of Prometheus's clock, if one of them did.
    pub(super) fn window(&self, second: f64) -> Option<usize> {
        let after = (second * 1000.0).round() - self.first as f64;
        let number = after / self.every as f64;
        let hit = number.fract() == 0.0 && number >= 0.0 && number < self.count as f64;
        hit.then_some(number as usize)
    }
}

fn seconds(ms: i64) -> String {
    format!("{:.3}", ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::tests::{asked, now};

    fn ends(every: u64, after: u64, ms: u64) -> Vec<u64> {
        let mut asked = asked("http://p");
        asked.signal.every_seconds = every;
        asked.after = after;
        Windows::over(&asked, &now(ms)).map(|windows| windows.ends().collect()).unwrap_or_default()
    }

    #[test]
    fn windows_end_at_multiples_and_only_after_a_lag() {
        assert_eq!(ends(15, 100, 142_499), [105, 120]);
        assert_eq!(ends(15, 100, 142_500), [105, 120, 135], "half a window later");
        assert_eq!(ends(15, 120, 142_500), [135], "what ended at `after` was told");
        assert_eq!(ends(15, 135, 142_500), [0; 0]);
        assert_eq!(ends(15, 1_000, 142_500), [0; 0], "`after` is ahead of now");
        assert_eq!(ends(1, 7, 10_999), [8, 9], "at least a second");
        assert_eq!(ends(300, 0, 310_000), [300], "at most ten");
        assert_eq!(ends(300, 0, 309_999), [0; 0]);
    }

    #[test]
    fn a_window_has_the_same_second_whenever_it_is_read() {
        for ms in 100_000..103_000 {
            let told = ends(4, 60, ms);
            assert!(told.iter().all(|second| second % 4 == 0), "{told:?}");
            assert!(told.windows(2).all(|two| two[1] - two[0] == 4), "{told:?}");
        }
    }

    #[test]
    fn catching_up_goes_on_where_it_ended_without_a_gap() {
        let (mut after, mut told) = (100, Vec::new());
        loop {
            let next = ends(15, after, 10_000_000);
            let Some(last) = next.last() else { break };
            assert!(next.len() <= 240);
            after = *last;
            told.extend(next);
        }
        assert_eq!(told, (105..=9_990).step_by(15).collect::<Vec<_>>());
    }

    #[test]
    fn p8_odd_lengths_and_seconds_give_no_window_and_no_panic() {
        for every in [0, 1, u64::MAX / 1000, u64::MAX] {
            for after in [0, 1, u64::MAX - 1, u64::MAX] {
                for ms in [0, 1, 999, u64::MAX] {
                    let told = ends(every, after, ms);
                    assert!(told.iter().all(|second| *second > after && *second <= ms / 1000));
                }
            }
        }
    }

    #[test]
    fn moments_are_found_on_the_grid_and_beside_it_they_are_not() {
        let windows = Windows { first: 105, every: 15, count: 3 };
        let grid = Grid::new(&windows, 1_790_000_000_123.4);
        assert_eq!(
            (grid.start().as_str(), grid.end().as_str(), grid.step().as_str()),
            ("1790000105.123", "1790000135.123", "15.000"),
        );
        assert_eq!(grid.window(1_790_000_105.123), Some(0));
        assert_eq!(grid.window(1_790_000_135.123), Some(2));
        for beside in [1_790_000_105.124, 1_790_000_090.123, 1_790_000_150.123, f64::MAX, -1.0] {
            assert_eq!(grid.window(beside), None, "{beside}");
        }
        let behind = Grid::new(&windows, -50_000.0);
        assert_eq!(behind.start(), "55.000", "a clock may be behind the time since boot");
    }
}
