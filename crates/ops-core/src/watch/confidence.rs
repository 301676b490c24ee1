//! How large a rate is, with bounds that hold at every instant.

/// Tilts of the mixture, each side: from 2^-7 to 2^3.
const TILTS: usize = 21;
const FIRST_TILT: f64 = 0.007_812_5;
const NEXT_TILT: f64 = std::f64::consts::SQRT_2;

/// Bounds of the average rate of an event after `events` in `requests`, such that the chance of
/// ever, at any instant, having the average outside is at most `1 - confidence`. The rate may move.
///
/// Each tilt `l` gives a test martingale for the average rate `p`: `exp(l x - n ln(1 - p + p e^l))`,
/// a product of factors with mean at most 1, since the logarithm is concave in `p`; their average
/// exceeds `1/alpha` with a chance of at most `alpha` (Ville; Howard and Ramdas 2021, sub-Bernoulli).
/// `d` is the overdispersion.
pub fn confidence_sequence(events: u64, requests: u64, d: f64, confidence: f64) -> (f64, f64) {
    if requests == 0 {
        return (0.0, 1.0);
    }
    let (n, x) = (requests as f64, events.min(requests) as f64);
    let rate = x / n;
    let enough = -((1.0 - confidence.clamp(0.0, 1.0)) / 2.0).max(f64::MIN_POSITIVE).ln();
    let d = super::block::at_least_one(d);
    let outside = |p: f64, sign: f64| log_mixture(n, x, p, sign, d) >= enough;
    let lower = bisect(0.0, rate, |p| outside(p, 1.0));
    let upper = 1.0 - bisect(0.0, 1.0 - rate, |q| outside(1.0 - q, -1.0));
    (lower, upper)
}

/// The largest value up to which `outside` holds from `low`, where it holds at all.
fn bisect(mut low: f64, mut high: f64, outside: impl Fn(f64) -> bool) -> f64 {
    if !outside(low) {
        return low;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if outside(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

fn log_mixture(n: f64, x: f64, p: f64, sign: f64, d: f64) -> f64 {
    let tilts = (0..TILTS).map(|i| sign * FIRST_TILT * NEXT_TILT.powi(i as i32));
    let one = |tilt: f64| {
        let log_mean = (p * tilt.exp_m1()).ln_1p();
        // A rate of 0 or 1 leaves no room for what was seen.
        let terms = tilt * x - n * log_mean;
        if terms.is_nan() { f64::INFINITY } else { terms / d }
    };
    super::combine::log_sum_exp(tilts.map(one)) - (TILTS as f64).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_hold_the_rate_and_shrink() {
        assert_eq!(confidence_sequence(0, 0, 1.0, 0.95), (0.0, 1.0));
        let mut last = 1.0;
        for n in [100, 1_000, 10_000, 100_000] {
            let (low, high) = confidence_sequence(n / 50, n, 1.0, 0.95);
            assert!(low < 0.02 && 0.02 < high && high - low < last, "{n}: {low} {high}");
            last = high - low;
        }
        assert!(last < 0.004, "{last}");
        let (low, high) = confidence_sequence(0, 1_000, 1.0, 0.95);
        assert!(low.abs() < 1e-12 && high < 0.02, "{high}");
    }

    #[test]
    fn overdispersion_widens() {
        let (tight, wide) =
            (confidence_sequence(20, 1_000, 1.0, 0.95), confidence_sequence(20, 1_000, 5.0, 0.95));
        assert!(wide.0 < tight.0 && wide.1 > tight.1);
    }

    /// Coverage at every instant of 2,000 requests: a deterministic sequence of draws.
    #[test]
    fn p_of_ever_leaving_the_bounds_is_small() {
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let left = (0..200).filter(|_| {
            let mut x = 0;
            (1..=40u64).any(|block| {
                x += (0..50).filter(|_| uniform() < 0.03).count() as u64;
                let (low, high) = confidence_sequence(x, block * 50, 1.0, 0.95);
                !(low..=high).contains(&0.03)
            })
        });
        assert!(left.count() <= 10);
    }

    proptest! {
        #[test]
        fn bounds_are_ordered_shares(events: u64, requests: u64, d in prop_oneof![Just(f64::NAN), 0.0..99.0f64]) {
            let (low, high) = confidence_sequence(events, requests, d, 0.95);
            prop_assert!(0.0 <= low && low <= high && high <= 1.0, "{low} {high}");
        }
    }
}
