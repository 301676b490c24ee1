//! How fast callers may be: a bucket of tokens for each.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::{
    limits,
    settings::{Rate, Rates},
};

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// Writes of a member.
    Writer(String),
    /// Reads of a member.
    Reader(String),
    /// Requests without a valid token; `None` where the peer is not known.
    Stranger(Option<IpAddr>),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: u64,
}

/// The buckets of all callers who were not idle lately.
#[derive(Debug)]
pub(super) struct Meter {
    rates: Rates,
    buckets: Mutex<HashMap<Caller, Bucket>>,
}

impl Meter {
    pub(super) fn new(rates: Rates) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Counts a request at this time, in milliseconds of any clock that never goes back. The error
    /// is how many seconds to wait.
    pub(super) fn count(&self, caller: Caller, now: u64) -> Result<(), u64> {
        let rate = match caller {
            Caller::Writer(_) => self.rates.writes,
            Caller::Reader(_) => self.rates.reads,
            Caller::Stranger(_) => self.rates.anonymous,
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= limits::CALLERS && !buckets.contains_key(&caller) {
            self.forget(&mut buckets, now);
        }
        let bucket = buckets.entry(caller).or_insert(Bucket { left: rate.burst, at: now });
        bucket.left = filled(*bucket, rate, now);
        bucket.at = bucket.at.max(now);
        if bucket.left < 1.0 {
            let wait = (1.0 - bucket.left) / rate.per_second.max(f64::MIN_POSITIVE);
            return Err((wait.ceil() as u64).clamp(1, 3600));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Forgets callers whose bucket is full again, for whom nothing changes by it; if there are
    /// none, those who were heard of longest ago.
    fn forget(&self, buckets: &mut HashMap<Caller, Bucket>, now: u64) {
        buckets.retain(|caller, bucket| {
            let rate = match caller {
                Caller::Writer(_) => self.rates.writes,
                Caller::Reader(_) => self.rates.reads,
                Caller::Stranger(_) => self.rates.anonymous,
            };
            filled(*bucket, rate, now) < rate.burst
        });
        if buckets.len() >= limits::CALLERS {
            let mut times: Vec<u64> = buckets.values().map(|bucket| bucket.at).collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            buckets.retain(|_, bucket| bucket.at > middle);
        }
    }
}

fn filled(bucket: Bucket, rate: Rate, now: u64) -> f64 {
    let seconds = now.saturating_sub(bucket.at) as f64 / 1000.0;
    (bucket.left + seconds * rate.per_second).min(rate.burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(id: &str) -> Caller {
        Caller::Writer(id.to_owned())
    }

    #[test]
    fn a_burst_is_let_through_then_the_rate() {
        let meter = Meter::new(Rates::default());
        for _ in 0..200 {
            assert_eq!(meter.count(writer("a"), 5), Ok(()));
        }
        assert_eq!(meter.count(writer("a"), 5), Err(1));
        assert_eq!(meter.count(writer("b"), 5), Ok(()), "others are not touched");
        assert_eq!(meter.count(Caller::Reader("a".to_owned()), 5), Ok(()), "nor are reads");
        let passed = (0..100).filter(|_| meter.count(writer("a"), 1005).is_ok()).count();
        assert_eq!(passed, 50);
        assert_eq!(meter.count(writer("a"), 3), Err(1), "a clock that goes back gives nothing");
    }

    #[test]
    fn callers_are_bounded() {
        let meter = Meter::new(Rates::default());
        for n in 0..3 * u64::try_from(limits::CALLERS).unwrap() {
            assert_eq!(meter.count(writer(&n.to_string()), n), Ok(()));
            assert!(meter.buckets.lock().unwrap().len() <= limits::CALLERS);
        }
    }
}
