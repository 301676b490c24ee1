//! The checks before a deployment, as data: what was looked at, the verdict, the evidence, the
//! remedy. Anything that could not be looked at never counts as a pass (P8).

mod adoption;
mod advisor;
mod around;
mod class;
mod each;
mod engines;
mod facts;
mod fix;
mod ground;
mod judge;
mod page;
mod paper;
mod promoted;
mod proof;
mod rivals;
mod rotation;
mod season;
mod settings;
mod signals;
#[cfg(test)]
mod tests;
mod window;

use serde::{Deserialize, Serialize};

pub use class::class_of;
pub use facts::{
    Age, Alert, ArtifactFact, Condemned, DependencyFact, Facts, Fingerprint, Fixed, HostFact,
    LimitFacts, Outside, Promoted, Rival, Tally, Trace,
};
pub use judge::{Judged, adoptable, candidate_of, judge, judge_advised, qa_verdict};
pub use page::page;
pub use window::{BadWindow, Windows, check_opening, judge_windows};

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was looked at, and it is right.
    Pass,
    /// It was looked at, and it is wrong.
    Fail,
    /// It was looked at, and too little was seen to tell.
    Inconclusive,
    /// It could not be looked at.
    Error,
    /// `ops.yaml` declares nothing to look at. Never counted as passed, and holds nothing.
    NotDeclared,
    /// Nobody's judgement was to be had, and none is required (S21). Never counted as passed, and
    /// holds nothing.
    NoJudgement,
    /// It is wrong, and has been since what this ticket fixes went wrong (S11), or is what a
    /// rollback takes back: it holds nothing.
    Relaxed,
}

impl Verdict {
    /// Whether a deployment may start as far as this check goes.
    pub fn lets_pass(self) -> bool {
        matches!(self, Self::Pass | Self::NotDeclared | Self::NoJudgement | Self::Relaxed)
    }

    /// As people read it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::NotDeclared => "not declared",
            Self::NoJudgement => "no judgement",
            Self::Relaxed => "relaxed",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its id, such as `evidence`.
    pub id: String,
    /// What was looked at.
    pub looked_at: String,
    /// What it says.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: String,
    /// What must happen first; empty where nothing must.
    pub remedy: String,
    /// When it passes by itself, as far as that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<jiff::Timestamp>,
}

/// All checks of one moment, in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Checklist {
    /// The ids of all checks, in order. Every checklist has all of them.
    pub const IDS: [&'static str; 24] = [
        "settings",
        "evidence",
        "notes",
        "artifact",
        "image",
        "overtaken",
        "service-health",
        "drift",
        "dependencies",
        "engine",
        "room",
        "host",
        "variables",
        "migrations",
        "rollback-plan",
        "fingerprint",
        "window",
        "error-budget",
        "alerts",
        "signals",
        "conflict",
        "guards",
        "retries",
        "advisor",
    ];

    /// Whether every check lets the deployment start. An incomplete list never does.
    pub fn passed(&self) -> bool {
        let complete = Self::IDS.iter().all(|id| self.checks.iter().any(|check| check.id == *id));
        complete && self.checks.iter().all(|check| check.verdict.lets_pass())
    }

    /// The checks that do not let it start.
    pub fn failing(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.verdict.lets_pass())
    }

    /// The checks that hold it by themselves; those that only wait for another one are left out,
    /// unless nothing else failed.
    pub fn causes(&self) -> Vec<String> {
        let ids = |waiting: bool| -> Vec<String> {
            self.failing()
                .filter(|check| (check.verdict == Verdict::Inconclusive) == waiting)
                .map(|check| check.id.clone())
                .collect()
        };
        let causes = ids(false);
        if causes.is_empty() { ids(true) } else { causes }
    }

    /// One check.
    pub fn get(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }
}
