//! Where a latency histogram is cut: how many requests are slower than what used to be seldom.

use serde::{Deserialize, Serialize};

use crate::signal::{LATENCY_BUCKETS, Latency};

/// A quantile's edge and what was seen beyond it before the deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The first bucket that counts as slower.
    pub bucket: u16,
    /// Share of requests in it or above.
    pub share: f64,
    /// Overdispersion of that share.
    pub d: f64,
}

/// Requests with a latency, and those in or above a bucket.
pub(super) fn slower_than(latency: &Latency, bucket: u16) -> (u64, u64) {
    latency.iter().fold((0, 0), |(all, slow), (at, count)| {
        let slower = if *at >= bucket { *count } else { 0 };
        (u64::saturating_add(all, *count), u64::saturating_add(slow, slower))
    })
}

/// The first bucket in or above which at most `1 - quantile` of the requests are (`watch.md` §3.5);
/// `None` without requests.
pub(super) fn edge_of(latency: &Latency, quantile: f64) -> Option<u16> {
    let (all, _) = slower_than(latency, 0);
    // The smallest slack, so that a share of a fifth is not one by a rounding error.
    let allowed = (1.0 - quantile) * all as f64 + 1e-9;
    if all == 0 {
        return None;
    }
    let mut above = all;
    // Buckets ascend: what is passed is no longer above.
    for (bucket, count) in latency {
        above = above.saturating_sub(*count);
        if above as f64 <= allowed {
            return Some((bucket + 1).min(LATENCY_BUCKETS as u16));
        }
    }
    None
}

/// Share of requests in or above a bucket; 0 without requests.
pub(super) fn share_above(latency: &Latency, bucket: u16) -> f64 {
    let (all, slow) = slower_than(latency, bucket);
    if all == 0 { 0.0 } else { slow as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_leaves_at_most_its_share_above() {
        let latency: Latency = vec![(10, 50), (20, 30), (30, 15), (40, 5)];
        assert_eq!(edge_of(&latency, 0.8), Some(21));
        assert_eq!(edge_of(&latency, 0.95), Some(31));
        assert_eq!(edge_of(&latency, 0.99), Some(41));
        assert_eq!(edge_of(&latency, 0.5), Some(11));
        assert_eq!(edge_of(&Latency::new(), 0.5), None);
        assert_eq!(slower_than(&latency, 20), (100, 50));
        assert!((share_above(&latency, 40) - 0.05).abs() < 1e-12);
        assert!(share_above(&Latency::new(), 0).abs() < 1e-12);
    }
}
