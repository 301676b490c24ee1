//! How times are distributed.

use serde::Serialize;

/// A distribution of times, in milliseconds. Quantiles are exact, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields say it")]
pub struct Spread {
    pub count: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

impl Spread {
    /// The distribution of times in microseconds; `None` without any.
    pub(super) fn of(mut times_us: Vec<u64>) -> Option<Self> {
        times_us.sort_unstable();
        let max = *times_us.last()?;
        let count = times_us.len();
        // Nearest rank (Hyndman and Fan 1996, definition 1). Integers keep 0.999 × 1000 at 999.
        let rank = |per_mille: usize| {
            let index = (count * per_mille).div_ceil(1_000).saturating_sub(1);
            times_us[index] as f64 / 1e3
        };
        Some(Self {
            count: count as u64,
            mean_ms: times_us.iter().sum::<u64>() as f64 / count as f64 / 1e3,
            p50_ms: rank(500),
            p90_ms: rank(900),
            p99_ms: rank(990),
            p999_ms: rank(999),
            max_ms: max as f64 / 1e3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_by_nearest_rank() {
        assert_eq!(Spread::of(Vec::new()), None);
        let spread = Spread::of((1..=1_000).rev().map(|ms| ms * 1_000).collect()).unwrap();
        assert_eq!((spread.p50_ms, spread.p90_ms, spread.p99_ms), (500.0, 900.0, 990.0));
        assert_eq!((spread.p999_ms, spread.max_ms, spread.mean_ms), (999.0, 1_000.0, 500.5));
        let single = Spread::of(vec![7_000]).unwrap();
        assert_eq!((single.count, single.p50_ms, single.p999_ms), (1, 7.0, 7.0));
    }
}
