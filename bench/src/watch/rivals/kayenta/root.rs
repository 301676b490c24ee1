//! Where a function crosses zero: Brent's method (1973, chapter 4).

/// Width of the interval in which the crossing is known at the end. It is absolute, also for
/// functions whose whole domain is smaller.
const TOLERANCE: f64 = 1e-4;
/// Most steps.
const STEPS: usize = 1_000;

/// A crossing between `low` and `high`, at which the function has opposite signs.
pub(super) fn root(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    // `best` has the smaller value, `other` the opposite sign; `last` is the best before.
    let (mut last, mut best) = (low, high);
    let (mut f_last, mut f_best) = (f(low), f(high));
    if f_last == 0.0 {
        return low;
    }
    let (mut other, mut f_other) = (last, f_last);
    for _ in 0..STEPS {
        let step_before = best - last;
        if f_other.abs() < f_best.abs() {
            (last, best, other) = (best, other, best);
            (f_last, f_best, f_other) = (f_best, f_other, f_best);
        }
        let within = 2.0 * f64::EPSILON * best.abs() + TOLERANCE / 2.0;
        let half = (other - best) / 2.0;
        if half.abs() <= within || f_best == 0.0 {
            return best;
        }
        let mut step = half;
        if step_before.abs() >= within && f_last.abs() > f_best.abs() {
            let (p, q) = interpolated((last, f_last), (best, f_best), (other, f_other));
            let limit = 0.75 * (other - best) * q - (within * q).abs() / 2.0;
            if p < limit && p < (step_before * q / 2.0).abs() {
                step = p / q;
            }
        }
        (last, f_last) = (best, f_best);
        best += if step.abs() < within { within.copysign(step) } else { step };
        f_best = f(best);
        if f_best.signum() == f_other.signum() && f_best != 0.0 {
            (other, f_other) = (last, f_last);
        }
    }
    best
}

/// The step to where a line through two points, or a parabola through three, is zero: as `p / q`
/// with `p` positive.
fn interpolated(last: (f64, f64), best: (f64, f64), other: (f64, f64)) -> (f64, f64) {
    let to_other = other.0 - best.0;
    let slope = best.1 / last.1;
    let (p, q) = if last.0.to_bits() == other.0.to_bits() {
        (to_other * slope, 1.0 - slope)
    } else {
        let (a, b) = (last.1 / other.1, best.1 / other.1);
        let p = slope * (to_other * a * (a - b) - (best.0 - last.0) * (b - 1.0));
        (p, (a - 1.0) * (b - 1.0) * (slope - 1.0))
    };
    if p > 0.0 { (p, -q) } else { (-p, q) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_functions_cross_where_they_do() {
        for (crossing, f) in [
            (2f64.sqrt(), (|x| x * x - 2.0) as fn(f64) -> f64),
            (1.0, |x| x.powi(9) - 1.0),
            (0.5, |x: f64| (x - 0.5).cbrt()),
        ] {
            let found = root(0.0, 3.0, f);
            assert!((found - crossing).abs() < 1e-4, "{found} instead of {crossing}");
        }
    }

    #[test]
    fn steps_cross_where_they_jump() {
        let found = root(-9.0, 31.0, |x| if x < 6.0 { 1.3 } else { -0.2 });
        assert!((found - 6.0).abs() <= 1e-4, "{found}");
        let zero = root(0.0, 2.0, |x| {
            if x < 0.5 {
                1.0
            } else if x < 1.5 {
                0.0
            } else {
                -1.0
            }
        });
        assert!((0.5..1.5).contains(&zero), "somewhere on the level of zero: {zero}");
    }
}
