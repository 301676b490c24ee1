//! Declared signals from Prometheus.

mod classic;
mod exchange;
mod histogram;
mod native;
mod query;
mod samples;
mod told;
mod windows;
mod wire;

use std::time::{Duration, Instant};

use ops_core::{
    reading::{Reading, Sample},
    settings::Signal,
    time::Now,
    world::Fault,
};
use ops_engine::ports::{Asked, Look, Metrics};

pub(crate) use self::told::told;
use self::{
    exchange::Exchange,
    query::questions,
    windows::{Grid, Windows},
};
use crate::web::{agent, origin};

/// How long one signal may take to be read, all of its queries together, in milliseconds.
pub const METRICS_LIMIT_MS: u64 = 5_000;

/// Longest answer to one query, in bytes.
pub const METRICS_LIMIT: u64 = 8 << 20;

/// Reads declared signals through Prometheus's HTTP API (version 1).
///
/// Windows end at whole multiples of the signal's `every` on the boot clock, so that a window has
/// the same second whenever it is read. Prometheus is asked for them at its own clock, which is
/// learned anew with each reading.
#[derive(Debug, Clone)]
pub struct PrometheusMetrics {
    agent: ureq::Agent,
    limit: Duration,
}

impl PrometheusMetrics {
    /// A reader of signals. It keeps nothing between questions.
    pub fn new() -> Self {
        Self::within(Duration::from_millis(METRICS_LIMIT_MS))
    }

    fn within(limit: Duration) -> Self {
        Self { agent: agent(limit), limit }
    }
}

impl Default for PrometheusMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics for PrometheusMetrics {
    fn read(&self, asked: &Asked, now: &Now) -> Look<Vec<Reading>> {
        let begun = Instant::now();
        let declared = |trouble: Trouble| {
            let place =
                format!("signal `{}` of `{}` in ops.yaml", asked.signal.name, asked.service);
            Fault::new(trouble.what, place, trouble.next)
        };
        let origin = place(&asked.signal).map_err(declared)?;
        let questions = questions(asked).map_err(declared)?;
        let Some(windows) = Windows::over(asked, now) else { return Ok(Vec::new()) };

        let exchange = Exchange::new(&self.agent, &asked.signal.prometheus, begun + self.limit);
        let told = || {
            let ahead = exchange.clock()? - now.ms as f64 - begun.elapsed().as_millis() as f64;
            let grid = Grid::new(&windows, ahead);
            let answers = exchange.ask(&questions, &grid)?;
            samples::both(&asked.signal.kind, &answers, &grid)
        };
        let (new, old) = told().map_err(|trouble| {
            let what = format!("signal `{}` was not read: {}", asked.signal.name, trouble.what);
            Fault::new(what, format!("Prometheus at {origin}"), trouble.next)
        })?;
        Ok(readings(&asked.signal, &windows, new, old))
    }
}

/// Scheme and host of a signal's Prometheus.
fn place(signal: &Signal) -> Result<String, Trouble> {
    let next = "write the address like http://prometheus.example:9090, without a user's name";
    let origin = origin(&signal.prometheus).map_err(|what| Trouble::new(what, next))?;
    if signal.prometheus.contains(['?', '#']) {
        let next = "leave out what begins with `?` or `#`";
        return Err(Trouble::new("the address is more than a place", next));
    }
    Ok(origin)
}

fn readings(
    signal: &Signal,
    windows: &Windows,
    new: Vec<Sample>,
    old: Vec<Sample>,
) -> Vec<Reading> {
    let samples = new.into_iter().zip(old);
    let told = windows.ends().zip(samples).map(|(second, (new, old))| Reading {
        signal: signal.name.clone(),
        second,
        seconds: signal.every_seconds,
        new,
        old,
    });
    told.collect()
}

/// Why a signal could not be read, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    what: String,
    next: String,
}

impl Trouble {
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }

    /// With what gave no sound answer.
    fn with_server(what: impl Into<String>) -> Self {
        Self::new(what, "see that it runs, can be reached from here, and is Prometheus")
    }

    /// With what was asked.
    fn with_query(what: impl Into<String>) -> Self {
        Self::new(what, "correct the query in ops.yaml")
    }

    /// Says whose answer it is about.
    fn about(self, whose: &str) -> Self {
        Self { what: format!("{whose} {}", self.what), next: self.next }
    }
}

#[cfg(test)]
mod tests;
