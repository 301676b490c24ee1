//! The daily summary: what shipped, what went back, what waits and why, per environment.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::quoted;
use crate::id::EnvironmentName;

/// Lines of one kind that are named; the rest is a number.
const NAMED_MAX: usize = 15;

/// What waits, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// `MNS-7 (D-7)`.
    pub name: String,
    /// In words.
    pub why: String,
}

/// What one environment saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Which.
    pub environment: EnvironmentName,
    /// What shipped: `MNS-7 (D-7) shop v2`.
    pub shipped: Vec<String>,
    /// What went back, and why.
    pub back: Vec<Waiting>,
    /// What waits, and why.
    pub waits: Vec<Waiting>,
}

/// A daily summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daily {
    /// The day, as its zone has it.
    pub day: String,
    /// Since when, in that zone.
    pub since: String,
    /// Each environment in which anything was.
    pub environments: Vec<Day>,
    /// Open incidents: `I-1 (shop on production)`.
    pub incidents: Vec<String>,
    /// Who halted everything.
    pub halted_by: Option<String>,
}

impl Daily {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.environments.is_empty() && self.incidents.is_empty() && self.halted_by.is_none()
    }

    /// As it is posted, without a marker.
    pub fn words(&self) -> String {
        let mut out = format!("OPS: {}, since {}:", self.day, self.since);
        if let Some(by) = &self.halted_by {
            let _ = write!(out, "\n- everything is halted by {by}");
        }
        if self.environments.is_empty() {
            out.push_str("\n- nothing shipped, nothing went back, nothing waits");
        }
        for day in &self.environments {
            let place = &day.environment;
            let shipped: Vec<_> = day.shipped.iter().map(|one| quoted(one, 120)).collect();
            let why = |one: &Waiting| format!("{}: {}", one.name, quoted(&one.why, 160));
            let back: Vec<_> = day.back.iter().map(why).collect();
            let waits: Vec<_> = day.waits.iter().map(why).collect();
            line(&mut out, &format!("{place}: shipped"), &shipped, ", ");
            line(&mut out, &format!("{place}: went back"), &back, "; ");
            line(&mut out, &format!("{place}: waits"), &waits, "; ");
        }
        line(&mut out, "open incidents", &self.incidents, ", ");
        out
    }
}

fn line(out: &mut String, what: &str, all: &[String], between: &str) {
    if all.is_empty() {
        return;
    }
    let named: Vec<_> = all.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = match all.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!("{between}and {more} more"),
    };
    let _ = write!(out, "\n- {what} ({}): {}{more}", all.len(), named.join(between));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_in_words() {
        let waiting = |name: &str, why: &str| Waiting { name: name.into(), why: why.into() };
        let day = |environment: &str, shipped: usize| Day {
            environment: environment.into(),
            shipped: (0..shipped).map(|n| format!("MNS-{n} (D-{n}) shop v{n}")).collect(),
            back: vec![waiting("MNS-7 (D-9)", "users were hurt (errors): 7 % failed, @dan")],
            waits: vec![waiting("MNS-8 (D-8)", "the check room does not pass")],
        };
        let daily = Daily {
            day: "2026-11-30".into(),
            since: "2026-11-29 17:30".into(),
            environments: vec![day("production", 17), day("staging", 0)],
            incidents: vec!["I-1 (shop on production)".into()],
            halted_by: Some("pia".into()),
        };
        let nothing = Daily {
            environments: Vec::new(),
            incidents: Vec::new(),
            halted_by: None,
            ..daily.clone()
        };
        assert!(nothing.is_empty() && !daily.is_empty());
        insta::assert_snapshot!(format!("{}\n\n{}", daily.words(), nothing.words()));
    }
}
