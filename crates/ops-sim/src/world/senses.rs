//! What replicas take, write, and tell a metric system.

use ops_core::{
    id::{ReleaseId, ServiceName},
    reading::{LogCount, LogLevel, LogReading, Reading, Sample, Usage},
    settings::{Signal, SignalKind},
};

use super::{World, conduct::Kind, target::SimReplica};
use ops_engine::ports::Asked;

/// Windows of one reading.
const WINDOWS: usize = 240;
/// Bytes that every replica holds, give or take a little.
const MEMORY: u64 = 50 << 20;
/// Trials of a healthy replica in a window, and things that it does.
const TRIALS: u64 = 30;
const DONE: u64 = 3;

impl World {
    /// Windows of a declared signal that are over.
    pub(super) fn metrics(&mut self, asked: &Asked) -> Vec<Reading> {
        let every = asked.signal.every_seconds.max(1);
        let now = self.clock.second();
        let first = asked.after / every + 1;
        let ends = (first..).map(|n| n * every).take_while(|end| *end < now).take(WINDOWS);
        let ends: Vec<u64> = ends.collect();
        ends.into_iter()
            .map(|second| {
                let t = self.clock.of_boot_ms(second * 1_000);
                let new = self.sample(&asked.signal, &asked.service, &asked.new.release, t);
                let old = asked.old.as_ref().map_or(Sample::Missing, |old| {
                    self.sample(&asked.signal, &asked.service, &old.release, t)
                });
                let signal = asked.signal.name.clone();
                Reading { signal, second, seconds: every, new, old }
            })
            .collect()
    }

    fn sample(
        &mut self,
        signal: &Signal,
        service: &ServiceName,
        release: &ReleaseId,
        t: u64,
    ) -> Sample {
        let of = self.target.of(service).filter(|replica| replica.release == *release);
        let healthy: Vec<f64> = of
            .filter(|replica| replica.healthy(t))
            .map(|replica| replica.conduct().error_share)
            .collect();
        let Some(share) = healthy.first().copied() else { return Sample::Missing };
        let n = healthy.len() as u64;
        match signal.kind {
            SignalKind::Rate { .. } => {
                let total = n * TRIALS;
                Sample::Counts { total, events: self.dice.part_of(total, share) }
            }
            SignalKind::Done { .. } => Sample::Done { count: n * DONE },
            SignalKind::Level { .. } | SignalKind::Histogram { .. } => Sample::Missing,
        }
    }

    /// What each running replica takes.
    pub(super) fn usage(&mut self, service: &ServiceName) -> Vec<Usage> {
        let t = self.clock.t;
        let running = self.target.of(service).filter(|replica| replica.running());
        let mut usage: Vec<Usage> = running
            .map(|replica| Usage {
                beside: false,
                release: replica.release.clone(),
                replica: replica.id.clone(),
                cpu_ms: t / 20,
                memory: MEMORY,
                memory_limit: None,
                oom_kills: 0,
            })
            .collect();
        for one in &mut usage {
            one.memory += self.dice.below(1 << 20);
        }
        usage
    }

    /// What replicas have logged since the last look: those that answer errors say so.
    pub(super) fn logs(&self, service: &ServiceName) -> LogReading {
        let t = self.clock.t;
        let loud =
            |replica: &&SimReplica| replica.healthy(t) && replica.conduct().kind == Kind::Errors;
        let counts = self.target.of(service).filter(loud).map(|replica| LogCount {
            release: replica.release.clone(),
            level: LogLevel::Error,
            template: "cannot answer <*>".into(),
            lines: 3,
        });
        LogReading {
            second: self.clock.second(),
            counts: counts.collect(),
            ..LogReading::default()
        }
    }
}
