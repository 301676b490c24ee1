//! What all doors counted of a service, as what one door counts: second by second.

use std::collections::BTreeMap;

use ops_core::{
    id::ReleaseId,
    signal::{Arm, SignalSecond, TemplateCount},
    world::Fault,
};
use ops_engine::ports::Look;

use super::on_host;
use crate::admin::Told;

/// The seconds after `after` that every door told, oldest first.
///
/// None is told before all have told it, so that a door whose clock is a little behind makes no gap,
/// and a second that one of them lacks is a gap of the whole (P8). A door without a route counts
/// only what it still has; but one that was not told so by the last act has lost its route, and
/// what its users meet is not known.
pub(super) fn seconds(told: Vec<(&str, Told)>, after: u64) -> Look<Vec<SignalSecond>> {
    let newest = told.iter().filter_map(|(_, told)| told.last).max();
    let served = told.iter().any(|(_, told)| told.served);
    let lost = |(_, told): &&(&str, Told)| served && !told.served && told.last != newest;
    if let Some((host, _)) = told.iter().find(lost) {
        let fault = Fault::new(
            "it has no route, and others have",
            "signals",
            "a later act brings it along; until then nobody knows what its users meet",
        );
        return Err(on_host(host, fault));
    }
    let counted: Vec<Vec<SignalSecond>> =
        told.into_iter().filter(|(_, told)| told.counted).map(|(_, told)| told.seconds).collect();
    Ok(sum(counted, after))
}

fn sum(doors: Vec<Vec<SignalSecond>>, after: u64) -> Vec<SignalSecond> {
    let all = doors.len();
    let mut sums: BTreeMap<u64, (usize, SignalSecond)> = BTreeMap::new();
    for second in doors.into_iter().flatten().filter(|second| second.second > after) {
        match sums.get_mut(&second.second) {
            Some((doors, sum)) => {
                *doors += 1;
                add(sum, &second);
            }
            None => {
                sums.insert(second.second, (1, second));
            }
        }
    }
    let whole = sums.into_values().filter(|(doors, _)| *doors == all);
    whole.map(|(_, second)| second).collect()
}

/// Adds what one more door counted in the same second.
fn add(sum: &mut SignalSecond, other: &SignalSecond) {
    add_arms(&mut sum.arms, &other.arms);
    add_arms(&mut sum.mirrored, &other.mirrored);
    sum.refused = sum.refused.saturating_add(other.refused);
    // They held in the whole second only where all doors had the same.
    if sum.weights != other.weights {
        sum.weights.clear();
    }
    sum.probes.sent = sum.probes.sent.saturating_add(other.probes.sent);
    sum.probes.failed = sum.probes.failed.saturating_add(other.probes.failed);
    for count in &other.templates {
        add_template(&mut sum.templates, count);
    }
}

fn add_arms(arms: &mut Vec<(ReleaseId, Arm)>, others: &[(ReleaseId, Arm)]) {
    for (release, arm) in others {
        match arms.iter_mut().find(|(known, _)| known == release) {
            Some((_, sum)) => sum.add(arm),
            None => arms.push((release.clone(), arm.clone())),
        }
    }
}

fn add_template(templates: &mut Vec<TemplateCount>, count: &TemplateCount) {
    let same = |known: &&mut TemplateCount| {
        known.template == count.template && known.release == count.release
    };
    match templates.iter_mut().find(same) {
        Some(sum) => {
            sum.requests = sum.requests.saturating_add(count.requests);
            sum.errors = sum.errors.saturating_add(count.errors);
            sum.micros = sum.micros.saturating_add(count.micros);
        }
        None => templates.push(count.clone()),
    }
}

#[cfg(test)]
mod tests;
