//! Classic histograms: a counter for each upper bound, of everything up to it.

use ops_core::reading::Sample;

use super::{Trouble, samples::count, wire::Series};

/// By how much a bucket may hold more than the next larger one. Nothing real falls, but sums of
/// fractions may, by far less.
const SLACK: f64 = 0.5;

/// One window: the total, and how many were above each bound, bounds ascending.
pub(super) struct Classic {
    total: u64,
    bounds: Vec<(f64, u64)>,
}

/// The series of a classic histogram by their bounds, ascending.
pub(super) fn buckets(series: &[Series]) -> Result<Vec<(f64, &Series)>, Trouble> {
    let mut buckets = Vec::with_capacity(series.len());
    for one in series {
        let le = one.le.as_ref().ok_or_else(|| {
            Trouble::new("gives a series without `le`", "let the query add up by (le)")
        })?;
        let bound: Option<f64> = le.parse().ok();
        match bound.filter(|bound| *bound > f64::NEG_INFINITY) {
            // Zero is one bound, whatever its sign.
            Some(bound) => buckets.push((bound + 0.0, one)),
            None => return Err(Trouble::with_query("gives a bucket whose `le` is no number")),
        }
    }
    buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    if buckets
        .windows(2)
        .any(|two| matches!(two, [(one, _), (other, _)] if one.total_cmp(other).is_eq()))
    {
        let what = "gives more than one series for the same `le`";
        return Err(Trouble::new(what, "let the query add them up: sum by (le) (...)"));
    }
    Ok(buckets)
}

/// The histogram in a window; `None` without a total or a bound, or if it is none.
///
/// A bucket that holds more than the next larger one is cut down to it within [`SLACK`]: the total
/// stays, and what is above a bound is never too little. Beyond, counters were reset without its
/// being seen, or do not belong together.
pub(super) fn histogram(buckets: &[(f64, &Series)], window: usize) -> Option<Classic> {
    let ((last, all), buckets) = buckets.split_last()?;
    let mut below = all.number(window).filter(|_| *last == f64::INFINITY)?;
    let total = count(below)?;
    let mut bounds = Vec::with_capacity(buckets.len());
    for (bound, series) in buckets.iter().rev() {
        let Some(number) = series.number(window) else { continue };
        if number > below + SLACK {
            return None;
        }
        below = below.min(number);
        bounds.push((*bound, total.saturating_sub(count(below)?)));
    }
    bounds.reverse();
    (!bounds.is_empty()).then_some(Classic { total, bounds })
}

impl Classic {
    /// Forgets the bounds that the other one does not have.
    pub(super) fn keep_bounds_of(&mut self, other: &Self) {
        self.bounds.retain(|(bound, _)| {
            other.bounds.binary_search_by(|(theirs, _)| theirs.total_cmp(bound)).is_ok()
        });
    }

    /// As it is told. Without a bound in common it says nothing.
    pub(super) fn sample(self) -> Sample {
        if self.bounds.is_empty() {
            return Sample::Missing;
        }
        Sample::Above { total: self.total, bounds: self.bounds }
    }
}
