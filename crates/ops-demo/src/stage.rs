//! The demo's stage: a real shop, real tickets, real traffic, two versions that hurt. Same
//! program, same detectors, same budget as production; only the times are shorter.
//!
//! Nothing here reaches into ops: it runs the `ops` program, speaks to its boards over HTTP and to
//! its daemon over the control socket, as a team and a person would.

mod report;
mod scenario;
mod show;
mod site;
mod team;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

pub use report::{DemoReport, DeploymentReport, TicketReport};
pub use show::Show;
pub use site::{CONTAINER_PORT, Candidate, Site, SiteError, SiteSettings};
pub use team::{Story, Team};

use crate::versions::BadVersions;
use scenario::Scenario;

/// Plays the demo with this `ops` program. Leaves nothing behind, however it ends; ends early when
/// `stop` is set.
///
/// # Errors
///
/// If something of the stage itself failed; what ops does with the versions is the report's.
pub fn play(
    program: &Path,
    seed: Option<u64>,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> Result<DemoReport, SiteError> {
    let bad = seed.map_or_else(BadVersions::default, BadVersions::draw);
    let mut site = Site::new(program, &SiteSettings::default())?;
    show.opening(&site.door().to_string(), &site.boards().to_string());
    let team = site.open()?;
    let played = Scenario::new(&site, team, show, stop).play(&bad, seed);
    let cleared = site.clear();
    let report = played?;
    cleared?;
    Ok(report)
}
