//! Scores for latencies: Savage's, which favour the tail, in 17 levels.

/// Number of levels: 0 for the fastest to 16 for the slowest thousandth.
pub const LEVELS: usize = 17;

/// The level of each bucket of a histogram taken before the deployment.
///
/// The midrank `r` of a bucket gives `-ln(1 - r)`, scaled so that the slowest thousandth reaches
/// the top. An empty histogram scores everything 0.
pub fn savage_levels(histogram: &[u64]) -> Vec<u8> {
    let total: f64 = histogram.iter().map(|count| *count as f64).sum();
    if total <= 0.0 {
        return vec![0; histogram.len()];
    }
    let mut below = 0.0;
    let level = |count: &u64| {
        let rank: f64 = (below + *count as f64 / 2.0) / total;
        below += *count as f64;
        let score = -(-rank).ln_1p() / 1000f64.ln();
        (16.0 * score.min(1.0) + 1e-9).floor() as u8
    };
    histogram.iter().map(level).collect()
}
