//! Memory that grows until the kernel ends the replica: a projection, no statistics.

use serde::{Deserialize, Serialize};

/// Readings from which on a line is drawn.
const ENOUGH: u64 = 12;
/// Seconds from which on it is.
const SPAN_SECONDS: u64 = 180;
/// Seconds ahead within which reaching the limit is harm.
const AHEAD_SECONDS: f64 = 3_600.0;
/// Share of the limit by which memory must have grown along the line.
const GROWN: f64 = 0.05;
/// Least share of the variance that the line explains: a cache that fills and stops, or a heap that
/// is swept, is no line.
const STRAIGHT: f64 = 0.9;

/// A straight line through levels of memory, in constant space.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Leak {
    first: Option<u64>,
    last: u64,
    n: u64,
    sums: Sums,
    /// The same over the later half alone: growth that stops is no leak.
    late: Sums,
    limit: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// Slope, and the share of the variance that it explains.
    fn line(&self) -> Option<(f64, f64)> {
        let (sxx, sxy, syy) = (
            self.xx - self.x * self.x / self.n,
            self.xy - self.x * self.y / self.n,
            self.yy - self.y * self.y / self.n,
        );
        let slope = sxy / sxx;
        let straight = slope * sxy / syy;
        (slope.is_finite() && straight.is_finite()).then_some((slope, straight))
    }
}

impl Leak {
    /// Takes a level and the limit, both in bytes, at second `t`.
    pub(super) fn feed(&mut self, t: u64, memory: f64, limit: f64) {
        let first = *self.first.get_or_insert(t);
        if t < self.last || !memory.is_finite() || limit <= 0.0 {
            return;
        }
        self.last = t;
        self.n += 1;
        self.limit = limit;
        // Shares of the limit keep the sums small.
        let (x, y) = ((t - first) as f64, memory / limit);
        self.sums.add(x, y);
        if x >= SPAN_SECONDS as f64 / 2.0 {
            self.late.add(x, y);
        }
    }

    /// Share of the limit by which it grows per second along a line, if there is one.
    pub(super) fn growth(&self) -> Option<f64> {
        let span = self.last.saturating_sub(self.first?);
        if self.n < ENOUGH || span < SPAN_SECONDS {
            return None;
        }
        let (slope, straight) = self.sums.line()?;
        let (late, still) = self.late.line()?;
        let grows = slope > 0.0 && slope * span as f64 >= GROWN && straight >= STRAIGHT;
        (grows && late >= 0.5 * slope && still >= STRAIGHT).then_some(slope.min(late))
    }

    /// Seconds until the limit is reached, if it is within the hour ahead.
    pub(super) fn seconds_left(&self) -> Option<u64> {
        let growth = self.growth()?;
        let (mean_x, mean_y) = (self.sums.x / self.sums.n, self.sums.y / self.sums.n);
        let now = mean_y + growth * ((self.last - self.first?) as f64 - mean_x);
        let left = (1.0 - now) / growth;
        (left <= AHEAD_SECONDS).then_some(left.max(0.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: f64 = 1_048_576.0;

    fn fed(level: impl Fn(u64) -> f64) -> Leak {
        let mut leak = Leak::default();
        for t in (0..=600).step_by(15) {
            leak.feed(t, level(t) * MB, 512.0 * MB);
        }
        leak
    }

    #[test]
    fn a_line_towards_the_limit_is_a_leak() {
        let leak = fed(|t| 100.0 + 0.2 * t as f64);
        let left = leak.seconds_left().unwrap();
        assert!((1_400..1_500).contains(&left), "{left}");
        let saw = fed(|t| 100.0 + 0.2 * t as f64 + if t % 30 == 0 { 3.0 } else { -3.0 });
        assert!(saw.seconds_left().is_some());
    }

    #[test]
    fn what_stops_growing_or_is_far_from_the_limit_is_none() {
        assert_eq!(fed(|_| 400.0).seconds_left(), None, "level");
        assert_eq!(fed(|t| 100.0 + 0.02 * t as f64).seconds_left(), None, "hours away");
        assert_eq!(fed(|t| 100.0 + t.min(120) as f64).seconds_left(), None, "a cache that filled");
        assert_eq!(fed(|t| 100.0 + (t % 120) as f64).seconds_left(), None, "a heap that is swept");
        assert_eq!(fed(|t| 300.0 - 0.2 * t as f64).seconds_left(), None, "shrinking");
        assert_eq!(fed(|_| f64::NAN).seconds_left(), None);
        assert_eq!(Leak::default().seconds_left(), None);
    }
}
