//! What comes from outside, read as it is read in earnest: plain functions over bytes, for those who
//! try to break the reading.

use ops_core::{checks::Alert, reading::Sample, settings::SignalKind};

use crate::{alerts::wire, prometheus};

/// What replies of Prometheus, one for each query of a signal, tell of the new and of the old version:
/// in windows that end at second 105, 120, 135 and 150 of its clock.
pub fn signal(
    kind: &SignalKind,
    new: &[&[u8]],
    old: &[&[u8]],
) -> Result<(Vec<Sample>, Vec<Sample>), String> {
    prometheus::told(kind, [new, old])
}

/// The list of Alertmanager; `label` names the service.
pub fn alertmanager(body: &[u8], label: &str) -> Result<Vec<Alert>, String> {
    wire::alertmanager(body, label)
}

/// The list of alerts of Prometheus.
pub fn prometheus_alerts(body: &[u8], label: &str) -> Result<Vec<Alert>, String> {
    wire::prometheus(body, label)
}
