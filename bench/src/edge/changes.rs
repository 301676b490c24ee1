//! What the runs have in common that change the door under load.

use std::{net::SocketAddr, time::Duration};

use ops_demo::load::{self, LoadHandle, LoadPlan, Schedule, Spread, Visit};

use crate::ground::BenchError;

/// A request that takes longer is lost.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A folder that goes away at the end.
pub(crate) fn folder() -> Result<tempfile::TempDir, BenchError> {
    tempfile::tempdir()
        .map_err(|why| BenchError::system("make a folder", "the folder for temporary files", why))
}

/// Users come to a door and stay until they are told to go.
pub(crate) fn come(door: SocketAddr, rate: f64) -> Result<LoadHandle, BenchError> {
    let mut plan = LoadPlan::shop(door, Schedule::constant(rate));
    plan.mix = vec![Visit::get("/", 1)];
    plan.timeout = TIMEOUT;
    load::start(plan).map_err(|why| BenchError::Odd(why.to_string()))
}

/// What users waited, as a line of its own; nothing if nobody was served.
pub(crate) fn latency(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| {
        format!(
            "latency p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms\n",
            spread.p50_ms, spread.p99_ms, spread.max_ms
        )
    })
}
