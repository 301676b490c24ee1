//! An upper bound of a rate, from counts.

/// Terms of a sum beyond which it is cut off: enough for the whole mass up to some billion events.
const MAX_TERMS: u32 = 200_000;

/// Clopper and Pearson's one-sided upper bound of a rate after `events` in `requests`: the rate at
/// which so few events would have a chance of only `1 - confidence`. Without requests it is 1.
pub fn upper_bound(events: u64, requests: u64, confidence: f64) -> f64 {
    if events >= requests {
        return 1.0;
    }
    let target = (1.0 - confidence).max(f64::MIN_POSITIVE).ln();
    let (mut low, mut high) = (events as f64 / requests as f64, 1.0);
    // 64 halvings reach the last bit of a number between 0 and 1.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if log_cdf(events, requests, middle) > target {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// `ln P(X <= x)` for a binomial X of `n` requests at a rate above `x / n`.
///
/// Sums from the largest term downwards: each term is the one before times a ratio below 1, so the
/// sum can stop as soon as a term no longer counts.
fn log_cdf(x: u64, n: u64, p: f64) -> f64 {
    if p >= 1.0 {
        return f64::NEG_INFINITY;
    }
    let (top, all) = (x as f64, n as f64);
    let choose = log_factorial(top.max(0.0)) + log_factorial(all - top);
    let log_first = log_factorial(all) - choose + top * p.ln() + (all - top) * (-p).ln_1p();
    let odds = (1.0 - p) / p;
    let (mut sum, mut term, mut k) = (1.0, 1.0, top);
    for _ in 0..MAX_TERMS {
        if k <= 0.0 || term <= sum * 1e-17 {
            break;
        }
        term *= k / (all - k + 1.0) * odds;
        sum += term;
        k -= 1.0;
    }
    log_first + sum.ln()
}

/// `ln n!` by Stirling's series, after moving small numbers up to where it is exact to the last
/// digits.
fn log_factorial(n: f64) -> f64 {
    let (mut z, mut shift) = (n + 1.0, 0.0);
    while z < 16.0 {
        shift += z.ln();
        z += 1.0;
    }
    let inverse = 1.0 / z;
    let square = inverse * inverse;
    let series = inverse / 12.0
        * (1.0 - square / 30.0 * (1.0 - square * 2.0 / 7.0 * (1.0 - square * 3.0 / 4.0)));
    (z - 0.5) * z.ln() - z + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_agree_with_exact_sums() {
        // Bisection on the exact sum in 40-digit decimal arithmetic.
        let cases = [
            (0, 100, 0.066_745_699_203_008_96),
            (0, 1, 0.999),
            (3, 600, 0.021_588_657_014_682_003),
            (150, 30_000, 0.006_390_155_226_954_544),
            (2160, 4_320_000, 0.000_534_136_396_023_017_4),
            (9, 10, 0.999_899_954_971_479_3),
        ];
        for (events, requests, expected) in cases {
            let bound = upper_bound(events, requests, 0.999);
            assert!((bound / expected - 1.0).abs() < 1e-9, "{events}/{requests}: {bound}");
        }
    }

    #[test]
    fn nothing_known_bounds_nothing() {
        for (events, requests) in [(0, 0), (7, 7), (9, 7)] {
            assert!((upper_bound(events, requests, 0.999) - 1.0).abs() < f64::EPSILON);
        }
        assert!(upper_bound(u64::MAX / 2, u64::MAX, 0.999).is_finite());
    }
}
