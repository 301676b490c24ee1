//! Several e-values into one.

/// `ln(Σ exp(x))` without overflow; negative infinity for an empty sum.
pub(super) fn log_sum_exp(terms: impl IntoIterator<Item = f64, IntoIter: Clone>) -> f64 {
    let terms = terms.into_iter();
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

/// The weighted average of e-values `(weight, log E)`, as a logarithm.
///
/// An average is an e-value whatever the streams have to do with each other, and it dominates
/// Bonferroni's correction. Weights must add up to at most 1. No streams: no evidence, 0.
pub fn combine(streams: &[(f64, f64)]) -> f64 {
    if streams.is_empty() {
        return 0.0;
    }
    log_sum_exp(streams.iter().map(|(weight, log_e)| weight.ln() + log_e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_combination_is_no_evidence() {
        assert!(combine(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let log_e = combine(&[(0.5, 1e6), (0.5, -1e6)]);
        assert!((log_e - (1e6 - 2f64.ln())).abs() < 1e-6);
    }
}
