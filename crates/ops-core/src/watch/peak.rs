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
        let Totals { canary_requests, canary_errors, control_requests, control_errors } =
            self.totals;
        let new =
            format!("{canary_errors} of {canary_requests} requests failed on the new version");
        let limit = 100.0 * limit;
        let what = match self.leading {
            StreamName::Errors => format!(
                "the new version fails more often: {new}, {control_errors} of {control_requests} \
                 on the old one"
            ),
            StreamName::Latency => format!(
                "the new version answers more slowly than the old one, compared over \
                 {canary_requests} and {control_requests} requests"
            ),
            StreamName::ErrorLimit => {
                format!("the new version is above the limit of {limit:.2} % failed requests: {new}")
            }
            StreamName::LatencyLimit => format!(
                "more than {limit:.0} % of {canary_requests} requests to the new version are \
                 slower than the limit of the 99th percentile"
            ),
            StreamName::BaselineErrors => format!(
                "more requests fail than before the deployment ({limit:.2} % expected at most): \
                 {new}; there is no old version on traffic to compare with"
            ),
        };
        format!("{what} (chance of a false alarm at most {:.1e})", self.false_alarm())
    }
}
