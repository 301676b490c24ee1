//! By how much one sample lies above another: the Mann-Whitney test turned into an interval.

use super::root::root;

/// Two-sided normal quantile of a confidence of 98 %.
pub(super) const CONFIDENCE_98: f64 = 2.326_347_874;

/// The shift of the experiment against the control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    pub(super) low: f64,
    pub(super) estimate: f64,
    pub(super) high: f64,
}

/// The normal approximation is inverted: the ends are the shifts at which the test's z is plus or
/// minus `critical`, the estimate (of Hodges and Lehmann) the one at which it is 0. Both samples
/// have values, all finite.
pub(super) fn shift(experiment: &[f64], control: &[f64], critical: f64) -> Shift {
    let sorted = |sample: &[f64]| {
        let mut sorted = sample.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    };
    let (x, y) = (sorted(experiment), sorted(control));
    let low = x[0] - y[y.len() - 1];
    let high = x[x.len() - 1] - y[0];
    let cross = |at: f64| {
        if z(&x, &y, low) - at <= 0.0 {
            low
        } else if z(&x, &y, high) - at >= 0.0 {
            high
        } else {
            root(low, high, |shift| z(&x, &y, shift) - at)
        }
    };
    Shift { low: cross(critical), estimate: cross(0.0), high: cross(-critical) }
}

/// The test's z if `x` is first moved down by `shift`: corrected for ties and for continuity. Both
/// are in ascending order.
fn z(x: &[f64], y: &[f64], shift: f64) -> f64 {
    let (n_x, n_y) = (x.len() as f64, y.len() as f64);
    let (mut i, mut j) = (0, 0);
    // Pairs in which the value of x is the larger one, ties as a half; and what ties take away.
    let (mut larger, mut ties) = (0.0, 0.0);
    while i < x.len() {
        let value = x[i] - shift;
        while j < y.len() && y[j] < value {
            j += skip_ties(&y[j..], y[j], 0.0, &mut ties);
        }
        let same_x = run(&x[i..], value, shift);
        let same_y = run(&y[j..], value, 0.0);
        larger += same_x as f64 * (j as f64 + same_y as f64 / 2.0);
        ties += tied(same_x + same_y);
        i += same_x;
        j += same_y;
    }
    while j < y.len() {
        j += skip_ties(&y[j..], y[j], 0.0, &mut ties);
    }
    let all = n_x + n_y;
    let difference = larger - n_x * n_y / 2.0;
    let continuity = if difference == 0.0 { 0.0 } else { 0.5f64.copysign(difference) };
    let variance = n_x * n_y / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    (difference - continuity) / variance.sqrt()
}

/// How many values at the beginning are this one.
fn run(values: &[f64], value: f64, shift: f64) -> usize {
    values.iter().take_while(|one| (**one - shift).total_cmp(&value).is_eq()).count()
}

fn skip_ties(values: &[f64], value: f64, shift: f64, ties: &mut f64) -> usize {
    let same = run(values, value, shift);
    *ties += tied(same);
    // A value is equal to itself; at least one step keeps the loop going whatever it is.
    same.max(1)
}

fn tied(count: usize) -> f64 {
    let count = count as f64;
    count * count * count - count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two-sided quantile of a confidence of 95 %.
    const CONFIDENCE_95: f64 = 1.959_963_985;

    #[test]
    fn the_published_example_comes_out() {
        // From the tests of Kayenta itself.
        let found = shift(&[10.0, 20.0, 30.0, 40.0], &[1.0, 2.0, 3.0, 4.0], CONFIDENCE_95);
        assert!((found.low - 6.0).abs() < 1e-4, "{found:?}");
        assert!((found.high - 39.0).abs() < 1e-4, "{found:?}");
        assert!((found.estimate - 22.5).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn fewer_than_five_values_cannot_reach_98_percent() {
        for n in 1..=4u32 {
            let x: Vec<f64> = (0..n).map(|i| 100.0 + f64::from(i)).collect();
            let y: Vec<f64> = (0..n).map(|i| 10.0 + f64::from(i)).collect();
            let found = shift(&x, &y, CONFIDENCE_98);
            let separation = x[0] - y[y.len() - 1];
            assert!((found.low - separation).abs() < 1e-12, "{n}: {found:?}");
        }
        let (x, y) = ([100.0, 101.0, 102.0, 103.0, 104.0], [10.0, 11.0, 12.0, 13.0, 14.0]);
        let found = shift(&x, &y, CONFIDENCE_98);
        assert!(found.low > 86.0 + 1e-9, "five reach it: {found:?}");
    }

    #[test]
    fn z_is_that_of_all_pairs_and_of_pooled_ranks() {
        let x = [1.0, 2.0, 2.0, 5.0, 7.0];
        let y = [0.0, 2.0, 2.0, 2.0, 3.0, 7.0];
        for shift in [-3.0, -1.0, 0.0, 0.5, 1.0, 4.0, 5.0] {
            let pairs: f64 = x
                .iter()
                .flat_map(|x| y.iter().map(move |y| (x - shift, *y)))
                .map(|(x, y)| {
                    if x > y {
                        1.0
                    } else if x < y {
                        0.0
                    } else {
                        0.5
                    }
                })
                .sum();
            let mut pooled: Vec<f64> = x.iter().map(|x| x - shift).chain(y).collect();
            pooled.sort_unstable_by(f64::total_cmp);
            let ties: f64 =
                pooled.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|same| tied(same.len())).sum();
            let variance = 30.0 / 12.0 * (12.0 - ties / (11.0 * 10.0));
            let difference = pairs - 15.0;
            let expected = if difference == 0.0 {
                0.0
            } else {
                (difference - 0.5f64.copysign(difference)) / f64::sqrt(variance)
            };
            let found = z(&x, &y, shift);
            assert!((found - expected).abs() < 1e-12, "{shift}: {found} instead of {expected}");
        }
    }

    #[test]
    fn many_ties_leave_next_to_nothing() {
        // Mostly zeros on both sides: ends and estimate are artefacts of the root's tolerance.
        let mut x = vec![0.0; 70];
        x.extend([
            1.6, 3.7, 1.5, 3.3, 1.7, 1.8, 1.9, 1.5, 1.8, 1.3, 3.1, 1.9, 1.4, 2.4, 1.6, 2.8, 3.0,
        ]);
        let mut y = vec![0.0; 83];
        y.extend([1.5, 1.3, 1.5, 1.4]);
        let found = shift(&x, &y, CONFIDENCE_98);
        assert!(found.low.abs() < 2e-4 && found.estimate.abs() < 2e-4, "{found:?}");
    }
}
