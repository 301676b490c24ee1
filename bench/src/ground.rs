//! The ground that everything is measured on: a real `ops` program on a stage of its own, a team,
//! users, and versions shipped one after the other.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ops_core::id::DeploymentId;
use ops_demo::{
    load::{self, LoadHandle, LoadPlan, LoadReport, Schedule},
    shop::ShopConfig,
    stage::{Candidate, Site, SiteError, SiteSettings, Story, Team},
};
use ops_engine::DeploymentView;
use ops_server::ControlClient;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::answer::progress;

/// Pause between two looks at a deployment.
const POLL: Duration = Duration::from_millis(50);
/// How long a deployment may take that nobody disturbs.
pub(crate) const DEPLOYMENT_WAIT: Duration = Duration::from_mins(4);

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The stage failed.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The system refused something.
    #[error("cannot {what}: {why}; look at {place}")]
    System { what: &'static str, place: String, why: io::Error },
    /// Something is not as a measurement needs it.
    #[error("{0}")]
    Odd(String),
    /// Ctrl-C.
    #[error("stopped; everything was cleared away")]
    Stopped,
}

impl BenchError {
    pub(crate) fn system(what: &'static str, place: impl Into<String>, why: io::Error) -> Self {
        Self::System { what, place: place.into(), why }
    }
}

/// A stage with users on it.
pub(crate) struct Ground {
    pub(crate) site: Site,
    pub(crate) team: Team,
    pub(crate) control: ControlClient,
    rate: f64,
    load: Option<LoadHandle>,
    stop: Arc<AtomicBool>,
}

/// The shop that takes all traffic at once instead of in steps.
pub(crate) fn blue_green() -> SiteSettings {
    SiteSettings {
        strategy: "blue-green".into(),
        watch: "{ for: 32s, min_requests: 1000 }".into(),
        ..SiteSettings::default()
    }
}

impl Ground {
    /// Opens a stage. Users come with this rate, in requests per second, once a version serves.
    pub(crate) fn open(settings: &SiteSettings, rate: f64) -> Result<Self, BenchError> {
        Self::open_with(&program()?, settings, rate)
    }

    /// The same with this `ops` program.
    pub(crate) fn open_with(
        program: &Path,
        settings: &SiteSettings,
        rate: f64,
    ) -> Result<Self, BenchError> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop))
                .map_err(|why| BenchError::system("hear signals", "this process", why))?;
        }
        let mut site = Site::new(program, settings)?;
        let team = site.open()?;
        let control = site.control();
        Ok(Self { site, team, control, rate, load: None, stop })
    }

    /// Puts a version through the pipeline; its ticket is ready for production then.
    pub(crate) fn ship(&self, shop: &ShopConfig) -> Result<String, BenchError> {
        let candidate = self.site.candidate(shop)?;
        self.ship_this(&shop.version, &candidate)
    }

    /// The same for something that was built already.
    pub(crate) fn ship_this(
        &self,
        version: &str,
        candidate: &Candidate,
    ) -> Result<String, BenchError> {
        let story = Story {
            title: "A version for the measurement",
            version,
            artifact: &candidate.folder,
            digest: &candidate.digest,
        };
        Ok(self.team.ship(&story)?)
    }

    /// Ships a version and follows it until it has come to rest.
    pub(crate) fn deploy(&mut self, shop: &ShopConfig) -> Result<DeploymentView, BenchError> {
        let ticket = self.ship(shop)?;
        let mut case = Case::new(ticket);
        let until = Instant::now() + DEPLOYMENT_WAIT;
        loop {
            self.pause()?;
            if let Some(view) = case.look(&self.control) {
                if matches!(view.phase.as_str(), "verifying" | "watching") {
                    self.users_come()?;
                }
                if at_rest(&view) {
                    progress(&format!("  {} {} {}", view.id, shop.version, said(&view)));
                    return Ok(view);
                }
            }
            if Instant::now() > until {
                let words = self.site.last_words("serve");
                let late = format!("{} did not come to rest: {words}", case.ticket);
                return Err(BenchError::Odd(late));
            }
        }
    }

    /// The same for a version that must be closed for the measurement to go on.
    pub(crate) fn deploy_good(&mut self, version: &str) -> Result<DeploymentView, BenchError> {
        let view = self.deploy(&ShopConfig::healthy(version))?;
        if view.phase == "closed" {
            return Ok(view);
        }
        let held = view.checks.iter().filter(|check| !check.verdict.lets_pass());
        let held: Vec<_> = held.map(|check| format!("{}: {}", check.id, check.evidence)).collect();
        Err(BenchError::Odd(format!("{} {}: {}", view.id, said(&view), held.join("; "))))
    }

    /// Starts the users unless they are there.
    pub(crate) fn users_come(&mut self) -> Result<(), BenchError> {
        if self.load.is_none() {
            let plan = LoadPlan::shop(self.site.door(), Schedule::constant(self.rate));
            let load = load::start(plan).map_err(|why| BenchError::Odd(why.to_string()))?;
            self.load = Some(load);
        }
        Ok(())
    }

    /// Sends the users away and tells what they saw.
    pub(crate) fn users_go(&mut self) -> Result<LoadReport, BenchError> {
        let load = self.load.take();
        go(load.ok_or_else(|| BenchError::Odd("there were no users".into()))?)
    }

    /// A moment's rest between two looks.
    pub(crate) fn pause(&self) -> Result<(), BenchError> {
        self.rest(POLL)
    }

    /// Lets this time pass.
    pub(crate) fn rest(&self, length: Duration) -> Result<(), BenchError> {
        let until = Instant::now() + length;
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return Err(BenchError::Stopped);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(POLL));
        }
    }

    /// Ends and removes everything.
    pub(crate) fn clear(self) -> Result<(), BenchError> {
        Ok(self.site.clear()?)
    }
}

/// A ticket and the deployment that its arrival began.
pub(crate) struct Case {
    pub(crate) ticket: String,
    deployment: Option<DeploymentId>,
}

impl Case {
    pub(crate) fn new(ticket: String) -> Self {
        Self { ticket, deployment: None }
    }

    /// The deployment as the daemon tells it; `None` while it does not answer or knows none.
    pub(crate) fn look(&mut self, control: &ControlClient) -> Option<DeploymentView> {
        if let Some(id) = self.deployment {
            return control.show(id).ok().flatten();
        }
        let mut all = control.status().ok()?.deployments.into_iter();
        let view = all.find(|view| view.tickets.iter().any(|id| id.as_str() == self.ticket))?;
        self.deployment = view.number();
        Some(view)
    }
}

/// Whether nothing more will happen to it by itself soon.
pub(crate) fn at_rest(view: &DeploymentView) -> bool {
    view.ended || matches!(view.phase.as_str(), "held" | "frozen")
}

/// How it stands, with the cause.
pub(crate) fn said(view: &DeploymentView) -> String {
    let cause = view.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
    format!("{}{cause}", view.phase)
}

/// The `ops` program: it lies beside this one.
pub(crate) fn program() -> Result<PathBuf, BenchError> {
    let own = std::env::current_exe()
        .map_err(|why| BenchError::system("find this program", "/proc", why))?;
    let program = own.with_file_name("ops");
    if program.is_file() {
        return Ok(program);
    }
    let next = "build it first: `cargo build --release -p ops`";
    Err(BenchError::Odd(format!("{} does not exist; {next}", program.display())))
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
