//! Native histograms: buckets whose bounds grow by a constant factor, 2^(2^-schema).

use std::collections::BTreeMap;

use ops_core::{reading::Sample, signal::latency_bucket};

use super::{
    Trouble,
    samples::count,
    wire::{Histogram, Number},
};

/// The schemas that Prometheus has: bounds grow by a factor from 2^16 down to 2^(1/256).
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// How far sums and logarithms may be off.
const SLACK: f64 = 1e-6;

/// One window.
pub(super) struct Native {
    /// How fine its buckets are: that of the widest one.
    pub(super) schema: i32,
    /// Observations around zero.
    zero: f64,
    /// Upper bounds in seconds, and observations.
    buckets: Vec<(f64, f64)>,
}

/// The histogram of each window; `None` where it is missing or does not add up.
pub(super) fn histograms(
    told: &[(usize, Histogram)],
    windows: usize,
) -> Result<Vec<Option<Native>>, Trouble> {
    let mut histograms = Vec::new();
    histograms.resize_with(windows, || None);
    for (window, histogram) in told {
        if let Some(place) = histograms.get_mut(*window) {
            *place = native(histogram)?;
        }
    }
    Ok(histograms)
}

fn native(told: &Histogram) -> Result<Option<Native>, Trouble> {
    let (mut zero, mut buckets, mut widest) = (0.0, Vec::with_capacity(told.buckets.len()), 0.0);
    for (_, Number(lower), Number(upper), Number(number)) in &told.buckets {
        let around_zero = lower + upper == 0.0;
        if count(*number).is_none() || (*upper <= 0.0 && !around_zero) {
            // Not a number of things, or of things that took less than no time.
            return Ok(None);
        }
        if around_zero {
            zero += number;
            continue;
        }
        let width = (upper / lower).log2();
        // Also if one of them is not a number.
        if !(*lower > 0.0 && width > 0.0 && width.is_finite()) {
            return Err(foreign());
        }
        widest = f64::max(widest, width);
        buckets.push((*upper, *number));
    }
    // The bucket beside zero may be cut, so that it is narrower than the others.
    let finest = if buckets.is_empty() { i32::MAX } else { (SLACK - widest.log2()).floor() as i32 };
    let schema = finest.min(*SCHEMAS.end());
    if schema < *SCHEMAS.start() {
        return Err(foreign());
    }
    let sum = zero + buckets.iter().map(|(_, number)| number).sum::<f64>();
    let Number(total) = told.count;
    // Observations that are no number are in the count and in no bucket.
    let whole = count(total).is_some() && (total - sum).abs() <= SLACK * total.max(1.0);
    Ok(whole.then_some(Native { schema, zero, buckets }))
}

fn foreign() -> Trouble {
    let what = "gives native histograms whose bounds do not grow by a constant factor";
    Trouble::new(what, "query the classic buckets by (le), or observe into exponential buckets")
}

impl Native {
    /// As it is told, in buckets of a schema that is not finer than its own. A bucket counts as if
    /// everything in it had taken the same time, in the middle of it.
    ///
    /// Numbers are fractions. They are rounded as they add up, so that not every one errs to the
    /// same side, and the total stays.
    pub(super) fn sample(&self, schema: i32) -> Sample {
        let steps = f64::from(schema).exp2();
        let mut sums = BTreeMap::from([(0, self.zero)]);
        for (upper, number) in &self.buckets {
            let step = (upper.log2() * steps - SLACK).ceil();
            let micros = ((step - 0.5) / steps).exp2() * 1e6;
            *sums.entry(latency_bucket(micros.round() as u64)).or_default() += number;
        }
        let (mut sum, mut told, mut latency) = (0.0_f64, 0, Vec::new());
        for (bucket, number) in sums {
            sum += number;
            let all = sum.round() as u64;
            if all > told {
                latency.push((bucket, all - told));
            }
            told = told.max(all);
        }
        Sample::Latency { latency }
    }
}
