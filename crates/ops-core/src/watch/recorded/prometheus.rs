//! The answer of a Prometheus to a range query.
//!
//! Four series, told apart by the label `ops_role`: `new_total`, `new_errors`, `old_total` and
//! `old_errors`, each the increment per step, such as `increase(…[15s])` with a step of 15 s. Steps
//! before the new version's first are the time before the deployment. A step in which a series has
//! no number is left out: nothing is not zero.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{MOST, Recorded, Wrong, arm};
use crate::{
    id::ReleaseId,
    signal::{Arm, SignalSecond},
};

const LABEL: &str = "ops_role";
const ROLES: [&str; 4] = ["new_total", "new_errors", "old_total", "old_errors"];

#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

/// What each role counted in a step that ended at a second.
type Steps = BTreeMap<u64, [Option<u64>; 4]>;

pub(super) fn read(text: &str) -> Result<Recorded, Wrong> {
    let answer: Answer = serde_json::from_str(text).map_err(|error| Wrong::json(&error, 1))?;
    let data = match (answer.status.as_str(), answer.data) {
        ("success", Some(data)) if data.result_type == "matrix" => data,
        ("success", _) => {
            let next = "ask /api/v1/query_range, not /api/v1/query";
            return Err(Wrong::new("`data`", "it is no matrix of ranges", next));
        }
        (status, _) => {
            let why = answer.error.unwrap_or_else(|| format!("the status is {status}"));
            return Err(Wrong::new("`status`", why, "mend the query and ask again"));
        }
    };
    let series: Vec<Series> = serde_json::from_value(data.result).map_err(|error| {
        Wrong::new("`data.result`", error.to_string(), "give the answer as Prometheus gave it")
    })?;
    let steps = steps(&series)?;
    recorded(&steps)
}

fn steps(series: &[Series]) -> Result<Steps, Wrong> {
    let mut steps = Steps::new();
    for (at, role) in ROLES.into_iter().enumerate() {
        let of_role = |one: &&Series| one.metric.get(LABEL).is_some_and(|label| label == role);
        let mut all = series.iter().filter(of_role);
        let next = format!(
            "four series with {LABEL} = {}; for a counter that was never raised, `or vector(0)`",
            ROLES.join(", ")
        );
        let Some(one) = all.next() else {
            return Err(Wrong::new("`data.result`", format!("no series has {LABEL}={role}"), next));
        };
        if all.next().is_some() {
            let why = format!("several series have {LABEL}={role}");
            return Err(Wrong::new("`data.result`", why, "sum each role to one series"));
        }
        let mut last = 0;
        for (time, text) in &one.values {
            let (second, count) = sample(*time, text, role)?;
            let place = format!("series {role} at {time}");
            let slot = &mut steps.entry(second).or_default()[at];
            if slot.is_some_and(|seen| seen != count) || second < last {
                let why = "its samples are out of order, or one time has two";
                return Err(Wrong::new(place, why, "give the answer as Prometheus gave it"));
            }
            (*slot, last) = (Some(count), second);
        }
    }
    Ok(steps)
}

fn sample(time: f64, text: &str, role: &str) -> Result<(u64, u64), Wrong> {
    let place = format!("series {role} at {time}");
    if !(time >= 1.0 && time <= MOST as f64) {
        return Err(Wrong::new(place, "that is no time", "times are seconds since 1970"));
    }
    let count = text.parse().ok().filter(|count: &f64| *count >= 0.0 && *count <= MOST as f64);
    // `increase` extrapolates, so that counts are seldom whole.
    let count = count.map(|count| count.round() as u64).ok_or_else(|| {
        let next = "take increments of counters, such as increase(…[15s])";
        Wrong::new(place, format!("`{text}` is no count"), next)
    })?;
    Ok((time.round() as u64, count))
}

fn recorded(steps: &Steps) -> Result<Recorded, Wrong> {
    let (new, old) = (ReleaseId::new("new"), ReleaseId::new("old"));
    let ends: Vec<u64> = steps.keys().copied().collect();
    let length = ends.windows(2).map(|pair| pair[1] - pair[0]).min();
    let Some(length) = length else {
        return Err(Wrong::new("`data.result`", "there are fewer than two steps", "ask a range"));
    };
    let (mut before, mut seconds, mut left_out) = (Vec::new(), Vec::new(), 0);
    let mut served = false;
    for (second, counts) in steps {
        served |= counts[0].is_some_and(|requests| requests > 0);
        let arms = match *counts {
            [None | Some(0), None | Some(0), Some(nb), Some(xb)] if !served => {
                vec![(old.clone(), part(nb, xb, *second)?)]
            }
            [Some(nc), Some(xc), Some(nb), Some(xb)] => {
                vec![(new.clone(), part(nc, xc, *second)?), (old.clone(), part(nb, xb, *second)?)]
            }
            _ => {
                left_out += 1;
                continue;
            }
        };
        let one = SignalSecond { second: *second, arms, ..SignalSecond::default() };
        if served { seconds.push(one) } else { before.push(one) }
    }
    let mut notes = Vec::new();
    if left_out > 0 {
        notes.push(format!("{left_out} steps lack a number in a series and were left out"));
    }
    if before.is_empty() {
        notes.push("no step is from before the new version: ask a longer range".into());
    }
    let began = seconds.first().map_or(0, |first| first.second.saturating_sub(length));
    Ok(Recorded { new, old, before, began, seconds, share: None, notes })
}

fn part(requests: u64, failed: u64, second: u64) -> Result<Arm, Wrong> {
    // Both are rounded, and each was extrapolated by itself.
    if failed > requests + 1 {
        let why = format!("{failed} of {requests} requests failed");
        let next = "the series of errors must be a part of the one of all requests";
        return Err(Wrong::new(format!("the step at {second}"), why, next));
    }
    Ok(arm(requests, failed.min(requests), Vec::new()))
}
