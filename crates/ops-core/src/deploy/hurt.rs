//! What kind of failures the new release had: for people who must find the cause.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::ReleaseId,
    reading::{LogLevel, LogReading},
    signal::{Arm, SignalSecond},
    watch::ClientClass,
};

/// Routes and templates that are remembered each.
const NAMES_MAX: usize = 100;

/// Failures of the new release by kind, route and log template. Only names and counts (P13).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hurt {
    /// By kind of answer, such as `5xx` or `no connection`.
    pub kinds: BTreeMap<String, u64>,
    /// Failed requests by template of path.
    pub routes: BTreeMap<String, u64>,
    /// Lines of error level by template.
    pub templates: BTreeMap<String, u64>,
}

impl Hurt {
    pub(super) fn feed(&mut self, second: &SignalSecond, canary: &Arm, new: &ReleaseId) {
        let kinds = [
            ("5xx", canary.s5xx),
            ("no connection or a broken one", canary.connect),
            ("no answer in time", canary.timeout),
        ];
        for (kind, count) in kinds {
            add(&mut self.kinds, kind, count);
        }
        for class in ClientClass::ALL {
            add(&mut self.kinds, class.statuses(), class.answers(canary));
        }
        for count in second.templates.iter().filter(|count| count.release == *new) {
            add(&mut self.routes, &count.template, count.errors);
        }
    }

    pub(super) fn logged(&mut self, reading: &LogReading, new: &ReleaseId) {
        for count in &reading.counts {
            if count.release == *new && count.level == LogLevel::Error {
                add(&mut self.templates, &count.template, count.lines);
            }
        }
    }

    /// The most frequent ones, most first.
    pub fn most(counts: &BTreeMap<String, u64>, n: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(n);
        all
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    if count == 0 {
        return;
    }
    if let Some(sum) = counts.get_mut(name) {
        *sum = sum.saturating_add(count);
    } else if counts.len() < NAMES_MAX {
        counts.insert(name.to_owned(), count);
    }
}
