//! What it costs to watch a thousand deployments at once.

use std::fmt::Write as _;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::{
    cells::SHIPPED,
    ours::Ours,
    scenario::named,
    traffic::{Cell, Seen, Traffic},
};
use crate::{
    answer::{Goal, progress},
    ground::BenchError,
    processes::Memory,
};

/// Requests per second of each deployment: each of its streams sees every one of them.
const RPS: f64 = 100.0;
/// Share of the new versions.
const WEIGHT: f64 = 0.1;
/// Different traffics; deployments take turns with them.
const TRAFFICS: usize = 20;
/// Seconds of each of them; then they begin again.
const SECONDS: usize = 60;
/// Processor time for a second of all.
const CPU_MAX: f64 = 1.0;
/// Resident memory of the whole process.
const RESIDENT_MAX: u64 = 300_000_000;
/// G8: processor time for one block of one stream, in microseconds.
const BLOCK_MAX: f64 = 1.0;
/// G8: memory of one deployment's detectors.
const STATE_MAX: f64 = 8_192.0;
/// Streams that each deployment must have.
const STREAMS: usize = 10;

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    deployments: usize,
    streams: usize,
    /// Requests per second of each.
    rps: f64,
    simulated_seconds: u64,
    /// Processor seconds for one second of all deployments.
    cpu_seconds: f64,
    /// Processor time for one second of one stream, in microseconds.
    block_micros: f64,
    /// Bytes that one deployment's watch holds.
    state_bytes: f64,
    /// Bytes that the whole process has resident.
    resident: u64,
}

/// Watches `deployments` for `seconds`.
pub(super) fn run(deployments: usize, seconds: u64) -> Result<Report, BenchError> {
    let scenario = named("null").ok_or_else(|| BenchError::Odd("there is no null".into()))?;
    let cell = Cell { scenario, rps: RPS, weight: WEIGHT, base: 0.005, warmup: SHIPPED };
    progress("  making traffic");
    let mut traffics: Vec<_> = (0..TRAFFICS as u64).map(|seed| Traffic::new(&cell, seed)).collect();
    let first: Vec<_> = traffics
        .iter_mut()
        .map(|traffic| {
            let (before, old) = traffic.before();
            Ours::new(&before, &old, cell.warmup, false)
        })
        .collect();
    let seen: Vec<Vec<Seen>> = traffics
        .iter_mut()
        .map(|traffic| (0..SECONDS).map(|_| traffic.second()).collect())
        .collect();
    let streams = first.iter().map(Ours::streams).min().unwrap_or_default();
    let before = resident()?;
    let mut watched: Vec<Ours> = (0..deployments).map(|at| first[at % TRAFFICS].clone()).collect();
    progress(&format!("  {deployments} deployments, {streams} streams each, {seconds} s"));
    let began = processor_seconds();
    let mut tripped = 0;
    for t in 1..=seconds {
        for (at, ours) in watched.iter_mut().enumerate() {
            let second = &seen[at % TRAFFICS][(t as usize - 1) % SECONDS];
            ours.feed_at(t, second);
            tripped += u64::from(ours.tripped().is_some());
        }
    }
    let cpu_seconds = (processor_seconds() - began) / seconds as f64;
    let after = resident()?;
    if tripped > 0 {
        progress(&format!("  tripped {tripped} times"));
    }
    Ok(Report {
        deployments: watched.len(),
        streams,
        rps: RPS,
        simulated_seconds: seconds,
        cpu_seconds,
        block_micros: cpu_seconds * 1e6 / (watched.len() * streams.max(1)) as f64,
        state_bytes: after.saturating_sub(before) as f64 / watched.len() as f64,
        resident: after,
    })
}

fn resident() -> Result<u64, BenchError> {
    Ok(Memory::of(std::process::id())?.rss)
}

/// Processor time of this process.
fn processor_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

impl Report {
    pub(super) fn table(&self) -> String {
        let mut out = String::new();
        let Self { deployments, streams, rps, simulated_seconds, .. } = self;
        let _ = writeln!(
            out,
            "{deployments} deployments, {streams} streams each, {rps} requests/s, for {simulated_seconds} s"
        );
        let _ = writeln!(out, "processor time {:.3} s per second of all", self.cpu_seconds);
        let _ = writeln!(out, "per stream and second {:.3} µs", self.block_micros);
        let _ = writeln!(out, "per deployment {:.1} kB", self.state_bytes / 1e3);
        let _ = writeln!(out, "resident {:.1} MB", self.resident as f64 / 1e6);
        out
    }

    pub(super) fn goals(&self) -> Vec<Goal> {
        let Self { deployments, streams, cpu_seconds, block_micros, state_bytes, resident, .. } =
            self;
        vec![
            Goal::new(
                format!("1,000 deployments with {STREAMS} streams each"),
                format!("{deployments} with {streams}"),
                *deployments >= 1_000 && *streams >= STREAMS,
            ),
            Goal::new(
                "one core at most",
                format!("{cpu_seconds:.3} of a core"),
                *cpu_seconds <= CPU_MAX,
            ),
            Goal::new(
                "300 MB at most",
                format!("{:.1} MB", *resident as f64 / 1e6),
                *resident <= RESIDENT_MAX,
            ),
            Goal::new(
                "G8: at most 1 µs per block and stream",
                format!("{block_micros:.3} µs"),
                *block_micros <= BLOCK_MAX,
            ),
            Goal::new(
                "G8: at most 8 KB per deployment",
                format!("{:.1} KB", state_bytes / 1_024.0),
                *state_bytes <= STATE_MAX,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_goal_can_be_missed() {
        let good = Report {
            deployments: 1_000,
            streams: 10,
            rps: 100.0,
            simulated_seconds: 60,
            cpu_seconds: 0.01,
            block_micros: 0.9,
            state_bytes: 8_000.0,
            resident: 50_000_000,
        };
        let met = |report: &Report| report.goals().iter().map(|goal| goal.met).collect::<Vec<_>>();
        assert_eq!(met(&good), [true; 5]);
        let bad = Report {
            deployments: 10,
            cpu_seconds: 1.1,
            block_micros: 1.1,
            state_bytes: 9_000.0,
            resident: 301_000_000,
            ..good.clone()
        };
        assert_eq!(met(&bad), [false; 5]);
        assert_eq!(met(&Report { streams: 9, ..good }), [false, true, true, true, true]);
    }

    #[test]
    fn a_small_crowd_is_measured() {
        let report = run(20, 3).unwrap();
        assert_eq!(report.deployments, 20);
        assert!(report.cpu_seconds > 0.0 && report.resident > 0 && report.streams > 0);
    }
}
