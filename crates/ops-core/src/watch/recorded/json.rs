//! JSON: seconds as the door records them.
//!
//! `{ "new": "…", "old": "…", "before": [second…], "seconds": [second…] }`: the names of both
//! releases in `arms` and `weights`, the time before the deployment (may be left out), and the
//! deployment. A second is what the journal holds of one (`ops show D --records`).

use serde::Deserialize;

use super::{MOST, Recorded, Wrong, odd};
use crate::{id::ReleaseId, signal::SignalSecond};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    new: ReleaseId,
    old: ReleaseId,
    #[serde(default)]
    before: Vec<SignalSecond>,
    seconds: Vec<SignalSecond>,
}

pub(super) fn read(text: &str) -> Result<Recorded, Wrong> {
    let file: File = serde_json::from_str(text).map_err(|error| Wrong::json(&error, 1))?;
    let File { new, old, before, seconds } = file;
    if new == old {
        return Err(Wrong::new("`new`", "it is the same as `old`", "name two releases"));
    }
    let (before, twice_before) = ordered(before, "before")?;
    let (seconds, twice) = ordered(seconds, "seconds")?;
    let began = seconds.first().map_or(0, |first| first.second.saturating_sub(1));
    let mut notes = Vec::new();
    if twice + twice_before > 0 {
        let count = twice + twice_before;
        notes.push(format!("{count} seconds repeat the one before them and were left out"));
    }
    if before.is_empty() {
        notes.push("the file does not say what was before the deployment".into());
    }
    Ok(Recorded { new, old, before, began, seconds, share: None, notes })
}

/// The seconds without repetitions, and how many these were.
fn ordered(seconds: Vec<SignalSecond>, part: &str) -> Result<(Vec<SignalSecond>, usize), Wrong> {
    let (mut kept, mut twice) = (Vec::<SignalSecond>::new(), 0);
    for (at, second) in seconds.into_iter().enumerate() {
        let place = || format!("`{part}[{at}]`");
        if let Some((id, why)) =
            second.arms.iter().find_map(|(id, arm)| odd(arm).map(|why| (id, why)))
        {
            let next = "a second must be one that a door can have seen";
            return Err(Wrong::new(place(), format!("{id}: {why}"), next));
        }
        let weights: u64 = second.weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
        if weights > 100 || second.second == 0 || second.second > MOST {
            let why = "its weights are above 100 % together, or its number is no second";
            return Err(Wrong::new(place(), why, "weights are percent, seconds begin with 1"));
        }
        match kept.last() {
            Some(last) if *last == second => twice += 1,
            Some(last) if second.second <= last.second => {
                let why = format!("second {} comes after second {}", second.second, last.second);
                return Err(Wrong::new(place(), why, "sort the seconds, each once"));
            }
            _ => kept.push(second),
        }
    }
    Ok((kept, twice))
}
