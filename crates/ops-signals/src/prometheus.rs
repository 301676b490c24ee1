//! Declared signals from Prometheus.

use ops_core::{reading::Reading, time::Now, world::Fault};
use ops_engine::ports::{Asked, Look, Metrics};

/// Reads declared signals through Prometheus's HTTP API.
#[derive(Debug, Default)]
pub struct PrometheusMetrics;

impl Metrics for PrometheusMetrics {
    fn read(&self, asked: &Asked, _now: &Now) -> Look<Vec<Reading>> {
        Err(Fault::new("not read", asked.signal.prometheus.clone(), "wait for this to be built"))
    }
}
