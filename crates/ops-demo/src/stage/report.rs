//! What `ops demo` tells at its end: numbers of this run, nothing else.

use serde::{Deserialize, Serialize};

/// The whole answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DemoReport {
    /// Seed of the faults; `None` for the standard ones.
    pub seed: Option<u64>,
    /// One per version that was shipped, in order.
    pub deployments: Vec<DeploymentReport>,
    /// All tickets at the end.
    pub tickets: Vec<TicketReport>,
    /// Requests per second that were sent.
    pub requests_per_second: f64,
    /// Seconds that everything took.
    pub seconds: f64,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentReport {
    /// Its number, `D-1`.
    pub deployment: String,
    /// Its ticket.
    pub ticket: String,
    /// Its version.
    pub version: String,
    /// What is wrong with that version, `nothing` for a good one.
    pub fault: String,
    /// `closed`, `rolled-back`, `held` or `frozen`.
    pub outcome: String,
    /// Why it went back.
    pub cause: Option<String>,
    /// Milliseconds from healthy to all traffic moved, steps excluded.
    pub switch_ms: u64,
    /// Requests sent while it was under way.
    pub requests_sent: u64,
    /// Of these, every failure that the service itself did not answer.
    pub requests_lost: u64,
    /// Seconds from the first bad response to the decision; `None` if none was bad.
    pub detection_seconds: Option<f64>,
    /// Bad responses until traffic was back.
    pub bad_responses: u64,
}

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TicketReport {
    /// Its number.
    pub ticket: String,
    /// Its status on the board.
    pub status: String,
}

impl DemoReport {
    /// Whether every good version shipped, every bad one was taken back, and nothing was lost.
    pub fn as_it_should(&self) -> bool {
        let right = |one: &DeploymentReport| {
            let wanted = if one.fault == "nothing" { "closed" } else { "rolled-back" };
            one.outcome == wanted && one.requests_lost == 0
        };
        !self.deployments.is_empty() && self.deployments.iter().all(right)
    }

    /// For people.
    pub fn table(&self) -> String {
        use std::fmt::Write as _;
        let mut out = format!(
            "{:<8} {:<7} {:<22} {:<12} {:>9} {:>9} {:>5} {:>10} {:>5}\n",
            "version",
            "ticket",
            "fault",
            "outcome",
            "switch",
            "requests",
            "lost",
            "detected",
            "bad"
        );
        for one in &self.deployments {
            let detected =
                one.detection_seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
            let _ = writeln!(
                out,
                "{:<8} {:<7} {:<22} {:<12} {:>6} ms {:>9} {:>5} {:>10} {:>5}",
                one.version,
                one.ticket,
                one.fault,
                one.outcome,
                one.switch_ms,
                one.requests_sent,
                one.requests_lost,
                detected,
                one.bad_responses
            );
        }
        out
    }
}
