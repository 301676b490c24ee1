//! The story of the demo: four versions, two good ones and two that hurt.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ops_core::id::DeploymentId;
use ops_engine::DeploymentView;
use ops_server::ControlClient;

use crate::{
    load::{self, LoadHandle, LoadPlan, LoadReport, Schedule},
    shop::ShopConfig,
    versions::BadVersions,
};

use super::{
    report::{DemoReport, DeploymentReport, TicketReport},
    show::Show,
    site::{Site, SiteError},
    team::{Story, Team},
};

/// Requests per second.
pub(super) const RATE: f64 = 1_000.0;
/// How long a deployment of the demo may take.
const DEPLOYMENT_WAIT: Duration = Duration::from_secs(100);
const POLL: Duration = Duration::from_millis(100);
/// Seconds of v1's traffic before v2: what its overdispersion is estimated from. Below a minute
/// the estimate leans towards a prior of 5.
const WARM_UP: Duration = Duration::from_secs(10);

/// One version to ship.
struct Chapter {
    title: &'static str,
    shop: ShopConfig,
    fault: String,
    onset_seconds: f64,
}

fn chapters(bad: &BadVersions) -> Vec<Chapter> {
    let good = |title, version: &str| Chapter {
        title,
        shop: ShopConfig::healthy(version),
        fault: "nothing".into(),
        onset_seconds: 0.0,
    };
    vec![
        good("Open the shop", "v1"),
        good("A nicer greeting", "v2"),
        Chapter {
            title: "Faster carts",
            fault: format!("{:.1} % fail", bad.v3_error_share * 100.0),
            onset_seconds: f64::from(bad.v3_onset_seconds),
            shop: bad.v3(),
        },
        Chapter {
            title: "Recommendations",
            fault: format!("{:.1} x as slow", bad.v4_slowness),
            onset_seconds: f64::from(bad.v4_onset_seconds),
            shop: bad.v4(),
        },
    ]
}

/// The demo while it runs.
pub(super) struct Scenario<'a> {
    site: &'a Site,
    team: Team,
    control: ControlClient,
    show: &'a Show,
    stop: Arc<AtomicBool>,
    load: Option<LoadHandle>,
    started: Instant,
}

impl<'a> Scenario<'a> {
    pub(super) fn new(site: &'a Site, team: Team, show: &'a Show, stop: &Arc<AtomicBool>) -> Self {
        let stop = Arc::clone(stop);
        let control = site.control();
        Self { site, team, control, show, stop, load: None, started: Instant::now() }
    }

    /// Ships all versions and tells what came of each.
    pub(super) fn play(
        mut self,
        bad: &BadVersions,
        seed: Option<u64>,
    ) -> Result<DemoReport, SiteError> {
        let mut done = Vec::new();
        for chapter in chapters(bad) {
            let ended = self.ship(&chapter)?;
            done.push((chapter, ended));
        }
        let report = self.end_load()?;
        let deployments = done
            .iter()
            .map(|(chapter, (ticket, view))| measure(chapter, ticket, view, &report))
            .collect();
        let tickets = done
            .iter()
            .map(|(_, (ticket, _))| {
                Ok(TicketReport { ticket: ticket.clone(), status: self.team.status(ticket)? })
            })
            .collect::<Result<_, SiteError>>()?;
        Ok(DemoReport {
            seed,
            deployments,
            tickets,
            requests_per_second: RATE,
            seconds: self.started.elapsed().as_secs_f64(),
        })
    }

    fn pause(&self) -> Result<(), SiteError> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(SiteError::Stopped);
        }
        thread::sleep(POLL);
        Ok(())
    }

    fn ship(&mut self, chapter: &Chapter) -> Result<(String, DeploymentView), SiteError> {
        let version = &chapter.shop.version;
        let candidate = self.site.candidate(&chapter.shop)?;
        let wanted = Story {
            title: chapter.title,
            version,
            artifact: &candidate.folder,
            digest: &candidate.digest,
        };
        let ticket = self.team.ship(&wanted)?;
        self.show.ticket(&ticket, chapter.title, version, &chapter.fault);
        let view = self.follow(&ticket)?;
        if version == "v1" && view.phase != "closed" {
            // Nothing would serve what comes after it.
            return Err(SiteError::Late(format!("v1 was not deployed: {}", reason(&view))));
        }
        if view.phase == "closed" && self.load.is_some() && version == "v1" {
            self.warm_up()?;
        }
        Ok((ticket, view))
    }

    /// Follows a ticket's deployment until it has come to rest.
    fn follow(&mut self, ticket: &str) -> Result<DeploymentView, SiteError> {
        let until = Instant::now() + DEPLOYMENT_WAIT;
        let mut known: Option<DeploymentId> = None;
        loop {
            self.pause()?;
            let view = match known {
                Some(id) => self.control.show(id).ok().flatten(),
                None => self.control.status().ok().and_then(|status| {
                    let mut all = status.deployments.into_iter();
                    all.find(|view| view.tickets.iter().any(|id| id.as_str() == ticket))
                }),
            };
            if let Some(view) = view {
                known = view.number();
                self.watch_traffic(&view)?;
                self.show.progress(&view, self.load.as_ref());
                if view.ended || matches!(view.phase.as_str(), "held" | "frozen") {
                    self.show.ended(&view);
                    return Ok(view);
                }
            }
            if Instant::now() > until {
                let words = self.site.last_words("serve");
                return Err(SiteError::Late(format!("{ticket} did not come to rest: {words}")));
            }
        }
    }

    /// Users come as soon as the first version serves them.
    fn watch_traffic(&mut self, view: &DeploymentView) -> Result<(), SiteError> {
        if self.load.is_none() && matches!(view.phase.as_str(), "verifying" | "watching") {
            let plan = LoadPlan::shop(self.site.door(), Schedule::constant(RATE));
            let load = load::start(plan).map_err(|why| SiteError::other("the load", why))?;
            self.load = Some(load);
        }
        Ok(())
    }

    fn warm_up(&self) -> Result<(), SiteError> {
        let until = Instant::now() + WARM_UP;
        while Instant::now() < until {
            self.pause()?;
        }
        Ok(())
    }

    fn end_load(&mut self) -> Result<LoadReport, SiteError> {
        let load = self.load.take();
        let load = load.ok_or_else(|| SiteError::Late("no version ever served".into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|why| SiteError::other("the load", why))?;
        Ok(runtime.block_on(load.stop()))
    }
}

/// Why a deployment did not go on, as its checks say.
fn reason(view: &DeploymentView) -> String {
    let failing = view.checks.iter().filter(|check| !check.verdict.lets_pass());
    let seen: Vec<_> = failing.map(|check| format!("{}: {}", check.id, check.evidence)).collect();
    match (seen.is_empty(), &view.cause) {
        (false, _) => seen.join("; "),
        (true, Some(cause)) => cause.clone(),
        (true, None) => format!("it is {}", view.phase),
    }
}

fn measure(
    chapter: &Chapter,
    ticket: &str,
    view: &DeploymentView,
    load: &LoadReport,
) -> DeploymentReport {
    let version = &chapter.shop.version;
    let tally = load.tally(view.began_ms..=view.last_ms);
    let seen = load.version(version);
    let slow = chapter.shop.slowness > 1.0;
    let onset_ms = (chapter.onset_seconds * 1_000.0) as u64;
    let first_bad = match (seen, slow) {
        (None, _) => None,
        (Some(seen), false) => seen.first_bad,
        // Every answer after the onset is slow; the first one is the first bad response.
        (Some(seen), true) => Some(seen.first_answer + onset_ms),
    };
    let bad_responses = match (first_bad, slow) {
        (None, _) => 0,
        (Some(_), false) => seen.map_or(0, |seen| seen.bad),
        (Some(first), true) => load
            .records()
            .iter()
            .filter(|record| load.version_of(record) == Some(version))
            .filter(|record| record.finished_ms() >= first)
            .count() as u64,
    };
    let detection_seconds = first_bad
        .zip(view.decided_back_ms)
        .map(|(first, decided)| Duration::from_millis(decided.saturating_sub(first)).as_secs_f64());
    DeploymentReport {
        deployment: view.id.clone(),
        ticket: ticket.to_owned(),
        version: version.clone(),
        fault: chapter.fault.clone(),
        outcome: view.phase.clone(),
        cause: view.cause.clone(),
        switch_ms: view.switch_ms,
        requests_sent: tally.requests,
        requests_lost: tally.lost.total(),
        detection_seconds,
        bad_responses,
    }
}
