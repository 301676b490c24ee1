//! One measurement of one proxy: at saturation, and at a rate.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    cores::{CoreWatch, Cores, used_by},
    proxies::Proxy,
    pulse::Pulse,
    wrk,
};
use crate::ground::BenchError;

/// Share of its own core that a saturated proxy must have used: below that, something else was the
/// limit, and the throughput is not the proxy's.
pub(crate) const BUSY_MIN: f64 = 0.95;
/// Share of the proxy's core that others may use while latencies are taken: more would show in them.
pub(crate) const OTHERS_MAX: f64 = 0.15;
/// How long wrk opens connections and the proxy warms up before the proxy's time is taken.
const WARM_UP: Duration = Duration::from_millis(500);
/// Share of the intended requests that must have been answered.
const ANSWERED_MIN: f64 = 0.99;

/// A proxy under as much as 64 connections ask for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Saturated {
    pub(crate) per_second: f64,
    /// Processor time per request, in microseconds.
    pub(crate) cpu_us: f64,
    /// Share of its own core that the proxy used.
    pub(crate) busy: f64,
    /// Share of the load's core that was used, by whomever.
    pub(crate) load_core_busy: f64,
    pub(crate) failed: u64,
}

impl Saturated {
    /// Whether the proxy was the limit, and answered everything.
    pub(crate) fn is_valid(&self) -> bool {
        self.busy >= BUSY_MIN && self.failed == 0
    }
}

/// Asks for as much as there is, for whole seconds after the warm-up.
pub(crate) fn saturate(proxy: &Proxy, cores: Cores, seconds: u64) -> Result<Saturated, BenchError> {
    let before = used_by(proxy.pid())?;
    // One second more than is looked at: wrk warms up in it and ends in it.
    let wrk = wrk::start(proxy.address, seconds + 1)?;
    thread::sleep(WARM_UP);
    let core = CoreWatch::begin(cores.load);
    let (began, used) = (Instant::now(), used_by(proxy.pid())?);
    thread::sleep(Duration::from_secs(seconds));
    let busy =
        used_by(proxy.pid())?.saturating_sub(used).as_secs_f64() / began.elapsed().as_secs_f64();
    let load_core_busy = core.busy();
    let seen = wrk::finish(wrk)?;
    let whole = used_by(proxy.pid())?.saturating_sub(before);
    Ok(Saturated {
        per_second: seen.per_second,
        cpu_us: per_request_us(whole, seen.requests),
        busy,
        load_core_busy,
        failed: seen.failed,
    })
}

/// A proxy under a fixed rate, open loop.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Paced {
    /// Requests per second that were intended.
    pub(crate) rate: f64,
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// The generator's own delay at its 99th percentile, which is part of the latencies.
    pub(crate) delay_p99_us: u64,
    /// Share of the proxy's core that somebody else used.
    pub(crate) others: f64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
}

impl Paced {
    /// Whether what was to be sent was sent, and answered, and nobody else had the proxy's core.
    pub(crate) fn is_valid(&self) -> bool {
        let all = (self.answered + self.failed) as f64;
        let answered = self.answered > 0 && self.answered as f64 >= all * ANSWERED_MIN;
        answered && self.others <= OTHERS_MAX
    }
}

/// A load at a rate.
pub(crate) fn pulse(target: SocketAddr, rate: f64, seconds: u64) -> Pulse {
    Pulse { target, rate, lasts: Duration::from_secs(seconds), connections: wrk::CONNECTIONS }
}

/// Asks at a rate.
pub(crate) fn pace(
    proxy: &Proxy,
    cores: Cores,
    rate: f64,
    seconds: u64,
) -> Result<Paced, BenchError> {
    let pulse = pulse(proxy.address, rate, seconds);
    let before = used_by(proxy.pid())?;
    let (core, began) = (CoreWatch::begin(cores.proxy), Instant::now());
    let beat = pulse.send()?;
    let used = used_by(proxy.pid())?.saturating_sub(before);
    let (busy, took) = (core.busy(), began.elapsed().as_secs_f64());
    Ok(Paced {
        rate,
        cpu_us: per_request_us(used, beat.answered),
        p50_us: beat.latency_us(500),
        p99_us: beat.latency_us(990),
        delay_p99_us: beat.delay_us(990),
        others: (busy - used.as_secs_f64() / took).max(0.0),
        answered: beat.answered,
        failed: beat.failed,
    })
}

fn per_request_us(used: Duration, requests: u64) -> f64 {
    used.as_secs_f64() * 1e6 / requests as f64
}

/// Whether most rounds count.
pub(crate) fn mostly_valid(rounds: &[Paced]) -> bool {
    2 * rounds.iter().filter(|one| one.is_valid()).count() >= rounds.len()
}

/// The middle one; of an even number the mean of the two in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([].into_iter()), None);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
    }
}
