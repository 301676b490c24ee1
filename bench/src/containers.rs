//! Containers under load: deployments one after the other by ops, and the same versions by
//! `docker-compose up -d` beside it; and how long a deployment takes beside `docker run`.

mod engine;

use std::{
    fmt::Write as _,
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use ops_demo::{
    load::{self, LoadPlan, LoadReport, Losses, Schedule},
    stage::SiteSettings,
};
use serde::Serialize;

use crate::{
    answer::{Figures, Goal, progress},
    ground::{BenchError, Case, DEPLOYMENT_WAIT, Ground, at_rest, go, said},
    machine,
};
use engine::{Images, compose_down, until_healthy};

/// What a deployment may take of a bare start's time, beside what it must wait for anyway.
const RATIO_MAX: f64 = 1.15;
/// Health checks in a row, and milliseconds between them, as the stage asks for them.
const HEALTHY: u64 = 2;
const HEALTH_MS: u64 = 500;
/// Milliseconds that everything else may take.
const REST_MS: u64 = 500;
/// Bare starts that are measured.
const BARE: usize = 5;
/// Users come this long before and after what is measured.
const SETTLE: Duration = Duration::from_secs(3);

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Deployments that are measured
    #[arg(long, default_value_t = 20)]
    count: u32,
    /// Requests per second
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
}

/// One deployment by ops.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    deployment: String,
    outcome: String,
    /// Milliseconds in the phases deploying and verifying.
    took_ms: u64,
    load_average: String,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rate: f64,
    rows: Vec<Row>,
    requests: u64,
    losses: Losses,
    compose_switches: u32,
    compose_requests: u64,
    compose_losses: Losses,
    /// Milliseconds of `docker run` until the first healthy answer, sorted.
    bare_ms: Vec<u64>,
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let settings = SiteSettings {
        strategy: "blue-green".into(),
        watch: "{ for: 32s, min_requests: 1000 }".into(),
        replicas: 1,
        containers: true,
    };
    let mut ground = Ground::open(&settings, args.rate)?;
    let mut images = Images::new(&ground)?;
    let mut bare_ms = bare_starts(&images)?;
    // The first version meets nobody: there is nothing to lose yet.
    let first = deploy(&mut ground, &mut images, 0)?;
    if first.outcome != "closed" {
        return Err(BenchError::Odd(format!("{}: {}", first.deployment, first.outcome)));
    }
    ground.users_come()?;
    ground.rest(SETTLE)?;
    let mut rows = Vec::new();
    for number in 1..=args.count {
        rows.push(deploy(&mut ground, &mut images, number)?);
    }
    ground.rest(SETTLE)?;
    let users = ground.users_go()?.total();
    bare_ms.extend(bare_starts(&images)?);
    bare_ms.sort_unstable();
    let compose = compose(&ground, &images, args)?.total();
    images.clear();
    ground.clear()?;
    Ok(Report {
        rate: args.rate,
        rows,
        requests: users.requests,
        losses: users.lost,
        compose_switches: args.count,
        compose_requests: compose.requests,
        compose_losses: compose.lost,
        bare_ms,
    })
}

/// Ships a version and measures the time from the plan's first act to the beginning of the watch.
fn deploy(ground: &mut Ground, images: &mut Images, number: u32) -> Result<Row, BenchError> {
    let version = format!("v{number}");
    let candidate = images.push(ground, &version)?;
    let ticket = ground.ship_this(&version, &candidate)?;
    let mut case = Case::new(ticket);
    let until = Instant::now() + DEPLOYMENT_WAIT;
    let (mut began, mut watched) = (None, None);
    loop {
        ground.rest(Duration::from_millis(10))?;
        if let Some(view) = case.look(&ground.control) {
            match view.phase.as_str() {
                "deploying" | "verifying" => {
                    began.get_or_insert_with(Instant::now);
                }
                "watching" => {
                    watched.get_or_insert_with(Instant::now);
                    // Its watch needs requests; the first version gets them from here.
                    ground.users_come()?;
                }
                _ => {}
            }
            if at_rest(&view) {
                progress(&format!("  {} {version} {}", view.id, said(&view)));
                let took = began.zip(watched).map(|(began, watched)| watched - began);
                return Ok(Row {
                    deployment: view.id.clone(),
                    outcome: view.phase,
                    took_ms: took.map_or(0, |took| took.as_millis() as u64),
                    load_average: machine::load(),
                });
            }
        }
        if Instant::now() > until {
            let words = ground.site.last_words("serve");
            return Err(BenchError::Odd(format!("{} did not come to rest: {words}", case.ticket)));
        }
    }
}

/// Times from `docker run` to the first healthy answer.
fn bare_starts(images: &Images) -> Result<Vec<u64>, BenchError> {
    progress("  docker run, until it answers");
    (0..BARE).map(|_| images.bare_start(free()?)).collect()
}

/// The same versions, one after the other, as a team does it without ops.
fn compose(ground: &Ground, images: &Images, args: &Args) -> Result<LoadReport, BenchError> {
    progress("  docker-compose up -d, under the same load");
    let address = free()?;
    images.compose_up(ground, "v0", address)?;
    until_healthy(address)?;
    let plan = LoadPlan::shop(address, Schedule::constant(args.rate));
    let users = load::start(plan).map_err(|why| BenchError::Odd(why.to_string()))?;
    ground.rest(SETTLE)?;
    for number in 1..=args.count {
        images.compose_up(ground, &format!("v{number}"), address)?;
        until_healthy(address)?;
        ground.rest(SETTLE)?;
    }
    let report = go(users)?;
    compose_down(ground)?;
    Ok(report)
}

fn free() -> Result<SocketAddr, BenchError> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|why| BenchError::system("find a free port", "127.0.0.1", why))
}

fn median(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl Report {
    fn limit_ms(&self) -> u64 {
        (median(&self.bare_ms) as f64 * RATIO_MAX) as u64 + (HEALTHY - 1) * HEALTH_MS + REST_MS
    }

    fn took_ms(&self) -> u64 {
        let mut took: Vec<u64> = self.rows.iter().map(|row| row.took_ms).collect();
        took.sort_unstable();
        median(&took)
    }
}

impl Figures for Report {
    fn table(&self) -> String {
        let mut out =
            format!("{:<11} {:<8} {:>9}  load average\n", "deployment", "outcome", "took");
        for row in &self.rows {
            let Row { deployment, outcome, took_ms, load_average } = row;
            let _ = writeln!(out, "{deployment:<11} {outcome:<8} {took_ms:>6} ms  {load_average}");
        }
        let _ = writeln!(
            out,
            "\n{:<22} {:>9} {:>10} {:>6}\n{:<22} {:>9} {:>10} {:>6}\n{:<22} {:>9} {:>10} {:>6}",
            "",
            "switches",
            "requests",
            "lost",
            "ops",
            self.rows.len(),
            self.requests,
            self.losses.total(),
            "docker-compose up -d",
            self.compose_switches,
            self.compose_requests,
            self.compose_losses.total(),
        );
        let _ = writeln!(
            out,
            "docker run until healthy: {:?} ms, median {}",
            self.bare_ms,
            median(&self.bare_ms)
        );
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let closed = self.rows.iter().filter(|row| row.outcome == "closed").count();
        let all = closed == self.rows.len() && closed > 0;
        let lost = self.losses.total();
        let words = format!(
            "deploying and verifying in at most {RATIO_MAX} × docker run + {} ms (the median)",
            (HEALTHY - 1) * HEALTH_MS + REST_MS
        );
        vec![
            Goal::new("every deployment closed", format!("{closed} of {}", self.rows.len()), all),
            Goal::new("no request lost", lost.to_string(), lost == 0 && self.requests > 0),
            Goal::new(
                words,
                format!("{} ms, limit {} ms", self.took_ms(), self.limit_ms()),
                all && self.took_ms() <= self.limit_ms(),
            ),
        ]
    }
}
