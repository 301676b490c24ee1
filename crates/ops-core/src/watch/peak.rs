//! The highest evidence so far, and how to say it.

use serde::{Deserialize, Serialize};

use super::{StreamName, Totals};

/// The highest evidence so far, and what stood beside it when it was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Peak {
    pub(super) log_e: f64,
    pub(super) leading: StreamName,
    pub(super) totals: Totals,
}

impl Peak {
    /// Ville: the chance that evidence ever gets this high while nothing is wrong.
    pub(super) fn false_alarm(&self) -> f64 {
        (-self.log_e).exp().min(1.0)
    }

    /// For a person. `limit` is the leading stream's fixed limit, if it has one.
    pub(super) fn words(&self, limit: f64) -> String {
        let what = self.what(limit);
        format!("{what} (chance of a false alarm at most {:.1e})", self.false_alarm())
    }

    fn what(&self, limit: f64) -> String {
        let Totals { canary_requests, canary_errors, control_requests, control_errors } =
            self.totals;
        let new =
            format!("{canary_errors} of {canary_requests} requests failed on the new version");
        let compared = format!("compared over {canary_requests} and {control_requests} requests");
        let limit = 100.0 * limit;
        match &self.leading {
            StreamName::Errors => format!(
                "the new version fails more often: {new}, {control_errors} of {control_requests} \
                 on the old one"
            ),
            StreamName::Client(class) => format!(
                "the new version answers {} more often than the old one, {compared}",
                class.statuses()
            ),
            StreamName::Latency => {
                format!("the new version answers more slowly than the old one, {compared}")
            }
            StreamName::SlowP80 | StreamName::SlowP99 | StreamName::SlowFar => {
                let slow = match &self.leading {
                    StreamName::SlowP80 => "slower than four of five were before",
                    StreamName::SlowP99 => "slower than 99 of 100 were before",
                    _ => "more than twice as slow as 99 of 100 were before",
                };
                format!(
                    "more requests to the new version than to the old one are {slow}, {compared}"
                )
            }
            StreamName::Silence => format!(
                "the new version answers fewer requests than it was sent: {canary_requests} of \
                 {} in all, as if part of it hung",
                canary_requests.saturating_add(control_requests)
            ),
            StreamName::ErrorLimit => {
                format!("the new version is above the limit of {limit:.2} % failed requests: {new}")
            }
            StreamName::LatencyLimit => format!(
                "more than {limit:.0} % of {canary_requests} requests to the new version are \
                 slower than the limit of the 99th percentile"
            ),
            StreamName::Cpu => {
                "the new version takes more processor time for the same work than the old one"
                    .into()
            }
            StreamName::Memory => {
                "a replica of the new version takes more memory than one of the old version".into()
            }
            StreamName::LogErrors => {
                "the new version logs more errors for the same work than the old one".into()
            }
            StreamName::Signal(name) => {
                format!("the signal {name} is worse on the new version than on the old one")
            }
            StreamName::SignalLimit(name) => {
                format!("the signal {name} of the new version is above its limit of {limit:.2} %")
            }
            StreamName::BaselineErrors => format!(
                "more requests fail than before the deployment ({limit:.2} % expected at most): \
                 {new}; there is no old version on traffic to compare with"
            ),
        }
    }
}
