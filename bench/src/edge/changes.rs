//! What the runs have in common that change the door under load.

use std::{net::SocketAddr, time::Duration};

use ops_demo::load::{self, LoadHandle, LoadPlan, LoadReport, Schedule, Visit};

use crate::ground::BenchError;

/// A request that takes longer is lost.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A folder that goes away at the end.
pub(crate) fn folder() -> Result<tempfile::TempDir, BenchError> {
    tempfile::tempdir()
        .map_err(|why| BenchError::system("make a folder", "the folder for temporary files", why))
}

/// Users come to a door and stay until [`go`].
pub(crate) fn come(door: SocketAddr, rate: f64) -> Result<LoadHandle, BenchError> {
    let mut plan = LoadPlan::shop(door, Schedule::constant(rate));
    plan.mix = vec![Visit::get("/", 1)];
    plan.timeout = TIMEOUT;
    load::start(plan).map_err(|why| BenchError::Odd(why.to_string()))
}

/// Sends the users away and tells what they saw.
pub(crate) fn go(load: LoadHandle) -> Result<LoadReport, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| BenchError::system("end the load", "this process", why))?;
    let report = runtime.block_on(load.stop());
    if report.is_complete() {
        return Ok(report);
    }
    Err(BenchError::Odd("the load is incomplete, its figures are no evidence".into()))
}
