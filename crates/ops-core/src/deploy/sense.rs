//! What is asked of the senses beside the door during a watch, and what they say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    reading::{LogReading, Reading, Sample, Usage},
    settings::{Signal, SignalKind},
    world::Fault,
};

/// Milliseconds between two readings of what replicas take and write.
pub(super) const REPLICAS_MS: u64 = 5_000;
/// Milliseconds between two readings of alerts.
pub(super) const ALERTS_MS: u64 = 15_000;
/// Windows of a signal that may be late, beside its grace, until it counts as unreadable: it is
/// asked once per window, and the newest one may not be whole yet.
const LATE_WINDOWS: u64 = 2;
/// Seconds of the same, for the answer itself.
const LATE_SECONDS: u64 = 15;

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub enum Sense {
    /// A declared signal, windows that ended after this second since boot.
    Signal {
        /// The signal.
        signal: Box<Signal>,
        /// The second.
        after: u64,
    },
    /// What replicas take of their machines.
    Usage,
    /// What they log.
    Logs,
    /// Alerts that fire.
    Alerts,
}

impl Sense {
    /// Its name, unique in a deployment.
    pub fn name(&self) -> String {
        match self {
            Self::Signal { signal, .. } => format!("signal {}", signal.name),
            Self::Usage => "usage".into(),
            Self::Logs => "logs".into(),
            Self::Alerts => "alerts".into(),
        }
    }

    /// Milliseconds between two times that it is asked.
    pub fn every_ms(&self) -> u64 {
        match self {
            Self::Signal { signal, .. } => signal.every_seconds.saturating_mul(1_000),
            Self::Usage | Self::Logs => REPLICAS_MS,
            Self::Alerts => ALERTS_MS,
        }
    }
}

/// An answer. Whatever could not be read is a fault, never an absence (P8).
#[derive(Debug, Clone, PartialEq)]
pub enum Sensed {
    /// A declared signal.
    Signal {
        /// Its name.
        name: String,
        /// Its windows.
        read: Result<Vec<Reading>, Fault>,
    },
    /// What replicas take.
    Usage(Result<Vec<Usage>, Fault>),
    /// What they logged.
    Logs(Result<LogReading, Fault>),
    /// Names of alerts that fire.
    Alerts(Result<Vec<String>, Fault>),
}

/// What is known of one declared signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensor {
    /// End of the last window that was told, in seconds since boot.
    pub last: u64,
    /// End of the last window in which the new version had a number, or the beginning.
    pub seen: u64,
    /// Why it could not be read last.
    pub fault: Option<String>,
    /// When it was heard last, in seconds since boot, whatever it said: how long it has been silent
    /// is told by its own answers, never by time that passed while nobody asked (a suspended
    /// machine, a daemon that was away).
    heard: u64,
}

/// All declared signals of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensors(BTreeMap<String, Sensor>);

impl Sensors {
    /// Nothing was read before this second.
    pub(super) fn begin(signals: &[Signal], second: u64) -> Self {
        let sensor = || Sensor { last: second, seen: second, fault: None, heard: second };
        Self(signals.iter().map(|signal| (signal.name.clone(), sensor())).collect())
    }

    /// By name.
    pub fn get(&self, name: &str) -> Option<&Sensor> {
        self.0.get(name)
    }

    /// After a reboot nothing can be compared with the seconds before.
    pub(super) fn rebooted(&mut self, second: u64) {
        for sensor in self.0.values_mut() {
            *sensor = Sensor { last: second, seen: second, fault: None, heard: second };
        }
    }

    /// Windows that were not told before, if the signal is declared.
    pub(super) fn fresh(&self, name: &str, readings: &[Reading]) -> Vec<Reading> {
        let Some(sensor) = self.0.get(name) else { return Vec::new() };
        let mut last = sensor.last;
        let mut fresh = Vec::new();
        for reading in readings.iter().filter(|reading| reading.signal == name) {
            // Duplicates and what comes out of order would count twice.
            if reading.second > last {
                last = reading.second;
                fresh.push(reading.clone());
            }
        }
        fresh
    }

    pub(super) fn read(&mut self, name: &str, readings: &[Reading], now: u64) {
        let Some(sensor) = self.0.get_mut(name) else { return };
        sensor.heard = now;
        sensor.fault = None;
        for reading in readings {
            sensor.last = sensor.last.max(reading.second);
            if reading.new.is_missing() {
                sensor.fault = Some("it has no number for the new version".into());
            } else {
                sensor.seen = sensor.seen.max(reading.second);
                sensor.fault = None;
            }
        }
    }

    pub(super) fn failed(&mut self, name: &str, words: &str, now: u64) {
        if let Some(sensor) = self.0.get_mut(name) {
            sensor.heard = now;
            sensor.fault = Some(words.to_owned());
        }
    }

    /// The second until which every signal had a number for the new version.
    pub(super) fn seen(&self, signals: &[Signal]) -> u64 {
        let of = |signal: &Signal| self.0.get(&signal.name).map_or(0, |sensor| sensor.seen);
        signals.iter().map(of).min().unwrap_or(0)
    }

    /// Whether every signal could be read until a second: only such seconds are observed (S6).
    pub fn readable(&self, signals: &[Signal], second: u64) -> bool {
        signals.iter().all(|signal| {
            self.0.get(&signal.name).is_some_and(|one| second <= one.seen + late(signal))
        })
    }

    /// A signal that has been unreadable for longer than its grace, in words. `grace` is that of
    /// signals which name none.
    pub(super) fn lost(&self, signals: &[Signal], grace: u64) -> Option<String> {
        signals.iter().find_map(|signal| {
            let sensor = self.0.get(&signal.name)?;
            let allowed = late(signal) + signal.grace_seconds.unwrap_or(grace);
            (sensor.heard > sensor.seen + allowed).then(|| {
                let silent = sensor.heard - sensor.seen;
                let why = sensor.fault.as_deref().unwrap_or("nothing is told");
                format!("the signal {} could not be read for {silent} s: {why}", signal.name)
            })
        })
    }
}

fn late(signal: &Signal) -> u64 {
    LATE_WINDOWS * signal.every_seconds + LATE_SECONDS
}

/// What was done in a reading of a signal that counts, if it is one.
pub(super) fn done(signals: &[Signal], reading: &Reading) -> Option<u64> {
    let counts = |signal: &&Signal| {
        signal.name == reading.signal && matches!(signal.kind, SignalKind::Done { .. })
    };
    signals.iter().find(counts)?;
    match reading.new {
        Sample::Done { count } => Some(count),
        _ => None,
    }
}
