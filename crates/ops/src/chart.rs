//! What the door saw of both versions over a deployment, as a picture and as lines on a terminal.

mod spark;
mod svg;

use ops_core::{
    deploy::Event,
    id::DeploymentId,
    signal::{Arm, Latency, SignalSecond, latency_edge_micros},
    time::BootId,
};
use ops_engine::{
    ports::{Journal, Record},
    replay,
};
use serde::Deserialize as _;

pub(crate) use spark::lines;
pub(crate) use svg::svg;

use crate::problem::Problem;

/// The signals of one deployment, from its journal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    title: String,
    /// Names of the new and the old version.
    names: (String, String),
    points: Vec<Point>,
    /// The second in which it was decided, and what.
    decided: Option<(u64, &'static str)>,
}

/// What one second, or several in a row, brought. Seconds count from the first one.
#[derive(Debug, Clone, Default, PartialEq)]
struct Point {
    second: u64,
    /// The new version's share in percent, if it held all the time.
    share: Option<u8>,
    new: Arm,
    old: Arm,
}

/// What is drawn of each version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Requests,
    Failed,
    Median,
    P99,
}

impl Chart {
    /// Reads a deployment's seconds; `None` if it is unknown or the door saw nothing of it. After a
    /// reboot seconds count anew, so that only those since the last one are drawn.
    pub(crate) fn read(journal: &dyn Journal, id: DeploymentId) -> Result<Option<Self>, Problem> {
        let records = journal.stream(Some(id))?;
        let Some(deployment) = replay(&records)? else { return Ok(None) };
        let Some(plan) = deployment.plan.as_deref() else { return Ok(None) };
        let of_old = plan.old.as_ref();
        let new = &plan.new.spec.release;
        let old = of_old.map(|old| &old.spec.release);
        let mut chart = Self {
            title: format!("{id}: {} on {}", plan.service.name, plan.environment),
            names: (
                plan.new.candidate.version.clone(),
                of_old.map_or_else(String::new, |old| old.candidate.version.clone()),
            ),
            points: Vec::new(),
            decided: None,
        };
        let mut boot: Option<&BootId> = None;
        for record in &records {
            if boot.is_some_and(|boot| *boot != record.at.boot) {
                chart.points.clear();
                chart.decided = None;
            }
            boot = Some(&record.at.boot);
            for second in chart.take(record) {
                let arm = |id| second.arm(id).cloned().unwrap_or_default();
                let weight = second.weights.iter().find(|(id, _)| id == new);
                chart.points.push(Point {
                    second: second.second,
                    share: (!second.weights.is_empty()).then(|| weight.map_or(0, |(_, w)| *w)),
                    new: arm(new),
                    old: old.map(arm).unwrap_or_default(),
                });
            }
        }
        Ok(chart.begin_at_zero())
    }

    /// Notes what a record decided; answers the seconds that it holds.
    fn take(&mut self, record: &Record) -> Vec<SignalSecond> {
        let name = record.body.get("event").and_then(serde_json::Value::as_str);
        let words = match name {
            Some("seen") => {
                return match Event::deserialize(&*record.body) {
                    Ok(Event::Seen { seconds }) => seconds,
                    _ => Vec::new(),
                };
            }
            Some("back-began") => "taken back",
            Some("watch-passed") => "passed",
            _ => return Vec::new(),
        };
        if self.decided.is_none() {
            self.decided = Some((record.at.ms / 1_000, words));
        }
        Vec::new()
    }

    fn begin_at_zero(mut self) -> Option<Self> {
        let first = self.points.first()?.second;
        for point in &mut self.points {
            point.second = point.second.saturating_sub(first);
        }
        if let Some((second, _)) = &mut self.decided {
            *second = second.saturating_sub(first);
        }
        Some(self)
    }

    /// Seconds from the first one to the end.
    fn length(&self) -> u64 {
        let last = self.points.last().map_or(0, |point| point.second + 1);
        last.max(self.decided.map_or(0, |(second, _)| second + 1))
    }

    /// The seconds as at most so many parts of equal length, and that length.
    fn parts(&self, most: u64) -> (Vec<Point>, u64) {
        let each = self.length().div_ceil(most.max(1)).max(1);
        let mut parts: Vec<Point> = Vec::new();
        for point in &self.points {
            let second = point.second / each * each;
            match parts.last_mut().filter(|part| part.second == second) {
                Some(part) => {
                    part.new.add(&point.new);
                    part.old.add(&point.old);
                    part.share = point.share.or(part.share);
                }
                None => parts.push(Point { second, ..point.clone() }),
            }
        }
        (parts, each)
    }
}

impl Signal {
    const ALL: [Self; 4] = [Self::Requests, Self::Failed, Self::Median, Self::P99];

    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Failed => "failed",
            Self::Median => "median",
            Self::P99 => "p99",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Requests => "/s",
            Self::Failed => "%",
            Self::Median | Self::P99 => "ms",
        }
    }

    /// Its value over so many seconds; `None` without anything to measure.
    fn value(self, arm: &Arm, seconds: u64) -> Option<f64> {
        match self {
            Self::Requests => Some(arm.requests as f64 / seconds.max(1) as f64),
            Self::Failed => {
                let requests = arm.requests as f64;
                (arm.requests > 0).then(|| 100.0 * arm.errors() as f64 / requests)
            }
            Self::Median => quantile(&arm.latency, 0.5),
            Self::P99 => quantile(&arm.latency, 0.99),
        }
    }
}

/// A quantile in milliseconds: the middle of its bucket.
fn quantile(latency: &Latency, share: f64) -> Option<f64> {
    let all: u64 = latency.iter().map(|(_, count)| count).sum();
    let mut below = 0;
    let (bucket, _) = latency.iter().find(|(_, count)| {
        below += count;
        below as f64 >= share * all as f64
    })?;
    Some((latency_edge_micros(*bucket) * latency_edge_micros(*bucket + 1)).sqrt() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two minutes: a step to 50 % after 40 s, and from 80 s on every fifth request fails.
    pub(super) fn chart() -> Chart {
        let arm = |requests: u64, failed: u64, bucket| Arm {
            requests,
            s5xx: failed,
            s2xx: requests - failed,
            latency: vec![(bucket, requests - requests / 20), (bucket + 16, requests / 20)],
            ..Arm::default()
        };
        let point = |second: u64| {
            let share = if second < 40 { 10 } else { 50 };
            let wave = 100 + (second * 37) % 23;
            let new = wave * share / 100;
            let failed = if second < 80 { 0 } else { new / 5 };
            Point {
                second,
                share: (second != 40).then_some(share as u8),
                new: arm(new, failed, if second < 80 { 133 } else { 137 }),
                old: arm(wave - new, u64::from(second.is_multiple_of(30)), 133),
            }
        };
        Chart {
            title: "D-12: shop on production".into(),
            names: ("v3".into(), "v2".into()),
            points: (0..120).filter(|second| *second != 60).map(point).collect(),
            decided: Some((121, "taken back")),
        }
    }

    #[test]
    fn parts_hold_every_request_once() {
        let chart = chart();
        let all = |points: &[Point]| points.iter().map(|point| point.new.requests).sum::<u64>();
        for most in [0, 1, 7, 48, 1_000] {
            let (parts, each) = chart.parts(most);
            assert!(parts.len() as u64 <= most.max(1) && each >= 1);
            assert_eq!(all(&parts), all(&chart.points));
        }
    }

    #[test]
    fn quantiles_are_of_the_right_bucket() {
        let latency = vec![(100, 98), (120, 2)];
        let (median, p99) = (quantile(&latency, 0.5).unwrap(), quantile(&latency, 0.99).unwrap());
        assert!((5.7..6.4).contains(&median) && (32.0..36.0).contains(&p99), "{median} {p99}");
        assert_eq!(quantile(&Latency::new(), 0.5), None);
    }
}
