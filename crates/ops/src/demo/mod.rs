//! `ops demo`: a real shop, real tickets, real traffic, two versions that hurt. Same program,
//! same detectors, same budget as production; only the times are shorter.

mod report;
mod scenario;
mod show;
mod site;
mod team;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ops_demo::BadVersions;
use ops_server::ControlClient;

pub(crate) use report::DemoReport;
use scenario::Scenario;
use show::Show;
pub(crate) use site::DemoError;
use site::Site;
use team::Team;

/// Plays the demo. Leaves nothing behind, however it ends.
pub(crate) fn play(seed: Option<u64>, quiet: bool) -> Result<DemoReport, DemoError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|why| DemoError::other("Ctrl-C cannot be heard", why))?;
    }
    let bad = seed.map_or_else(BadVersions::default, BadVersions::draw);
    let show = Show::new(quiet);
    let mut site = Site::new()?;
    show.opening(&site.door.to_string(), &site.boards.to_string());
    let tokens = crate::commands::board::tokens(&site.state(), site.folder())
        .map_err(|why| DemoError::other("the team's tokens", why))?;
    site.start(&["edge"])?;
    site.start(&["serve", "--no-edge"])?;
    let team = Team::new(site.boards, |who| {
        tokens.get(who).cloned().ok_or_else(|| DemoError::other("the team's tokens", who))
    })?;
    let control = ControlClient::new(site.state());
    let played = Scenario::new(&site, team, control, &show, Arc::clone(&stop)).play(&bad, seed);
    let cleared = site.clear();
    let report = played?;
    cleared?;
    if stop.load(Ordering::SeqCst) {
        return Err(DemoError::Stopped);
    }
    Ok(report)
}
